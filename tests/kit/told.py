"""Stores of a merchant that are told their levels: reference stores, each connected to a channel of its name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.kit.merchant import Merchant, request_id
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ReferenceStore
from tests.kit.waiting import until
from weir.sync.v1 import connection_pb2, connection_service_pb2, sync_pb2, sync_service_pb2

SECONDS = 60.0
"""A guard against hanging, not a measure."""


async def connect(merchant: Merchant, channel: str, target: str, **fields: Any) -> None:
    """Connect the store of a channel, and have it told its levels and its orders taken in."""
    flows = {"push_levels": True, "take_orders": True, **fields}
    await merchant.stubs.connections.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(
            request_id=request_id(),
            connection=connection_pb2.Connection(
                connection=channel,
                role=connection_pb2.CONNECTION_ROLE_STORE,
                kind=connection_pb2.CONNECTOR_KIND_GRPC,
                settings={"target": target, "tls": "off", "deadline_seconds": "5"},
                channel=channel,
                **flows,
            ),
        )
    )


async def switch(merchant: Merchant, *, on: bool) -> None:
    """Turn the master switch."""
    asked = connection_service_pb2.SetMasterSwitchRequest(request_id=request_id(), on=on)
    await merchant.stubs.connections.SetMasterSwitch(asked)


@asynccontextmanager
async def told_stores(
    merchant: Merchant, channels: Collection[str], skus: Collection[str], **store: Any
) -> AsyncIterator[Mapping[str, ReferenceStore]]:
    """A store for each of the channels, by channel, which knows these SKUs; connected within the block."""
    async with AsyncExitStack() as stack:
        stores = {
            channel: await stack.enter_async_context(ReferenceStore(Shop.of(skus), **store).serving())
            for channel in channels
        }
        for channel, each in stores.items():
            await connect(merchant, channel, each.target)
        try:
            yield stores
        finally:
            for channel in stores:
                asked = connection_service_pb2.DeleteConnectionRequest(request_id=request_id(), connection=channel)
                await merchant.stubs.connections.DeleteConnection(asked)


async def shows(store: ReferenceStore, **levels: int) -> None:
    """Wait until a store shows these levels."""
    try:
        await until(lambda: all(store.shop.shown[sku] == level for sku, level in levels.items()), SECONDS)
    except TimeoutError:
        raise AssertionError(f"{store.shop.shown} is shown, and not {levels}") from None


async def records(merchant: Merchant, **query: Any) -> list[sync_pb2.SyncRecord]:
    """What stores were to be told, oldest first."""
    asked = sync_service_pb2.ListRecordsRequest(page_size=1000, **query)
    return list(reversed((await merchant.stubs.syncing.ListRecords(asked)).records))


async def settled(merchant: Merchant) -> list[sync_pb2.SyncRecord]:
    """Wait until nothing is to be told; then all records, oldest first."""

    async def quiet() -> bool:
        found = await records(merchant)
        return bool(found) and all(each.status != sync_pb2.RECORD_STATUS_PENDING for each in found)

    await until(quiet, SECONDS)
    return await records(merchant)
