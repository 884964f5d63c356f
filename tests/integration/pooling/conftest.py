"""A pooling service on a database of its own, with a ledger beneath, and a tenant for each test."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.kit.ledger import Ledger, ledger
from tests.kit.pooling import Pooling, pooling
from tests.kit.postgres import FreshDatabase, PostgresForTests


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database of pooling for this module."""
    with postgres.fresh("weir_pooling") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def beneath(postgres: PostgresForTests) -> AsyncIterator[Ledger]:
    """A ledger for this module."""
    with postgres.fresh("weir_ledger") as fresh:
        async with ledger(fresh) as running:
            yield running


@pytest.fixture(scope="module")
async def service(database: FreshDatabase, beneath: Ledger) -> AsyncIterator[Pooling]:
    """A pooling service on them."""
    async with pooling(database, ledger=beneath.server.address) as running:
        yield running


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant that nobody else has."""
    return re.sub(r"[^\w]", "-", request.node.name)
