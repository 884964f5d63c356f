"""A database of two services, and the superuser to look from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.shelf import OTHER, SCHEMA, VERSIONS
from weir_chassis.database import Database


@pytest.fixture(scope="module")
def fresh(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database of two services, for this module."""
    with postgres.fresh(SCHEMA, OTHER, versions=VERSIONS) as made:
        yield made


@pytest.fixture
async def database(fresh: FreshDatabase) -> AsyncIterator[Database]:
    """The shelf service's database, emptied for each test."""
    owner = await asyncpg.connect(fresh.owner_url)
    await owner.execute("TRUNCATE weir_shelf.shelves, weir_shelf.marks, weir_shelf.tenants")
    await owner.close()
    opened = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
    yield opened
    await opened.close()


@pytest.fixture
async def owner(fresh: FreshDatabase, database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The superuser, who sees everything; for looking from outside."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        fresh.owner_url, server_settings={"search_path": SCHEMA}
    )
    yield connection
    await connection.close()
