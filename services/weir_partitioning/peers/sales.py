"""The ledger and sharing, over gRPC: what orders were promised, and whose channels they came through."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import date, datetime
from typing import TypeVar

import grpc

from weir.ledger.v1 import reservation_service_pb2 as ledger_pb
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.sharing.v1 import network_service_pb2 as network_pb
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir_allocation import claims
from weir_allocation.stock import Product
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passed_on
from weir_chassis.watch import Fenced
from weir_chassis.watch.resuming import FENCES
from weir_partitioning.ports import Sale, Sold

T = TypeVar("T")

PAGE_SIZE = 1000
"""The most channels that sharing answers at once."""


class PeerSales:
    """The ledger and sharing as two peers reach them, asked for the tenant that is named: `Sales`."""

    def __init__(self, ledger: Peer, sharing: Peer) -> None:
        """Ask the one what was promised, the other which channel groups there are."""
        self._ledger = ledger
        self._sharing = sharing

    async def sold(self, tenant: str, after: Revision | None, since: datetime) -> Sold:
        request = ledger_pb.ListDemandRequest(after=None if after is None else after.to_wire())
        request.recorded_after_time.FromDatetime(since)
        stub = ReservationServiceStub(self._ledger.with_tenant(tenant).channel)
        answer = await _asked(stub.ListDemand(request))
        rows = zip(
            *(answer.days, answer.channels, answer.owners, answer.skus, answer.subjects, answer.units), strict=True
        )
        sales = [
            Sale(*_ordered((owner, sku), subject, units), channel, date.fromisoformat(day))
            for day, channel, owner, sku, subject, units in rows
        ]
        return Sold([each for each in sales if each.channel and each.units], from_wire(answer.through), answer.more)

    async def groups(self, tenant: str) -> Mapping[str, str]:
        stub = NetworkServiceStub(self._sharing.with_tenant(tenant).channel)
        groups: dict[str, str] = {}
        request = network_pb.ListChannelsRequest(page_size=PAGE_SIZE)
        while True:
            page = await _asked(stub.ListChannels(request))
            groups |= {each.channel: each.channel_group for each in page.channels}
            if not page.next_page_token:
                return groups
            request.page_token = page.next_page_token


def _ordered(item: Product, subject: str, units: int) -> tuple[Product, int]:
    """What was ordered where units of an item were promised: of a claim its product, in whole units of it, else the
    item itself.
    """
    claim = claims.read(subject)
    return (item, units) if claim is None else (claim.product, units // claim.scale)


async def _asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except grpc.aio.AioRpcError as error:
        refusal = passed_on(error)
        if refusal is None:
            raise
        if refusal.reason in FENCES:
            raise Fenced(refusal.reason, refusal.message) from error
        raise refusal from error
