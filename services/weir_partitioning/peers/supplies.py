"""The aggregator, over gRPC: what there is to divide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import grpc

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir.common.v1 import revision_pb2, stock_pb2
from weir_allocation.rebalance import Supply
from weir_allocation.stock import Product
from weir_chassis.client import Peer
from weir_chassis.revisions import Vector, from_wire
from weir_chassis.status import passing_on
from weir_chassis.watch import watch
from weir_partitioning.ports import Told

LEDGER = "ledger"
SUPPLIES_MAX = 1000
"""The most that are given together."""


class PeerSupplies:
    """The aggregator that `peer` reaches, asked for the tenant that is named: `Supplies`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def counted(self, tenant: str, products: Sequence[Product] | None, fresh: Vector) -> int:
        messages = self._messages(tenant, products, fresh)
        async with aclosing(messages):
            return sum([len(message.table.supplies) async for message in messages])

    async def listed(
        self, tenant: str, products: Sequence[Product] | None, fresh: Vector
    ) -> AsyncGenerator[Sequence[Told], None]:
        messages = self._messages(tenant, products, fresh)
        async with aclosing(messages):
            async for message in messages:
                for some in _some(message):
                    yield some

    async def _messages(
        self, tenant: str, products: Sequence[Product] | None, fresh: Vector
    ) -> AsyncGenerator[pb.ListSuppliesResponse, None]:
        request = pb.ListSuppliesRequest(
            products=[stock_pb2.Product(owner=owner, sku=sku) for owner, sku in products or ()],
            freshness=revision_pb2.Freshness(at_least=[each.to_wire() for each in fresh.values()]),
        )
        if products is not None and not products:
            return
        stream: Any = self._stub(tenant).ListSupplies(request)
        try:
            with passing_on():
                while (message := await stream.read()) is not grpc.aio.EOF:
                    yield message
        finally:
            stream.cancel()

    async def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
        stub = self._stub(tenant)

        def opened(_: None) -> Any:
            return stub.WatchSupplies(pb.WatchSuppliesRequest())

        messages: AsyncGenerator[pb.WatchSuppliesResponse, None] = watch(
            opened, after=None, through=_unmarked, newer=_never
        )
        with passing_on():
            async with aclosing(messages):
                async for message in messages:
                    for some in _some(message):
                        yield some

    def _stub(self, tenant: str) -> AvailabilityServiceStub:
        return AvailabilityServiceStub(self._peer.with_tenant(tenant).channel)


def _unmarked(message: pb.WatchSuppliesResponse) -> None:
    """After a break everything is told anew: there is nothing to go on from."""


def _never(one: None, other: None) -> bool:
    return False


def _some(message: pb.ListSuppliesResponse | pb.WatchSuppliesResponse) -> Iterator[Sequence[Told]]:
    """The supplies of a message, some at a time; none of a heartbeat."""
    books = next((from_wire(each) for each in message.revisions if each.context == LEDGER), None)
    if not message.table.supplies:
        return
    assert books is not None, "what there is comes from the ledger"
    told = [Told(supply, books) for supply in supplies(message.table)]
    for first in range(0, len(told), SUPPLIES_MAX):
        yield told[first : first + SUPPLIES_MAX]


def supplies(table: pb.SupplyTable) -> Iterator[Supply]:
    """The supplies of a table, in its order."""
    owners, skus, scales = list(table.owners), list(table.skus), list(table.scales)
    warehouse_groups, channel_groups = list(table.warehouse_groups), list(table.channel_groups)
    selling: defaultdict[int, list[str]] = defaultdict(list)
    claimed: defaultdict[int, dict[str, int]] = defaultdict(dict)
    shares = zip(table.share_supplies, table.share_channel_groups, table.selling, table.claimed, strict=True)
    for supply, place, sells, units in shares:
        group = channel_groups[place]
        if sells:
            selling[supply].append(group)
        if units:
            claimed[supply][group] = units
    rows = zip(table.supply_products, table.supply_warehouse_groups, table.supplies, strict=True)
    for place, (product, warehouse_group, units) in enumerate(rows):
        yield Supply(
            (owners[product], skus[product]),
            warehouse_groups[warehouse_group],
            units,
            tuple(sorted(selling.get(place, ()))),
            claimed.get(place, {}),
            scales[product],
        )
