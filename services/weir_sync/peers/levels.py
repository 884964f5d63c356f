"""The aggregator, over gRPC: what every store is to show."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir.common.v1 import revision_pb2, stock_pb2
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passing_on
from weir_chassis.watch import Fenced, watch
from weir_sync.domain.rules import Product
from weir_sync.ports.levels import Table

Mark = tuple[Revision, ...]


class PeerLevels:
    """The aggregator that `peer` reaches, asked for the tenant that is named: `Source`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def watched(
        self, tenant: str, channels: Sequence[str], after: Sequence[Revision]
    ) -> AsyncGenerator[Table, None]:
        stub = self._stub(tenant)
        start = tuple(after)

        def opened(mark: Mark | None) -> Any:
            request = pb.WatchLevelsRequest(channels=channels, after=[each.to_wire() for each in mark or start])
            return stub.WatchLevels(request)

        while True:
            messages: AsyncGenerator[pb.WatchLevelsResponse, None] = watch(
                opened, after=start or None, through=_through, newer=_always
            )
            try:
                with passing_on():
                    async with aclosing(messages):
                        async for message in messages:
                            yield _table(message.table, message.through, complete_end=message.complete_end)
            except Fenced:
                start = ()  # other books: everything is told anew

    async def now(
        self, tenant: str, products: Sequence[Product], channels: Sequence[str], fresh: Sequence[Revision]
    ) -> Table:
        request = pb.BatchGetAvailabilityRequest(
            products=[stock_pb2.Product(owner=owner, sku=sku) for owner, sku in products],
            channels=channels,
            freshness=revision_pb2.Freshness(at_least=[each.to_wire() for each in fresh]),
        )
        with passing_on():
            answer = await self._stub(tenant).BatchGetAvailability(request)
        return Table(tuple(products), tuple(answer.channels), answer.levels)

    def _stub(self, tenant: str) -> AvailabilityServiceStub:
        return AvailabilityServiceStub(self._peer.with_tenant(tenant).channel)


def _through(message: pb.WatchLevelsResponse) -> Mark | None:
    return tuple(map(from_wire, message.through)) or None


def _always(one: Mark, other: Mark) -> bool:
    """Levels may change at the same revisions, when a day ends."""
    return True


def _table(table: pb.LevelTable, through: Sequence[revision_pb2.Revision], *, complete_end: bool) -> Table:
    products = tuple(map(Product, table.owners, table.skus))
    return Table(products, tuple(table.channels), table.levels, tuple(map(from_wire, through)), complete_end)
