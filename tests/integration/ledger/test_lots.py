"""Lots over gRPC: what is known of them, who may change it, who is told, and that promises do not look at it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from tests.kit.ledger import Caller, Ledger, item, outcomes, request
from weir.ledger.v1 import ledger_pb2
from weir_chassis.errors import Kind

DAY, LATER = "2027-01-31", "2027-06-30"


def lot(sku: str = "A", batch: str = "L1", day: str = DAY, *, owner: str = "", etag: str = "") -> dict[str, Any]:
    """A lot as a caller sets it."""
    return {"product": {"owner": owner, "sku": sku}, "lot": batch, "expiry_date": day, "etag": etag}


async def set_lot(caller: Caller, *what: str, **others: Any) -> Any:
    """The answer of a SetLot."""
    return await caller.do("SetLot", lot=lot(*what, **others))


async def listed(caller: Caller, **filters: Any) -> list[tuple[str, str, str, str]]:
    """Owner, sku, batch and last day of the lots that a list shows, in pages of two."""
    return [
        (each.product.owner, each.product.sku, each.lot, each.expiry_date)
        async for page in caller.pages("ListLots", 2, **filters)
        for each in page.lots
    ]


async def exported(caller: Caller) -> tuple[int, list[ledger_pb2.Lot], list[str]]:
    """The revision of an export, its lots, and of each message whether it holds lots or balances."""
    kinds, known, revision = [], [], 0
    async for part in caller.send("ExportBalances", request("ExportBalances"), timeout=120):
        kinds.append(f"{'lots' * bool(part.known_lots)}{'balances' * bool(part.skus)}")
        known.extend(part.known_lots)
        revision = part.revision.number
    return revision, known, kinds


async def test_the_life_of_a_lot(acme: Caller) -> None:
    """What was set reads back so, every change moves the etag, and a lot of which nothing is known says nothing; no
    unit of it needs to have been booked, and it can be said that a lot never expires."""
    unknown = await acme.do("GetLot", product={"sku": "A"}, lot="L1")
    assert unknown.lot == ledger_pb2.Lot(product={"sku": "A"}, lot="L1")  # type: ignore[arg-type]
    made = await set_lot(acme)
    assert made.lot == ledger_pb2.Lot(**lot(etag=str(made.revision.number)))
    found = await acme.do("GetLot", product={"sku": "A"}, lot="L1", freshness={"at_least": [made.revision]})
    assert (found.lot, found.revision) == (made.lot, made.revision)
    moved = await set_lot(acme, day=LATER, etag=made.lot.etag)
    assert (moved.lot.expiry_date, moved.lot.etag) == (LATER, str(moved.revision.number))
    never = await set_lot(acme, day="")
    assert (never.lot.expiry_date, never.lot.etag) == ("", str(never.revision.number))
    assert (await acme.do("GetLot", product={"sku": "A"}, lot="L1")).lot == never.lot
    assert (await set_lot(acme, "B", day="")).lot.etag
    assert (await acme.do("GetLot", product={"owner": "x", "sku": "A"}, lot="L1")).lot.etag == ""
    assert await acme.verify() == []


async def test_setting_what_is_set(acme: Caller) -> None:
    """What is so already stays as it is, etag and all, and nobody is told of it."""
    made = (await set_lot(acme)).lot
    again = await set_lot(acme)
    assert again.lot == made
    assert (await set_lot(acme, etag=made.etag)).lot == made
    told = [len(each.lots) for each in await acme.watched(through=(await acme.head()).number)]
    assert told == [0, 1, 0, 0]
    assert await acme.verify() == []


async def test_a_stale_etag(acme: Caller) -> None:
    """Whoever rests on an older version, or on one of a lot of which nothing is known, is refused with the current
    one."""
    made = (await set_lot(acme)).lot
    current = (await set_lot(acme, day=LATER)).lot.etag
    for day in (DAY, LATER):
        told = await acme.refused("SetLot", lot=lot(day=day, etag=made.etag))
        assert (told.kind, told.reason, told.metadata) == (Kind.RACED, "ETAG_STALE", {"current": current})
    told = await acme.refused("SetLot", lot=lot(batch="L2", etag=made.etag))
    assert (told.reason, told.metadata) == ("ETAG_STALE", {"current": ""})
    assert await listed(acme) == [("", "A", "L1", LATER)]


@pytest.mark.parametrize(
    "day", ["20270131", "2027-1-31", "2027-02-30", "2027-W04-7", "31.01.2027", "2027-01-31T00:00", "tomorrow", "0"]
)
async def test_what_is_no_day(acme: Caller, day: str) -> None:
    """A day has one form; anything else is refused with the field named, beside every other bad field."""
    told = await acme.refused("SetLot", lot=lot(sku="", batch=" ", day=day))
    assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
    assert {each.field for each in told.violations} == {"lot.product.sku", "lot.lot", "lot.expiry_date"}
    told = await acme.refused("ListLots", expiring_before=day)
    assert [each.field for each in told.violations] == ["expiring_before"]


@pytest.mark.parametrize("day", ["0001-01-01", "2028-02-29", "9999-12-31"])
async def test_the_first_and_the_last_day(acme: Caller, day: str) -> None:
    """Any day between the years 1 and 9999 is kept as it was given, and digested as it is shown."""
    assert (await set_lot(acme, day=day)).lot.expiry_date == day
    assert await listed(acme) == [("", "A", "L1", day)]
    assert await acme.verify() == []


async def test_repeated_and_only_checked(acme: Caller, twin: Caller) -> None:
    """A request that is repeated gets its first answer, though the lot has changed since; with other contents it is
    refused; one that only checks answers what would be and changes nothing."""
    checked = await acme.do("SetLot", lot=lot(), validate_only=True)
    assert (checked.lot.expiry_date, checked.revision.number) == (DAY, (await acme.head()).number)
    assert await listed(acme) == []
    first = await acme.do("SetLot", request_id="once", lot=lot())
    await set_lot(acme, day=LATER)
    assert await twin.do("SetLot", request_id="once", lot=lot()) == first
    told = await acme.refused("SetLot", request_id="once", lot=lot(day=LATER))
    assert told.reason == "REQUEST_ID_REUSED"
    assert await listed(twin) == [("", "A", "L1", LATER)]


async def test_lists(acme: Caller) -> None:
    """Lots are listed by product and batch, page after page; of one product, and with their last day before another:
    not on it, and never those that do not expire."""
    for owner, sku, batch, day in (
        ("", "B", "L1", LATER), ("o", "A", "L1", DAY), ("", "A", "L2", ""), ("", "A", "L1", DAY), ("", "A", "Ä", LATER),
    ):  # fmt: skip
        await set_lot(acme, sku, batch, day, owner=owner)
    assert await listed(acme) == [
        ("", "A", "L1", DAY), ("", "A", "L2", ""), ("", "A", "Ä", LATER), ("", "B", "L1", LATER), ("o", "A", "L1", DAY),
    ]  # fmt: skip
    assert [each[2] for each in await listed(acme, product={"sku": "A"})] == ["L1", "L2", "Ä"]
    assert await listed(acme, product={"owner": "o", "sku": "A"}) == [("o", "A", "L1", DAY)]
    assert await listed(acme, expiring_before=DAY) == []
    assert [each[:2] for each in await listed(acme, expiring_before="2027-02-01")] == [("", "A"), ("o", "A")]
    assert [each[1] for each in await listed(acme, product={"sku": "A"}, expiring_before="9999-12-31")] == ["A", "A"]
    page = await acme.do("ListLots", page_size=1)
    told = await acme.refused("ListLots", page_size=1, page_token=page.next_page_token, expiring_before=DAY)
    assert told.reason == "PAGE_TOKEN_INVALID"


async def test_watchers_are_told(acme: Caller) -> None:
    """The commit that sets a lot tells it and nothing else; who watches products is told of theirs alone, and the mark
    moves on for everybody."""
    made = [await set_lot(acme, sku, day=day) for sku, day in (("A", DAY), ("B", DAY), ("A", ""))]
    await acme.receive(item("A", lot="L1"), 5)
    through = (await acme.head()).number
    commits = {each.through.number: each for each in await acme.watched(through=through)}
    for each in made:
        commit = commits[each.revision.number]
        assert (list(commit.lots), list(commit.entries), list(commit.claims)) == ([each.lot], [], [])
    some = await acme.watched(through=through, products=[{"sku": "A"}])
    assert [[(lot.product.sku, lot.expiry_date) for lot in each.lots] for each in some] == [
        [("A", DAY)], [("A", "")], [],
    ]  # fmt: skip
    assert [len(each.entries) for each in some] == [0, 0, 2]
    other = await acme.watched(through=through, products=[{"sku": "A", "owner": "o"}])
    assert other == []


async def test_exports_begin_with_lots(acme: Caller, service: Ledger) -> None:
    """An export holds every lot as of its revision, before any balance; it has one message where there is nothing."""
    assert (await exported(service.caller()))[1:] == ([], [""])
    await acme.receive("A", 5)
    made = [(await set_lot(acme, "A", batch)).lot for batch in ("L1", "L2")]
    revision, known, kinds = await exported(acme)
    assert (revision, known, kinds) == ((await acme.head()).number, made, ["lots", "balances"])
    assert (await acme.export())[0].number == revision


async def test_promises_do_not_look(acme: Caller) -> None:
    """Units of a lot that has expired are received, promised, shipped and counted like any other."""
    goods = item("A", lot="L1")
    await set_lot(acme, day="2020-01-01")
    await acme.receive(goods, 5)
    promise = await acme.confirmed((goods, 3))
    await acme.do("Fulfil", reservation=promise.reservation)
    await acme.ship(goods, 1)
    assert await acme.balance(goods) == (1, 0, 1, 0)
    assert await acme.verify() == []


@pytest.mark.parametrize("known", [False, True])
async def test_set_at_two_ledgers_at_once(acme: Caller, twin: Caller, known: bool) -> None:
    """However many set a lot at once at two ledgers, the first time or again, each change that took effect is one
    commit, and the last of them is what stays; of those who name one etag only one succeeds."""
    etag = (await set_lot(acme, day="")).lot.etag if known else ""
    days = [f"2027-01-{1 + number % 5:02}" for number in range(20)]
    callers = (acme, twin)
    found = await outcomes(set_lot(callers[n % 2], day=day, etag=etag) for n, day in enumerate(days))
    if known:
        # Those that ask for what the winner has set are stale, too: their etag is.
        assert sorted(found) == sorted(["ok"] + ["ETAG_STALE"] * 19)
    else:
        assert found == ["ok"] * 20
    through = (await acme.head()).number
    changes = [lot for each in await acme.watched(through=through) for lot in each.lots]
    assert all(one.expiry_date != next.expiry_date for one, next in pairwise(changes))
    assert changes[-1] == (await twin.do("GetLot", product={"sku": "A"}, lot="L1")).lot
    assert await acme.verify() == []


async def test_one_request_at_two_ledgers_at_once(acme: Caller, twin: Caller) -> None:
    """The same request at two ledgers at once is one change with one answer, with an etag or without."""
    for number in range(10):
        etag = (await acme.do("GetLot", product={"sku": "A"}, lot="L1")).lot.etag
        wanted = {"request_id": f"once {number}", "lot": lot(day=f"2027-01-{number + 1:02}", etag=etag)}
        one, other = await asyncio.gather(acme.do("SetLot", **wanted), twin.do("SetLot", **wanted))
        assert one == other
    assert await acme.verify() == []


async def test_a_lot_is_of_one_tenant(acme: Caller, service: Ledger) -> None:
    """What one tenant says of a lot another neither sees nor is hindered by."""
    await set_lot(acme)
    other = service.caller()
    assert await listed(other) == []
    assert (await other.do("GetLot", product={"sku": "A"}, lot="L1")).lot.etag == ""
    assert (await set_lot(other, day=LATER)).revision.number == 1
    assert await listed(acme) == [("", "A", "L1", DAY)]
