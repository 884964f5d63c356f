"""Lists: what the filters let through, pages without a hole or a double, and tokens that belong to one query."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.ledger import CONFIRMED, HELD, Caller, Ledger, draft, item, movement, request
from weir_chassis.errors import Kind

GOODS = [
    item("A", "W1"),
    item("A", "W2"),
    item("A", "W1", lot="L1"),
    item("A", "W1", uom="CARTON"),
    item("A", "W1", custodian="rep"),
    item("A", "W1", condition=2),
    item("A", "W1", owner="shop"),
    item("B", "W1"),
    item("b", "W1"),
]

BALANCES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
    ({"owner": ""}, [0, 1, 2, 3, 4, 5, 7, 8]),
    ({"owner": "shop"}, [6]),
    ({"skus": ["B"]}, [7]),
    ({"skus": ["B", "b", "no"]}, [7, 8]),
    ({"locations": ["W2"]}, [1]),
    ({"lot": ""}, [0, 1, 3, 4, 5, 6, 7, 8]),
    ({"lot": "L1"}, [2]),
    ({"custodian": ""}, [0, 1, 2, 3, 5, 6, 7, 8]),
    ({"custodian": "rep"}, [4]),
    ({"condition": 2}, [5]),
    ({"condition": 1, "locations": ["W1"], "skus": ["A"]}, [0, 2, 3, 4, 6]),
    ({"shortfall_only": True}, [7]),
    ({"skus": ["no"]}, []),
]


@pytest.fixture
async def stocked(acme: Caller) -> Caller:
    """A tenant with one unit of each of the goods; two of B are promised, one of them is lost."""
    await acme.place("W2")
    await acme.record(*(movement(1, each, 1) for each in GOODS))
    await acme.receive("B", 1)
    await acme.confirmed(("B", 2), order="O-1", channel="web")
    await acme.count("B", 1)
    return acme


async def test_balances_by_filter(stocked: Caller) -> None:
    """Each filter lets through what it says, and filters that are set must all match."""
    complete = [item(each.product.sku, each.location, owner=each.product.owner, lot=each.lot, uom=each.uom or "EACH",
                     custodian=each.custodian, condition=each.condition or 1) for each in GOODS]  # fmt: skip
    for filters, expected in BALANCES:
        answer = await stocked.do("ListBalances", **filters)
        listed = [each.stock_item for each in answer.balances]
        assert sorted(complete.index(each) for each in listed) == expected, filters


@pytest.mark.parametrize("size", [1, 2, 4, 9, 10])
async def test_pages_of_balances(stocked: Caller, size: int) -> None:
    """Pages of any size are of that size and make up the whole list in its order."""
    whole = (await stocked.do("ListBalances")).balances
    pages = [page.balances async for page in stocked.pages("ListBalances", size)]
    assert [each for page in pages for each in page] == list(whole)
    assert all(len(page) == size for page in pages[:-1])
    keys = [(each.stock_item.product.owner, each.stock_item.product.sku) for each in whole]
    assert keys == sorted(keys)


async def test_balances_after_a_stock_item(stocked: Caller) -> None:
    """What comes after a stock item, whether there is such a one or not, is the rest of the list, now and at a point of
    the past."""
    answer = await stocked.do("ListBalances")
    whole = list(answer.balances)
    for point in ({}, {"as_of": {"revision": answer.revision}}):
        for place, balance in enumerate(whole, start=1):
            rest = await stocked.do("ListBalances", after_stock_item=balance.stock_item, **point)
            assert list(rest.balances) == whole[place:]
        behind, elsewhere = item("A", "W1 annex", custodian="nobody"), ("", "A", "W1")
        others = [each for each in whole if named(each.stock_item) > elsewhere]
        assert 0 < len(others) < len(whole)
        for filters in ({}, {"owner": ""}):
            rest = await stocked.do("ListBalances", after_stock_item=behind, **filters, **point)
            assert list(rest.balances) == [each for each in others if not (filters and each.stock_item.product.owner)]


def named(found: Any) -> tuple[str, str, str]:
    """Owner, sku and location of a stock item."""
    return found.product.owner, found.product.sku, found.location


async def test_entries_by_filter(stocked: Caller) -> None:
    """Each filter lets through what it says, oldest first, and none lets through everything."""
    every = await stocked.entries()
    assert [(each.revision, each.line) for each in every] == sorted((each.revision, each.line) for each in every)
    promise = (await stocked.do("ListReservations")).reservations[0].reservation
    tests: list[tuple[dict[str, Any], Any]] = [
        ({"product": {"sku": "B"}}, lambda e: e.stock_item.product.sku == "B"),
        ({"product": {"owner": "shop", "sku": "A"}}, lambda e: e.stock_item.product.owner == "shop"),
        ({"location": "W2"}, lambda e: e.stock_item.location == "W2"),
        ({"reservation": promise}, lambda e: e.reservation == promise),
        ({"kinds": [4, 8]}, lambda e: e.kind in (4, 8)),
        ({"after_revision": every[-1].revision - 1}, lambda e: e.revision == every[-1].revision),
        ({"after_revision": every[-1].revision}, lambda _: False),
        ({"recorded_after_time": every[-1].recorded_time}, lambda e: e.revision == every[-1].revision),
    ]
    for filters, holds in tests:
        assert await stocked.entries(**filters) == [each for each in every if holds(each)], filters


async def test_pages_of_entries(stocked: Caller) -> None:
    """Pages that end within a commit go on within it."""
    every = await stocked.entries()
    assert len({each.revision for each in every}) < len(every)
    for size in (1, 3):
        assert [each async for page in stocked.pages("ListEntries", size) for each in page.entries] == every


async def test_reservations_by_filter(stocked: Caller) -> None:
    """Each filter lets through what it says; product and location are those of any line."""
    two = await stocked.reserve((item("A", "W2"), 1), (item("A", "W1"), 1), order="O-2", channel="till")
    [one, second] = [each.reservation for each in (await stocked.do("ListReservations")).reservations]
    assert second == two.reservation
    tests: list[tuple[dict[str, Any], list[str]]] = [
        ({"states": [HELD]}, [second]),
        ({"states": [HELD, CONFIRMED]}, [one, second]),
        ({"states": [5]}, []),
        ({"order": "O-1"}, [one]),
        ({"channel": "till"}, [second]),
        ({"product": {"sku": "A"}}, [second]),
        ({"product": {"sku": "B"}}, [one]),
        ({"location": "W2"}, [second]),
        ({"location": "W1"}, [one, second]),
        ({"product": {"sku": "B"}, "location": "W2"}, []),
    ]
    for filters, expected in tests:
        answer = await stocked.do("ListReservations", **filters)
        assert [each.reservation for each in answer.reservations] == expected, filters


async def test_pages_of_reservations_and_locations(acme: Caller) -> None:
    """Pages of reservations and of locations make up the whole list."""
    await acme.receive("A", 7)
    await acme.do("ReserveBatch", drafts=[draft(("A", 1))] * 7)
    await acme.place(*"abcdef")
    for method, field in (("ListReservations", "reservations"), ("ListLocations", "locations")):
        whole = list(getattr(await acme.do(method), field))
        assert len(whole) == 7
        for size in (2, 7):
            assert [each async for page in acme.pages(method, size) for each in getattr(page, field)] == whole


OTHER_QUERIES: dict[str, dict[str, Any]] = {
    "ListBalances": {"owner": ""},
    "ListEntries": {"location": "W1"},
    "ListReservations": {"order": "x"},
    "ListLocations": {"kind": 1},
}


@pytest.mark.parametrize("method", OTHER_QUERIES)
async def test_a_token_belongs_to_one_query(service: Ledger, acme: Caller, method: str) -> None:
    """A token of another query, tenant or method, and one that was tampered with, is refused."""
    await acme.receive("A", 2)
    await acme.receive("B", 2)
    await acme.do("ReserveBatch", drafts=[draft(("A", 1))] * 2)
    await acme.place("W2")
    token = (await acme.do(method, page_size=1)).next_page_token
    assert token
    other_query = OTHER_QUERIES[method]
    other_method = "ListEntries" if method == "ListBalances" else "ListBalances"
    flipped = ("A" if token[-1] != "A" else "B").join((token[:-1], ""))
    refused = [
        await acme.refused(method, page_token=token, **other_query),
        await service.caller().refused(method, page_token=token),
        await acme.refused(other_method, page_token=token),
        *[await acme.refused(method, page_token=each) for each in (token[:-4], flipped + "AAAA", "x", "é", "A" * 5000)],
    ]
    assert {(each.kind, each.reason) for each in refused} == {(Kind.MALFORMED, "PAGE_TOKEN_INVALID")}
    assert await acme.do(method, page_token=token, page_size=1000)


async def test_paging_beside_writers(acme: Caller, twin: Caller) -> None:
    """While others write, pages show nothing twice and leave out nothing that was there when they began."""
    await acme.record(*(movement(1, f"{each:03}", 5) for each in range(0, 200, 2)))
    for each in range(0, 200, 20):
        await acme.reserve((f"{each:03}", 1))
    there = {each.stock_item.product.sku async for page in acme.pages("ListBalances", 50) for each in page.balances}
    promised = {each.reservation for each in (await acme.do("ListReservations")).reservations}
    written = await acme.entries()
    over = asyncio.Event()

    async def write(caller: Caller, start: int) -> int:
        done = 0
        while not over.is_set():
            sku = f"{(start + 4 * done) % 400:03}"
            await caller.receive(sku, 1)
            await caller.reserve((sku, 1))
            done += 1
        return done

    writers = [asyncio.create_task(write(caller, start)) for start, caller in ((1, acme), (3, twin))]
    skus = [each.stock_item.product.sku async for page in acme.pages("ListBalances", 7) for each in page.balances]
    names = [each.reservation async for page in acme.pages("ListReservations", 2) for each in page.reservations]
    lines = [(e.revision, e.line) async for page in acme.pages("ListEntries", 20) for e in page.entries]
    over.set()
    assert min(await asyncio.gather(*writers)) > 0, "nobody wrote"
    assert skus == sorted(set(skus))
    assert there <= set(skus)
    assert len(names) == len(set(names))
    assert promised <= set(names)
    assert lines == sorted(set(lines))
    assert lines[: len(written)] == [(each.revision, each.line) for each in written]


READS: list[tuple[str, dict[str, Any]]] = [
    ("GetLocation", {"location": "W1"}),
    ("ListLocations", {}),
    ("GetBalance", {"stock_item": item("A")}),
    ("ListBalances", {}),
    ("ListEntries", {}),
    ("ListReservations", {}),
    ("VerifyBooks", {}),
    ("ExportBalances", {}),
]


async def read(caller: Caller, method: str, **fields: Any) -> Any:
    """The answer, or the first of a stream."""
    call = caller.send(method, request(method, **fields))
    if method in ("VerifyBooks", "ExportBalances"):
        answers = [each async for each in call]
        return answers[0]
    return await call


@pytest.mark.parametrize(("method", "fields"), READS, ids=[each[0] for each in READS])
async def test_answers_are_as_fresh_as_asked(acme: Caller, twin: Caller, method: str, fields: dict[str, Any]) -> None:
    """An answer includes any revision drawn, also by another ledger; a foreign or future one is refused."""
    revision = (await twin.receive("A", 1)).revision
    answer = await read(acme, method, freshness={"at_least": [revision]}, **fields)
    shown = answer.verification.revision if method == "VerifyBooks" else answer.revision
    assert shown.number >= revision.number
    for field, value, reason in (
        ("number", revision.number + 1, "REVISION_AHEAD"),
        ("cluster", "elsewhere", "REVISION_FOREIGN"),
        ("epoch", revision.epoch + 1, "REVISION_FOREIGN"),
        ("context", "sharing", "REVISION_FOREIGN"),
    ):
        wrong = type(revision)()
        wrong.CopyFrom(revision)
        setattr(wrong, field, value)
        told = await refusal(read(acme, method, freshness={"at_least": [wrong]}, **fields))
        assert (told.kind, told.reason) == (Kind.MALFORMED, reason)
