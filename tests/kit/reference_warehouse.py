"""The reference adapter of a warehouse: `weir.connector.v1.WarehouseConnector` over gRPC, before a few shelves."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from weir.connector.v1 import connector_pb2, warehouse_connector_pb2, warehouse_connector_pb2_grpc


class Sabotage(enum.Enum):
    """What such an adapter must never do."""

    TIMELESS = "does not say of when its figures are"
    AHEAD = "tells figures of tomorrow"
    PARTIAL = "does not say that it is all there is"
    STUTTERING = "tells a line twice"
    NEGATIVE = "tells less than nothing"
    TRUSTING = "believes any cursor"
    AIMLESS = "goes on from a cursor, and tells none"
    MUTE = "says nothing at all"
    OPEN = "asks nobody for a token"


class ReferenceWarehouse(warehouse_connector_pb2_grpc.WarehouseConnectorServicer):
    """Stock by SKU and facility; a cursor is how many changes were told."""

    def __init__(self, *, token: str = "", sabotage: Sabotage | None = None) -> None:
        """Empty."""
        self.changes: list[tuple[str, str]] = []
        self.units: dict[tuple[str, str], int] = {}
        self._token = token
        self._sabotage = sabotage
        self._port = 0

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._port}"

    def put(self, sku: str, facility: str, units: int) -> None:
        """So many are there."""
        self.units[sku, facility] = units
        self.changes.append((sku, facility))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ReferenceWarehouse]:
        """Listening within the block."""
        server = grpc.aio.server()
        warehouse_connector_pb2_grpc.add_WarehouseConnectorServicer_to_server(self, server)
        self._port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    async def ListStock(self, request: Any, context: Any) -> AsyncIterator[warehouse_connector_pb2.ListStockResponse]:
        """All of it, or what changed since a cursor, in messages of two lines."""
        borne = dict(context.invocation_metadata()).get("authorization", "")
        if self._token and borne != f"Bearer {self._token}" and self._sabotage is not Sabotage.OPEN:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such token")
        if self._sabotage is Sabotage.MUTE:
            return
        known = request.cursor.isdigit() and int(request.cursor) <= len(self.changes)
        if self._sabotage is Sabotage.TRUSTING and request.cursor:
            known = True
        full = not known
        mark = int(request.cursor) if known and request.cursor.isdigit() else 0
        keys = list(dict.fromkeys(self.changes if full else self.changes[mark:]))
        if self._sabotage is Sabotage.STUTTERING:
            keys += keys[:1]
        for first in range(0, max(1, len(keys)), 2):
            part = warehouse_connector_pb2.ListStockResponse()
            if first == 0:
                part.full = full and self._sabotage is not Sabotage.PARTIAL
                ahead = timedelta(days=1 if self._sabotage is Sabotage.AHEAD else 0)
                if self._sabotage is not Sabotage.TIMELESS:
                    part.as_of_time.FromDatetime(datetime.now(UTC) + ahead)
            for sku, facility in keys[first : first + 2]:
                units = -1 if self._sabotage is Sabotage.NEGATIVE else self.units[sku, facility]
                part.stock.append(connector_pb2.WarehouseStock(sku=sku, facility=facility, quantity=units))
            if first + 2 >= len(keys) and not (self._sabotage is Sabotage.AIMLESS and known):
                part.cursor = str(len(self.changes))
            yield part
