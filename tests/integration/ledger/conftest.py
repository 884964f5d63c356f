"""Ledgers on a database of their own, and a tenant for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.kit.ledger import SCHEMA, Caller, Ledger, ledger
from tests.kit.postgres import FreshDatabase, PostgresForTests

if TYPE_CHECKING:
    Owner = asyncpg.Connection[asyncpg.Record]
else:
    Owner = asyncpg.Connection


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this module."""
    with postgres.fresh(SCHEMA) as made:
        yield made


@pytest.fixture(scope="module")
async def service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A ledger for this module."""
    async with ledger(database) as running:
        yield running


@pytest.fixture(scope="module")
async def other_service(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A second ledger on the same database, as another process would be: they share nothing else."""
    async with ledger(database) as running:
        yield running


@pytest.fixture
async def acme(service: Ledger) -> Caller:
    """A caller of a tenant that no other test has, with one warehouse."""
    caller = service.caller()
    await caller.place("W1")
    return caller


@pytest.fixture
def twin(other_service: Ledger, acme: Caller) -> Caller:
    """The same tenant at the second ledger."""
    return other_service.caller(acme.tenant)


@pytest.fixture
async def owner(database: FreshDatabase) -> AsyncIterator[Owner]:
    """The superuser, whom no wall and no promise holds; for looking, and for breaking things."""
    connection: Owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
    yield connection
    await connection.close()
