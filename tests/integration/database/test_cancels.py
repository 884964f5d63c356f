"""After a cancel nothing is in between, and nothing is left behind."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.database.shelves import COUNT, PUT, count, put, until
from weir_chassis.database import Database, draw, head

SLOW_COMMIT = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON shelves DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.shelf = 'slow') EXECUTE FUNCTION slowly();
"""
SESSIONS = "FROM pg_stat_activity WHERE application_name = 'weir_shelf' AND datname = current_database()"
COMMITTING = f"SELECT true {SESSIONS} AND query = 'COMMIT' AND state = 'active'"
OPEN = f"SELECT count(*) {SESSIONS} AND state <> 'idle'"


@pytest.fixture(autouse=True)
async def slow_commits(owner: asyncpg.Connection[asyncpg.Record]) -> AsyncIterator[None]:
    """A commit that writes shelf 'slow' takes until we unlock it."""
    await owner.execute(SLOW_COMMIT)
    await owner.execute("SELECT pg_advisory_lock(7)")
    yield
    await owner.execute("SELECT pg_advisory_unlock_all()")
    await owner.execute("DROP FUNCTION slowly CASCADE")


@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_commit_that_has_begun_is_finished(
    database: Database, owner: asyncpg.Connection[asyncpg.Record], cancels: int
) -> None:
    """Cancelled during COMMIT, once or again and again: the row is there, and the task ends cancelled."""
    task = asyncio.create_task(put(database, "a", "slow"))
    await until(lambda: owner.fetchval(COMMITTING))
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
    await owner.execute("SELECT pg_advisory_unlock(7)")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await owner.fetchval("SELECT count(*) FROM shelves WHERE shelf = 'slow'") == 1
    assert await owner.fetchval(OPEN) == 0
    assert await count(database, "a") == 1


async def test_a_commit_that_is_not_shielded_is_torn(
    database: Database, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The control: the same cancel at a bare COMMIT leaves nothing of the row."""

    async def bare() -> None:
        async with database.driver() as driver:
            await driver.execute("BEGIN; SET LOCAL weir.tenant = 'a'")
            await driver.execute("INSERT INTO shelves VALUES ('a', 'slow', 1)")
            await driver.execute("COMMIT")

    task = asyncio.create_task(bare())
    await until(lambda: owner.fetchval(COMMITTING))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await owner.fetchval("SELECT count(*) FROM shelves") == 0


async def test_a_commit_that_fails_says_so(database: Database) -> None:
    """A COMMIT may fail as any statement may; its fault is told, and the connection is usable."""
    async with database.dedicated() as first:
        await first.execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL weir.tenant = 'a'; SELECT * FROM shelves")
        with pytest.raises(asyncpg.SerializationError):
            async with database.driving("a") as driver:
                await driver.execute("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL weir.tenant = 'a'")
                await driver.fetch("SELECT * FROM shelves")
                await driver.execute("INSERT INTO shelves VALUES ('a', 'one', 1)")
                await first.execute("INSERT INTO shelves VALUES ('a', 'two', 1); COMMIT")
    assert await count(database, "a") == 1


async def test_a_cancelled_statement_is_rolled_back(
    database: Database, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The statement ends on the server, the lock is gone, the connection works."""

    async def wait_long() -> None:
        async with database.writing("a") as connection:
            await connection.execute(PUT, {"tenant": "a", "shelf": "one", "units": 1})
            await connection.exec_driver_sql("SELECT pg_sleep(60)")

    task = asyncio.create_task(wait_long())
    await until(lambda: owner.fetchval("SELECT true FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10), database.writing("a") as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 0


async def test_random_cancels_leave_nothing_behind(
    database: Database, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Hundreds of writers are cancelled at random moments: revisions have no gap, and every connection is back."""
    chance = random.Random(7)
    cancelled = 0

    async def write() -> None:
        async with database.writing("a") as connection:
            revision = await draw(connection, "a")
            await connection.execute(PUT, {"tenant": "a", "shelf": str(revision), "units": 1})

    for _ in range(40):
        tasks = [asyncio.create_task(write()) for _ in range(8)]
        for task in tasks[:-1]:
            await asyncio.sleep(chance.random() * 0.004)
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
        cancelled += sum(end is not None for end in ended)
    assert cancelled > 0, "every task was done before its cancel: nothing was shown"
    await until(lambda: owner.fetchval(f"SELECT ({OPEN}) = 0"))
    async with database.reading("a") as connection:
        drawn = await head(connection, "a")
        assert drawn >= 40
        assert (await connection.execute(COUNT)).scalar_one() == drawn
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    await asyncio.gather(*(count(database, "a") for _ in range(12)))
