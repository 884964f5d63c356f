"""Fixtures that every kind of test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests, server

if TYPE_CHECKING:  # tests that need no suite shall not wait until it is imported
    from tests.kit.merchant import Merchant
    from tests.kit.suite import Suite


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """The Postgres of this run; ask it for a database by `postgres.fresh("weir_ledger")`."""
    with server() as running:
        yield PostgresForTests(running)


@pytest.fixture(scope="module")
def suite_database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """What the shared suite stands on."""
    from tests.kit.suite import SCHEMAS

    with postgres.fresh(*SCHEMAS) as database:
        yield database


@pytest.fixture(scope="module")
async def suite(suite_database: FreshDatabase) -> AsyncIterator[Suite]:
    """The whole suite, in development mode, shared by the tests of a file: each takes a merchant of its own, and all of
    those are followed until the file ends.
    """
    from tests.kit import suite as kit

    async with kit.suite(suite_database) as running:
        yield running


@pytest.fixture
def merchant(suite: Suite) -> Merchant:
    """A tenant of the shared suite that nobody else is."""
    return suite.merchant()
