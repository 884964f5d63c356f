"""The server dies under the pool, and comes back."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.database.shelves import count, put, until
from tests.kit.postgres import PostgresForTests, server
from tests.kit.shelf import SCHEMA, VERSIONS
from weir_chassis.database import Database, retrying
from weir_chassis.errors import DatabaseAway


async def test_a_restart_is_not_seen_by_who_retries() -> None:
    """Connections that died with the old server are replaced, and what was committed is there."""
    with server() as own, PostgresForTests(own).fresh(SCHEMA, versions=VERSIONS) as fresh:
        database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
        await put(database, "a", "one")
        for _ in range(2):
            await asyncio.gather(*(count(database, "a") for _ in range(8)))
            await asyncio.to_thread(own.kill)
            with pytest.raises(DatabaseAway):
                await count(database, "a")
            await asyncio.to_thread(own.start)
            counts = await asyncio.gather(*(retrying(lambda: count(database, "a")) for _ in range(8)))
            assert counts == [1] * 8
        await database.close()


async def test_an_orderly_restart_is_not_seen_by_who_retries() -> None:
    """Postgres says goodbye to each idle connection; whoever uses one just then gets another."""
    with server() as own, PostgresForTests(own).fresh(SCHEMA, versions=VERSIONS) as fresh:
        database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
        await put(database, "a", "one")
        going = True

        async def read() -> int:
            number = 0
            while going:
                assert await retrying(lambda: count(database, "a"), attempts=12) == 1
                number += 1
            return number

        readers = [asyncio.create_task(read()) for _ in range(3)]  # with us as many as there are connections
        for _ in range(3):
            await asyncio.to_thread(own.stop)
            await asyncio.to_thread(own.start)
            await retrying(lambda: count(database, "a"), attempts=12)
        going = False
        assert min(await asyncio.gather(*readers)) > 0
        await database.close()


async def test_a_kill_within_a_transaction_is_away() -> None:
    """The statement in progress is told so, by either way of speaking to the server; then all is well again."""
    with server() as own, PostgresForTests(own).fresh(SCHEMA, versions=VERSIONS) as fresh:
        database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))

        async def sleep_by_driver() -> None:
            async with database.driving("a") as driver:
                await driver.execute("SELECT pg_sleep(60)")

        async def sleep_by_sqlalchemy() -> None:
            async with database.tenant("a") as connection:
                await connection.exec_driver_sql("SELECT pg_sleep(60)")

        async def sleeping() -> bool:
            async with database.driver() as driver:
                query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
                number: int = await driver.fetchval(query)
                return number == 2

        tasks = [asyncio.create_task(sleep_by_driver()), asyncio.create_task(sleep_by_sqlalchemy())]
        await until(sleeping)
        await asyncio.to_thread(own.kill)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ended] == [DatabaseAway, DatabaseAway]
        await asyncio.to_thread(own.start)
        assert await retrying(lambda: count(database, "a")) == 0
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        await database.close()
