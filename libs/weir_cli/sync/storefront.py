"""A store for the tour: what it shows, what it sold, and the adapter that weir tells levels through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from weir.connector.v1 import connector_pb2, store_connector_pb2, store_connector_pb2_grpc

BATCH_MAX, REQUESTS_PER_SECOND = 250, 100


class Storefront(store_connector_pb2_grpc.StoreConnectorServicer):
    """A store that sells every SKU it is told of, and compares before it is told another level."""

    def __init__(self, name: str) -> None:
        """Shows nothing yet."""
        self.name = name
        self.shown: dict[str, int] = {}
        self.told_at = 0.0
        """When it was told a level last, by `time.perf_counter`."""
        self.target = ""
        self._told = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Storefront]:
        """Answering on this machine, at `target`, for the block."""
        server = grpc.aio.server()
        store_connector_pb2_grpc.add_StoreConnectorServicer_to_server(self, server)
        self.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    def sell(self, sku: str, units: int) -> None:
        """A customer buys what is shown."""
        self.shown[sku] -= units

    async def until(self, holds: Callable[[dict[str, int]], bool], *, seconds: float) -> bool:
        """Whether what is shown comes to hold within so long."""
        try:
            async with asyncio.timeout(seconds):
                while not holds(self.shown):
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            return False
        return True

    async def Describe(self, request: Any, context: Any) -> store_connector_pb2.DescribeResponse:  # noqa: N802
        """Say what it can do."""
        abilities = connector_pb2.StoreAbilities(
            name="storefront of the tour",
            batch_max=BATCH_MAX,
            requests_per_second=REQUESTS_PER_SECOND,
            burst=REQUESTS_PER_SECOND,
            compare_and_set=True,
            reads_back=True,
        )
        return store_connector_pb2.DescribeResponse(abilities=abilities)

    async def ApplyLevels(  # noqa: N802
        self, request: store_connector_pb2.ApplyLevelsRequest, context: Any
    ) -> store_connector_pb2.ApplyLevelsResponse:
        """Show levels, where it shows what was expected."""
        outcomes = [self._put(level) for level in request.levels]
        self.told_at = time.perf_counter()
        self._told.set()
        return store_connector_pb2.ApplyLevelsResponse(outcomes=outcomes)

    async def ReadLevels(  # noqa: N802
        self, request: store_connector_pb2.ReadLevelsRequest, context: Any
    ) -> store_connector_pb2.ReadLevelsResponse:
        """Say what is shown; a SKU that nobody told of is sold out."""
        levels = [
            connector_pb2.ShownLevel(store_sku=sku, quantity=self.shown.get(sku, 0)) for sku in request.store_skus
        ]
        return store_connector_pb2.ReadLevelsResponse(levels=levels)

    async def ListOrders(self, request: Any, context: Any) -> store_connector_pb2.ListOrdersResponse:  # noqa: N802
        """None: it reports its orders by itself."""
        return store_connector_pb2.ListOrdersResponse()

    def _put(self, level: connector_pb2.Level) -> connector_pb2.LevelOutcome:
        shown = self.shown.get(level.store_sku, 0)
        if level.HasField("expected") and level.expected != shown:
            changed = connector_pb2.OUTCOME_CHANGED
            return connector_pb2.LevelOutcome(store_sku=level.store_sku, outcome=changed, shown=shown)
        self.shown[level.store_sku] = level.quantity
        applied = connector_pb2.OUTCOME_APPLIED
        return connector_pb2.LevelOutcome(store_sku=level.store_sku, outcome=applied, shown=level.quantity)
