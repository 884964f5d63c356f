"""Shortfalls over gRPC: told in the commit that opens, changes or closes them, listed with the promises they hit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import ADJUST, CONFIRMED, COUNT, FACT, SHIP, TRANSFER, Caller, Ledger, draft, item, movement
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_ledger.store import statements

GOODS = [item("A"), item("A", "W2"), item("A", lot="L"), item("A", owner="shop"), item("B")]


def changed(message: ledger_service_pb2.WatchEntriesResponse) -> list[tuple[str, int, int]]:
    """The shortfalls that a commit changed: sku, before and after."""
    return [(each.stock_item.product.sku, each.before, each.after) for each in message.shortfalls]


async def shortfalls(acme: Caller, **filters: Any) -> list[ledger_pb2.Shortfall]:
    """The open shortfalls that the filters let through."""
    return [*(await acme.do("ListShortfalls", **filters)).shortfalls]


async def hits(acme: Caller, sku: str = "A") -> list[tuple[str, int, int, int]]:
    """The promises that the one shortfall of a sku hits: order, line, open and missing units."""
    [found] = await shortfalls(acme, skus=[sku])
    return [(each.order, each.line, each.open, each.missing) for each in found.hits]


async def test_golden_case_eleven(acme: Caller) -> None:
    """Reserved 30, counted 25: the commit of the count tells a shortfall of 5, listed until units are back."""
    await acme.receive("A", 30)
    promise = await acme.confirmed(("A", 30), order="O-1", channel="web")
    counted = await acme.count("A", 25)
    message = (await acme.watched(counted.revision.number))[-1]
    assert message.shortfalls == [ledger_pb2.ShortfallChange(
        stock_item=item("A", uom="EACH", condition=1), before=0, after=5
    )]  # fmt: skip
    answer = await acme.do("ListShortfalls", freshness={"at_least": [counted.revision]})
    [found] = answer.shortfalls
    assert answer.revision == counted.revision
    assert (found.on_hand, found.reserved, found.shortfall, found.more_hits) == (25, 30, 5, False)
    assert found.open_time == message.recorded_time
    [hit] = found.hits
    assert (hit.reservation, hit.line, hit.order, hit.channel) == (promise.reservation, 1, "O-1", "web")
    assert (hit.open, hit.missing, hit.create_time) == (30, 5, promise.create_time)
    back = await acme.receive("A", 5)
    assert changed((await acme.watched(back.revision.number))[-1]) == [("A", 5, 0)]
    assert await shortfalls(acme) == []
    assert await acme.verify() == []


FACTS: list[tuple[str, Callable[[Caller, str], Any], int]] = [
    # what happens to 6 units of which 5 are promised by a confirmed reservation, and the shortfall that is left
    ("ship", lambda acme, _: acme.ship("A", 4), 3),
    ("count", lambda acme, _: acme.count("A", 0), 5),
    ("adjust", lambda acme, _: acme.record(movement(ADJUST, "A", -2)), 1),
    ("consume", lambda acme, _: acme.record(movement(6, "A", 2)), 1),
    ("move", lambda acme, _: acme.record(movement(TRANSFER, "A", 2, destination=item("A", condition=2))), 1),
    ("enough", lambda acme, _: acme.ship("A", 1), 0),
]


@pytest.mark.parametrize(("fact", "happen", "left"), FACTS, ids=[each[0] for each in FACTS])
async def test_facts_open_it(acme: Caller, fact: str, happen: Callable[[Caller, str], Any], left: int) -> None:
    """Whatever takes promised units away opens a shortfall in its own commit; what takes others does not."""
    await acme.receive("A", 6)
    promise = await acme.confirmed(("A", 5))
    done = await happen(acme, promise.reservation)
    message = (await acme.watched(done.revision.number))[-1]
    assert changed(message) == ([("A", 0, left)] if left else [])
    assert [each.shortfall for each in await shortfalls(acme)] == [left] * bool(left)
    assert await acme.verify() == []


ENDS: list[tuple[str, Callable[[Caller, str], Any], int]] = [
    # what happens to a shortfall of 3 of 5 promised units, and what is left of it
    ("receive one", lambda acme, _: acme.receive("A", 1), 2),
    ("receive all", lambda acme, _: acme.receive("A", 9), 0),
    ("count", lambda acme, _: acme.count("A", 5), 0),
    ("release some", lambda acme, name: acme.do("Release", reservation=name, lines=[{"line": 1, "quantity": 2}]), 1),
    ("release all", lambda acme, name: acme.do("Release", reservation=name), 0),
    ("fulfil what is there",
     lambda acme, name: acme.do("Fulfil", reservation=name, lines=[{"line": 1, "quantity": 2}]), 3),
    ("lose more", lambda acme, _: acme.count("A", 0), 5),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "happen", "left"), ENDS, ids=[each[0] for each in ENDS])
async def test_it_closes_by_itself(acme: Caller, fact: str, happen: Callable[[Caller, str], Any], left: int) -> None:
    """A shortfall shrinks and closes as units come back or promises go, in the commit that makes it so; while it is
    open it keeps the moment it opened."""
    await acme.receive("A", 5)
    promise = await acme.confirmed(("A", 5))
    opened = await acme.count("A", 2)
    done = await happen(acme, promise.reservation)
    before, after = (await acme.watched(done.revision.number))[-2:]
    assert changed(after) == ([("A", 3, left)] if left != 3 else [])
    found = await shortfalls(acme)
    assert [(each.shortfall, each.open_time) for each in found] == [(left, before.recorded_time)] * bool(left)
    assert before.through == opened.revision
    assert await acme.verify() == []


async def test_a_hold_that_runs_out_closes_it(acme: Caller) -> None:
    """Expiry closes a shortfall as a release does."""
    await acme.receive("A", 5)
    made = await acme.reserve(("A", 5))
    await acme.count("A", 4)
    shorter = await acme.do("Extend", reservation=made.reservation, hold_duration={"seconds": 1})
    assert changed((await acme.watched(shorter.revision.number + 1))[-1]) == [("A", 1, 0)]
    assert await shortfalls(acme) == []


async def test_opened_again(acme: Caller) -> None:
    """A shortfall that closed and opens again is open since then."""
    await acme.receive("A", 5)
    await acme.confirmed(("A", 5))
    for units in (3, 5, 4):
        last = (await acme.count("A", units)).revision.number
    messages = await acme.watched(last)
    assert [each.open_time for each in await shortfalls(acme)] == [messages[-1].recorded_time]


async def test_newest_promises_first(acme: Caller) -> None:
    """A shortfall hits the newest promises, as many as it takes; the last of them only in part."""
    await acme.receive("A", 20)
    first = await acme.confirmed(("A", 4), order="first")
    await acme.reserve(("A", 1), ("A", 2), order="second")
    third = await acme.confirmed(("A", 5), order="third")
    await acme.count("A", 11)
    assert await hits(acme) == [("third", 1, 5, 1)]
    await acme.count("A", 6)
    assert await hits(acme) == [("third", 1, 5, 5), ("second", 2, 2, 1)]
    await acme.count("A", 0)
    everything = [("third", 1, 5, 5), ("second", 2, 2, 2), ("second", 1, 1, 1), ("first", 1, 4, 4)]
    assert await hits(acme) == everything
    await acme.do("Release", reservation=third.reservation, lines=[{"line": 1, "quantity": 3}])
    assert await hits(acme) == [("third", 1, 2, 2), *everything[1:]]
    await acme.do("Release", reservation=first.reservation)
    assert await hits(acme) == [("third", 1, 2, 2), *everything[1:3]]


async def test_more_promises_than_are_told(acme: Caller) -> None:
    """Of more than a hundred promises hit the newest hundred are told, and that there are more."""
    await acme.receive("A", 150)
    made = await acme.do("ReserveBatch", drafts=[draft(("A", 1))] * 150)
    promises = sorted((each.reservation.reservation for each in made.outcomes), reverse=True)
    for on_hand, told, more in ((50, 100, False), (49, 100, True), (51, 99, False)):
        await acme.count("A", on_hand)
        [found] = await shortfalls(acme)
        assert [each.reservation for each in found.hits] == promises[:told]
        assert found.more_hits == more


async def stock_of_shortfalls(acme: Caller) -> list[dict[str, Any]]:
    """One unit short of each of the goods; their names as they are listed."""
    await acme.place("W2")
    await acme.record(*(movement(1, each, 3) for each in GOODS))
    await acme.confirmed(*((each, 2) for each in GOODS))
    await acme.record(*(movement(COUNT, each, 1) for each in GOODS))
    return [
        {"owner": each.product.owner, "sku": each.product.sku, "location": each.location, "lot": each.lot}
        for each in GOODS
    ]


def named(found: ledger_pb2.Shortfall) -> dict[str, str]:
    """What tells the goods of these tests apart."""
    one = found.stock_item
    return {"owner": one.product.owner, "sku": one.product.sku, "location": one.location, "lot": one.lot}


async def test_listed_by_filter(acme: Caller) -> None:
    """Filters that are set must all match; shortfalls come in the order of their stock items."""
    goods = await stock_of_shortfalls(acme)
    for filters, expected in (
        ({}, [0, 2, 1, 4, 3]),
        ({"owner": ""}, [0, 2, 1, 4]),
        ({"owner": "shop"}, [3]),
        ({"skus": ["B", "no"]}, [4]),
        ({"locations": ["W2"]}, [1]),
        ({"skus": ["A"], "locations": ["W1"], "owner": ""}, [0, 2]),
        ({"skus": ["no"]}, []),
    ):
        found = await shortfalls(acme, **filters)
        assert [named(each) for each in found] == [goods[each] for each in expected], filters
        assert all([(hit.open, hit.missing) for hit in each.hits] == [(2, 1)] for each in found)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_pages(acme: Caller, size: int) -> None:
    """Pages of any size show every shortfall once, in order."""
    await stock_of_shortfalls(acme)
    whole = await shortfalls(acme)
    pages = [page async for page in acme.pages("ListShortfalls", size)]
    assert [each for page in pages for each in page.shortfalls] == whole
    assert all(len(page.shortfalls) <= size for page in pages)
    assert len(whole) == 5


async def test_a_filter_of_a_watch(acme: Caller) -> None:
    """A watch of some products tells the shortfalls of those alone."""
    await stock_of_shortfalls(acme)
    last = (await acme.head()).number
    assert len((await acme.watched(last))[-1].shortfalls) == 5
    [*_, filtered] = await acme.watched(last, products=[{"sku": "B"}, {"owner": "shop", "sku": "A"}])
    assert changed(filtered) == [("A", 0, 1), ("B", 0, 1)]


async def test_told_by_the_watch_as_they_are_listed(acme: Caller, twin: Caller) -> None:
    """Whoever follows the shortfalls of the watch from the beginning has what the list has, whoever writes."""
    await acme.record(*(movement(1, sku, 20) for sku in "ABC"))

    async def reserved(caller: Caller, sku: str) -> str:
        """The promise of three units; none where the other's count has left less."""
        try:
            return (await caller.reserve((sku, 3))).reservation
        except grpc.aio.AioRpcError as refused:
            if refused.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            return ""

    async def trade(caller: Caller, number: int) -> None:
        for each in range(8):
            sku = "ABC"[(number + each) % 3]
            await caller.receive(sku, 40 + number)
            promised = await reserved(caller, sku)
            await caller.count(sku, 5 * each)
            if each % 2 and promised:
                await caller.do("Release", reservation=promised)

    await asyncio.gather(*(trade((acme, twin)[each % 2], each) for each in range(4)))
    for sku, units in (("A", 1), ("B", 0), ("C", 2)):
        await acme.count(sku, units)
    told: dict[str, int] = {}
    for message in await twin.watched((await acme.head()).number):
        for sku, before, after in changed(message):
            assert (told.get(sku, 0), before == after) == (before, False)
            told[sku] = after
    listed = {each.stock_item.product.sku: each.shortfall for each in await shortfalls(acme)}
    assert {sku: units for sku, units in told.items() if units} == listed
    assert len(listed) == 3
    assert await acme.verify() == []


async def test_what_is_read_to_find_the_hits(service: Ledger, acme: Caller, owner: Owner) -> None:
    """Of a stock item with thousands of promises the newest hundred are read by an index, and no other."""
    await acme.receive("A", 10**6)
    for _ in range(3):
        await acme.do("ReserveBatch", drafts=[draft(("A", 1))] * 1000)
    await owner.execute("ANALYZE reservation_lines, reservations")
    await owner.execute(f"SET weir.tenant = '{acme.tenant}'")
    [key] = await owner.fetchrow("SELECT item FROM balances WHERE tenant = $1", acme.tenant)  # type: ignore[misc]
    asked = statements.PROMISED
    for parameter, value in (
        ("$1", f"'{acme.tenant}'"),
        ("$2", f"ARRAY['{key}']"),
        ("$3", "ARRAY[3000]"),
        ("$4", "100"),
    ):
        asked = asked.replace(parameter, value)
    plan = json.loads(await owner.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}"))
    read = [node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan[0]["Plan"]) if "Relation Name" in node]
    assert len(read) == 2, plan
    assert max(read) <= 110, plan


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every step of a plan."""
    return [plan, *(each for inner in plan.get("Plans", ()) for each in nodes(inner))]


async def test_promised_units_that_are_gone_cannot_go_out(acme: Caller) -> None:
    """While a shortfall is open what is there goes to whoever comes first; the rest is told as not on hand."""
    await acme.receive("A", 5)
    old, new = await acme.confirmed(("A", 3)), await acme.confirmed(("A", 2))
    await acme.record(movement(SHIP, "A", 2))
    await acme.do("Fulfil", reservation=new.reservation)
    told = await acme.refused("Fulfil", reservation=old.reservation)
    assert (told.reason, told.metadata["on_hand"], told.metadata["requested"]) == ("INSUFFICIENT_ON_HAND", "1", "3")
    assert [each.shortfall for each in await shortfalls(acme)] == [2]


async def test_what_was_sold_opens_a_shortfall_in_its_own_commit(acme: Caller) -> None:
    """Sold units are promised whole whatever is there, and at once without end: what is missing is told by the commit
    that promises it and listed until units come; and the books are right."""
    await acme.receive("A", 3)
    sold = await acme.do("Reserve", draft=draft(("A", 5), ("B", 1), mode=FACT, order="O-1", channel="web"))
    assert (sold.reservation.state, sold.reservation.HasField("expire_time")) == (CONFIRMED, False)
    assert [(each.requested, each.open) for each in sold.reservation.lines] == [(5, 5), (1, 1)]
    assert changed((await acme.watched(sold.revision.number))[-1]) == [("A", 0, 2), ("B", 0, 1)]
    assert await hits(acme) == [("O-1", 1, 5, 2)]
    assert await acme.verify() == []
    refused = await acme.refused("Reserve", draft=draft(("A", 1)))
    assert refused.reason == "INSUFFICIENT_STOCK"
    came = await acme.receive("A", 4)
    assert changed((await acme.watched(came.revision.number))[-1]) == [("A", 2, 0)]
    assert (await acme.balance("A"))[:3] == (7, 5, 2)
    await acme.do("Fulfil", reservation=sold.reservation.reservation, lines=[{"line": 1, "quantity": 5}])
    await acme.do("Release", reservation=sold.reservation.reservation)
    assert await shortfalls(acme) == []
    assert await acme.verify() == []


async def test_what_was_sold_is_one_outcome(acme: Caller) -> None:
    """Asked again it is the same reservation; checked only, it changes nothing; and where more is missing than may be
    it is refused."""
    asked = {"request_id": "sold", "draft": draft(("A", 2), mode=FACT)}
    checked = await acme.do("Reserve", **asked, validate_only=True)
    assert checked.reservation.lines[0].open == 2
    assert await shortfalls(acme) == []
    first, again = await acme.do("Reserve", **asked), await acme.do("Reserve", **asked)
    assert again == first
    bounded = draft(("A", 2), mode=FACT)
    bounded.lines[0].shortfall_max = 1
    assert (await acme.refused("Reserve", draft=bounded)).reason == "INSUFFICIENT_STOCK"
    assert (await acme.balance("A"))[:2] == (0, 2)
    assert await acme.verify() == []
