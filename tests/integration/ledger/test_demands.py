"""Demands that wait over gRPC: how many units may, how they are taken up, promised and given up, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.ledger import CONFIRMED, Caller, Ledger, awaiting, claiming, draft, item, promise
from weir.ledger.v1 import waiting_pb2
from weir_chassis.errors import Kind

WAITING, PROMISED, CANCELLED = (
    waiting_pb2.WAITING_STATE_WAITING, waiting_pb2.WAITING_STATE_PROMISED, waiting_pb2.WAITING_STATE_CANCELLED,
)  # fmt: skip


def shown(demand: waiting_pb2.Waiting) -> tuple[int, list[tuple[str, int, int, int, int]]]:
    """State of a demand; and of each line sku, units in all, open, promised, cancelled."""
    return demand.state, [
        (each.product.sku, each.quantity, each.open, each.promised, each.cancelled) for each in demand.lines
    ]


async def listed(caller: Caller, size: int = 2, **filters: Any) -> list[str]:
    """The demands that a list shows, in pages."""
    return [each.waiting async for page in caller.pages("ListWaiting", size, **filters) for each in page.waiting]


async def test_the_life_of_a_demand(acme: Caller) -> None:
    """What is asked for waits, is promised in parts by confirmed reservations of its order and channel, and the rest is
    given up; every unit is open, promised or cancelled at any time, and what waits of a product is their sum."""
    await acme.allow("A", 10)
    made = await acme.await_units(("A", 7), order="o-1", channel="web", plan=b"how")
    assert (made.order, made.channel, made.whole, made.plan) == ("o-1", "web", False, b"")
    assert made.create_revision == made.changed_revision == (await acme.head()).number
    assert shown(made) == (WAITING, [("A", 7, 7, 0, 0)])
    assert await acme.waits("A") == (7, 10)
    await acme.receive("A", 5)
    answer = await acme.do("PromiseWaiting", promises=[promise(made, ("A", 4), plan=b"so")])
    (outcome,) = answer.outcomes
    reserved = outcome.reservation
    assert (reserved.state, reserved.order, reserved.channel) == (CONFIRMED, "o-1", "web")
    assert not reserved.HasField("expire_time")
    found = await acme.demand(made.waiting)
    assert shown(found) == (WAITING, [("A", 7, 3, 4, 0)])
    assert (list(found.reservations), found.plan) == ([reserved.reservation], b"how")
    assert (found.create_revision, found.changed_revision) == (made.create_revision, answer.revision.number)
    assert (await acme.do("GetReservation", reservation=reserved.reservation)).plan == b"so"
    assert await acme.balance("A") == (5, 4, 1, 0)
    cancelled = await acme.do("CancelWaiting", waiting=made.waiting)
    assert shown(cancelled.waiting) == (PROMISED, [("A", 7, 0, 4, 3)])
    assert await acme.waits("A") == (0, 10)
    assert (await acme.do("Fulfil", reservation=reserved.reservation)).reservation.lines[0].fulfilled == 4
    assert await acme.verify() == []


async def test_what_is_there_is_promised_and_the_rest_waits(acme: Caller) -> None:
    """One Reserve promises and lets wait in one commit; refused for either of the two it does neither."""
    await acme.receive("A", 3)
    await acme.allow("A", 5)
    answer = await acme.do("Reserve", draft=draft(("A", 3)), waiting=awaiting(("A", 5)))
    assert answer.reservation.changed_revision == answer.waiting.create_revision == answer.revision.number
    assert await acme.balance("A") == (3, 3, 0, 0)
    told = await acme.refused("Reserve", draft=draft(("A", 1)), waiting=awaiting(("A", 1)))
    assert told.reason == "INSUFFICIENT_STOCK"
    await acme.receive("A", 1)
    told = await acme.refused("Reserve", draft=draft(("A", 1)), waiting=awaiting(("A", 1)))
    assert told.reason == "BACK_ORDERS_EXHAUSTED"
    assert await acme.balance("A") == (4, 3, 1, 0)
    assert await acme.waits("A") == (5, 5)
    assert await listed(acme) == [answer.waiting.waiting]
    told = await acme.refused("Reserve")
    assert (told.reason, [each.field for each in told.violations]) == ("REQUEST_MALFORMED", ["draft.lines"])
    assert await acme.verify() == []


async def test_no_more_waits_than_may(acme: Caller) -> None:
    """The limit of a product holds over all orders and all lines of one; the refusal tells every product with its
    numbers, and since which revision that is so; what nothing was said of may not wait at all."""
    await acme.allow("A", 5)
    await acme.allow("B", 5)
    newest = (await acme.await_units(("A", 3), ("B", 5))).create_revision
    told = await acme.refused("Reserve", waiting=awaiting(("A", 1), ("B", 1), ("C", 2), ("A", 2)))
    assert (told.kind, told.reason) == (Kind.UNMET, "BACK_ORDERS_EXHAUSTED")
    assert told.metadata == {
        "owner": "", "sku": "A", "limit": "5", "waiting": "3", "requested": "3", "products": "3",
        "revision": str(newest),
    }  # fmt: skip
    assert [each.field for each in told.violations] == [f"waiting.lines[{line}]" for line in range(3)]
    told = await acme.refused("Reserve", waiting=awaiting(("C", 1)))
    assert (told.metadata["limit"], told.metadata["revision"]) == ("0", "0")
    await acme.await_units(("A", 2))
    await acme.allow("A", 4)
    assert await acme.waits("A") == (5, 4)
    assert (await acme.refused("Reserve", waiting=awaiting(("A", 1)))).reason == "BACK_ORDERS_EXHAUSTED"
    assert await acme.verify() == []


async def test_limits_are_set_and_listed(acme: Caller) -> None:
    """A limit reads back as set, with a mark that only a change of the limit moves; setting what is set changes
    nothing; whoever rests on an older one is refused. Products are listed by owner and sku while units of them wait
    or may."""
    unknown = (await acme.do("GetBackOrders", product={"sku": "A"})).back_orders
    assert unknown == waiting_pb2.BackOrders(product={"sku": "A"})  # type: ignore[arg-type]
    made = await acme.allow("A", 5)
    assert made.etag == str((await acme.head()).number)
    assert await acme.allow("A", 5) == made
    demand = await acme.await_units(("A", 2))
    moved = (await acme.do("GetBackOrders", product={"sku": "A"})).back_orders
    assert (moved.waiting, moved.limit, moved.etag) == (2, 5, made.etag)
    lowered = await acme.do("SetBackOrders", back_orders={"product": {"sku": "A"}, "limit": 0, "etag": made.etag})
    assert (lowered.back_orders.limit, lowered.back_orders.waiting) == (0, 2)
    told = await acme.refused("SetBackOrders", back_orders={"product": {"sku": "A"}, "limit": 9, "etag": made.etag})
    assert (told.reason, told.metadata) == ("ETAG_STALE", {"current": lowered.back_orders.etag})
    for owner, sku in (("o", "A"), ("", "C"), ("", "B")):
        await acme.allow(sku, 1, owner=owner)

    async def products(**filters: Any) -> list[tuple[str, str]]:
        pages = acme.pages("ListBackOrders", 2, **filters)
        return [(each.product.owner, each.product.sku) async for page in pages for each in page.back_orders]

    assert await products() == [("", "A"), ("", "B"), ("", "C"), ("o", "A")]
    assert await products(owner="") == [("", "A"), ("", "B"), ("", "C")]
    await acme.do("CancelWaiting", waiting=demand.waiting)
    assert await products(owner="") == [("", "B"), ("", "C")]
    assert await acme.verify() == []


async def test_each_promise_is_refused_by_itself(acme: Caller) -> None:
    """Promises of one request are tried in their order, each with the reasons of its own; what is refused takes
    nothing from those after it."""
    await acme.allow("A", 100)
    await acme.receive("A", 6)
    first, second, whole = [
        await acme.await_units(("A", 3), ("A", 2), whole=number == 2) for number in range(3)
    ]  # fmt: skip
    ended = await acme.await_units(("A", 1))
    await acme.do("CancelWaiting", waiting=ended.waiting)
    nobody = waiting_pb2.Waiting(waiting="0198f2c0-7f6a-7c3e-9b1d-2f4a6c8e0b13")
    asked = [
        promise(nobody, ("A", 1)),
        promise(ended, ("A", 1)),
        promise(first, ("A", 1), units={3: 1}),
        promise(first, ("A", 1), units={1: 4}),
        promise(whole, ("A", 3)),
        promise(first, ("A", 7), units={1: 3}),
        promise(first, claiming("A", 1, share=0)),
        promise(first, ("A", 3)),
        promise(whole, ("A", 5), units={1: 3, 2: 2}),
        promise(second, ("A", 3)),
        promise(first, (item("A", "W2"), 1), units={2: 1}),
        promise(first, ("A", 0 + 1), units={1: 1}),
    ]
    answer = await acme.do("PromiseWaiting", promises=asked)
    assert [each.refusal.reason or "ok" for each in answer.outcomes] == [
        "WAITING_NOT_FOUND", "WAITING_STATE", "WAITING_LINE_NOT_FOUND", "WAITING_LINE_EXCEEDED", "WAITING_WHOLE",
        "INSUFFICIENT_STOCK", "CLAIM_EXHAUSTED", "ok", "INSUFFICIENT_STOCK", "ok", "INSUFFICIENT_STOCK",
        "WAITING_LINE_EXCEEDED",
    ]  # fmt: skip
    short = answer.outcomes[5].refusal
    assert [(each.line, each.requested, each.available) for each in short.short_lines] == [(1, 7, 6)]
    assert "A" in short.message
    assert shown(await acme.demand(first.waiting)) == (WAITING, [("A", 3, 0, 3, 0), ("A", 2, 2, 0, 0)])
    assert await acme.balance("A") == (6, 6, 0, 0)
    await acme.receive("A", 5)
    assert await acme.promise(promise(whole, ("A", 5), units={1: 3, 2: 2})) == ["ok"]
    assert (await acme.demand(whole.waiting)).state == PROMISED
    assert await acme.verify() == []


async def test_promises_count_claims(acme: Caller) -> None:
    """Units promised to those who wait count under claims like any others, and no more are than a ceiling leaves."""
    await acme.allow("A", 10)
    await acme.receive("A", 10)
    made = await acme.await_units(("A", 10))
    assert await acme.promise(promise(made, claiming("A", 4, share=5)), promise(made, claiming("A", 2, share=5))) == [
        "ok", "CLAIM_EXHAUSTED",
    ]  # fmt: skip
    assert await acme.claims("share") == [(4, 0)]
    assert await acme.verify() == []


async def test_giving_up(acme: Caller) -> None:
    """Units are given up by line, or all that wait; more than wait, unknown lines, and demands that have ended are
    refused with the numbers."""
    await acme.allow("A", 10)
    made = await acme.await_units(("A", 3), ("A", 4))
    part = await acme.do("CancelWaiting", waiting=made.waiting, lines=[{"line": 2, "quantity": 1}])
    assert shown(part.waiting) == (WAITING, [("A", 3, 3, 0, 0), ("A", 4, 3, 0, 1)])
    assert await acme.waits("A") == (6, 10)
    told = await acme.refused("CancelWaiting", waiting=made.waiting, lines=[{"line": 2, "quantity": 4}])
    assert (told.reason, told.metadata) == (
        "WAITING_LINE_EXCEEDED", {"waiting": made.waiting, "line": "2", "requested": "4", "open": "3"},
    )  # fmt: skip
    told = await acme.refused("CancelWaiting", waiting=made.waiting, lines=[{"line": 3, "quantity": 1}])
    assert (told.reason, told.metadata) == ("WAITING_LINE_NOT_FOUND", {"waiting": made.waiting, "line": "3"})
    assert shown((await acme.do("CancelWaiting", waiting=made.waiting)).waiting)[0] == CANCELLED
    told = await acme.refused("CancelWaiting", waiting=made.waiting)
    assert (told.reason, told.metadata) == ("WAITING_STATE", {"waiting": made.waiting, "state": "CANCELLED"})
    assert await acme.waits("A") == (0, 10)
    assert await acme.verify() == []


async def test_lists_are_in_the_order_of_arrival(acme: Caller) -> None:
    """Demands are listed in the order in which they came, page after page; of an order, a channel, some states, and of
    a product on any line; without what their callers keep with them."""
    for sku in "AB":
        await acme.allow(sku, 100)
    orders = [("A", "o1", "web"), ("B", "o2", "web"), ("A", "o1", "till"), ("B", "", "")]
    made = [await acme.await_units(("A", 1), (sku, 1), order=o, channel=c, plan=b"x") for sku, o, c in orders]
    names = [each.waiting for each in made]
    await acme.do("CancelWaiting", waiting=names[1])
    assert await listed(acme) == await listed(acme, size=1) == names
    assert await listed(acme, order="o1") == [names[0], names[2]]
    assert await listed(acme, channel="web") == names[:2]
    assert await listed(acme, states=[CANCELLED]) == [names[1]]
    assert await listed(acme, states=[WAITING], product={"sku": "B"}) == [names[3]]
    assert await listed(acme, product={"sku": "A"}) == names
    assert await listed(acme, product={"sku": "A", "owner": "o"}) == []
    page = await acme.do("ListWaiting", page_size=1)
    assert page.waiting[0] == made[0]
    told = await acme.refused("ListWaiting", page_size=1, page_token=page.next_page_token, order="o1")
    assert told.reason == "PAGE_TOKEN_INVALID"


async def test_repeated_and_only_checked(acme: Caller, twin: Caller) -> None:
    """A repetition gets the first answer at any ledger, though things have moved since; one that only checks answers
    what would be and changes nothing."""
    await acme.allow("A", 10)
    checked = await acme.do("Reserve", waiting=awaiting(("A", 4)), validate_only=True)
    assert shown(checked.waiting) == (WAITING, [("A", 4, 4, 0, 0)])
    assert await acme.waits("A") == (0, 10)
    asked: dict[str, Any] = {"request_id": "once", "waiting": awaiting(("A", 4), plan=b"x")}
    first = await acme.do("Reserve", **asked)
    await acme.receive("A", 9)
    promises: dict[str, Any] = {"request_id": "once", "promises": [promise(first.waiting, ("A", 3))] * 2}
    promised = await acme.do("PromiseWaiting", **promises)
    assert [each.refusal.reason for each in promised.outcomes] == ["", "WAITING_LINE_EXCEEDED"]
    cancelled = await acme.do("CancelWaiting", request_id="once", waiting=first.waiting.waiting)
    assert await twin.do("Reserve", **asked) == first
    assert await twin.do("PromiseWaiting", **promises) == promised
    assert await twin.do("CancelWaiting", request_id="once", waiting=first.waiting.waiting) == cancelled
    assert (await twin.do("GetReserveOutcome", request_id="once")).waiting == first.waiting
    told = await twin.refused("Reserve", request_id="once", waiting=awaiting(("A", 3)))
    assert told.reason == "REQUEST_ID_REUSED"
    assert await acme.verify() == []


async def test_what_one_tenant_waits_for(acme: Caller, service: Ledger) -> None:
    """What waits of one tenant another neither sees nor promises nor gives up, and its limits are its own."""
    await acme.allow("A", 10)
    made = await acme.await_units(("A", 4))
    other = service.caller()
    await other.place("W1")
    await other.receive("A", 9)
    assert await listed(other) == []
    assert await other.waits("A") == (0, 0)
    for method in ("GetWaiting", "CancelWaiting"):
        assert (await other.refused(method, waiting=made.waiting)).reason == "WAITING_NOT_FOUND"
    assert await other.promise(promise(made, ("A", 4))) == ["WAITING_NOT_FOUND"]
    assert (await other.refused("Reserve", waiting=awaiting(("A", 1)))).reason == "BACK_ORDERS_EXHAUSTED"
    assert shown(await acme.demand(made.waiting)) == (WAITING, [("A", 4, 4, 0, 0)])


@pytest.mark.parametrize("lines", [1, 500])
async def test_the_newest_reservations_are_named(acme: Caller, lines: int) -> None:
    """However often a demand is promised, it names the fifty newest of its reservations, oldest first."""
    await acme.allow("A", 1000)
    await acme.receive("A", 1000)
    made = await acme.await_units(("A", 100), *[("A", 1)] * (lines - 1))
    reservations: list[str] = []
    for _ in range(3):
        answer = await acme.do("PromiseWaiting", promises=[promise(made, ("A", 1)) for _ in range(20)])
        reservations += [each.reservation.reservation for each in answer.outcomes]
    found = await acme.demand(made.waiting)
    assert list(found.reservations) == reservations[-50:]
    assert found.lines[0].promised == 60
    assert await acme.verify() == []
