"""An adapter of a warehouse that answers what it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from weir.connector.v1 import warehouse_connector_pb2 as pb
from weir.connector.v1 import warehouse_connector_pb2_grpc


@dataclass
class StockAdapter(warehouse_connector_pb2_grpc.WarehouseConnectorServicer):
    """Streams its answers, each as the fields of a message, with `at` for its moment; then `ends`."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    ends: Callable[[], Any] | None = None
    """What happens after the answers."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Cursor and metadata of each call."""

    async def ListStock(self, request: pb.ListStockRequest, context: Any) -> AsyncIterator[pb.ListStockResponse]:
        """Answer."""
        self.asked.append((request.cursor, dict(context.invocation_metadata())))
        for answer in self.answers:
            message = pb.ListStockResponse(**{name: value for name, value in answer.items() if name != "at"})
            if "at" in answer:
                message.as_of_time.FromDatetime(answer["at"])
            yield message
        if self.ends is not None:
            await self.ends()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """The port it listens at, for the block."""
        server = grpc.aio.server()
        warehouse_connector_pb2_grpc.add_WarehouseConnectorServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield port
        finally:
            await server.stop(None)
