"""What a warehouse reports shows in what stores are told, and so does that it does not report."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from tests.kit.merchant import Merchant, request_id
from tests.kit.stock_adapter import StockAdapter
from tests.kit.waiting import until
from weir.sync.v1 import connection_pb2, connection_service_pb2, sync_pb2, sync_service_pb2

PATIENCE_SECONDS = 60.0


async def run(merchant: Merchant, *, full: bool = False) -> sync_pb2.Run:
    """Take in what the warehouse reports; the run as it ended."""
    last = sync_pb2.Run()
    asked = sync_service_pb2.RunSyncRequest(request_id=request_id(), connections=["storehouse"], full=full)
    async for part in merchant.stubs.syncing.RunSync(asked, timeout=PATIENCE_SECONDS):
        for each in part.runs:
            last = each
    assert last.done
    assert not last.error
    return last


async def shows(merchant: Merchant, channel: str, units: int) -> None:
    """Wait until a channel is told so many."""

    async def told() -> bool:
        return await merchant.level("LAMP", channel) == units

    await until(told, PATIENCE_SECONDS)


def report(units: int, cursor: str, *, minutes_ago: int = 0, full: bool = False, **others: Any) -> dict[str, Any]:
    """What there is of a lamp in the north, as of so long ago."""
    line = {"sku": "LP-1", "facility": "North", "quantity": units, **others}
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return {"stock": [line], "cursor": cursor, "full": full, "at": at}


@asynccontextmanager
async def warehouse(merchant: Merchant) -> AsyncIterator[StockAdapter]:
    """A warehouse behind an adapter, whose north is W1, and which is late after a minute."""
    adapter = StockAdapter()
    async with adapter.serving() as port:
        connection = connection_pb2.Connection(
            connection="storehouse",
            role=connection_pb2.CONNECTION_ROLE_WAREHOUSE,
            kind=connection_pb2.CONNECTOR_KIND_GRPC,
            settings={"target": f"127.0.0.1:{port}", "tls": "off"},
            facilities=[connection_pb2.Facility(facility="North", location="W1")],
            pull_stock=True,
            feed=connection_pb2.FeedTerms(on_hand=True, absent_is_zero=True),
            late_after_duration=Duration(seconds=60),
            late_buffer_percent=20,
        )
        await merchant.stubs.connections.CreateConnection(
            connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=connection)
        )
        yield adapter


async def test_what_a_warehouse_reports_is_what_channels_are_told(merchant: Merchant) -> None:
    """All it has comes into what channels are told; then it is asked for what changed, and that comes in, too."""
    await merchant.location("W1")
    await merchant.group("all", "W1")
    await merchant.channel("web")
    await merchant.link("all", "web")
    async with warehouse(merchant) as adapter:
        adapter.answers = [report(9, "1", full=True, sku="LAMP")]
        assert (await run(merchant, full=True)).settled == 1
        await shows(merchant, "web", 9)
        adapter.answers = [report(7, "2", sku="LAMP", minutes_ago=0)]
        await run(merchant)
        assert [cursor for cursor, _ in adapter.asked] == ["", "1"]
        await shows(merchant, "web", 7)


async def test_a_late_warehouse_is_buffered_until_it_reports(merchant: Merchant) -> None:
    """While it is late a fifth of what it has, rounded up, is told to nobody, and an alert is open; orders may take all
    of it. Once it reports again everything is as it was. What a full report names no more is gone.
    """
    await merchant.location("W1")
    await merchant.group("all", "W1")
    await merchant.channel("web")
    await merchant.link("all", "web")
    async with warehouse(merchant) as adapter:
        adapter.answers = [report(9, "1", full=True, sku="LAMP", minutes_ago=5)]
        await run(merchant, full=True)
        await shows(merchant, "web", 7)
        asked = sync_service_pb2.ListAlertsRequest(open_only=True)

        async def alerts(count: int) -> bool:
            return len((await merchant.stubs.syncing.ListAlerts(asked)).alerts) == count

        await until(lambda: alerts(1))  # the buffer is widened first
        [alert] = (await merchant.stubs.syncing.ListAlerts(asked)).alerts
        assert (alert.kind, alert.connection) == (sync_pb2.SyncAlert.KIND_FEED_LATE, "storehouse")
        found = await merchant.stubs.connections.GetConnection(
            connection_service_pb2.GetConnectionRequest(connection="storehouse")
        )
        assert found.connection.health.late
        await merchant.reserve("LAMP", "W1", 9)
        adapter.answers = [report(10, "2", sku="LAMP")]
        await run(merchant)
        await shows(merchant, "web", 1)
        await until(lambda: alerts(0))
        adapter.answers = [{"cursor": "3", "full": True}]
        await run(merchant, full=True)
        await shows(merchant, "web", 0)
