"""Books of the first version, once they are brought forward: what was written is told as it was, and goes on."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.first_ledger import MIGRATION, FirstLedger
from tests.kit.ledger import RECEIVE, SCHEMA, Ledger, counts, draft, item, ledger, movement, name, request
from tests.kit.past import Counts, folded, listed, moment, same, stamp
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2
from weir_chassis.idempotency import fingerprint
from weir_chassis.migrations import migrate
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.reservations import State
from weir_ledger.domain.stock import StockItem

BEGUN = datetime.now(UTC).replace(microsecond=123456) - timedelta(days=100)
A, B, C = (StockItem("", sku, "W1") for sku in "ABC")
HELD, CONFIRMED, ENDED = (f"01a200ca-98d0-74cf-9b25-c4403338ded{number}" for number in range(3))
RECEIVED = request("RecordMovements", request_id="first", movements=[movement(RECEIVE, "A", 30)])
RECEIPT = (
    '{"ok":[{"item":{"owner":"","sku":"A","location":"W1","lot":"","uom":"EACH","custodian":"","condition":1},'
    '"on_hand":30,"reserved":0,"revision":0}]}'
)
STOCK = [
    (2, 1, 1, 30, 0), (3, 1, 1, 5, 0), (3, 3, 5, -2, 0), (4, 1, 4, -8, 0), (5, 1, 8, 0, 4), (6, 1, 8, 0, 6),
    (6, 2, 8, 0, 2), (8, 1, 8, 0, 3), (9, 1, 11, -2, -2), (9, 3, 9, 0, -1), (10, 1, 4, -9, 0),
]  # fmt: skip
"""Revision and line, kind, and change of both counts of the entries of stock items that `written` makes."""


@pytest.fixture
def database(postgres: PostgresForTests, tmp_path: Path) -> Iterator[FreshDatabase]:
    """A database as the first version left it."""
    first = tmp_path / "versions"
    first.mkdir()
    shutil.copy(MIGRATION, first)
    with postgres.fresh(SCHEMA, versions=first) as made:
        yield made


@pytest.fixture
async def service(database: FreshDatabase, owner: Owner) -> AsyncIterator[Ledger]:
    """A ledger on the books of two tenants that the first version wrote."""
    for tenant, days in (("acme", 0), ("other", 50)):
        await written(FirstLedger(owner, tenant, BEGUN + timedelta(days=days)))
    await migrate(database.owner_url, SCHEMA, password=database.server.password(SCHEMA))
    async with ledger(database) as running:
        yield running


async def written(books: FirstLedger) -> None:
    """Months of facts and promises: one held, one confirmed and short, one at its end."""
    until = datetime.now(UTC) + timedelta(days=1)
    await books.place("W1")
    await books.record((EntryKind.RECEIVE, A, 30), request_id="first")
    await books.remember("RecordMovements", "first", fingerprint(RECEIVED), RECEIPT)
    await books.record((EntryKind.RECEIVE, B, 5), (EntryKind.ADJUST, A, -2))
    books.now += timedelta(days=33)
    late = books.now - timedelta(days=40)
    await books.record((EntryKind.COUNT, A, -8), against=Account.ADJUSTMENT, occurred_at=late)
    await books.reserve(HELD, "web", until, (A, 4), (C, 0))
    await books.reserve(CONFIRMED, "till", until, (A, 6), (B, 2))
    await books.change(CONFIRMED, State.CONFIRMED)
    books.now += timedelta(days=3)
    await books.reserve(ENDED, "web", until, (A, 3))
    await books.change(ENDED, State.FULFILLED, (1, A, EntryKind.FULFIL, 2), (1, A, EntryKind.RELEASE, 1))
    await books.record((EntryKind.COUNT, A, -9), against=Account.ADJUSTMENT)


@pytest.mark.parametrize("tenant", ["acme", "other"])
async def test_nothing_is_lost(service: Ledger, tenant: str) -> None:
    """Entries and counts are those that were, and an audit finds no difference: neither in counts, holdings and
    shortfalls, nor in the chain of digests that was made of history."""
    caller = service.caller(tenant)
    stock = [each for each in await caller.entries() if each.account == ledger_pb2.ACCOUNT_STOCK]
    assert [(e.revision, e.line, e.kind, e.on_hand_delta, e.reserved_delta) for e in stock] == STOCK
    assert await caller.balance("A") == (9, 10, 0, 1)
    assert await caller.balance("B") == (5, 2, 3, 0)
    assert await caller.balance("C") == (0, 0, 0, 0)
    assert await caller.verify() == []


async def test_moments_are_those_that_were(service: Ledger, owner: Owner) -> None:
    """When something happened, was recorded and was counted is told as before, and stands in the month it was recorded
    in; what happened as it was recorded says no second moment."""
    acme = service.caller("acme")
    entries = await acme.entries()
    late = [moment(each.recorded_time) - moment(each.occurred_time) for each in entries if each.revision == 4]
    assert late == [timedelta(days=40, hours=1)] * 2
    assert all(each.occurred_time == each.recorded_time for each in entries if each.revision != 4)
    asked = await acme.do("GetBalance", stock_item=item("A"))
    assert moment(asked.balance.counted_time) == max(moment(each.recorded_time) for each in entries if each.kind == 4)
    assert not (await acme.do("GetBalance", stock_item=item("B"))).balance.HasField("counted_time")
    rows = await owner.fetch("SELECT tableoid::regclass::text AS month, recorded_at, occurred_at FROM entries")
    assert {each["month"] for each in rows} == {f"entries_{each['recorded_at']:%Y_%m}" for each in rows}
    assert len({each["month"] for each in rows}) > 1
    assert sum(each["occurred_at"] is not None for each in rows) == 2 * 2


async def test_what_is_counted_anew(service: Ledger, owner: Owner) -> None:
    """The shortfall that stood is listed since the commit that changed it last; what is held counts for its channel."""
    acme = service.caller("acme")
    [short] = (await acme.do("ListShortfalls")).shortfalls
    assert (short.stock_item.product.sku, short.shortfall) == ("A", 1)
    assert [(each.reservation, each.missing) for each in short.hits] == [(CONFIRMED, 1)]
    [opened] = {moment(each.recorded_time) for each in await acme.entries() if each.revision == 10}
    assert moment(short.open_time) == opened
    holdings = "SELECT channel, open_reservations, held_units FROM holdings WHERE tenant = 'acme' ORDER BY channel"
    assert [tuple(each) for each in await owner.fetch(holdings)] == [("till", 1, 0), ("web", 1, 4)]
    tenants = await owner.fetch("SELECT open_reservations, held_units FROM tenants")
    assert [tuple(each) for each in tenants] == [(2, 4), (2, 4)]


async def test_every_state_is_told(service: Ledger) -> None:
    """The past of before is told of every revision, and of moments months ago; a stock item that was only named stands
    there with zeros."""
    acme = service.caller("acme")
    entries, head = await acme.entries(), await acme.head()

    async def booked(**as_of: Any) -> tuple[dict[bytes, Counts], revision_pb2.Revision]:
        found, revision = await listed(acme, **as_of)
        assert found.pop(name(item("C", uom="EACH", condition=1)), Counts(revision=5)) == Counts(revision=5)
        return found, revision

    for number in range(head.number + 1):
        revision = revision_pb2.Revision(context=head.context, cluster=head.cluster, epoch=head.epoch, number=number)
        same(await booked(revision=revision), folded(entries, number), revision)
    for when in {moment(each.occurred_time) for each in entries}:
        same(await booked(occurred_time=stamp(when)), folded(entries, head.number, when), head)


async def test_it_goes_on(service: Ledger) -> None:
    """A request of before is answered as it was; promises of before bind, and end; new facts are recorded."""
    acme = service.caller("acme")
    again = await acme.send("RecordMovements", RECEIVED)
    assert ([counts(each) for each in again.balances], again.revision.number) == ([(30, 0, 30, 0)], 2)
    assert (await acme.refused("Reserve", draft=draft(("A", 1)))).reason == "INSUFFICIENT_STOCK"
    await acme.receive("A", 10)
    assert list((await acme.do("ListShortfalls")).shortfalls) == []
    await acme.do("Confirm", reservation=HELD)
    await acme.do("Fulfil", reservation=CONFIRMED)
    assert await acme.balance("A") == (13, 4, 9, 0)
    assert await acme.verify() == []


async def test_moments_that_went_back(database: FreshDatabase, owner: Owner) -> None:
    """Where the clock was set back between two commits of before, the later one says the moment of the earlier: what
    was recorded by a moment is what stands up to a revision."""
    books = FirstLedger(owner, "acme", BEGUN)
    await books.place("W1")
    await books.record((EntryKind.RECEIVE, A, 1))
    await books.reserve(HELD, "web", datetime.now(UTC) + timedelta(days=1), (A, 1))
    for hours, item_there, units in ((-6, A, -1), (1, B, 1), (6, B, 1)):
        books.now += timedelta(hours=hours)
        await books.record((EntryKind.COUNT, item_there, units), against=Account.ADJUSTMENT)
    await migrate(database.owner_url, SCHEMA, password=database.server.password(SCHEMA))
    rows = await owner.fetch("SELECT recorded_at FROM commits ORDER BY revision")
    assert [each["recorded_at"] - BEGUN for each in rows] == [timedelta(hours=each) for each in (1, 2, 3, 3, 3, 7)]
    async with ledger(database) as running:
        acme = running.caller("acme")
        assert await acme.verify() == []
        [short] = (await acme.do("ListShortfalls")).shortfalls
        assert moment(short.open_time) - BEGUN == timedelta(hours=3)
