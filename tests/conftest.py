"""Fixtures that every kind of test may use."""

from collections.abc import Iterator

import pytest

from tests.kit.postgres import PostgresForTests, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """The Postgres of this run; ask it for a database by `postgres.fresh("weir_ledger")`."""
    with server() as running:
        yield PostgresForTests(running)
