"""A merchant of the suite whose web shop is the real one, with another store beside it and the real ERP behind it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.kit.merchant import Merchant, request_id
from tests.kit.reference_shop import Shop as Shelf
from tests.kit.reference_store import ReferenceStore
from tests.kit.suite import Suite
from tests.peers.erp import DATABASE, WAREHOUSE, Erp
from tests.peers.erp import USER as ERP_USER
from tests.peers.shop import USER as SHOP_USER
from tests.peers.shop import Shop
from tools.peers import PASSWORD
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.sync.v1 import (
    connection_pb2,
    connection_service_pb2,
    order_service_pb2,
    store_order_pb2,
    sync_pb2,
    sync_service_pb2,
)

HALL = "HALL"
"""The one location; the ERP's warehouse is it."""
WEB, EAST = "web", "east"
"""The real shop and another store, and the channels of both."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Scene:
    """A merchant with two stores that are told what lies in one hall."""

    merchant: Merchant
    east: Shelf
    """What the other store shows."""

    async def order(self, sku: str, units: int, channel: str = EAST) -> None:
        """Somebody orders, in weir."""
        wish = fulfilment_pb2.Wish(
            channel=channel, lines=[fulfilment_pb2.WishLine(product=Product(sku=sku), quantity=units)]
        )
        answer = await self.merchant.stubs.fulfilment.ReserveFulfilment(
            fulfilment_service_pb2.ReserveFulfilmentRequest(
                request_id=request_id(), wish=wish, freshness=self.merchant.freshness()
            )
        )
        self.merchant.saw(answer.revision)

    async def run(self, connection: str, *, full: bool = False) -> sync_pb2.Run:
        """Synchronise a connection now; the run as it ended."""
        last = sync_pb2.Run()
        asked = sync_service_pb2.RunSyncRequest(request_id=request_id(), connections=[connection], full=full)
        async for part in self.merchant.stubs.syncing.RunSync(asked, timeout=120):
            for each in part.runs:
                last = each
        assert last.done, last
        assert not last.error, last
        return last

    async def sold(self, connection: str, count: int) -> bool:
        """Whether so many orders of a store have come in and are promised."""
        asked = order_service_pb2.ListStoreOrdersRequest(connection=connection)
        found = (await self.merchant.stubs.store_orders.ListStoreOrders(asked)).orders
        promised = [each for each in found if each.state == store_order_pb2.STORE_ORDER_STATE_PROMISED]
        return len(promised) == count


async def connect(merchant: Merchant, connection: connection_pb2.Connection, secrets: Mapping[str, str]) -> None:
    """Add a connection, its secrets, then let it flow."""
    stubs = merchant.stubs.connections
    made = connection_pb2.Connection()
    made.CopyFrom(connection)
    made.push_levels = made.take_orders = made.pull_stock = False
    await stubs.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=made)
    )
    for name, value in secrets.items():
        await stubs.SetSecret(
            connection_service_pb2.SetSecretRequest(
                request_id=request_id(), connection=connection.connection, name=name, value=value
            )
        )
    tried = await stubs.TestConnection(
        connection_service_pb2.TestConnectionRequest(connection=connection.connection), timeout=60
    )
    assert tried.works, tried.error
    await stubs.UpdateConnection(
        connection_service_pb2.UpdateConnectionRequest(request_id=request_id(), connection=connection)
    )


async def connect_erp(scene: Scene, erp: Erp) -> None:
    """Let what the ERP counts in its warehouse be what lies in the hall."""
    connection = connection_pb2.Connection(
        connection="erp",
        role=connection_pb2.CONNECTION_ROLE_WAREHOUSE,
        kind=connection_pb2.CONNECTOR_KIND_TRYTON,
        settings={"address": erp.url, "database": DATABASE},
        facilities=[connection_pb2.Facility(facility=WAREHOUSE, location=HALL)],
        pull_stock=True,
        feed=connection_pb2.FeedTerms(on_hand=True),
    )
    await connect(scene.merchant, connection, {"user": ERP_USER, "password": PASSWORD})


@asynccontextmanager
async def scene(suite: Suite, shop: Shop, *skus: str) -> AsyncIterator[Scene]:
    """A merchant of these products for the block; nothing lies in the hall yet."""
    merchant = suite.merchant(f"peers {next(_numbers)}")
    await merchant.location(HALL)
    await merchant.group("all", HALL)
    for channel in (WEB, EAST):
        await merchant.channel(channel)
        await merchant.link("all", channel)
    shelf = Shelf.of(skus)
    async with ReferenceStore(shelf).serving() as store:
        usual: dict[str, Any] = {
            "role": connection_pb2.CONNECTION_ROLE_STORE, "push_levels": True, "take_orders": True,
        }  # fmt: skip
        web = connection_pb2.Connection(
            connection=WEB,
            channel=WEB,
            kind=connection_pb2.CONNECTOR_KIND_OSCAR,
            settings={"address": shop.url},
            **usual,
        )
        await connect(merchant, web, {"user": SHOP_USER, "password": PASSWORD})
        settings = {"target": store.target, "tls": "off"}
        east = connection_pb2.Connection(
            connection=EAST, channel=EAST, kind=connection_pb2.CONNECTOR_KIND_GRPC, settings=settings, **usual
        )
        await connect(merchant, east, {})
        yield Scene(merchant, shelf)
        for name in (WEB, EAST):
            await merchant.stubs.connections.DeleteConnection(
                connection_service_pb2.DeleteConnectionRequest(request_id=request_id(), connection=name)
            )
