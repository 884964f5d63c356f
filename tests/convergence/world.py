"""The suite in this process, two syncs that tell levels as processes of their own, and three stores."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from tests.convergence.plan import SKUS, STORES, SYNCS
from tests.kit.merchant import Merchant, request_id
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Program, program
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ABILITIES, ReferenceStore
from tests.kit.suite import SCHEMAS, Suite, suite
from weir.connector.v1 import store_connector_pb2
from weir.sync.v1 import connection_pb2, connection_service_pb2

LEASE_SECONDS = 3
KEEP_SECONDS = 40
"""Of a store that can neither compare nor tell what it applied, nobody knows what became of a level of which nothing
was heard: units may be taken for sold that were not. Longer than a plan takes.
"""
COMMON, APART = "COMMON", "APART"

_numbers = itertools.count(1)


class WatchedStore(ReferenceStore):
    """A store that notes what sync must never do to it."""

    def __init__(self, shop: Shop, **others: Any) -> None:
        """Nothing has arrived yet."""
        super().__init__(shop, **others)
        self.wrong: list[str] = []
        self._now: Counter[str] = Counter()
        self._newest: dict[str, int] = {}

    async def ApplyLevels(self, request: Any, context: Any) -> Any:
        """Note two levels for a SKU at once, and an older one after a newer."""
        for level in request.levels:
            self._now[level.store_sku] += 1
            if self._now[level.store_sku] > 1:
                self.wrong.append(f"two levels for {level.store_sku} at once")
            if level.number < self._newest.get(level.store_sku, 0):
                self.wrong.append(f"{level.store_sku}: number {level.number} after {self._newest[level.store_sku]}")
            self._newest[level.store_sku] = max(level.number, self._newest.get(level.store_sku, 0))
        try:
            return await super().ApplyLevels(request, context)
        finally:
            for level in request.levels:
                self._now[level.store_sku] -= 1

    async def ListOrders(self, request: Any, context: Any) -> Any:
        """None: they are reported when the plan says so."""
        return store_connector_pb2.ListOrdersResponse(cursor=request.cursor)


@dataclass(slots=True)
class World:
    """What runs take place in, one after the other, each a tenant with stores of its own."""

    suite: Suite
    syncs: Sequence[Program]

    @asynccontextmanager
    async def merchant(self, seed: int) -> AsyncIterator[tuple[Merchant, Mapping[str, WatchedStore]]]:
        """A merchant who sells through three stores, one product through the first of them alone."""
        merchant = self.suite.merchant(f"converging {seed} {next(_numbers)}")
        await merchant.location(COMMON, APART)
        await merchant.group(COMMON, COMMON)
        await merchant.group(APART, APART)
        async with AsyncExitStack() as stack:
            stores = {name: await stack.enter_async_context(_store(name, seed)) for name in STORES}
            for name, store in stores.items():
                await merchant.channel(name)
                await merchant.link(COMMON, name)
                if name == STORES[0]:
                    await merchant.link(APART, name)
                await _connect(merchant, name, store.target)
            try:
                yield merchant, stores
            finally:
                for name in STORES:
                    await merchant.stubs.connections.DeleteConnection(
                        connection_service_pb2.DeleteConnectionRequest(request_id=request_id(), connection=name)
                    )


def _store(name: str, seed: int) -> AbstractAsyncContextManager[WatchedStore]:
    """A store that can do what its name says."""
    able = replace(ABILITIES, name=name, compare_and_set=name == "COMPARES", fenced=name == "FENCED")
    shop = Shop.of(SKUS, compares=able.compare_and_set, fenced=able.fenced)
    made = WatchedStore(shop, abilities=able, seed=seed)
    return cast(AbstractAsyncContextManager[WatchedStore], made.serving())


async def _connect(merchant: Merchant, name: str, target: str) -> None:
    """Have a store told the levels of the channel of its name."""
    await merchant.stubs.connections.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(
            request_id=request_id(),
            connection=connection_pb2.Connection(
                connection=name,
                role=connection_pb2.CONNECTION_ROLE_STORE,
                kind=connection_pb2.CONNECTOR_KIND_GRPC,
                settings={"target": target, "tls": "off", "deadline_seconds": "1"},
                channel=name,
                push_levels=True,
                take_orders=True,
            ),
        )
    )


@asynccontextmanager
async def world(postgres: PostgresForTests, *, module: str = "weir_cli", **environment: str) -> AsyncIterator[World]:
    """A world for the block, whose syncs are run by a `module`, told these variables.

    The sync that is asked runs with the suite; those that tell levels are processes of their own.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*SCHEMAS))
        running = await stack.enter_async_context(suite(database, pushes=False))
        told = {
            "WEIR_DATABASE_URL": database.url("weir_sync"),
            "WEIR_LEDGER_TARGET": running.ledger,
            "WEIR_AGGREGATOR_TARGET": running.aggregator,
            "WEIR_SYNC_ALLOW_LOOPBACK": "true",
            "WEIR_SYNC_LEASE_SECONDS": str(LEASE_SECONDS),
            "WEIR_SYNC_UNREPORTED_KEEP_SECONDS": str(KEEP_SECONDS),
            **environment,
        }
        syncs = [await stack.enter_async_context(program("sync", module=module, **told)) for _ in range(SYNCS)]
        yield World(running, syncs)
