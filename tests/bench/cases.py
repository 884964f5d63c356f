"""What is measured: the calls of each case, on goods that never run out."""

import itertools
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from tests.bench.load import Call
from tests.bench.measuring import Case
from tests.bench.serve import ECHO
from tests.bench.suite import ALONE, Suite
from tests.kit.probe import NAME
from weir.aggregator.v1 import availability_service_pb2 as levels
from weir.aggregator.v1.availability_service_pb2_grpc import AvailabilityServiceStub
from weir.aggregator.v1.fulfilment_service_pb2_grpc import FulfilmentServiceStub
from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.partitioning.v1.partitioning_service_pb2_grpc import PartitioningServiceStub
from weir.sharing.v1 import network_pb2, network_service_pb2, sharing_service_pb2
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir.sharing.v1.sharing_service_pb2_grpc import SharingServiceStub
from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir.sync.v1.rule_service_pb2_grpc import RuleServiceStub

SKUS = 10_000
LOCATION = "W1"
CHANNELS = 10
LINKS = 200
"""Products that lend to another, and bundles."""
BATCH_LINES = 500
BATCH_PRODUCTS = 1000
RUN = uuid.uuid4().hex
"""Makes the request ids of this run its own."""


@dataclass(frozen=True, slots=True)
class Stubs:
    """Plain clients of the suite, one connection each."""

    echo: Callable[[StringValue], object]
    empty: Callable[[StringValue], object]
    ledger: LedgerServiceStub
    reservations: ReservationServiceStub
    ledger_alone: LedgerServiceStub
    reservations_alone: ReservationServiceStub
    network: NetworkServiceStub
    sharing: SharingServiceStub
    partitioning: PartitioningServiceStub
    rules: RuleServiceStub
    availability: AvailabilityServiceStub
    fulfilment: FulfilmentServiceStub
    waiting: WaitingServiceStub


def stubs(suite: Suite) -> Stubs:
    """Connect to every server."""

    def channel(name: str) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(suite.address(name), [("grpc.max_receive_message_length", 1 << 24)])

    ledger, alone, aggregator = channel("ledger"), channel(ALONE), channel("aggregator")
    serialise, parse = StringValue.SerializeToString, StringValue.FromString
    return Stubs(
        channel("echo").unary_unary(ECHO, serialise, parse),
        channel("empty").unary_unary(f"/{NAME}/Get", serialise, parse),
        LedgerServiceStub(ledger),
        ReservationServiceStub(ledger),
        LedgerServiceStub(alone),
        ReservationServiceStub(alone),
        NetworkServiceStub(channel("sharing")),
        SharingServiceStub(channel("sharing")),
        PartitioningServiceStub(channel("partitioning")),
        RuleServiceStub(channel("sync")),
        AvailabilityServiceStub(aggregator),
        FulfilmentServiceStub(aggregator),
        WaitingServiceStub(ledger),
    )


def sku(number: int) -> str:
    """The name of a product."""
    return f"SKU-{number:07}"


def item(number: int) -> stock_pb2.StockItem:
    """The stock item of a product."""
    return stock_pb2.StockItem(product=stock_pb2.Product(sku=sku(number)), location=LOCATION)


async def stock(ledger: LedgerServiceStub) -> None:
    """Take in a billion units of every product."""
    place = ledger_pb2.Location(location=LOCATION, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
    await ledger.CreateLocation(ledger_service_pb2.CreateLocationRequest(request_id="place", location=place))
    for batch, first in enumerate(range(0, SKUS, 1000)):
        movements = [
            ledger_pb2.Movement(kind=ledger_pb2.ENTRY_KIND_RECEIVE, stock_item=item(number), quantity=10**9)
            for number in range(first, first + 1000)
        ]
        request = ledger_service_pb2.RecordMovementsRequest(request_id=f"stock-{batch}", movements=movements)
        await ledger.RecordMovements(request)


async def prepare(clients: Stubs) -> None:
    """Stock every product, and let ten channels, each a group of its own, sell it: divided, and told by a rule."""
    await stock(clients.ledger_alone)
    await stock(clients.ledger)
    group = network_pb2.WarehouseGroup(warehouse_group="all", locations=[LOCATION])
    await clients.network.CreateWarehouseGroup(
        network_service_pb2.CreateWarehouseGroupRequest(request_id="all", warehouse_group=group)
    )
    channels = [f"channel-{number}" for number in range(CHANNELS)]
    for name in channels:
        channel = network_pb2.Channel(channel=name, kind=network_pb2.CHANNEL_KIND_WEBSHOP)
        await clients.network.CreateChannel(network_service_pb2.CreateChannelRequest(request_id=name, channel=channel))
        link = network_pb2.GroupLink(warehouse_group="all", channel_group=name)
        await clients.network.CreateGroupLink(
            network_service_pb2.CreateGroupLinkRequest(request_id=f"link {name}", group_link=link)
        )
    asked = levels.GetAvailabilityRequest(product=stock_pb2.Product(sku=sku(0)), channel="channel-0")
    asked.freshness.at_least.extend(
        [await share(clients), await divide(clients, channels), await rule(clients, channels)]
    )
    await clients.availability.GetAvailability(asked)


async def share(clients: Stubs) -> revision_pb2.Revision:
    """Let some products lend to the next, and bundles be put together from others; returns the last revision."""
    for number in range(0, SKUS, SKUS // LINKS):
        source, destination, part = (stock_pb2.Product(sku=sku(number + more)) for more in range(3))
        link = network_pb2.ProductLink(source=source, destination=destination)
        await clients.sharing.CreateProductLink(
            sharing_service_pb2.CreateProductLinkRequest(request_id=f"link {number}", product_link=link)
        )
        bundle = network_pb2.Bundle(product=stock_pb2.Product(sku=f"KIT-{number:07}"))
        bundle.components.add(product=destination, quantity=1)
        bundle.components.add(product=part, quantity=2)
        made = await clients.sharing.CreateBundle(
            sharing_service_pb2.CreateBundleRequest(request_id=f"bundle {number}", bundle=bundle)
        )
    return made.revision


async def divide(clients: Stubs, channels: Sequence[str]) -> revision_pb2.Revision:
    """Give every channel but the first a fixed share, and the first what is left, so that each order shows there;
    returns the revision.
    """
    first, *others = channels
    policy = policy_pb2.Policy(policy="all", strategy=policy_pb2.STRATEGY_FIXED)
    for name in others:
        policy.parts.add(channel_group=name, rank=1, quantity=1000)
    policy.parts.add(channel_group=first, rank=2, quantity=10**9)
    made = await clients.partitioning.CreatePolicy(
        partitioning_service_pb2.CreatePolicyRequest(request_id="divide", policy=policy)
    )
    return made.revision


async def rule(clients: Stubs, channels: Sequence[str]) -> revision_pb2.Revision:
    """Tell every channel a unit more than its share; returns the revision."""
    made = await clients.rules.CreateRule(
        rule_service_pb2.CreateRuleRequest(
            request_id="rule", rule=rule_pb2.Rule(rule="all", stores=channels, constant=1, threshold=5)
        )
    )
    return made.revision


_numbers = itertools.count()


def draft(*numbers: int, claimed: bool = False) -> reservation_pb2.ReservationDraft:
    """A reservation of one unit of each product; where `claimed`, each of its lines carries a claim of its product."""
    made = reservation_pb2.ReservationDraft()
    for number in numbers:
        line = made.lines.add(stock_item=item(number), quantity=1)
        if claimed:
            line.claims.add(claim=f"epoch-1/channel-0/{sku(number)}", ceiling=10**9)
    return made


def reserve(promises: ReservationServiceStub, *, spread: int = SKUS, claimed: bool = False) -> Call:
    """Reserve one unit, spread over so many products."""
    chance = random.Random(1)

    async def call(_: int) -> object:
        wanted = draft(chance.randrange(spread), claimed=claimed)
        request = reservation_service_pb2.ReserveRequest(request_id=f"{RUN}-{next(_numbers)}", draft=wanted)
        return await promises.Reserve(request)

    return call


def reserve_batch(promises: ReservationServiceStub, *, orders: int) -> Call:
    """Reserve one unit of 500 products, for one order or for several of equal length."""
    chance = random.Random(2)
    lines = BATCH_LINES // orders

    async def call(_: int) -> object:
        drafts = [draft(*(chance.randrange(SKUS) for _ in range(lines))) for _ in range(orders)]
        request = reservation_service_pb2.ReserveBatchRequest(request_id=f"{RUN}-{next(_numbers)}", drafts=drafts)
        return await promises.ReserveBatch(request)

    return call


def availability(clients: Stubs) -> Call:
    """Ask what one channel may sell of one product."""
    chance = random.Random(4)

    async def call(number: int) -> object:
        product = stock_pb2.Product(sku=sku(chance.randrange(SKUS)))
        request = levels.GetAvailabilityRequest(product=product, channel=f"channel-{number % CHANNELS}")
        return await clients.availability.GetAvailability(request)

    return call


def availabilities(clients: Stubs) -> Call:
    """Ask for a thousand products in ten channels."""
    products = [stock_pb2.Product(sku=sku(number)) for number in range(BATCH_PRODUCTS)]

    async def call(_: int) -> object:
        return await clients.availability.BatchGetAvailability(levels.BatchGetAvailabilityRequest(products=products))

    return call


def empties(clients: Stubs, *in_flight: int) -> list[Case]:
    """What everything is compared with: the bare echo, and the empty call with so many in flight."""

    async def echo(number: int) -> object:
        return await clients.echo(StringValue(value="weir"))  # type: ignore[misc]

    async def empty(number: int) -> object:
        return await clients.empty(StringValue(value="weir"))  # type: ignore[misc]

    found = [Case("bare grpc.aio echo", "echo", echo, 64)]
    return [*found, *(Case("empty call", "empty", empty, each) for each in in_flight)]


def cases(clients: Stubs) -> list[Case]:
    """Every case, in the order of a round."""
    found = empties(clients, 1, 16, 64, 256)
    alone, watched = clients.reservations_alone, clients.reservations
    found += [Case("Reserve, spread", ALONE, reserve(alone), each) for each in (1, 16, 64, 256)]
    found += [Case("Reserve, one item", ALONE, reserve(alone, spread=1), each) for each in (1, 16, 64, 256)]
    found += [
        Case("Reserve, spread, watched by the aggregator", "ledger", reserve(watched), 64),
        Case("ReserveBatch, 500 orders of 1 line", ALONE, reserve_batch(alone, orders=BATCH_LINES), 4, BATCH_LINES),
        Case("ReserveBatch, 1 order of 500 lines", ALONE, reserve_batch(alone, orders=1), 4, BATCH_LINES),
        Case("GetAvailability", "aggregator", availability(clients), 64),
        Case("BatchGetAvailability 1,000 x 10", "aggregator", availabilities(clients), 4),
        Case("Reserve with a claim", ALONE, reserve(alone, claimed=True), 64, against="Reserve, spread"),
    ]
    return found
