"""How much is available in whose custody, as the ledger says over gRPC, and when that may have changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_allocation.stock import EACH
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passing_on
from weir_chassis.watch import later, watch
from weir_pooling.domain.alerts import Point, Tally
from weir_pooling.ports import Touched

PAGE_SIZE = 1000
"""The most that the ledger answers at once."""


class PeerTallies:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Tallies`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def head(self, tenant: str) -> Revision:
        with passing_on():
            return from_wire((await self._ledger(tenant).ListBalances(pb.ListBalancesRequest(page_size=1))).revision)

    async def tally(self, tenant: str, custodian: str, owner: str, skus: Sequence[str], *, fresh: Revision) -> Tally:
        request = pb.ListBalancesRequest(
            owner=owner,
            skus=skus,
            custodian=custodian,
            condition=stock_pb2.CONDITION_SELLABLE,
            held_only=True,
            page_size=PAGE_SIZE,
            freshness=revision_pb2.Freshness(at_least=[fresh.to_wire()]),
        )
        with passing_on():
            pages = [page async for page in self._pages(tenant, request)]
            newest = pages[-1].revision
            if any(page.revision != newest for page in pages):  # the books went on between two of them
                request.as_of.CopyFrom(ledger_pb2.AsOf(revision=newest))
                pages = [page async for page in self._pages(tenant, request)]
        available: dict[tuple[str, str], int] = defaultdict(int)
        for each in (balance for page in pages for balance in page.balances):
            if each.stock_item.uom == EACH:
                available[each.stock_item.product.sku, each.stock_item.location] += each.available
        return Tally(custodian, owner, tuple(skus), dict(available), Point(newest.cluster, newest.epoch, newest.number))

    async def touched(self, tenant: str, after: Revision) -> AsyncGenerator[Touched, None]:
        ledger = self._ledger(tenant)

        def opened(mark: Revision | None) -> Any:
            return ledger.WatchEntries(pb.WatchEntriesRequest(after=(mark or after).to_wire()))

        with passing_on():
            async with aclosing(watch(opened, after=after, through=_through, newer=later)) as commits:
                async for commit in commits:
                    yield Touched(from_wire(commit.through), [_product(each) for each in commit.entries])

    def _ledger(self, tenant: str) -> LedgerServiceStub:
        return LedgerServiceStub(self._peer.with_tenant(tenant).channel)

    async def _pages(self, tenant: str, asked: pb.ListBalancesRequest) -> AsyncIterator[pb.ListBalancesResponse]:
        request = pb.ListBalancesRequest()
        request.CopyFrom(asked)
        while True:
            page = await self._ledger(tenant).ListBalances(request)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _product(entry: ledger_pb2.Entry) -> tuple[str, str, str]:
    item = entry.stock_item
    return item.custodian, item.product.owner, item.product.sku


def _through(message: pb.WatchEntriesResponse) -> Revision:
    return from_wire(message.through)
