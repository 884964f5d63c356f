"""Drawn under a lock, so that their order is the order of commits."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from tests.integration.database.shelves import UNITS, put
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.shelf import SCHEMA, VERSIONS
from weir_chassis.database import Database, draw, head, notify


async def test_a_new_tenant_is_at_revision_0(database: Database) -> None:
    """Reading makes no row; the first draw gives 1."""
    async with database.reading("a") as connection:
        assert await head(connection, "a") == 0
    assert await database.tenants() == []
    async with database.writing("a") as connection:
        assert await draw(connection, "a") == 1
    async with database.reading("a") as connection:
        assert await head(connection, "a") == 1


async def test_what_is_rolled_back_draws_nothing(database: Database) -> None:
    """Revisions have no gaps."""
    with pytest.raises(KeyError):
        async with database.writing("a") as connection:
            await draw(connection, "a")
            raise KeyError
    async with database.writing("a") as connection:
        assert await draw(connection, "a") == 1


async def test_writers_of_a_tenant_come_one_after_the_other(database: Database, fresh: FreshDatabase) -> None:
    """Two processes read a count and write it plus one: none is lost, revisions are 1 to 40 in commit order."""
    other = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
    await put(database, "a", "one", 0)
    drawn: list[int] = []

    async def add(where: Database) -> None:
        async with where.writing("a") as connection:
            units: int = (await connection.execute(UNITS, {"shelf": "one"})).scalar_one()
            change = text("UPDATE shelves SET units = :units WHERE shelf = 'one'")
            await connection.execute(change, {"units": units + 1})
            revision = await draw(connection, "a")
            assert revision == units + 1
            drawn.append(revision)

    await asyncio.gather(*(add(where) for where in [database, other] * 20))
    assert drawn == list(range(1, 41))
    await other.close()


async def test_tenants_do_not_wait_for_one_another(database: Database) -> None:
    """The lock is the tenant's own."""
    async with database.writing("a"), asyncio.timeout(10), database.writing("b") as connection:
        assert await draw(connection, "b") == 1


async def test_watchers_are_woken_by_the_commit_alone(database: Database) -> None:
    """The channel tells the tenant when its transaction commits, and nothing when it is rolled back."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    async with database.dedicated() as listener:
        await listener.add_listener(database.channel, lambda *told: heard.put_nowait(told[3]))
        with pytest.raises(KeyError):
            async with database.writing("rolled back") as connection:
                await notify(connection, "rolled back")
                raise KeyError
        async with database.writing("a") as connection:
            await notify(connection, "a")
        async with asyncio.timeout(10):
            assert await heard.get() == "a"


async def test_the_cluster_has_one_identity(database: Database, postgres: PostgresForTests) -> None:
    """The same at every asking, and another one in another database."""
    cluster = await database.identity()
    assert cluster == await database.identity()
    assert cluster.epoch == 1
    with postgres.fresh(SCHEMA, versions=VERSIONS) as elsewhere:
        other = await Database.open(elsewhere.url(SCHEMA), schema=SCHEMA)
        assert (await other.identity()).id != cluster.id
        await other.close()
