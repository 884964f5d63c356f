"""What goes on between the merchant who has one of everything and its connections, and a good request of every rpc
about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from tests.kit.merchant import Merchant, request_id
from tests.scenarios.connection_samples import STORE
from tests.scenarios.listing_samples import PRODUCT
from weir.common.v1.stock_pb2 import Product
from weir.connector.v1 import connector_pb2
from weir.sync.v1 import (
    connection_pb2,
    connection_service_pb2,
    listing_pb2,
    listing_service_pb2,
    order_service_pb2,
    sync_service_pb2,
)

SERVICE = "/weir.sync.v1.SyncService/"
DEPOT = "own depot"
ODD = "own odd sku"
_FAILED = """
INSERT INTO weir_sync.records
    (tenant, record, connection, store_sku, owner, sku, trigger, reason, after, rule, status, error, ended_at)
VALUES ($1, nextval('weir_sync.record_numbers'), $2, 'own store sku', 'own owner', 'own sku', 'CHANGE', 'ledger 1', 1,
    '', 'FAILED', 'No.', clock_timestamp())
RETURNING record
"""


async def watched(merchant: Merchant) -> dict[str, str]:
    """Give the merchant a run, an alert, and a record of a level that was not told; their identifiers."""
    stubs = merchant.stubs
    depot = connection_pb2.Connection(
        connection=DEPOT,
        role=connection_pb2.CONNECTION_ROLE_WAREHOUSE,
        kind=connection_pb2.CONNECTOR_KIND_CSV_FOLDER,
        settings={"facility": "own facility"},
        pull_stock=True,
    )
    await stubs.connections.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=depot)
    )
    running = stubs.syncing.RunSync(
        sync_service_pb2.RunSyncRequest(request_id="own request", connections=[DEPOT], full=True)
    )
    run = (await anext(aiter(running))).runs[0].run
    running.cancel()
    return {"run": run, "alert": await _unreadable(merchant), "record": await _failed(merchant)}


async def _unreadable(merchant: Merchant) -> str:
    """The alert of an order of nothing that is known."""
    listing = listing_pb2.Listing(connection=STORE, store_sku=ODD, product=Product(**PRODUCT), disabled=True)
    await merchant.stubs.listings.SetListing(
        listing_service_pb2.SetListingRequest(request_id=request_id(), listing=listing)
    )
    line = connector_pb2.StoreOrderLine(store_sku=ODD, quantity=1)
    order = connector_pb2.StoreOrder(store_order="own odd order", lines=[line])
    await merchant.stubs.store_orders.ReportStoreOrder(
        order_service_pb2.ReportStoreOrderRequest(request_id=request_id(), connection=STORE, order=order)
    )
    (alert,) = (await merchant.stubs.syncing.ListAlerts(sync_service_pb2.ListAlertsRequest(connection=STORE))).alerts
    return alert.alert


async def _failed(merchant: Merchant) -> str:
    """A record that no store made: whatever a store refuses, it refuses late."""
    connection = await asyncpg.connect(merchant.database_url)
    try:
        return str(await connection.fetchval(_FAILED, merchant.tenant, STORE))
    finally:
        await connection.close()


def requests(named: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The fields of a request of every rpc, by the rpc's full name."""
    return {
        f"{SERVICE}RunSync": {"connections": [DEPOT], "full": True, "store_skus": ["own store sku"]},
        f"{SERVICE}GetRun": {"run": named["run"]},
        f"{SERVICE}ListRuns": {"connection": DEPOT, "page_size": 10},
        f"{SERVICE}ListRecords": {
            "connection": STORE,
            "store_sku": "own store sku",
            "status": 3,
            "trigger": 1,
            "from_time": {"seconds": 1_700_000_000, "nanos": 1000},
            "until_time": {"seconds": 2_700_000_000, "nanos": 1000},
            "page_size": 10,
        },
        f"{SERVICE}RetryRecords": {"records": [named["record"]], "connection": STORE},
        f"{SERVICE}WatchRecords": {"connection": STORE},
        f"{SERVICE}ListChannelRows": {
            "connection": STORE,
            "status": 1,
            "product": PRODUCT,
            "differing": True,
            "page_size": 10,
        },
        f"{SERVICE}ListWarehouseRows": {
            "connection": DEPOT,
            "facility": "own facility",
            "faulty": True,
            "page_size": 10,
        },
        f"{SERVICE}ListAlerts": {"open_only": True, "connection": STORE, "page_size": 10},
        f"{SERVICE}CloseAlert": {"alert": named["alert"]},
        f"{SERVICE}WatchAlerts": {"connection": STORE},
    }
