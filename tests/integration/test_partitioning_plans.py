"""What is asked and written of epochs is found by key, however many there are, and whatever the planner knows of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest

from tests.kit.dividing import draft, epoch
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.database import BY_KEY, Database
from weir_partitioning.ports import SupplyKey, Where
from weir_partitioning.store import PostgresEpochs, statements

SUPPLIES = 20_000
PAGES_MAX = 100
"""Pages of tables that a statement may touch: all epochs are thousands."""
FILL = f"""
INSERT INTO epochs
SELECT '{{tenant}}', n, '', 's' || n % {SUPPLIES}, 'home', 'p' || n % 50, 'mark', 'FIRST', now(), 9, 0, 1, 0, 0, NULL,
       '[{{{{"channel_group": "web", "balanced": 9, "claimed": 0}}}}]', '[]', 'books', 1, 1
FROM generate_series(1, {2 * SUPPLIES}) n;
INSERT INTO supplies
SELECT tenant, owner, sku, warehouse_group, epoch, epoch, policy, divided_at
FROM epochs WHERE tenant = '{{tenant}}' AND epoch > {SUPPLIES};
INSERT INTO epoch_heads VALUES ('{{tenant}}', {2 * SUPPLIES});
INSERT INTO policies
SELECT '{{tenant}}', 'p' || n, '', n, 'EQUAL_DIVISION', 'BALANCED', '[]', '[]', 0, 0, false, 1, 20, 1, 3600, false
FROM generate_series(1, 3) n;
"""


class Overheard:
    """A database that only hears what is asked of it."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    @asynccontextmanager
    async def driving(self, tenant: str) -> AsyncIterator[Overheard]:
        """Whatever is asked of the tenant."""
        yield self

    async def fetch(self, statement: str, *values: Any) -> list[dict[str, int]]:
        """Nothing is found, but that what shall be added may be."""
        self.asked.append((statement, values))
        return [{"place": 1}] if statement == statements.JUDGED_AFTER_NEWEST else []

    async def fetchval(self, statement: str, *values: Any) -> int:
        """The newest number."""
        await self.fetch(statement, *values)
        return 90_000

    execute = fetch


async def asked(tenant: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Every statement of the port, as it asks them about few supplies."""
    overheard = Overheard()
    epochs = PostgresEpochs(cast(Database, overheard))
    key, product = SupplyKey(("", "s7"), "home"), ("", "s7")
    await epochs.newest(tenant, [key])
    await epochs.add(tenant, [draft(epoch("new"))])
    await epochs.pending(tenant, limit=10)
    await epochs.enforce(tenant, [SUPPLIES + 7])
    await epochs.due(tenant, datetime.now(UTC) + timedelta(days=1), limit=10)
    await epochs.seen(tenant, [key], datetime.now(UTC))
    for where in (Where(), Where(product), Where(product, "home"), Where(product, "home", "web"), Where(product, "no")):
        await epochs.standing(tenant, where, limit=10)
        await epochs.standing(tenant, where, start=key, limit=10)
        await epochs.past(tenant, where, limit=10)
        await epochs.past(tenant, where, before=500, limit=10)
    for group in ("home", "nowhere"):
        await epochs.past(tenant, Where(warehouse_group=group), limit=10)
    await epochs.standing(tenant, Where(warehouse_group="home"), limit=10)
    await epochs.stretch(tenant, after=500, limit=10)
    return overheard.asked


def literal(value: Any) -> str:
    """A value in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, (list, tuple)):
        return "'{" + ", ".join("NULL" if each is None else json.dumps(str(each)) for each in value) + "}'"
    return str(value) if isinstance(value, int) else "'" + str(value) + "'"


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture
async def owner(database: FreshDatabase) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Who may fill and explain everything."""
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute("SET search_path = weir_partitioning")
    yield connection
    await connection.close()


@pytest.mark.parametrize("known", [False, True])
async def test_no_statement_reads_all_epochs(owner: asyncpg.Connection[asyncpg.Record], known: bool) -> None:
    """Neither where Postgres has never looked at the tables nor where it knows them does a statement touch more of them
    than what it is about."""
    tenant = f"known {known}"
    await owner.execute(FILL.format(tenant=tenant))
    if known:
        await owner.execute("ANALYZE epochs, supplies, epoch_heads, policies")
    for statement, values in await asked(tenant):
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(f"SET LOCAL ROLE weir_partitioning; SET LOCAL weir.tenant = '{tenant}'; {BY_KEY}")
        await owner.execute(f"PREPARE asked AS {statement}")
        told = ", ".join(map(literal, values))
        found = await owner.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked ({told})")
        await owner.execute("DEALLOCATE asked")
        await transaction.rollback()
        plan = json.loads(found)[0]["Plan"]
        touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        assert touched < PAGES_MAX, f"{touched} pages\n{statement}\n{json.dumps(plan, indent=1)}"
