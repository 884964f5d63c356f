"""Old history: put away by month, refused by name to whoever asks for it, and never in the way of what goes on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.calling import refusal
from tests.kit.ledger import SCHEMA, Caller, Ledger, draft, item, ledger, movement
from tests.kit.market import until
from tests.kit.past import close, folded, listed, live, moment, same, spread, stamp
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2
from weir_chassis import status
from weir_chassis.database import Database
from weir_chassis.errors import Kind, RevisionCompacted
from weir_chassis.migrations import MigrationFailed
from weir_ledger.domain.limits import Limits
from weir_ledger.store import PostgresBooks
from weir_ledger.store.compaction import compact, drop

MONTHS = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'entries'::regclass ORDER BY 1"


def month(ago: int) -> datetime:
    """The first moment of the month that was so many months ago."""
    now = datetime.now(UTC)
    months = now.year * 12 + now.month - 1 - ago
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def at(revision: revision_pb2.Revision, number: int) -> revision_pb2.Revision:
    """Another revision of the same origin."""
    moved = revision_pb2.Revision()
    moved.CopyFrom(revision)
    moved.number = number
    return moved


@pytest.fixture
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this test: compaction is for all tenants."""
    with postgres.fresh(SCHEMA) as made:
        yield made


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A ledger for this test."""
    async with ledger(database) as running:
        yield running


@pytest.fixture
async def acme(service: Ledger, owner: Owner) -> Caller:
    """A tenant with half a year of history, closed now and then."""
    caller = service.caller("acme")
    await caller.place("W1", "W2")
    chance = random.Random(5)
    for _ in range(12):
        await live(caller, chance, 5)
        await close(owner, caller)
    await spread(owner, caller.tenant, 180)
    return caller


async def test_what_is_put_away(database: FreshDatabase, service: Ledger, acme: Caller, owner: Owner) -> None:
    """Compaction tells each tenant's horizon, the first closing after all that is older; a tenant without old history
    keeps it all. What is after the horizon is told as before, of every state; what is before is refused with the oldest
    that is kept."""
    young = service.caller("young")
    await young.place("W1")
    await young.receive("A", 1)
    entries, head = await acme.entries(), await acme.head()
    put_away = await compact(database.owner_url, month(2))
    [(tenant, horizon)] = put_away
    assert tenant == "acme"
    old = [each for each in entries if moment(each.recorded_time) < month(2)]
    closings = [row[0] for row in await owner.fetch("SELECT revision FROM closings WHERE tenant = 'acme' ORDER BY 1")]
    assert (closings[0], old[-1].revision <= horizon < head.number) == (horizon, True)
    assert all(name >= f"entries_{month(2):%Y_%m}" for (name,) in await owner.fetch(MONTHS))
    for number in range(horizon, head.number + 1):
        same(await listed(acme, revision=at(head, number)), folded(entries, number), at(head, number))
    safe = max(moment(each.recorded_time) for each in entries if each.revision == horizon) + timedelta(days=2)
    for when in [safe + timedelta(days=each) for each in range(0, 40, 3)]:
        same(await listed(acme, occurred_time=stamp(when)), folded(entries, head.number, when), head)
    kept = [each for each in entries if each.revision > horizon]
    assert await acme.entries() == kept
    assert [(await young.head()).number, len(await young.entries())] == [2, 2]
    before: list[dict[str, Any]] = [
        {"revision": at(head, horizon - 1)},
        {"recorded_time": stamp(month(3))},
        {"occurred_time": stamp(month(3))},
    ]
    for as_of in before:
        for method, fields in (("ListBalances", {}), ("GetBalance", {"stock_item": item("A")})):
            told = await acme.refused(method, as_of=as_of, **fields)
            assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
            assert told.metadata["oldest_kept"] == str(horizon)
    assert await acme.verify() == []


async def test_history_goes_on(database: FreshDatabase, acme: Caller, owner: Owner) -> None:
    """After compaction everything is written and answered as before, and compacting again puts away no more; later
    months follow."""
    [(_, first)] = await compact(database.owner_url, month(4))
    assert await compact(database.owner_url, month(4)) == []
    assert await compact(database.owner_url, month(5)) == []
    await acme.receive("A", 100)
    promise = await acme.confirmed(("A", 2))
    await acme.do("Fulfil", reservation=promise.reservation)
    [(_, second)] = await compact(database.owner_url, month(1))
    assert second > first
    assert await acme.verify() == []
    assert all(each.revision > second for each in await acme.entries())


async def test_a_watch_of_what_is_gone(database: FreshDatabase, acme: Caller) -> None:
    """A watch that begins before the horizon is refused with the oldest kept, one that begins there or names nothing
    shows every commit after it."""
    head = await acme.head()
    [(_, horizon)] = await compact(database.owner_url, month(2))
    for number in (0, 1, horizon - 1):
        told = await refusal(acme.watched(head.number, after=at(head, number)))
        assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
        assert told.metadata == {"context": "ledger", "number": str(number), "oldest_kept": str(horizon)}
    shown = await acme.watched(head.number)
    assert [each.through.number for each in shown] == list(range(horizon + 1, head.number + 1))
    assert await acme.watched(head.number, after=at(head, horizon)) == shown


async def test_demand_of_what_is_gone(database: FreshDatabase, acme: Caller) -> None:
    """What orders were promised before the horizon is told no more, and whoever asks for it is refused; from there on
    it is told as before, by the day of each month, and as the books have it."""
    entries, head = await acme.entries(), await acme.head()
    [(_, horizon)] = await compact(database.owner_url, month(5))
    begin = at(head, horizon)
    before = await acme.do("ListDemand", after=begin)
    made = [each for each in entries if each.revision > horizon and each.kind == ledger_pb2.ENTRY_KIND_RESERVE]
    days = Counter[str]()
    for each in made:
        days[f"{moment(each.recorded_time):%Y-%m-%d}"] += each.reserved_delta
    told = Counter[str]()
    for day, units in zip(before.days, before.units, strict=True):
        told[day] += units
    assert (told, before.more, len({day[:7] for day in told}) > 1) == (days, False, True)
    assert await acme.do("ListDemand") == before
    [(_, later)] = await compact(database.owner_url, month(2))
    refused = await acme.refused("ListDemand", after=begin)
    assert (refused.kind, refused.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
    assert refused.metadata == {"context": "ledger", "number": str(horizon), "oldest_kept": str(later)}
    kept = await acme.do("ListDemand")
    assert kept == await acme.do("ListDemand", after=at(head, later))
    assert sum(kept.units) == sum(each.reserved_delta for each in made if each.revision > later)


@pytest.fixture
async def books(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """The books as the servicer has them."""
    opened = await Database.open(database.url(SCHEMA), schema=SCHEMA)
    yield PostgresBooks(opened, queue_max=10, limits=Limits())
    await opened.close()


async def test_a_slow_watcher_is_overtaken(
    database: FreshDatabase, acme: Caller, owner: Owner, books: PostgresBooks
) -> None:
    """A reader whose place in history is put away between one batch and the next is told so: no gap, and no silence
    where nothing came after the horizon. One that stands at the horizon goes on."""
    assert [each.revision for each in await books.commits("acme", 0, 5)] == [1, 2, 3, 4, 5]
    [(_, horizon)] = await compact(database.owner_url, month(2))
    for after in (5, horizon - 1):
        with pytest.raises(RevisionCompacted) as refused:
            await books.commits("acme", after, 5)
        assert refused.value.metadata["oldest_kept"] == str(horizon)
    assert [each.revision for each in await books.commits("acme", horizon, 1)] == [horizon + 1]
    await spread(owner, acme.tenant, 30, ended_days=65)
    head = (await acme.head()).number
    async with aclosing(acme.watch(after=at(await acme.head(), head))) as idle:
        await anext(idle)
        [(_, newest)] = await compact(database.owner_url, month(1))
        assert newest == head
        with pytest.raises(RevisionCompacted):
            await books.commits("acme", head - 1, 5)
        assert await books.commits("acme", head, 5) == []
        done = await acme.receive("A", 1)
        assert (await anext(idle)).through == done.revision


async def test_months_in_the_making_are_kept(database: FreshDatabase, acme: Caller, owner: Owner) -> None:
    """What is recorded in this month or was yesterday is not put away, whatever an operator asks."""
    months = await owner.fetch(MONTHS)
    for before in (month(-1), month(0) + timedelta(days=40)):
        with pytest.raises(MigrationFailed, match="a day after its month is over"):
            await compact(database.owner_url, before)
    assert await owner.fetch(MONTHS) == months
    await acme.receive("A", 1)


async def test_dropped_for_good(database: FreshDatabase, acme: Caller, owner: Owner) -> None:
    """Months that were put away stay as tables of their own, walled and out of the application's reach, until they are
    dropped; those that are not put away are never dropped."""
    months = [each["name"] for each in await owner.fetch(MONTHS)]
    await compact(database.owner_url, month(3))
    kept = [each for each in months if each >= f"entries_{month(3):%Y_%m}"]
    away = [each for each in months if each not in kept]
    assert len(away) >= 2
    assert [each["name"] for each in await owner.fetch(MONTHS)] == kept
    assert await owner.fetchval(f"SELECT count(*) FROM {away[1]}") > 0
    async with unprivileged(database) as application:
        for table in away + kept:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await application.fetch(f"SELECT * FROM {table}")
    assert await drop(database.owner_url, month(0)) == away
    assert [each for each in away if await owner.fetchval("SELECT to_regclass($1)", each)] == []
    assert [each["name"] for each in await owner.fetch(MONTHS)] == kept
    assert await acme.verify() == []


@asynccontextmanager
async def unprivileged(database: FreshDatabase) -> AsyncIterator[Owner]:
    """A connection as the application's role."""
    connection: Owner = await asyncpg.connect(database.url(SCHEMA), server_settings={"search_path": SCHEMA})
    try:
        yield connection
    finally:
        await connection.close()


async def test_compaction_beside_everything(database: FreshDatabase, acme: Caller) -> None:
    """While one writes, watches and asks for the past, months are put away one after the other: nothing waits, nothing
    fails but what is gone, and no answer about the past is other than the entries make it."""
    entries, head = await acme.entries(), await acme.head()
    over = asyncio.Event()
    asked = {"told": 0, "gone": 0}

    async def write() -> int:
        count = 0
        while not over.is_set():
            await acme.record(movement(1, "A", 1))
            await acme.reserve(("A", 1))
            count += 1
        return count

    async def ask(chance: random.Random) -> None:
        while not over.is_set():
            number = chance.randrange(1, head.number)
            try:
                same(await listed(acme, revision=at(head, number)), folded(entries, number), at(head, number))
                asked["told"] += 1
            except grpc.aio.AioRpcError as error:
                if status.reason(error) != "REVISION_COMPACTED":
                    raise
                asked["gone"] += 1

    async def watch() -> list[int]:
        return [each.through.number for each in await acme.watched(head.number + 40, after=head)]

    async def going_on() -> None:
        before = sum(asked.values())
        await until(lambda: sum(asked.values()) > before + 10)

    async with asyncio.TaskGroup() as tasks:
        written = tasks.create_task(write())
        watched = tasks.create_task(watch())
        for seed in range(3):
            tasks.create_task(ask(random.Random(seed)))
        for ago in range(5, 0, -1):
            await going_on()
            await compact(database.owner_url, month(ago))
            await drop(database.owner_url, month(ago))
        await watched
        over.set()
    assert watched.result()[:40] == list(range(head.number + 1, head.number + 41))
    assert written.result() > 0
    assert asked["gone"] > 0
    assert await acme.verify() == []


async def test_a_closing_is_made_where_none_is(database: FreshDatabase, service: Ledger, owner: Owner) -> None:
    """The history of a tenant whose books were never closed is put away up to its newest revision, from where it goes
    on."""
    caller = service.caller("unclosed")
    await caller.place("W1")
    await caller.receive("A", 5)
    await caller.reserve(("A", 2))
    await spread(owner, caller.tenant, 120)
    assert await compact(database.owner_url, month(1)) == [("unclosed", 3)]
    assert await caller.balance("A") == (5, 2, 3, 0)
    assert (
        await caller.do("GetBalance", stock_item=item("A"), as_of={"revision": await caller.head()})
    ).balance.on_hand == 5
    assert (await caller.refused("Reserve", draft=draft(("A", 4)))).reason == "INSUFFICIENT_STOCK"
    assert (await caller.receive("A", 1)).revision.number == 4
    assert await caller.verify() == []
