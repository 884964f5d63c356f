"""Row-level security alone, without any filter in the statements."""

from __future__ import annotations

import asyncpg
import pytest

from tests.integration.database.shelves import UNITS, count, put
from weir_chassis.database import Database


@pytest.mark.parametrize("tenant", ["a", "o'brien", "back\\slash", "'; DROP TABLE shelves; --", "日本", '"', "a b"])
async def test_a_tenant_sees_its_own_rows_and_no_others(database: Database, tenant: str) -> None:
    """Whatever the tenant is called, it sees what it wrote, and its neighbour sees nothing."""
    await put(database, tenant, "one")
    assert await count(database, tenant) == 1
    assert await count(database, tenant + "x") == 0
    assert await count(database, "neighbour") == 0


async def test_the_rows_are_there_for_who_is_not_walled(
    database: Database, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """The control: the superuser sees both, so it is the wall that hides them."""
    await put(database, "a", "one")
    await put(database, "b", "one")
    assert await owner.fetchval("SELECT count(*) FROM shelves") == 2


async def test_without_a_tenant_nothing_is_seen(database: Database) -> None:
    """Before any transaction and after one, when the setting is empty and no longer absent."""
    await put(database, "a", "one")
    async with database.driver() as driver:
        assert await driver.fetchval("SELECT count(*) FROM shelves") == 0
    fresh_connection = database.dedicated()
    async with fresh_connection as driver:
        assert await driver.fetchval("SELECT count(*) FROM shelves") == 0


async def test_rows_of_others_cannot_be_changed_or_made(database: Database) -> None:
    """An update or delete without a filter touches one's own rows; an insert for another tenant is refused."""
    await put(database, "a", "one", 1)
    await put(database, "b", "one", 1)
    async with database.driving("a") as driver:
        assert await driver.execute("UPDATE shelves SET units = 7") == "UPDATE 1"
        assert await driver.execute("DELETE FROM shelves WHERE tenant = 'b'") == "DELETE 0"
    for statement in ("INSERT INTO shelves VALUES ('b', 'two', 1)", "UPDATE shelves SET tenant = 'b'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with database.driving("a") as driver:
                await driver.execute(statement)
    async with database.reading("b") as connection:
        assert (await connection.execute(UNITS, {"shelf": "one"})).scalar_one() == 1


async def test_the_owner_of_the_tables_is_walled_too(
    database: Database, owner: asyncpg.Connection[asyncpg.Record]
) -> None:
    """Row-level security is forced: owning a table is no way around it."""
    await put(database, "a", "one")
    await owner.execute("SET ROLE weir_shelf_owner")
    assert await owner.fetchval("SELECT count(*) FROM shelves") == 0


async def test_tenants_are_known_to_workers_and_written_by_their_own(database: Database) -> None:
    """Loops that time drives walk over all tenants; a revision is drawn for oneself only."""
    async with database.writing("b"):
        pass
    async with database.writing("a"):
        pass
    assert await database.tenants() == ["a", "b"]
    async with database.driving("a") as driver:
        assert await driver.execute("UPDATE tenants SET revision = 9") == "UPDATE 1"
        assert await driver.execute("UPDATE tenants SET revision = 9 WHERE tenant = 'b'") == "UPDATE 0"
    assert await database.heads() == {"a": 9, "b": 0}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE weir_shelf.mine (i int)",
        "CREATE TABLE public.mine (i int)",
        "ALTER TABLE shelves ADD COLUMN more int",
        "ALTER TABLE shelves DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE shelves NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY wall ON shelves",
        "DROP TABLE shelves",
        "TRUNCATE shelves",
        "UPDATE marks SET note = 'other'",
        "DELETE FROM marks",
        "TRUNCATE marks",
        "UPDATE cluster SET epoch = 9",
        "DELETE FROM tenants",
        "UPDATE alembic_version SET version_num = '0'",
        "SET ROLE weir_shelf_owner",
        "SELECT * FROM weir_other.shelves",
        "CREATE ROLE mine",
    ],
)
async def test_what_the_application_may_not_do(database: Database, statement: str) -> None:
    """It owns nothing, changes no table, rewrites no history and does not see the other service."""
    async with database.driving("a") as driver:
        await driver.execute("INSERT INTO marks VALUES ('a', 1, 'first') ON CONFLICT DO NOTHING")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.driving("a") as driver:
            await driver.execute(statement)
    async with database.driving("a") as driver:
        assert await driver.fetchval("SELECT note FROM marks") == "first"
