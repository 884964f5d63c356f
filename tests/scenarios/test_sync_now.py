"""Sync now: a merchant has his stores told again, watches how far it comes, and sends again what was refused."""

from __future__ import annotations

from typing import Any

from tests.kit.merchant import Merchant, golden, request_id
from tests.kit.suite import Suite
from tests.kit.told import settled, shows, told_stores
from weir.sync.v1 import sync_pb2, sync_service_pb2

PATIENCE_SECONDS = 60.0


async def run(merchant: Merchant, **fields: Any) -> sync_pb2.Run:
    """Synchronise the web shop; the run as it ended."""
    last = sync_pb2.Run()
    asked = sync_service_pb2.RunSyncRequest(request_id=request_id(), connections=["web-eu"], **fields)
    async for part in merchant.stubs.syncing.RunSync(asked, timeout=PATIENCE_SECONDS):
        for each in part.runs:
            last = each
    assert last.done
    return last


async def channel_rows(merchant: Merchant, **fields: Any) -> list[sync_pb2.ChannelRow]:
    """The channel view."""
    asked = sync_service_pb2.ListChannelRowsRequest(connection="web-eu", **fields)
    return list((await merchant.stubs.syncing.ListChannelRows(asked)).rows)


async def alerts(merchant: Merchant) -> list[str]:
    """What wants attention."""
    asked = sync_service_pb2.ListAlertsRequest(open_only=True)
    return [each.subject for each in (await merchant.stubs.syncing.ListAlerts(asked)).alerts]


async def test_everything_is_told_again_on_demand(suite: Suite) -> None:
    """What was changed by hand in a store, a full run sets right, though no level has changed; a smart one finds
    nothing to do. What a store does not know fails in the run, in the view and in an alert, until the store knows it
    and it is sent again."""
    merchant = suite.merchant()
    await golden(merchant)
    await merchant.receive("LAMP", DE1=7)
    async with told_stores(merchant, ["web-eu"], ["BIKE"]) as stores:
        store = stores["web-eu"]
        await shows(store, BIKE=180)
        await settled(merchant)
        assert await alerts(merchant) == ["LAMP"]
        (row,) = await channel_rows(merchant, differing=True)
        assert (row.store_sku, row.level, row.HasField("told"), row.status) == ("LAMP", 7, False, 3)

        store.shop.shown["BIKE"] = 999
        smart = await run(merchant, store_skus=["BIKE"])
        assert (smart.total, smart.unchanged, smart.failed) == (1, 1, 0)
        full = await run(merchant, full=True)
        assert (full.total, full.settled, full.unchanged, full.failed, full.trigger) == (2, 2, 0, 1, 5)
        await shows(store, BIKE=180)

        store.shop.shown["LAMP"] = 0
        asked = sync_service_pb2.RetryRecordsRequest(request_id=request_id(), connection="web-eu")
        assert (await merchant.stubs.syncing.RetryRecords(asked)).retried == 1
        await shows(store, LAMP=7)
        last = (await settled(merchant))[-1]
        assert (last.store_sku, last.trigger, last.status, last.after) == ("LAMP", 6, 2, 7)
        assert await alerts(merchant) == []
        rows = [(each.store_sku, each.level, each.told, each.status) for each in await channel_rows(merchant)]
        assert rows == [("BIKE", 180, 180, 2), ("LAMP", 7, 7, 2)]
