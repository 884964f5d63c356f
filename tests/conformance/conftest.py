"""Each implementation of each port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.network import postgres_networks
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_sharing.memory import MemoryNetworks
from weir_sharing.ports import Networks


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sharing") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def networks(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Networks]:
    """Each implementation."""
    if request.param == "memory":
        yield MemoryNetworks()
        return
    async with postgres_networks(database) as kept:
        yield kept


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant that nobody else has."""
    return f"tenant of {request.node.name}"
