"""Epochs as a division would make them, for tests that keep and tell them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.kit.postgres import FreshDatabase
from weir_allocation.rebalance import Epoch, EpochShare, Reason
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.database import Database
from weir_chassis.revisions import Revision
from weir_partitioning.memory import MemoryDemand, MemoryEpochs
from weir_partitioning.ports import Demand, Draft, Epochs, Numbered
from weir_partitioning.store import PostgresDemand, PostgresEpochs, postgres_policies

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
BOOKS = Revision("ledger", "books", 1, 7)
SHARES: Mapping[str, int] = {"web": 5, "till": 3}


def epoch(sku: str = "TV", group: str = "home", shares: Mapping[str, int] = SHARES, **fields: Any) -> Epoch:
    """A division into these shares, of which nobody claimed anything before."""
    said = {"policy": "balanced", "policy_mark": "mark", "supply": sum(shares.values()), **fields}
    dealt = tuple(EpochShare(name, units, claimed=0) for name, units in shares.items())
    return replace(Epoch(("acme", sku), group, Reason.FIRST, NOON, shares=dealt), **said)


def dissolved(sku: str = "TV", group: str = "home") -> Epoch:
    """The end of divisions."""
    return Epoch(("acme", sku), group, Reason.DISSOLVED, NOON)


def draft(each: Epoch, before: Numbered | None = None) -> Draft:
    """The epoch as it shall be after another one."""
    return Draft(each, BOOKS, before)


async def kept(epochs: Epochs, tenant: str, *several: Epoch) -> Sequence[Numbered]:
    """These epochs, one after the other, each judged after the newest of its supply."""
    added: list[Numbered] = []
    for each in several:
        wanted = draft(each)
        before = (await epochs.newest(tenant, [wanted.supply])).get(wanted.supply)
        added += await epochs.add(tenant, [draft(each, before)])
    return added


class Divided:
    """Epochs, the policies that say how often supplies are to be divided, and the demand for them."""

    def __init__(self, epochs: Epochs, policies: Tenants[Objects], demand: Demand) -> None:
        """Use `in_memory` or `on_postgres`."""
        self.epochs = epochs
        self.policies = policies
        self.demand = demand


def in_memory() -> Divided:
    """Nothing, in this process."""
    policies = MemoryTenants(MemoryObjects)
    return Divided(MemoryEpochs(policies), policies, MemoryDemand())


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Divided]:
    """Those of a database, as the application's role."""
    name = "weir_partitioning"
    opened = await Database.open(database.url(name), schema=name, settings=database.settings(name))
    try:
        yield Divided(PostgresEpochs(opened), postgres_policies(opened), PostgresDemand(opened))
    finally:
        await opened.close()
