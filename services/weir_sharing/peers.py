"""The ledger, over gRPC: what lies where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import date

from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_allocation.stock import Condition, Stock, StockItem
from weir_chassis.client import Peer
from weir_chassis.revisions import Vector, from_wire
from weir_chassis.status import passing_on
from weir_sharing.domain import Product
from weir_sharing.ports import Held

PAGE_SIZE = 1000
SKUS_MAX = 100
"""The most that the ledger answers, and takes, at once."""

_CONDITIONS = {
    stock_pb2.CONDITION_SELLABLE: Condition.SELLABLE,
    stock_pb2.CONDITION_HOLD: Condition.HOLD,
    stock_pb2.CONDITION_DAMAGED: Condition.DAMAGED,
}


class PeerLedger:
    """The ledger that `peer` reaches, asked for the tenant of the call being answered: `Ledger`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._ledger = LedgerServiceStub(peer.channel)

    async def held(self, products: Sequence[Product], fresh: Vector) -> Held:
        freshness = revision_pb2.Freshness(at_least=[each.to_wire() for each in fresh.values()])
        with passing_on():
            return await self._held(products, freshness)

    async def _held(self, products: Sequence[Product], freshness: revision_pb2.Freshness) -> Held:
        pages = [page async for page in self._pages(products, freshness, None)]
        if any(page.revision != pages[-1].revision for page in pages):  # the books went on between two of them
            point = ledger_pb2.AsOf(revision=pages[-1].revision)
            pages = [page async for page in self._pages(products, freshness, point)]
        balances = [balance for page in pages for balance in page.balances]
        tracked = {_product(each.stock_item.product): None for each in balances if each.stock_item.lot}
        expiries = {product: await self._expiries(product, pages[-1].revision) for product in tracked}
        holdings: dict[tuple[str, str], list[Stock]] = defaultdict(list)
        for each in balances:
            product = _product(each.stock_item.product)
            expiry = expiries.get(product, {}).get(each.stock_item.lot)
            holdings[product].append(Stock(_stock_item(each.stock_item), each.on_hand, each.reserved, expiry))
        return Held(holdings, from_wire(pages[-1].revision))

    async def _pages(
        self, products: Iterable[Product], freshness: revision_pb2.Freshness, point: ledger_pb2.AsOf | None
    ) -> AsyncIterator[pb.ListBalancesResponse]:
        """Every balance of the products, newest or as of a point."""
        for owner, skus in _asked(products):
            request = pb.ListBalancesRequest(
                owner=owner, skus=skus, page_size=PAGE_SIZE, freshness=freshness, as_of=point
            )
            while True:
                page = await self._ledger.ListBalances(request)
                yield page
                if not page.next_page_token:
                    break
                request.page_token = page.next_page_token

    async def _expiries(self, product: Product, revision: revision_pb2.Revision) -> Mapping[str, date]:
        """The last days of the product's lots that have one, as known at the revision or later."""
        request = pb.ListLotsRequest(
            product=stock_pb2.Product(owner=product.owner, sku=product.sku),
            page_size=PAGE_SIZE,
            freshness=revision_pb2.Freshness(at_least=[revision]),
        )
        days: dict[str, date] = {}
        while True:
            page = await self._ledger.ListLots(request)
            days |= {each.lot: date.fromisoformat(each.expiry_date) for each in page.lots if each.expiry_date}
            if not page.next_page_token:
                return days
            request.page_token = page.next_page_token


def _asked(products: Iterable[Product]) -> Iterator[tuple[str, list[str]]]:
    """The products as the ledger is asked for them: some of one owner at a time."""
    owned: dict[str, list[str]] = defaultdict(list)
    for owner, sku in sorted(products):
        owned[owner].append(sku)
    for owner, skus in owned.items():
        for first in range(0, len(skus), SKUS_MAX):
            yield owner, skus[first : first + SKUS_MAX]


def _product(message: stock_pb2.Product) -> Product:
    return Product(message.owner, message.sku)


def _stock_item(message: stock_pb2.StockItem) -> StockItem:
    return StockItem(
        message.product.owner,
        message.product.sku,
        message.location,
        message.lot,
        message.uom,
        message.custodian,
        _CONDITIONS[message.condition],
    )
