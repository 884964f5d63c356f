"""What a question about the past costs: rows of the months it is about, found by their keys, however long the
history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.bench import history
from tests.bench.cases import LOCATION, sku
from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, eventually
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.database import Database
from weir_ledger.domain.limits import Limits
from weir_ledger.domain.queries import AsOf, BalanceQuery
from weir_ledger.domain.stock import StockItem
from weir_ledger.store import PostgresBooks, demanded

MADE = history.History(products=500, receipts=36, months=36)
"""Three years, in which each stock item was received once a month."""
COMMIT_ENTRIES = 2 * MADE.products
PAGE = 50
SCANS = """
SELECT relname AS table, seq_scan AS whole, coalesce(idx_scan, 0) AS by_key FROM pg_stat_user_tables
WHERE schemaname = 'weir_ledger' AND (relname LIKE 'entries%' OR relname LIKE '%balances' OR relname = 'commits')
"""
ENTRIES_READ = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint FROM pg_stat_user_tables
WHERE schemaname = 'weir_ledger' AND relname LIKE 'entries%'
"""
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'weir_ledger'"

Read = Callable[[PostgresBooks], Awaitable[object]]
Cost = dict[str, tuple[int, int]]
"""How often each table was read whole, and by a key."""


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database with a long history."""
    with postgres.fresh(SCHEMA) as made:
        yield made


@pytest.fixture(scope="module")
async def moments(database: FreshDatabase) -> list[datetime]:
    """When each revision of the history was recorded, from 1."""
    await history.write(database.owner_url, MADE)
    return await history.recorded(database.owner_url, list(range(1, MADE.head + 1)))


@asynccontextmanager
async def books(database: FreshDatabase) -> AsyncIterator[PostgresBooks]:
    """Books on connections of their own; what they cost is known when they are closed."""
    opened = await Database.open(database.url(SCHEMA), schema=SCHEMA)
    try:
        yield PostgresBooks(opened, queue_max=1, limits=Limits())
    finally:
        await opened.close()


async def cost(database: FreshDatabase, owner: Owner, read: Read) -> Cost:
    """What it takes to read ten times."""

    async def scans() -> dict[str, asyncpg.Record]:
        return {row["table"]: row for row in await owner.fetch(SCANS)}

    async def gone() -> bool:
        found: int = await owner.fetchval(CONNECTED)
        return found == 0

    await eventually(gone)
    before = await scans()
    async with books(database) as asked:
        for _ in range(10):
            await read(asked)
    await eventually(gone)
    spent = {
        table: (row["whole"] - before[table]["whole"], row["by_key"] - before[table]["by_key"])
        for table, row in (await scans()).items()
    }
    return {table: each for table, each in spent.items() if any(each)}


def of_months(spent: Cost) -> list[str]:
    """The months that were looked at."""
    return sorted(table for table in spent if table.startswith("entries_"))


def months_of(first: datetime, last: datetime) -> list[str]:
    """The months from one moment to another."""
    days = range((last - first).days + 1)
    return sorted({f"entries_{moment:%Y_%m}" for moment in (first, last, *(first + timedelta(days=d) for d in days))})


@pytest.mark.parametrize("revision", [9, MADE.head // 2, MADE.head - 1])
async def test_a_state_of_any_age(
    database: FreshDatabase, owner: Owner, moments: list[datetime], revision: int
) -> None:
    """A page of a state reads the entries since the closing before it, each stock item by its key, and no other month,
    were it three years ago or yesterday."""
    when = moments[revision - 1]

    async def read(asked: PostgresBooks) -> None:
        found = await asked.past_balances(history.TENANT, BalanceQuery(), AsOf(revision), after=None, limit=PAGE)
        assert len(found) == PAGE

    spent = await cost(database, owner, read)
    closed = (when.replace(day=1) - timedelta(days=1)).replace(day=1)
    assert set() < set(of_months(spent)) <= set(months_of(closed, when))
    assert {table: each for table, each in spent.items() if each[0]} == {}
    assert sum(each for _, each in spent.values()) < 10 * (PAGE + 5) * 6


@pytest.mark.parametrize("revision", [9, MADE.head // 2])
async def test_a_moment_of_any_age(
    database: FreshDatabase, owner: Owner, moments: list[datetime], revision: int
) -> None:
    """What had occurred by a moment is read from the days around it by the key of the stock item, and of each month
    after it from the index of what was told late."""
    when = moments[revision - 1]

    async def read(asked: PostgresBooks) -> None:
        as_of = AsOf(MADE.head, when)
        found = await asked.past_balances(history.TENANT, BalanceQuery(), as_of, after=None, limit=PAGE)
        assert len(found) == PAGE

    spent = await cost(database, owner, read)
    assert {table: each for table, each in spent.items() if each[0]} == {}
    around = months_of(when.replace(day=1) - timedelta(days=1), when + timedelta(days=1))
    later = months_of(when, datetime.now(UTC) + timedelta(days=100))
    assert set() < set(of_months(spent)) <= {*around, *later}
    assert all(spent[table][1] <= 10 * (PAGE + 5) for table in set(of_months(spent)) - set(around))


async def test_one_balance_costs_a_few_pages(database: FreshDatabase, owner: Owner, moments: list[datetime]) -> None:
    """One balance of three years ago is a handful of look-ups."""
    item = StockItem("", sku(MADE.products // 2), LOCATION)

    async def read(asked: PostgresBooks) -> None:
        assert await asked.past_balance(history.TENANT, item, AsOf(9)) is not None

    spent = await cost(database, owner, read)
    assert sum(each for _, each in spent.values()) <= 10 * 10
    assert {table: each for table, each in spent.items() if each[0]} == {}


@pytest.mark.parametrize("revision", [0, MADE.head // 2, MADE.head - 1])
async def test_demand_of_any_age(
    database: FreshDatabase, owner: Owner, moments: list[datetime], monkeypatch: pytest.MonkeyPatch, revision: int
) -> None:
    """What orders were promised is looked for in so many entries after a revision, along their key, and in no month
    before it."""
    monkeypatch.setattr(demanded, "ENTRIES_MAX", 2 * COMMIT_ENTRIES)

    async def read(asked: PostgresBooks) -> None:
        found = await asked.demanded(history.TENANT, after=revision, recorded_after=None)
        assert found.through == min(revision + 2, MADE.head)
        assert found.more == (revision + 2 <= MADE.head)

    before = await owner.fetchval(ENTRIES_READ)
    spent = await cost(database, owner, read)
    assert await owner.fetchval(ENTRIES_READ) - before <= 10 * (2 * COMMIT_ENTRIES + 1 + MADE.months + 5)
    since = moments[max(revision, 1) - 1]
    assert set(of_months(spent)) <= set(months_of(since, datetime.now(UTC) + timedelta(days=100)))
    assert {table: each for table, each in spent.items() if each[0]} == {}


async def test_without_closings_it_would_show(database: FreshDatabase, owner: Owner, moments: list[datetime]) -> None:
    """The control: had the books never been closed, a state would be looked for in every month before; that shows."""
    revision = MADE.head // 2

    async def read(asked: PostgresBooks) -> None:
        await asked.past_balances(history.TENANT, BalanceQuery(), AsOf(revision), after=None, limit=PAGE)

    closings = await owner.fetch("DELETE FROM closings RETURNING tenant, revision, recorded_at")
    try:
        spent = await cost(database, owner, read)
    finally:
        await owner.executemany("INSERT INTO closings VALUES ($1, $2, $3)", [tuple(each) for each in closings])
    assert of_months(spent) == months_of(moments[0], moments[revision - 1])
