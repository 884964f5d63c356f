"""Who promises the units of orders of stores, over gRPC: the aggregator, which plans them, and the ledger.

An order is known to both by its name, so it is promised once however often that is asked. What came of requests the
ledger keeps for a day at least; what was tried first longer ago is looked for in its entries, which bear the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.aggregator.v1.fulfilment_service_pb2_grpc import FulfilmentServiceStub
from weir.common.v1 import revision_pb2, stock_pb2, verdict_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir_chassis.client import Peer
from weir_chassis.errors import Kind, Refusal
from weir_chassis.ids import new_id
from weir_chassis.status import passing_on
from weir_sync.domain.orders import Point, Promised, StoreOrder
from weir_sync.domain.rules import Product
from weir_sync.ports.orders import Hits

REMEMBERED = timedelta(hours=20)
"""How long the ledger knows for sure what came of a request, less what clocks differ."""
ENDED = ("RESERVATION_STATE", "RESERVATION_EXPIRED")
PAGE = 100


class PeerOrderPromises:
    """The `aggregator` and the `ledger`, asked for the tenant that is named: `OrderPromises`."""

    def __init__(
        self, aggregator: Peer, ledger: Peer, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Ask these."""
        self._aggregator = aggregator
        self._ledger = ledger
        self._clock = clock

    async def promise(self, tenant: str, order: StoreOrder) -> Promised:
        if order.tried_at is not None and self._clock() - order.tried_at > REMEMBERED:
            found = await self._found(tenant, order)
            if found is not None:
                return found
        stub = FulfilmentServiceStub(self._aggregator.with_tenant(tenant).channel)
        with passing_on():
            done = await stub.ReserveFulfilment(_request(order))
        places = [place for place, _ in order.readable]
        short = {places[each.line - 1]: not_there(each) for each in done.plan.missing if not_there(each)}
        return Promised(done.reservation.reservation, short, _point(done.revision))

    async def release(self, tenant: str, order: StoreOrder) -> Point:
        stub = self._reservations(tenant)
        request = reservation_service_pb2.ReleaseRequest(
            request_id=f"{order.name}/cancelled", reservation=order.reservation
        )
        try:
            with passing_on():
                return _point((await stub.Release(request)).revision)
        except Refusal as refusal:
            if refusal.reason not in ENDED:
                raise
        asked = reservation_service_pb2.GetReservationRequest(reservation=order.reservation)
        with passing_on():
            return _point((await stub.GetReservation(asked)).revision)

    async def move(self, tenant: str, order: StoreOrder) -> None:
        stub = FulfilmentServiceStub(self._aggregator.with_tenant(tenant).channel)
        request = fulfilment_service_pb2.ReplanReservationRequest(
            request_id=f"sync/{new_id()}", reservation=order.reservation
        )
        try:
            with passing_on():
                await stub.ReplanReservation(request)
        except Refusal as refusal:
            if refusal.kind is Kind.AWAY:
                raise

    async def hits(self, tenant: str) -> Hits:
        stub, found, all_told = self._books(tenant), set[str](), True
        request = ledger_service_pb2.ListShortfallsRequest(page_size=PAGE)
        while True:
            with passing_on():
                page = await stub.ListShortfalls(request)
            for each in page.shortfalls:
                found.update(hit.reservation for hit in each.hits)
                all_told = all_told and not each.more_hits
            if not page.next_page_token:
                return Hits(frozenset(found), all_told)
            request.page_token = page.next_page_token

    async def _found(self, tenant: str, order: StoreOrder) -> Promised | None:
        """What the ledger promised under the name of an order, as its entries say; None where it promised nothing.

        What is short of it is what shortfalls say now, of the first lines of its products.
        """
        reservations = self._reservations(tenant)
        request = reservation_service_pb2.ListReservationsRequest(
            order=order.key.store_order, channel=order.channel, page_size=PAGE
        )
        while True:
            with passing_on():
                page = await reservations.ListReservations(request)
            for each in page.reservations:
                asked = ledger_service_pb2.ListEntriesRequest(
                    reservation=each.reservation, kinds=[ledger_pb2.ENTRY_KIND_RESERVE], page_size=1
                )
                with passing_on():
                    entries = (await self._books(tenant).ListEntries(asked)).entries
                if entries and entries[0].request_id == order.name:
                    short = await self._short(tenant, order, each.reservation)
                    revision = _point(page.revision)._replace(number=entries[0].revision)
                    return Promised(each.reservation, short, revision)
            if not page.next_page_token:
                return None
            request.page_token = page.next_page_token

    async def _short(self, tenant: str, order: StoreOrder, reservation: str) -> dict[int, int]:
        missing: Counter[Product] = Counter()
        request = ledger_service_pb2.ListShortfallsRequest(page_size=PAGE)
        while True:
            with passing_on():
                page = await self._books(tenant).ListShortfalls(request)
            for each in page.shortfalls:
                product = Product(each.stock_item.product.owner, each.stock_item.product.sku)
                missing[product] += sum(hit.missing for hit in each.hits if hit.reservation == reservation)
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        short: dict[int, int] = {}
        for place, line in order.readable:
            assert line.product is not None
            short[place] = min(line.quantity, missing[line.product])
            missing[line.product] -= short[place]
        return short

    def _books(self, tenant: str) -> LedgerServiceStub:
        return LedgerServiceStub(self._ledger.with_tenant(tenant).channel)

    def _reservations(self, tenant: str) -> ReservationServiceStub:
        return ReservationServiceStub(self._ledger.with_tenant(tenant).channel)


def not_there(missing: fulfilment_pb2.Missing) -> int:
    """Units of what a plan leaves out that lie nowhere: those beyond a share lie there for others, and are taken."""
    spent = missing.verdict == verdict_pb2.VERDICT_SHARE_SPENT
    return missing.quantity - (missing.nearest.quantity if spent else 0)


def _point(revision: revision_pb2.Revision) -> Point:
    return Point(revision.cluster, revision.epoch, revision.number)


def _request(order: StoreOrder) -> fulfilment_service_pb2.ReserveFulfilmentRequest:
    """The same for the same order, however often it is asked."""
    lines = [
        fulfilment_pb2.WishLine(
            product=stock_pb2.Product(owner=line.product.owner, sku=line.product.sku), quantity=line.quantity
        )
        for _, line in order.readable
        if line.product is not None
    ]
    return fulfilment_service_pb2.ReserveFulfilmentRequest(
        request_id=order.name,
        wish=fulfilment_pb2.Wish(
            lines=lines, channel=order.channel, mode=fulfilment_pb2.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE
        ),
        order=order.key.store_order,
        sold=True,
    )
