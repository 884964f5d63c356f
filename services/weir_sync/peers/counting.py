"""What the ledger has of products at locations, and has promised to channels, over gRPC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2, reservation_pb2, reservation_service_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passing_on
from weir_sync.domain.rules import Product
from weir_sync.domain.views import Counts

NAMES_MAX = 100
"""Products, and locations, that the ledger is asked about at once."""
PAGE = 1000
OPEN = (reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_CONFIRMED)


class PeerCounting:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Counting`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def counts(
        self, tenant: str, places: Collection[tuple[Product, str]]
    ) -> tuple[Mapping[tuple[Product, str], Counts], Revision]:
        ledger = LedgerServiceStub(self._peer.with_tenant(tenant).channel)
        with passing_on():
            head = await ledger.ListBalances(pb.ListBalancesRequest(page_size=1))
        found: defaultdict[tuple[Product, str], Counts] = defaultdict(Counts)
        for owner, skus, locations in _asked(places):
            async for balance in _balances(ledger, owner, skus, locations, head.revision):
                product, place = balance.stock_item.product, balance.stock_item.location
                key = Product(product.owner, product.sku), place
                before = found[key]
                found[key] = Counts(before.on_hand + balance.on_hand, before.available + balance.available)
        return found, from_wire(head.revision)

    async def promised(self, tenant: str, channel: str) -> tuple[Collection[str], Revision]:
        reservations = ReservationServiceStub(self._peer.with_tenant(tenant).channel)
        request = reservation_service_pb2.ListReservationsRequest(states=OPEN, channel=channel, page_size=PAGE)
        found: list[str] = []
        first: Revision | None = None
        while True:
            with passing_on():
                answer = await reservations.ListReservations(request)
            first = first or from_wire(answer.revision)
            found += [each.reservation for each in answer.reservations]
            if not answer.next_page_token:
                return found, first
            request.page_token = answer.next_page_token


async def _balances(
    ledger: LedgerServiceStub, owner: str, skus: Sequence[str], locations: Sequence[str], at: revision_pb2.Revision
) -> AsyncIterator[ledger_pb2.Balance]:
    """All balances of products at locations, as they were at a revision."""
    request = pb.ListBalancesRequest(
        owner=owner,
        skus=skus,
        locations=locations,
        held_only=True,
        page_size=PAGE,
        as_of=ledger_pb2.AsOf(revision=at),
    )
    while True:
        with passing_on():
            answer = await ledger.ListBalances(request)
        for balance in answer.balances:
            yield balance
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _asked(places: Collection[tuple[Product, str]]) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """Questions of one owner, some products and some locations each, that all the places are in once."""
    by_owner: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
    for (owner, sku), location in places:
        by_owner[owner].setdefault(sku, set()).add(location)
    questions: list[tuple[str, Sequence[str], Sequence[str]]] = []
    for owner, there in sorted(by_owner.items()):
        skus = sorted(there)
        for first in range(0, len(skus), NAMES_MAX):
            some = skus[first : first + NAMES_MAX]
            locations = sorted(set().union(*(there[sku] for sku in some)))
            questions += [
                (owner, some, locations[place : place + NAMES_MAX]) for place in range(0, len(locations), NAMES_MAX)
            ]
    return questions
