"""What time drives in the books: they are closed as it falls due, once whoever does it, and months are open before they
begin."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import EXPIRED, SCHEMA, Caller, Ledger, eventually, item, ledger, name
from tests.kit.past import Counts, folded, listed, live, moment, same, spread, stamp
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.database import Database
from weir_ledger.domain.limits import Limits
from weir_ledger.store import PostgresBooks
from weir_ledger.worker import keeping

MONTHS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'entries'::regclass ORDER BY 1"
CLOSINGS = "SELECT revision FROM closings WHERE tenant = $1 ORDER BY revision"
CLOSING = """
SELECT b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition,
       c.on_hand, c.reserved, c.changed_revision, c.counted_at
FROM closing_balances c JOIN balances b ON b.tenant = c.tenant AND b.item = c.item
WHERE c.tenant = $1 AND c.revision = $2
"""


@pytest.fixture
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this test."""
    with postgres.fresh(SCHEMA) as made:
        yield made


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A ledger for this test."""
    async with ledger(database) as running:
        yield running


@asynccontextmanager
async def opened(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """The books as a process of its own has them."""
    made = await Database.open(database.url(SCHEMA), schema=SCHEMA)
    try:
        yield PostgresBooks(made, queue_max=10, limits=Limits())
    finally:
        await made.close()


@pytest.fixture
async def books(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """The books of a worker."""
    async with opened(database) as made:
        yield made


def month(ahead: int) -> str:
    """The table of the month that begins so many months from now."""
    now = datetime.now(UTC)
    months = now.year * 12 + now.month - 1 + ahead
    return f"entries_{months // 12:04}_{months % 12 + 1:02}"


async def months(owner: Owner) -> list[str]:
    """The months that are open."""
    return [row["name"] for row in await owner.fetch(MONTHS)]


async def closings(owner: Owner, caller: Caller) -> list[int]:
    """The revisions that the books of a caller's tenant were closed at."""
    return [row["revision"] for row in await owner.fetch(CLOSINGS, caller.tenant)]


async def test_closed_as_it_falls_due(acme: Caller, owner: Owner, books: PostgresBooks) -> None:
    """Books are closed at their newest revision, not within the hours given, and not where nothing was recorded since;
    a tenant that never wrote is none to close."""
    assert await books.close_books(acme.tenant, hours=24) == 1
    await acme.receive("A", 5)
    assert await books.close_books(acme.tenant, hours=24) is None
    await spread(owner, acme.tenant, 3)
    assert await books.close_books(acme.tenant, hours=24) == 2
    await acme.reserve(("A", 2))
    assert await books.close_books(acme.tenant, hours=30) is None
    assert await books.close_books(acme.tenant, hours=20) == 3
    assert await books.close_books(acme.tenant, hours=0) is None
    assert await books.close_books("nobody", hours=0) is None
    assert await closings(owner, acme) == [1, 2, 3]


async def closing(owner: Owner, caller: Caller, revision: int) -> dict[bytes, Counts]:
    """The counts by stock item that the books were closed with at a revision."""
    rows = await owner.fetch(CLOSING, caller.tenant, revision)
    return {
        name(
            item(row["sku"], row["location"], owner=row["owner"], lot=row["lot"], uom=row["uom"],
                 custodian=row["custodian"], condition=row["condition"])
        ): Counts(row["on_hand"], row["reserved"], row["changed_revision"], row["counted_at"])
        for row in rows
    }  # fmt: skip


async def test_a_closing_is_the_state(acme: Caller, owner: Owner, books: PostgresBooks) -> None:
    """A closing made while others write holds, of each stock item, what stood after its revision."""
    await acme.place("W2")
    writing = [asyncio.create_task(live(acme, random.Random(seed), 25)) for seed in range(3)]
    closed: list[int] = []
    while not all(each.done() for each in writing):
        closed += [each for each in [await books.close_books(acme.tenant, hours=0)] if each]
    await asyncio.gather(*writing)
    assert len(closed) > 3
    entries = await acme.entries()
    for revision in closed:
        assert await closing(owner, acme, revision) == folded(entries, revision)


async def test_several_close_once(database: FreshDatabase, acme: Caller, owner: Owner) -> None:
    """However many processes close the books at once, the balances are copied once."""
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(opened(database)) for _ in range(4)]
        for number in range(5):
            await acme.receive("A", 1)
            closed = await asyncio.gather(*(each.close_books(acme.tenant, hours=0) for each in processes * 3))
            assert [each for each in closed if each] == [number + 2]
    assert await closings(owner, acme) == [2, 3, 4, 5, 6]


async def test_workers_beside_one_another(database: FreshDatabase, service: Ledger, owner: Owner) -> None:
    """Two processes keep the books of every tenant closed, each closing once, and a tenant whose books cannot be closed
    does not hinder the others."""
    tenants = [service.caller(tenant) for tenant in ("broken", "fine", "well")]
    for each in tenants:
        await each.place("W1")
    await owner.execute("ALTER TABLE closings ADD CHECK (tenant <> 'broken')")
    async with opened(database) as one, opened(database) as other:
        workers = [
            asyncio.create_task(keeping(each, closing_hours=0, import_seconds=9, pause_seconds=0.1))
            for each in (one, other)
        ]
        for revision in (1, 2, 3):

            async def kept(revision: int = revision) -> bool:
                return [(await closings(owner, each))[-1:] for each in tenants[1:]] == [[revision]] * 2

            await eventually(kept)
            for each in tenants:
                await each.receive("A", 1)
        for worker in workers:
            worker.cancel()
        await asyncio.wait(workers)
    assert await closings(owner, tenants[0]) == []
    for each in tenants[1:]:
        found = await closings(owner, each)
        assert found == sorted(set(found))


async def test_months_are_open_ahead(service: Ledger, acme: Caller, owner: Owner, books: PostgresBooks) -> None:
    """This month and the three to come are open once a ledger has started; one that is missing is opened again, by one
    of many who try at once, and none that is there is touched."""
    ahead = [month(each) for each in range(4)]
    assert await months(owner) == ahead
    await acme.receive("A", 1)
    for missing in ([ahead[3]], ahead[1:]):
        await owner.execute(f"DROP TABLE {', '.join(missing)}")
        await asyncio.gather(*(books.open_months() for _ in range(6)))
        assert await months(owner) == ahead
    assert len(await acme.entries()) == 2


async def test_months_open_beside_everything(
    acme: Caller, owner: Owner, books: PostgresBooks, database: FreshDatabase
) -> None:
    """A month is opened while somebody reads all entries and somebody else has written some and not committed, and none
    of them, nor any writer, waits for another."""
    await acme.receive("A", 1)
    await owner.execute(f"DROP TABLE {month(3)}")
    reader, writer = [
        await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA}) for _ in range(2)
    ]
    try:
        async with reader.transaction(), writer.transaction():
            await reader.fetch("SELECT * FROM entries")
            await writer.execute("UPDATE entries SET reference = 'late' WHERE tenant = $1", acme.tenant)
            async with asyncio.timeout(5):
                await books.open_months()
                await acme.receive("A", 1)
    finally:
        await reader.close()
        await writer.close()
    assert month(3) in await months(owner)


async def test_started_after_half_a_year(database: FreshDatabase, owner: Owner) -> None:
    """A ledger that was stopped for half a year starts, ends the holds that ran out meanwhile, takes writes at once,
    and tells what stood on any day between."""
    async with ledger(database) as running:
        acme = running.caller("acme")
        await acme.place("W1", "W2")
        await live(acme, random.Random(3), 40)
        await acme.receive("Z", 3)
        hold = await acme.reserve(("Z", 2))
    await spread(owner, "acme", 60, ended_days=184)
    await owner.execute("UPDATE reservations SET expires_at = now() - interval '184 days' WHERE state = 1")
    stopped = datetime.now(UTC) - timedelta(days=184)
    for gone in [each for each in await months(owner) if each > f"entries_{stopped + timedelta(days=93):%Y_%m}"]:
        await owner.execute(f"DROP TABLE {gone}")
    assert month(0) not in await months(owner)
    async with ledger(database) as running:
        acme = running.caller("acme")
        await acme.receive("Z", 1)

        async def ended() -> bool:
            return await acme.balance("Z") == (4, 0, 4, 0)

        await eventually(ended)
        assert (await acme.reservation(hold.reservation)).state == EXPIRED
        assert [month(each) for each in range(4)] == (await months(owner))[-4:]
        entries, head = await acme.entries(), await acme.head()
        for days in (250, 200, 184, 100, 3):
            when = datetime.now(UTC) - timedelta(days=days)
            newest = max((e.revision for e in entries if moment(e.recorded_time) <= when), default=0)
            found, revision = await listed(acme, recorded_time=stamp(when))
            assert (found, revision.number >= newest) == (folded(entries, newest), True)
            same(await listed(acme, occurred_time=stamp(when)), folded(entries, head.number, when), head)
        assert await acme.verify() == []
