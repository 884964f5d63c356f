"""Networks without a service: both implementations of the port, and the ways to write to them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from tests.kit.postgres import FreshDatabase
from weir_chassis.configuration.handlers import Decide
from weir_chassis.configuration.objects import Outcome, T
from weir_chassis.database import Database
from weir_chassis.idempotency import Attempt
from weir_sharing.ports import Network, Networks
from weir_sharing.store import PostgresNetworks

W = TypeVar("W")

_numbers = itertools.count()


def attempt(request_id: str | None = None, *, tenant: str = "acme", fingerprint: bytes = b"one") -> Attempt:
    """An attempt of `tenant`; a new one unless its request id is given."""
    return Attempt(tenant, "/test", request_id or f"request {next(_numbers)}", fingerprint)


async def write(
    networks: Networks, decide: Decide[Network, W, T], wanted: W, request_id: str | None = None, *, tenant: str = "acme"
) -> Outcome[T]:
    """What comes of a request; raises its refusal."""
    return await networks.once(attempt(request_id, tenant=tenant), lambda network: decide(network, wanted))


@asynccontextmanager
async def postgres_networks(database: FreshDatabase) -> AsyncIterator[PostgresNetworks]:
    """The networks of a fresh database, as the application's role."""
    opened = await Database.open(
        database.url("weir_sharing"), schema="weir_sharing", settings=database.settings("weir_sharing")
    )
    try:
        yield PostgresNetworks(opened)
    finally:
        await opened.close()
