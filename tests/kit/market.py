"""The services that answer what may be sold, in one process, and a caller of all of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kit.calling import refusal
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.aggregator.v1 import availability_service_pb2 as availability_pb
from weir.aggregator.v1 import fulfilment_service_pb2 as fulfilment_pb
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir.aggregator.v1.fulfilment_service_pb2_grpc import FulfilmentServiceStub
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_service_pb2 as ledger_pb
from weir.ledger.v1 import reservation_service_pb2 as reservation_pb
from weir.ledger.v1 import waiting_service_pb2 as waiting_pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir.partitioning.v1 import partitioning_service_pb2 as partitioning_pb
from weir.partitioning.v1.partitioning_service_pb2_grpc import PartitioningServiceStub
from weir.pooling.v1 import alert_service_pb2 as alerts_pb
from weir.pooling.v1 import case_service_pb2 as cases_pb
from weir.pooling.v1 import pooling_service_pb2 as pooling_pb
from weir.pooling.v1 import transfer_service_pb2 as transfers_pb
from weir.pooling.v1.alert_service_pb2_grpc import AlertServiceStub
from weir.pooling.v1.case_service_pb2_grpc import CaseServiceStub
from weir.pooling.v1.pooling_service_pb2_grpc import PoolingServiceStub
from weir.pooling.v1.transfer_service_pb2_grpc import TransferServiceStub
from weir.sharing.v1 import network_pb2
from weir.sharing.v1 import network_service_pb2 as network_pb
from weir.sharing.v1 import sharing_service_pb2 as sharing_pb
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir.sharing.v1.sharing_service_pb2_grpc import SharingServiceStub
from weir.sync.v1 import connection_service_pb2 as connections_pb
from weir.sync.v1 import listing_service_pb2 as listings_pb
from weir.sync.v1 import order_service_pb2 as store_orders_pb
from weir.sync.v1 import rule_service_pb2 as rules_pb
from weir.sync.v1 import sync_service_pb2 as syncing_pb
from weir.sync.v1.connection_service_pb2_grpc import ConnectionServiceStub
from weir.sync.v1.listing_service_pb2_grpc import ListingServiceStub
from weir.sync.v1.order_service_pb2_grpc import OrderServiceStub
from weir.sync.v1.rule_service_pb2_grpc import RuleServiceStub
from weir.sync.v1.sync_service_pb2_grpc import SyncServiceStub
from weir_aggregator import app as aggregator_app
from weir_chassis.errors import RecordedRefusal
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ServerSettings
from weir_cli.suite import kept_port
from weir_ledger import app as ledger_app
from weir_partitioning import app as partitioning_app
from weir_pooling import app as pooling_app
from weir_sharing import app as sharing_app
from weir_sync import app as sync_app

WEBSHOP, REP = network_pb2.CHANNEL_KIND_WEBSHOP, network_pb2.CHANNEL_KIND_REP

_numbers = itertools.count()


def server_settings(port: int = 0, **others: Any) -> ServerSettings:
    """A server that listens on loopback and ends without ceremony."""
    return ServerSettings(listen=Address("127.0.0.1", port), notice_seconds=0.0, drain_seconds=2.0, **others)


@dataclass
class Service:
    """One service that a test may end and start again, at the same address."""

    start: Callable[[int], Any]
    address: str = ""
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def begin(self) -> None:
        """Start it, where it last was."""
        port = int(self.address.rpartition(":")[2]) if self.address else 0
        self.server: Server = await self._stack.enter_async_context(self.start(port))
        self.address = self.server.address

    async def end(self) -> None:
        """Stop it; again harmless."""
        await self._stack.aclose()


@dataclass
class Market:
    """The services; all but the aggregator keep their books in one database, each in its own schema."""

    ledger: Service
    sharing: Service
    partitioning: Service
    sync: Service
    pooling: Service
    aggregator: Service

    @property
    def services(self) -> tuple[Service, ...]:
        """All of them; each is called by later ones only, but for the aggregator, which partitioning calls, too."""
        return self.ledger, self.sharing, self.partitioning, self.sync, self.pooling, self.aggregator

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> Caller:
        """A caller of a tenant in development mode, or one with other metadata; close it."""
        addresses = [each.address for each in self.services]
        return Caller(addresses, (("weir-tenant", tenant),) if metadata is None else tuple(metadata))


SCHEMAS = ("weir_ledger", "weir_sharing", "weir_partitioning", "weir_sync", "weir_pooling")


@asynccontextmanager
async def market(
    database: FreshDatabase,
    *,
    auth: AuthSettings | None = None,
    syncing: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Market]:
    """The services for the block; `settings` are settings of the aggregator, of which others that call have the
    client's, and `syncing` are settings of sync.
    """
    auth = auth or AuthSettings()

    calling = {
        sharing_app: ("ledger_target",),
        partitioning_app: ("ledger_target", "sharing_target", "aggregator_target"),
        sync_app: ("ledger_target", "aggregator_target"),
        pooling_app: ("ledger_target",),
    }

    def keeping(app: Any, schema: str) -> Service:
        def start(port: int) -> Any:
            peers: dict[str, Any] = {
                name: getattr(running, name.removesuffix("_target")).address for name in calling.get(app, ())
            }
            if peers and "client" in settings:
                peers["client"] = settings["client"]
            if app is sync_app:
                peers |= syncing or {}
            made = app.Settings(server=server_settings(port), database=database.settings(schema), auth=auth, **peers)
            return app.running(made)

        return Service(start)

    def aggregator(port: int) -> Any:
        made = aggregator_app.Settings(
            server=server_settings(port, reuse_port=True),
            auth=auth,
            ledger_target=running.ledger.address,
            sharing_target=running.sharing.address,
            partitioning_target=running.partitioning.address,
            sync_target=running.sync.address,
            pooling_target=running.pooling.address,
            **{"tenants": ("acme",), **settings},
        )
        return aggregator_app.running(made)

    apps = (ledger_app, sharing_app, partitioning_app, sync_app, pooling_app)
    ledger, sharing, partitioning, sync, pooling = (keeping(*each) for each in zip(apps, SCHEMAS, strict=True))
    with kept_port() as port:
        running = Market(ledger, sharing, partitioning, sync, pooling, Service(aggregator, f"127.0.0.1:{port}"))
        try:
            for service in running.services:
                await service.begin()
            yield running
        finally:
            for service in reversed(running.services):
                await service.end()


class Caller:
    """One tenant's caller of all services.

    Rpcs are named, their requests given by fields; a mutation names itself unless told a request id. Writes return
    their revision.
    """

    def __init__(self, addresses: Sequence[str], metadata: tuple[tuple[str, str], ...]) -> None:
        """Calls the services at these addresses, in the order of `Market.services`; connects when first used."""
        self._metadata = metadata
        self._channels = [connect(address) for address in addresses]
        ledger, sharing, partitioning, sync, pooling, aggregator = self._channels
        self._stubs: list[tuple[Any, Any]] = [
            (AvailabilityServiceStub(aggregator), availability_pb),
            (FulfilmentServiceStub(aggregator), fulfilment_pb),
            (LedgerServiceStub(ledger), ledger_pb),
            (ReservationServiceStub(ledger), reservation_pb),
            (WaitingServiceStub(ledger), waiting_pb),
            (NetworkServiceStub(sharing), network_pb),
            (SharingServiceStub(sharing), sharing_pb),
            (PartitioningServiceStub(partitioning), partitioning_pb),
            (RuleServiceStub(sync), rules_pb),
            (PoolingServiceStub(pooling), pooling_pb),
            (TransferServiceStub(pooling), transfers_pb),
            (CaseServiceStub(pooling), cases_pb),
            (AlertServiceStub(pooling), alerts_pb),
            (ConnectionServiceStub(sync), connections_pb),
            (ListingServiceStub(sync), listings_pb),
            (SyncServiceStub(sync), syncing_pb),
            (OrderServiceStub(sync), store_orders_pb),
        ]

    async def close(self) -> None:
        """End every call."""
        for channel in self._channels:
            await channel.close()

    async def do(self, method: str, *, seconds: float = 20.0, **fields: Any) -> Any:
        """The answer of a unary rpc."""
        send, request = self._found(method, fields)
        return await send(request, metadata=self._metadata, timeout=seconds)

    async def refused(self, method: str, *, seconds: float = 20.0, **fields: Any) -> RecordedRefusal:
        """The refusal that any rpc ends with, a streaming one before its first message."""
        send, request = self._found(method, fields)
        call = send(request, metadata=self._metadata, timeout=seconds)
        return await refusal(call.read() if hasattr(call, "read") else call)

    def stream(self, method: str, *, seconds: float | None = 60.0, **fields: Any) -> Any:
        """The call of a streaming rpc; cancel it when done."""
        send, request = self._found(method, fields)
        return send(request, metadata=self._metadata, timeout=seconds)

    async def write(self, method: str, **fields: Any) -> revision_pb2.Revision:
        """The revision of a mutation."""
        made: revision_pb2.Revision = (await self.do(method, **fields)).revision
        return made

    async def locations(self, *locations: str) -> None:
        """Add warehouses to the ledger."""
        for location in locations:
            await self.write("CreateLocation", location={"location": location, "kind": "LOCATION_KIND_WAREHOUSE"})

    async def receive(
        self, sku: str, location: str, quantity: int, *, owner: str = "", kind: str = "RECEIVE", **item: Any
    ) -> revision_pb2.Revision:
        """Book units in, or find them in a COUNT if `kind` says so."""
        stock_item = {"product": {"sku": sku, "owner": owner}, "location": location, **item}
        movement = {"kind": f"ENTRY_KIND_{kind}", "quantity": quantity, "stock_item": stock_item}
        return await self.write("RecordMovements", movements=[movement])

    async def reserve(self, sku: str, location: str, quantity: int) -> revision_pb2.Revision:
        """Promise units to an order."""
        line = {"stock_item": {"product": {"sku": sku}, "location": location}, "quantity": quantity}
        return await self.write("Reserve", draft={"lines": [line]})

    async def feed(self, group: str, locations: Sequence[str], *channels: str) -> revision_pb2.Revision:
        """Add a warehouse group, channels in groups of their own, and links from the one to each of the others."""
        warehouse_group = {"warehouse_group": group, "locations": locations}
        revision = await self.write("CreateWarehouseGroup", warehouse_group=warehouse_group)
        for channel in channels:
            await self.write("CreateChannel", channel={"channel": channel, "kind": WEBSHOP})
            link = {"warehouse_group": group, "channel_group": channel}
            revision = await self.write("CreateGroupLink", group_link=link)
        return revision

    async def level(self, sku: str, channel: str, *at_least: revision_pb2.Revision, **fields: Any) -> int:
        """What a channel may sell, at or after some revisions."""
        freshness = {"at_least": at_least}
        answer = await self.do("GetAvailability", product={"sku": sku}, channel=channel, freshness=freshness, **fields)
        level: int = answer.level
        return level

    def _found(self, method: str, fields: dict[str, Any]) -> tuple[Any, Any]:
        stub, messages = next(pair for pair in self._stubs if hasattr(pair[0], method))
        made = getattr(messages, f"{method}Request")
        if "request_id" in made.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", name())
        return getattr(stub, method), made(**fields)


def name() -> str:
    """A request id of one's own."""
    return f"request {next(_numbers)}"


async def golden(caller: Caller) -> tuple[revision_pb2.Revision, revision_pb2.Revision]:
    """The market of golden case 1, for the product BIKE; the last revision of each context."""
    stock = {"DE1": 50, "DE2": 30, "FR": 100, "US": 80, "BERLIN": 12}
    await caller.locations(*stock)
    for location, units in stock.items():
        booked = await caller.receive("BIKE", location, units)
    fixed = {"location": "BERLIN", "policy": network_pb2.LOCATION_POLICY_FIXED}
    await caller.write("SetLocationPolicy", location_setting=fixed)
    await caller.feed("europe", ["DE1", "DE2", "FR"], "shop-eu")
    await caller.feed("us", ["US"], "shop-us")
    return booked, await caller.feed("berlin", ["BERLIN"], "till")


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something holds; fails when it takes too long."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "waited too long"
        await asyncio.sleep(0.01)
