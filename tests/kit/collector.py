"""Where a test lets spans and metrics be sent: everything that arrives is kept as it travelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc


class Collector(grpc.GenericRpcHandler):
    """Takes whatever an OTLP exporter sends, and says thank you."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.address = ""
        self.received: dict[str, bytes] = {}
        """All bytes that came, by the last part of the method's name: `TraceService/Export`."""

    def service(self, handler_call_details: Any) -> Any:
        name = str(handler_call_details.method).rpartition(".")[2]

        async def take(request: bytes, context: Any) -> bytes:
            self.received[name] = self.received.get(name, b"") + request
            return b""

        return grpc.unary_unary_rpc_method_handler(take)

    @property
    def spans(self) -> bytes:
        """All that came as traces."""
        return self.received.get("TraceService/Export", b"")

    @property
    def metrics(self) -> bytes:
        """All that came as metrics."""
        return self.received.get("MetricsService/Export", b"")


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector for the block."""
    made = Collector()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((made,))
    made.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield made
    finally:
        await server.stop(None)
