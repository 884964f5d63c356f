"""Levels on their way to stores: how soon after an order ten other stores are told, and how many a full sync tells.

The stores are adapters in this process, which take a level in no time: what is measured is weir. An order's delay is
timed from when it was sent, so its commit is in it.
"""

import asyncio
import itertools
import statistics
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import grpc
import uvloop

from tests.bench.cases import Stubs, stubs
from tests.bench.load import open_loop
from tests.bench.measuring import Options
from tests.bench.rebalancing import PATIENCE_SECONDS, peak_bytes
from tests.bench.suite import Suite, suite
from tests.kit.waiting import until
from weir.common.v1 import stock_pb2
from weir.connector.v1 import connector_pb2, store_connector_pb2, store_connector_pb2_grpc
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2, snapshot_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir.sync.v1 import connection_pb2, connection_service_pb2, sync_service_pb2
from weir.sync.v1.connection_service_pb2_grpc import ConnectionServiceStub
from weir.sync.v1.sync_service_pb2_grpc import SyncServiceStub

STORES = 10
PRODUCTS = 100_000
UNITS = 1000
PER_SECOND = 100
SECONDS = 10.0
EVERYWHERE = "everywhere"

_numbers = itertools.count()


class Store(store_connector_pb2_grpc.StoreConnectorServicer):
    """Takes every level, and notes what it shows, since when, and how many it was told."""

    def __init__(self) -> None:
        """Nothing shown."""
        self.shown: dict[str, tuple[int, float]] = {}
        self.told = 0

    async def Describe(self, request: Any, context: Any) -> store_connector_pb2.DescribeResponse:
        """Do all there is, as fast as can be."""
        able = connector_pb2.StoreAbilities(
            name="bench", batch_max=1000, requests_per_second=1000, burst=1000, compare_and_set=True, fenced=True
        )
        return store_connector_pb2.DescribeResponse(abilities=able)

    async def ApplyLevels(self, request: Any, context: Any) -> store_connector_pb2.ApplyLevelsResponse:
        """Take them."""
        now = time.perf_counter()
        answer = store_connector_pb2.ApplyLevelsResponse()
        for level in request.levels:
            self.shown[level.store_sku] = level.quantity, now
            answer.outcomes.add(store_sku=level.store_sku, outcome=connector_pb2.OUTCOME_APPLIED, shown=level.quantity)
        self.told += len(request.levels)
        return answer

    async def ReadLevels(self, request: Any, context: Any) -> store_connector_pb2.ReadLevelsResponse:
        """Say what is shown."""
        answer = store_connector_pb2.ReadLevelsResponse()
        for sku in request.store_skus:
            answer.levels.add(store_sku=sku, quantity=self.shown.get(sku, (0, 0.0))[0])
        return answer

    async def ListOrders(self, request: Any, context: Any) -> store_connector_pb2.ListOrdersResponse:
        """None."""
        return store_connector_pb2.ListOrdersResponse(cursor=request.cursor)


def run(options: Options) -> None:
    """Connect stores, tell them everything, order, print."""
    told = {"WEIR_SYNC_ALLOW_LOOPBACK": "true"}
    with suite(**told) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    products, clients = options.scaled(PRODUCTS), stubs(running)
    async with AsyncExitStack() as stack:
        stores = [await _serving(stack) for _ in range(STORES)]
        await _prepare(clients, products)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(running.address("sync")))
        begun = time.perf_counter()
        for number, (_, address) in enumerate(stores):
            await _connect(ConnectionServiceStub(channel), f"store-{number}", address)
        shops = [store for store, _ in stores]
        print("told for the first time", file=sys.stderr)
        await _told(shops, products)
        first = time.perf_counter() - begun
        full = await _full(SyncServiceStub(channel))
        levels, mebibytes = products * STORES, peak_bytes(running.servers["sync"].pid) / 2**20
        print(
            f"{levels:,} levels to {STORES} stores: for the first time {levels / first:,.0f}/s,"
            f" by a full sync {levels / full:,.0f}/s; sync took {mebibytes:,.0f} MiB at most.",
            flush=True,
        )
        every: list[list[float]] = []
        last: list[list[float]] = []
        for number in range(options.rounds):
            at_each, at_last = await _ordered(clients, shops, products, number)
            every.append(at_each)
            last.append(at_last)
        told = ", ".join(f"{name} {_quantiles(found)}" for name, found in (("a store", every), ("the last one", last)))
        print(f"An order sent to its level at {STORES} stores, {PER_SECOND} orders/s: {told}.")


async def _serving(stack: AsyncExitStack) -> tuple[Store, str]:
    """A store, and where it listens until the stack is left."""
    store, server = Store(), grpc.aio.server()
    store_connector_pb2_grpc.add_StoreConnectorServicer_to_server(store, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, None)
    return store, f"127.0.0.1:{port}"


async def _prepare(clients: Stubs, products: int) -> None:
    """One warehouse whose goods every store sells."""
    place = ledger_pb2.Location(location=EVERYWHERE, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
    await clients.ledger.CreateLocation(ledger_service_pb2.CreateLocationRequest(request_id="place", location=place))
    group = network_pb2.WarehouseGroup(warehouse_group=EVERYWHERE, locations=[EVERYWHERE])
    await clients.network.CreateWarehouseGroup(
        network_service_pb2.CreateWarehouseGroupRequest(request_id="group", warehouse_group=group)
    )
    for name in (f"store-{number}" for number in range(STORES)):
        channel = network_pb2.Channel(channel=name, kind=network_pb2.CHANNEL_KIND_WEBSHOP)
        await clients.network.CreateChannel(network_service_pb2.CreateChannelRequest(request_id=name, channel=channel))
        link = network_pb2.GroupLink(warehouse_group=EVERYWHERE, channel_group=name)
        await clients.network.CreateGroupLink(
            network_service_pb2.CreateGroupLinkRequest(request_id=f"link {name}", group_link=link)
        )
    messages = []
    for first in range(0, products, 1000):
        message = ledger_service_pb2.ImportSnapshotRequest()
        for number in range(first, min(first + 1000, products)):
            message.lines.add(stock_item=_item(number), quantity=UNITS)
        messages.append(message)
    messages[0].request_id = "stock"
    messages[0].feed.basis = snapshot_pb2.SNAPSHOT_BASIS_ON_HAND
    messages[0].feed.as_of_time.GetCurrentTime()
    await clients.ledger.ImportSnapshot(iter(messages))


async def _connect(connections: ConnectionServiceStub, name: str, address: str) -> None:
    await connections.CreateConnection(
        connection_service_pb2.CreateConnectionRequest(
            request_id=name,
            connection=connection_pb2.Connection(
                connection=name,
                role=connection_pb2.CONNECTION_ROLE_STORE,
                kind=connection_pb2.CONNECTOR_KIND_GRPC,
                settings={"target": address, "tls": "off"},
                channel=name,
                push_levels=True,
            ),
        )
    )


async def _told(stores: list[Store], products: int) -> None:
    """Wait until every store shows every product."""
    await until(lambda: all(len(store.shown) == products for store in stores), PATIENCE_SECONDS)


async def _full(syncing: SyncServiceStub) -> float:
    """How long a full sync of everything takes, in seconds."""
    print("a full sync", file=sys.stderr)
    begun = time.perf_counter()
    async for message in syncing.RunSync(sync_service_pb2.RunSyncRequest(request_id="full", full=True)):
        if message.done:
            break
    return time.perf_counter() - begun


async def _ordered(clients: Stubs, stores: list[Store], products: int, number: int) -> tuple[list[float], list[float]]:
    """The delays of one stretch of orders, each of another product: at each store, and at the last of them; sorted."""
    print(f"orders, {number + 1}", file=sys.stderr)
    sent: dict[str, float] = {}

    async def call(index: int) -> object:
        item = _item((number * int(PER_SECOND * SECONDS) + index) % products)
        sent[item.product.sku] = time.perf_counter()
        line = reservation_pb2.ReservationDraftLine(stock_item=item, quantity=1)
        draft = reservation_pb2.ReservationDraft(lines=[line], channel="store-0")
        return await clients.reservations.Reserve(
            reservation_service_pb2.ReserveRequest(request_id=f"order {number} {next(_numbers)}", draft=draft)
        )

    await open_loop(call, per_second=PER_SECOND, seconds=SECONDS)
    await until(
        lambda: all(store.shown[sku][1] > begun for store in stores for sku, begun in sent.items()), PATIENCE_SECONDS
    )
    delays = [[store.shown[sku][1] - begun for store in stores] for sku, begun in sent.items()]
    return sorted(itertools.chain(*delays)), sorted(map(max, delays))


def _quantiles(found: list[list[float]]) -> str:
    p50, p99 = (statistics.median(each[int(part * len(each))] for each in found) * 1e3 for part in (0.5, 0.99))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


def _item(number: int) -> stock_pb2.StockItem:
    return stock_pb2.StockItem(product=stock_pb2.Product(sku=f"P-{number:07}"), location=EVERYWHERE)
