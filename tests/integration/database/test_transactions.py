"""What is committed, and what is not."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import DBAPIError

from tests.integration.database.shelves import COUNT, PUT, count, put
from tests.kit.postgres import FreshDatabase
from tests.kit.shelf import SCHEMA
from weir_chassis.database import Database, TransactionFailed, sqlstate


async def test_a_block_that_ends_is_committed_and_one_that_raises_is_not(database: Database) -> None:
    """All of it or nothing of it."""
    await put(database, "a", "one")
    with pytest.raises(KeyError):
        async with database.tenant("a") as connection:
            await connection.execute(PUT, {"tenant": "a", "shelf": "two", "units": 1})
            raise KeyError
    assert await count(database, "a") == 1


async def test_a_savepoint_undoes_a_part(database: Database) -> None:
    """The part that failed is undone, the rest is committed."""
    async with database.tenant("a") as connection:
        await connection.execute(PUT, {"tenant": "a", "shelf": "one", "units": 1})
        with pytest.raises(KeyError):
            async with connection.begin_nested():
                await connection.execute(PUT, {"tenant": "a", "shelf": "two", "units": 1})
                raise KeyError
    assert await count(database, "a") == 1


async def test_a_swallowed_failure_is_no_commit(database: Database) -> None:
    """Postgres would answer COMMIT with ROLLBACK and no error: that is told."""
    with pytest.raises(TransactionFailed):
        async with database.tenant("a") as connection:
            with pytest.raises(DBAPIError):
                await connection.execute(PUT, {"tenant": "a", "shelf": "one", "units": -1})
    assert await count(database, "a") == 0


async def test_the_driver_joins_the_same_kind_of_transaction(database: Database) -> None:
    """The fast way is walled and committed as the other one."""
    async with database.driving("a") as driver:
        await driver.execute("INSERT INTO shelves VALUES ($1, $2, $3)", "a", "one", 1)
    assert (await count(database, "a"), await count(database, "b")) == (1, 0)


async def test_what_the_driver_leaves_open_is_rolled_back(database: Database) -> None:
    """A connection never goes back to the pool within a transaction."""
    async with database.driver() as driver:
        await driver.execute("BEGIN; SET LOCAL weir.tenant = 'a'; INSERT INTO shelves VALUES ('a', 'one', 1)")
    assert await count(database, "a") == 0
    async with database.driver() as driver:
        assert not driver.is_in_transaction()


async def test_reading_sees_one_moment_and_cannot_write(database: Database) -> None:
    """What is committed meanwhile stays unseen until the next transaction."""
    async with database.reading("a") as connection:
        assert (await connection.execute(COUNT)).scalar_one() == 0
        await put(database, "a", "one")
        assert (await connection.execute(COUNT)).scalar_one() == 0
    with pytest.raises(DBAPIError) as caught:
        async with database.reading("a") as connection:
            await connection.execute(PUT, {"tenant": "a", "shelf": "two", "units": 1})
    assert sqlstate(caught.value) == "25006"
    assert await count(database, "a") == 1


async def test_several_hosts_may_be_named(fresh: FreshDatabase) -> None:
    """The first host does not answer; the one that can be written to is found."""
    host = f"127.0.0.1:{fresh.server.port}"
    url = fresh.url(SCHEMA).replace(host, f"127.0.0.1:1,{host}") + "?target_session_attrs=read-write"
    database = await Database.open(url, schema=SCHEMA, settings=fresh.settings(SCHEMA))
    assert await count(database, "nobody") == 0
    await database.close()


async def test_behind_a_pooler_no_statement_is_kept(fresh: FreshDatabase) -> None:
    """With the cache off no prepared statement outlives its use."""
    settings = fresh.settings(SCHEMA, statement_cache=0, pool_size=2)
    database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=settings)
    async with database.reading("a") as connection:
        for _ in range(3):
            await connection.execute(COUNT)
        kept = (await connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    assert kept <= 2  # this one, and one that waits to be closed
    await database.close()
