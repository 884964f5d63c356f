"""Warehouses behind an adapter: what it streams, and what is not believed of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from tests.kit.stock_adapter import StockAdapter
from weir_sync.connectors.dialing import AdapterSettings
from weir_sync.connectors.grpc_stock import GrpcWarehouse
from weir_sync.connectors.making import Reach
from weir_sync.connectors.port import Away, Denied, Stock, StockPart
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard, Target

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINE = {"sku": "A", "facility": "North", "quantity": 5}


@asynccontextmanager
async def connector(adapter: StockAdapter, **settings: Any) -> AsyncIterator[GrpcWarehouse]:
    """A connector of a serving adapter, for the block."""
    async with adapter.serving() as port:
        made = AdapterSettings(target=Target("127.0.0.1", port), tls=False, token="T", **settings)
        connection = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.GRPC)
        warehouse = GrpcWarehouse(made, Reach("acme", connection, Guard(allow_loopback=True)))
        try:
            yield warehouse
        finally:
            await warehouse.close()


async def told(adapter: StockAdapter, cursor: str = "", **settings: Any) -> list[StockPart]:
    """All that the connector tells."""
    async with connector(adapter, **settings) as warehouse:
        return [part async for part in warehouse.stock(cursor)]


async def test_a_stream_is_told_part_by_part() -> None:
    """Whose it is and our token go with the call; moment and completeness come first, the cursor last."""
    more = {"sku": "B", "facility": "South", "lot": "L1", "uom": "CARTON", "removed": True}
    adapter = StockAdapter([{"stock": [LINE], "at": AT, "full": True}, {"stock": [more], "cursor": "17"}])
    assert await told(adapter, "16") == [
        StockPart([Stock("A", "North", 5)], AT, full=True),
        StockPart([Stock("B", "South", 0, "L1", "CARTON", removed=True)], cursor="17"),
    ]
    [(cursor, metadata)] = adapter.asked
    assert (cursor, metadata["weir-tenant"], metadata["weir-connection"]) == ("16", "acme", "storehouse")
    assert metadata["authorization"] == "Bearer T"


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([], "nothing"),
        ([{"stock": [LINE]}], "no cursor"),
        ([{"cursor": "1"}, {"stock": [LINE]}], "no cursor"),
        ([{"stock": [LINE] * 1001, "cursor": "1"}], "more at once"),
    ],
)
async def test_what_makes_no_sense_is_not_believed(answers: list[dict[str, Any]], sentence: str) -> None:
    """The stream is as if it had broken off."""
    with pytest.raises(Away, match=sentence):
        await told(StockAdapter(answers))


async def test_a_stream_that_breaks_or_stalls() -> None:
    """Nothing is known of the rest; nobody waits for ever."""

    async def breaks() -> None:
        raise RuntimeError

    with pytest.raises(Away):
        await told(StockAdapter([{"stock": [LINE]}], breaks))
    with pytest.raises(Away, match="in time"):
        await told(StockAdapter([{"stock": [LINE]}], asyncio.Event().wait), deadline_seconds=0.2)


async def test_an_adapter_of_something_else() -> None:
    """One that serves no stock will not talk to us until somebody changes that."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = AdapterSettings(target=Target("127.0.0.1", port), tls=False)
    connection = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.GRPC)
    warehouse = GrpcWarehouse(settings, Reach("acme", connection, Guard(allow_loopback=True)))
    with pytest.raises(Denied):
        await warehouse.probe()
    await warehouse.close()
    await server.stop(None)


async def test_a_probe_hears_the_beginning() -> None:
    """The facilities of the first part, in order; the rest is not waited for."""
    other = {**LINE, "facility": "East"}
    async with connector(StockAdapter([{"stock": [LINE, other]}], asyncio.Event().wait)) as warehouse:
        assert await warehouse.probe() == ["East", "North"]
