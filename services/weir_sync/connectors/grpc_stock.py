"""A warehouse behind an adapter that serves `weir.connector.v1.WarehouseConnector`, in any language."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import grpc

from weir.connector.v1 import connector_pb2, warehouse_connector_pb2, warehouse_connector_pb2_grpc
from weir_sync.connectors.dialing import AdapterSettings, Dialed
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Stock, StockPart

STOCK_MAX = 1000
CURSOR_LENGTH_MAX = 16_384


class GrpcWarehouse:
    """A `WarehouseConnector` of what the adapter answers; what makes no sense by the contract is `Away`."""

    def __init__(self, settings: AdapterSettings, reach: Reach) -> None:
        """Connects when first asked."""
        self._dialed = Dialed(settings, reach)

    async def probe(self) -> Sequence[str]:
        async with aclosing(self._answers("")) as answers:
            async for answer in answers:
                return sorted({each.facility for each in answer.stock})
        return []

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        first, last = True, ""
        async with aclosing(self._answers(cursor)) as answers:
            async for answer in answers:
                last = answer.cursor
                if len(answer.stock) > STOCK_MAX or len(last) > CURSOR_LENGTH_MAX:
                    raise Away("The adapter told more at once than it may.")
                as_of, full = (_moment(answer), answer.full) if first else (None, False)
                yield StockPart([_stock(each) for each in answer.stock], as_of, full, last)
                first = False
        if first:
            raise Away("The adapter told nothing, not even that there is nothing.")
        if not last:
            raise Away("The adapter told no cursor at the end.")

    async def close(self) -> None:
        await self._dialed.close()

    async def _answers(self, cursor: str) -> AsyncGenerator[warehouse_connector_pb2.ListStockResponse, None]:
        """What the adapter streams; it may take as long as it wants in all, but not for one message."""
        dialed = self._dialed
        stub = warehouse_connector_pb2_grpc.WarehouseConnectorStub(await dialed.channel())
        asked = warehouse_connector_pb2.ListStockRequest(cursor=cursor)
        call = stub.ListStock(asked, metadata=dialed.metadata)
        try:
            while True:
                async with asyncio.timeout(dialed.settings.deadline_seconds):
                    answer = await call.read()
                if answer is grpc.aio.EOF:
                    return
                assert isinstance(answer, warehouse_connector_pb2.ListStockResponse)
                yield answer
        except TimeoutError:
            raise Away("The adapter did not answer in time.") from None
        except grpc.aio.AioRpcError as error:
            raise dialed.failed(error) from None
        finally:
            call.cancel()


def _moment(answer: warehouse_connector_pb2.ListStockResponse) -> datetime | None:
    if not answer.HasField("as_of_time"):
        return None
    try:
        return answer.as_of_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise Away("The adapter told figures of no moment that there is.") from None


def _stock(told: connector_pb2.WarehouseStock) -> Stock:
    return Stock(told.sku, told.facility, told.quantity, told.lot, told.uom or "EACH", told.removed)
