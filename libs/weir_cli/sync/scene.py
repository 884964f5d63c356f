"""A chapter of the tour: a store is told every level, then what an order takes, and reports what it sold itself."""

from __future__ import annotations

import time
from collections.abc import Mapping

from weir.aggregator.v1 import availability_service_pb2, fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import stock_pb2
from weir.connector.v1 import connector_pb2
from weir.ledger.v1 import reservation_service_pb2
from weir.sync.v1 import connection_pb2, connection_service_pb2, order_service_pb2, sync_service_pb2
from weir_chassis.ids import new_id
from weir_cli.selling import UNTOLD, Levels, read_table
from weir_cli.session import Session
from weir_cli.sync import orders, records
from weir_cli.sync.storefront import Storefront
from weir_cli.tour import WAIT_SECONDS, Tour

CHANNEL, OTHER = "webshop-fr", "webshop-de"
SKU, ORDERED, SOLD = "APRON-LINEN-NATURAL", 40, 3
TOLD_SECONDS = 30.0
"""How long everything may take on a machine that does much else."""


async def tell(tour: Tour, session: Session) -> None:
    """Connect a store, order elsewhere, sell in the store, and leave everything as it was."""
    tour.chapter(
        "A store is told",
        f"It belongs to another program, behind an adapter of some forty lines. It sells what {CHANNEL} may sell, and"
        " reports what it sold.",
    )
    async with Storefront(f"shop-fr-{new_id()[-6:]}").serving() as store:
        await _connect(session, store)
        try:
            await _told_all(tour, session, store)
            ordered = await _order(tour, session, store)
            sold = await _sell(tour, session, store)
            await _release(session, ordered, sold)
        finally:
            await session.connections.DeleteConnection(
                connection_service_pb2.DeleteConnectionRequest(request_id=new_id(), connection=store.name)
            )


async def _connect(session: Session, store: Storefront) -> None:
    made = connection_pb2.Connection(
        connection=store.name,
        role=connection_pb2.CONNECTION_ROLE_STORE,
        kind=connection_pb2.CONNECTOR_KIND_GRPC,
        settings={"target": store.target, "tls": "off"},
        channel=CHANNEL,
        push_levels=True,
        take_orders=True,
    )
    request = connection_service_pb2.CreateConnectionRequest(request_id=new_id(), connection=made)
    await session.connections.CreateConnection(request)


async def _told_all(tour: Tour, session: Session, store: Storefront) -> None:
    """A store that is newly connected is told every level at once."""
    began = time.perf_counter()
    levels = await _levels(session)
    whole = await store.until(lambda shown: shown == levels, seconds=TOLD_SECONDS)
    took = store.told_at - began
    tour.holds(f"Connected, it is told {len(levels)} levels, all that its channel may sell, in {took:.1f} s.", whole)


async def _levels(session: Session) -> Mapping[str, int]:
    """What the channel may sell, by SKU."""
    found: Levels = {}
    asked = availability_service_pb2.ListLevelsRequest(channels=[CHANNEL], freshness=await session.freshness(True))
    async for part in session.availability.ListLevels(asked, timeout=WAIT_SECONDS):
        read_table(found, part.table)
    return {sku: row[CHANNEL] for (_, sku), row in found.items() if row[CHANNEL] != UNTOLD}


async def _order(tour: Tour, session: Session, store: Storefront) -> str:
    """An order in another channel lowers the store; the reservation."""
    before = store.shown.get(SKU, 0)
    line = fulfilment_pb2.WishLine(product=stock_pb2.Product(sku=SKU), quantity=ORDERED)
    request = fulfilment_service_pb2.ReserveFulfilmentRequest(
        request_id=new_id(), wish=fulfilment_pb2.Wish(channel=OTHER, lines=[line]), order="A-1006"
    )
    promised = await session.fulfilment.ReserveFulfilment(request)
    answered = time.perf_counter()
    left = before - ORDERED
    fallen = await store.until(lambda shown: shown.get(SKU) == left, seconds=TOLD_SECONDS)
    late = max(store.told_at - answered, 0.0) * 1000
    tour.holds(f"{OTHER} sells {ORDERED}: {late:.0f} ms after that it shows {left}, no longer {before}.", fallen)
    listed = sync_service_pb2.ListRecordsRequest(connection=store.name, store_sku=SKU, page_size=2)
    told = (await session.sync.ListRecords(listed)).records
    tour.show(*(records.record_line(each) for each in reversed(told)), "")
    return promised.reservation.reservation


async def _sell(tour: Tour, session: Session, store: Storefront) -> str:
    """What the store sells itself falls everywhere else; the reservation."""
    before = store.shown.get(SKU, 0)
    store.sell(SKU, SOLD)
    sold = connector_pb2.StoreOrder(
        store_order=f"F-{new_id()[-6:]}", lines=[connector_pb2.StoreOrderLine(store_sku=SKU, quantity=SOLD)]
    )
    request = order_service_pb2.ReportStoreOrderRequest(request_id=new_id(), connection=store.name, order=sold)
    reported = await session.store_orders.ReportStoreOrder(request)
    tour.show(*orders.detailed(reported.order), "")
    asked = availability_service_pb2.GetAvailabilityRequest(
        product=stock_pb2.Product(sku=SKU), channel=OTHER, freshness=await session.freshness(True, "ledger")
    )
    level = (await session.availability.GetAvailability(asked, timeout=WAIT_SECONDS)).level
    told = f"It sells {SOLD} itself and reports it: {OTHER} may sell {level}, as the store shows."
    tour.holds(told, level == store.shown[SKU] == before - SOLD)
    return reported.order.reservation


async def _release(session: Session, *reservations: str) -> None:
    for each in reservations:
        request = reservation_service_pb2.ReleaseRequest(request_id=new_id(), reservation=each)
        await session.reservations.Release(request)
