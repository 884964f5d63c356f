"""Nothing waits for ever, and each limit has its answer."""

from __future__ import annotations

import time

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from tests.integration.database.shelves import count, deadline_in, until
from tests.kit.postgres import FreshDatabase
from tests.kit.shelf import SCHEMA
from weir_chassis.call import acting
from weir_chassis.database import Database, sqlstate
from weir_chassis.errors import DatabaseAway, Overloaded


async def test_a_statement_ends_with_the_deadline_of_the_call(database: Database) -> None:
    """The server stops working when nobody waits any more."""
    before = time.monotonic()
    with acting(deadline_in(0.3)), pytest.raises(TimeoutError):
        async with database.tenant("a") as connection:
            await connection.exec_driver_sql("SELECT pg_sleep(60)")
    assert time.monotonic() - before < 20
    async with database.tenant("a") as connection:
        assert (await connection.exec_driver_sql("SHOW statement_timeout")).scalar_one() == "1min"


async def test_no_free_connection_is_overload(fresh: FreshDatabase) -> None:
    """Who waits too long for a connection is told to come again."""
    settings = fresh.settings(SCHEMA, pool_size=1, pool_wait_seconds=0.1)
    database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=settings)
    async with database.reading("a"):
        with pytest.raises(Overloaded):
            await count(database, "a")
    assert await count(database, "a") == 0
    await database.close()


async def test_a_transaction_that_idles_is_ended(fresh: FreshDatabase) -> None:
    """Postgres ends it, so that a stuck task holds no lock; the task is told, and the next one works."""
    settings = fresh.settings(SCHEMA, idle_seconds=0.1)
    database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=settings)
    with pytest.raises(DatabaseAway):
        async with database.driving("a") as driver:
            await until(lambda: _closed(driver))
            await driver.fetchval("SELECT 1")
    assert await count(database, "a") == 0
    await database.close()


async def test_a_wrong_password_is_no_absence(fresh: FreshDatabase) -> None:
    """It is an accident of whoever runs the service: retrying would hide it."""
    with pytest.raises(DBAPIError) as caught:
        await Database.open(fresh.server.url(SCHEMA, "guess", database=fresh.name), schema=SCHEMA)
    assert sqlstate(caught.value) == "28P01"


async def test_nobody_there_is_away() -> None:
    """A refused connection is something that passes."""
    with pytest.raises(DatabaseAway):
        await Database.open("postgresql://a:b@127.0.0.1:1/c", schema=SCHEMA)


async def _closed(driver: asyncpg.Connection[asyncpg.Record]) -> bool:
    return driver.is_closed()
