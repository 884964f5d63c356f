"""Somebody who uses the suite: the typed stubs of every service, and short words for what is done often.

A merchant sees what it has written: `level`, `levels` and `explained` ask for an answer at least as new as every
revision the merchant was ever answered with.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
from google.protobuf.duration_pb2 import Duration
from grpc.aio import Channel

from weir.aggregator.v1 import availability_service_pb2 as availability_pb
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir.aggregator.v1.fulfilment_service_pb2_grpc import FulfilmentServiceStub
from weir.common.v1.revision_pb2 import Freshness, Revision
from weir.common.v1.stock_pb2 import Product, StockItem
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir.partitioning.v1.partitioning_service_pb2_grpc import PartitioningServiceStub
from weir.pooling.v1.alert_service_pb2_grpc import AlertServiceStub
from weir.pooling.v1.case_service_pb2_grpc import CaseServiceStub
from weir.pooling.v1.pooling_service_pb2_grpc import PoolingServiceStub
from weir.pooling.v1.transfer_service_pb2_grpc import TransferServiceStub
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir.sharing.v1.sharing_service_pb2_grpc import SharingServiceStub
from weir.sync.v1.connection_service_pb2_grpc import ConnectionServiceStub
from weir.sync.v1.listing_service_pb2_grpc import ListingServiceStub
from weir.sync.v1.order_service_pb2_grpc import OrderServiceStub
from weir.sync.v1.rule_service_pb2_grpc import RuleServiceStub
from weir.sync.v1.sync_service_pb2_grpc import SyncServiceStub

TIMEOUT_SECONDS = 20.0

RECEIVE, SHIP, COUNT = ledger_pb2.ENTRY_KIND_RECEIVE, ledger_pb2.ENTRY_KIND_SHIP, ledger_pb2.ENTRY_KIND_COUNT
WAREHOUSE = ledger_pb2.LOCATION_KIND_WAREHOUSE
FIXED = network_pb2.LOCATION_POLICY_FIXED

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Stubs:
    """Every service, each call in somebody's name."""

    ledger: LedgerServiceStub
    reservations: ReservationServiceStub
    network: NetworkServiceStub
    sharing: SharingServiceStub
    partitioning: PartitioningServiceStub
    rules: RuleServiceStub
    availability: AvailabilityServiceStub
    fulfilment: FulfilmentServiceStub
    waiting: WaitingServiceStub
    pooling: PoolingServiceStub
    transfers: TransferServiceStub
    cases: CaseServiceStub
    alerts: AlertServiceStub
    connections: ConnectionServiceStub
    listings: ListingServiceStub
    syncing: SyncServiceStub
    store_orders: OrderServiceStub


class _InTheNameOf:
    """A channel whose calls carry metadata and end in time; only what the stubs use of one."""

    def __init__(self, channel: Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._terms: dict[str, Any] = {"metadata": metadata, "timeout": TIMEOUT_SECONDS}

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        return functools.partial(self._channel.unary_unary(*arguments, **options), **self._terms)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        return functools.partial(self._channel.unary_stream(*arguments, **options), **self._terms)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        return functools.partial(self._channel.stream_unary(*arguments, **options), **self._terms)


def stubs(channels: Mapping[str, Channel], metadata: tuple[tuple[str, str], ...]) -> Stubs:
    """Every service, called with this metadata, over channels by its name; a call may be given a timeout of its own."""

    def named(service: str) -> Channel:
        return cast(Channel, _InTheNameOf(channels[service], metadata))

    return Stubs(
        LedgerServiceStub(named("ledger")),
        ReservationServiceStub(named("ledger")),
        NetworkServiceStub(named("sharing")),
        SharingServiceStub(named("sharing")),
        PartitioningServiceStub(named("partitioning")),
        RuleServiceStub(named("sync")),
        AvailabilityServiceStub(named("aggregator")),
        FulfilmentServiceStub(named("aggregator")),
        WaitingServiceStub(named("ledger")),
        PoolingServiceStub(named("pooling")),
        TransferServiceStub(named("pooling")),
        CaseServiceStub(named("pooling")),
        AlertServiceStub(named("pooling")),
        ConnectionServiceStub(named("sync")),
        ListingServiceStub(named("sync")),
        SyncServiceStub(named("sync")),
        OrderServiceStub(named("sync")),
    )


def request_id() -> str:
    """A name for an attempt that no other attempt has."""
    return f"attempt {next(_numbers)}"


def item(sku: str, location: str, **others: Any) -> StockItem:
    """A stock item, plain unless `others` say what sets it apart."""
    return StockItem(product=Product(sku=sku), location=location, **others)


@dataclass(slots=True)
class Merchant:
    """A tenant of the suite, and what it has seen of its history."""

    tenant: str
    stubs: Stubs
    seen: dict[str, Revision] = field(default_factory=dict)
    """The newest revision of each context that the merchant was answered with."""
    database_url: str = ""
    """Where the books and rules are, for what no rpc can bring about."""

    def saw(self, revision: Revision) -> Revision:
        """Remember a revision that an answer carried."""
        if revision.context not in self.seen or self.seen[revision.context].number < revision.number:
            self.seen[revision.context] = revision
        return revision

    def freshness(self, *contexts: str) -> Freshness:
        """At least everything the merchant has seen; of these contexts, if any are named."""
        return Freshness(at_least=[self.seen[each] for each in contexts or self.seen])

    async def location(
        self, *names: str, kind: ledger_pb2.LocationKind.ValueType = ledger_pb2.LOCATION_KIND_WAREHOUSE
    ) -> None:
        """Add locations."""
        for name in names:
            done = await self.stubs.ledger.CreateLocation(
                ledger_service_pb2.CreateLocationRequest(
                    request_id=request_id(), location=ledger_pb2.Location(location=name, kind=kind)
                )
            )
            self.saw(done.revision)

    async def record(
        self, kind: ledger_pb2.EntryKind.ValueType, sku: str, location: str, quantity: int, **item_parts: Any
    ) -> Revision:
        """Record one movement."""
        movement = ledger_pb2.Movement(kind=kind, stock_item=item(sku, location, **item_parts), quantity=quantity)
        done = await self.stubs.ledger.RecordMovements(
            ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=[movement])
        )
        return self.saw(done.revision)

    async def receive(self, sku: str, **quantities: int) -> Revision:
        """Receive units of a product at several locations, in one commit."""
        movements = [
            ledger_pb2.Movement(kind=RECEIVE, stock_item=item(sku, location), quantity=quantity)
            for location, quantity in quantities.items()
        ]
        done = await self.stubs.ledger.RecordMovements(
            ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=movements)
        )
        return self.saw(done.revision)

    async def reserve(
        self, sku: str, location: str, quantity: int, *, hold_seconds: float | None = None, named: str | None = None
    ) -> reservation_service_pb2.ReserveResponse:
        """Reserve units of one stock item, under a request id of its own unless `named`."""
        draft = reservation_pb2.ReservationDraft(
            lines=[reservation_pb2.ReservationDraftLine(stock_item=item(sku, location), quantity=quantity)]
        )
        if hold_seconds is not None:
            draft.hold_duration.CopyFrom(Duration(nanos=round(hold_seconds % 1 * 1e9), seconds=int(hold_seconds)))
        done = await self.stubs.reservations.Reserve(
            reservation_service_pb2.ReserveRequest(request_id=named or request_id(), draft=draft)
        )
        self.saw(done.revision)
        return done

    async def group(self, name: str, *locations: str) -> None:
        """Pool locations in a warehouse group."""
        done = await self.stubs.network.CreateWarehouseGroup(
            network_service_pb2.CreateWarehouseGroupRequest(
                request_id=request_id(),
                warehouse_group=network_pb2.WarehouseGroup(warehouse_group=name, locations=locations),
            )
        )
        self.saw(done.revision)

    async def channel(
        self, name: str, kind: network_pb2.ChannelKind.ValueType = network_pb2.CHANNEL_KIND_WEBSHOP, group: str = ""
    ) -> None:
        """Add a channel, in a channel group of its own unless one is named."""
        done = await self.stubs.network.CreateChannel(
            network_service_pb2.CreateChannelRequest(
                request_id=request_id(), channel=network_pb2.Channel(channel=name, kind=kind, channel_group=group)
            )
        )
        self.saw(done.revision)

    async def link(self, warehouse_group: str, channel_group: str) -> Revision:
        """Let a warehouse group feed a channel group."""
        done = await self.stubs.network.CreateGroupLink(
            network_service_pb2.CreateGroupLinkRequest(
                request_id=request_id(),
                group_link=network_pb2.GroupLink(warehouse_group=warehouse_group, channel_group=channel_group),
            )
        )
        return self.saw(done.revision)

    async def unlink(self, warehouse_group: str, channel_group: str) -> Revision:
        """Stop a warehouse group from feeding a channel group."""
        done = await self.stubs.network.DeleteGroupLink(
            network_service_pb2.DeleteGroupLinkRequest(
                request_id=request_id(), warehouse_group=warehouse_group, channel_group=channel_group
            )
        )
        return self.saw(done.revision)

    async def fixed(self, location: str) -> None:
        """Say that a location may not be shared."""
        done = await self.stubs.network.SetLocationPolicy(
            network_service_pb2.SetLocationPolicyRequest(
                request_id=request_id(),
                location_setting=network_pb2.LocationSetting(location=location, policy=FIXED),
            )
        )
        self.saw(done.revision)

    async def availability(self, sku: str, channel: str) -> availability_pb.GetAvailabilityResponse:
        """What a channel may sell of a product, at least as new as everything seen."""
        return await self.stubs.availability.GetAvailability(
            availability_pb.GetAvailabilityRequest(
                product=Product(sku=sku), channel=channel, freshness=self.freshness()
            )
        )

    async def level(self, sku: str, channel: str) -> int:
        """How many units of a product a channel may sell, at least as new as everything seen."""
        return (await self.availability(sku, channel)).level

    async def levels(self, *channels: str) -> dict[str, dict[str, int]]:
        """The levels of all products, by stock keeping unit and channel, at least as new as everything seen."""
        found: dict[str, dict[str, int]] = {}
        request = availability_pb.ListLevelsRequest(channels=channels, freshness=self.freshness())
        async for part in self.stubs.availability.ListLevels(request):
            found |= rows(part.table)
        return found


def rows(table: availability_pb.LevelTable) -> dict[str, dict[str, int]]:
    """The levels of a table by stock keeping unit and channel."""
    width = len(table.channels)
    assert len(table.levels) == width * len(table.skus)
    return {
        sku: dict(zip(table.channels, table.levels[index * width :][:width], strict=True))
        for index, sku in enumerate(table.skus)
    }


async def golden(merchant: Merchant, sku: str = "BIKE", quantities: Mapping[str, int] | None = None) -> None:
    """The merchant of golden case 1: five locations, three groups of them, and a channel for each group."""
    held = {"DE1": 50, "DE2": 30, "FR": 100, "US": 80, "BERLIN": 12} if quantities is None else quantities
    await merchant.location("DE1", "DE2", "FR", "US")
    await merchant.location("BERLIN", kind=ledger_pb2.LOCATION_KIND_STORE)
    await merchant.fixed("BERLIN")
    groups: dict[str, Sequence[str]] = {"europe": ["DE1", "DE2", "FR"], "us": ["US"], "berlin": ["BERLIN"]}
    for group, locations in groups.items():
        await merchant.group(group, *locations)
    for channel, group in {"web-eu": "europe", "web-us": "us", "till": "berlin"}.items():
        await merchant.channel(channel)
        await merchant.link(group, channel)
    await merchant.receive(sku, **held)


async def verified(merchant: Merchant) -> None:
    """The books agree with themselves."""
    findings = [each async for each in merchant.stubs.ledger.VerifyBooks(ledger_service_pb2.VerifyBooksRequest())]
    assert [each.difference for each in findings[:-1]] == []
    assert findings[-1].verification.differences == 0
    assert findings[-1].verification.entries > 0


async def refused(asking: Any) -> grpc.aio.AioRpcError:
    """The error that a call, or the reading of a stream, ends with; fails where it is answered."""
    try:
        answer = [each async for each in asking] if hasattr(asking, "__aiter__") else await asking
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError(f"not refused: {answer}")
