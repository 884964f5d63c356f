"""Orders planned, promised, fought over and kept waiting, by calls to a running suite."""

import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import grpc
import uvloop

from tests.bench.arrivals import arrivals
from tests.bench.cases import RUN, Stubs, empties, stubs
from tests.bench.load import Call
from tests.bench.measuring import Case, Options, rounds, table, told
from tests.bench.suite import Suite, suite
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import revision_pb2, stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2, sharing_service_pb2
from weir_chassis import status

PRODUCTS = 500
PLACES = tuple(f"P{number}" for number in range(10))
PLACES_EACH = 5
"""Locations at which a product lies, as many as never run out."""
LINES = 5
MANY_LINES = 1000
CHANNEL = "shop"
SCARCE_UNITS = 500
IN_FLIGHT = 64

_numbers = itertools.count()


def product(number: int) -> stock_pb2.Product:
    """A product that never runs out."""
    return stock_pb2.Product(sku=f"SKU-{number:05}")


async def prepare(clients: Stubs) -> None:
    """Ten locations that feed one channel; each product lies at half of them, and may borrow from another one."""
    for place in PLACES:
        made = ledger_pb2.Location(location=place, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
        await clients.ledger.CreateLocation(
            ledger_service_pb2.CreateLocationRequest(request_id=f"place {place}", location=made)
        )
    group = network_pb2.WarehouseGroup(warehouse_group="all", locations=PLACES)
    await clients.network.CreateWarehouseGroup(
        network_service_pb2.CreateWarehouseGroupRequest(request_id="all", warehouse_group=group)
    )
    channel = network_pb2.Channel(channel=CHANNEL, kind=network_pb2.CHANNEL_KIND_WEBSHOP)
    await clients.network.CreateChannel(network_service_pb2.CreateChannelRequest(request_id="shop", channel=channel))
    link = network_pb2.GroupLink(warehouse_group="all", channel_group=CHANNEL)
    await clients.network.CreateGroupLink(
        network_service_pb2.CreateGroupLinkRequest(request_id="feed", group_link=link)
    )
    chance = random.Random(5)
    for number in range(PRODUCTS):
        lent = network_pb2.ProductLink(source=product((number + 1) % PRODUCTS), destination=product(number))
        shared = await clients.sharing.CreateProductLink(
            sharing_service_pb2.CreateProductLinkRequest(request_id=f"link {number}", product_link=lent)
        )
        places = dict.fromkeys(chance.sample(PLACES, PLACES_EACH), 10**9)
        received = await receive(clients, product(number), places)
    wish = fulfilment_pb2.Wish(channel=CHANNEL, lines=[_line(product(0))])
    asked = fulfilment_service_pb2.PlanFulfilmentRequest(wish=wish)
    asked.freshness.at_least.extend([shared.revision, received])
    await clients.fulfilment.PlanFulfilment(asked)


async def receive(clients: Stubs, goods: stock_pb2.Product, units: dict[str, int]) -> revision_pb2.Revision:
    """Take in units of a product, by location, in one commit; returns the revision."""
    movements = [
        ledger_pb2.Movement(
            kind=ledger_pb2.ENTRY_KIND_RECEIVE,
            stock_item=stock_pb2.StockItem(product=goods, location=place),
            quantity=quantity,
        )
        for place, quantity in units.items()
    ]
    request = ledger_service_pb2.RecordMovementsRequest(request_id=f"{RUN}-in-{next(_numbers)}", movements=movements)
    return (await clients.ledger.RecordMovements(request)).revision


def _line(goods: stock_pb2.Product, quantity: int = 1) -> fulfilment_pb2.WishLine:
    return fulfilment_pb2.WishLine(product=goods, quantity=quantity)


def wish(chance: random.Random, lines: int) -> fulfilment_pb2.Wish:
    """Some units of so many different products."""
    numbers = chance.sample(range(PRODUCTS), lines) if lines <= PRODUCTS else [n % PRODUCTS for n in range(lines)]
    return fulfilment_pb2.Wish(
        channel=CHANNEL, lines=[_line(product(number), chance.randint(1, 5)) for number in numbers]
    )


def planned(clients: Stubs, lines: int) -> Call:
    """Plan an order of so many lines."""
    chance = random.Random(6)

    async def call(_: int) -> object:
        return await clients.fulfilment.PlanFulfilment(
            fulfilment_service_pb2.PlanFulfilmentRequest(wish=wish(chance, lines))
        )

    return call


def reserved(clients: Stubs, lines: int) -> Call:
    """Plan an order of so many lines and have it promised."""
    chance = random.Random(7)

    async def call(_: int) -> object:
        request = fulfilment_service_pb2.ReserveFulfilmentRequest(
            request_id=f"{RUN}-order-{next(_numbers)}", wish=wish(chance, lines)
        )
        return await clients.fulfilment.ReserveFulfilment(request)

    return call


def cases(clients: Stubs) -> list[Case]:
    """Every case, in the order of a round."""
    found = empties(clients, 1, IN_FLIGHT)
    for in_flight in (1, IN_FLIGHT):
        found += [
            Case("PlanFulfilment, 1 line", "aggregator", planned(clients, 1), in_flight),
            Case(f"PlanFulfilment, {LINES} lines", "aggregator", planned(clients, LINES), in_flight),
            Case("ReserveFulfilment, 1 line", "aggregator", reserved(clients, 1), in_flight),
            Case(f"ReserveFulfilment, {LINES} lines", "aggregator", reserved(clients, LINES), in_flight),
        ]
    return [
        *found,
        Case(f"PlanFulfilment, {MANY_LINES:,} lines", "aggregator", planned(clients, MANY_LINES), 1, MANY_LINES),
    ]


@dataclass(frozen=True, slots=True)
class Fought:
    """How it went when everybody wanted the same units."""

    promised: int
    refused: int
    overtaken: int
    seconds: float
    latencies: Sequence[float]
    """Of the calls that were promised something, in seconds, sorted."""


async def fight(clients: Stubs, number: int, units: int) -> Fought:
    """So many units of one product over all locations, half of them lent by another: 64 clients order one each until
    there are none."""
    goods, lender = stock_pb2.Product(sku=f"scarce-{number}"), stock_pb2.Product(sku=f"lender-{number}")
    link = network_pb2.ProductLink(source=lender, destination=goods)
    shared = await clients.sharing.CreateProductLink(
        sharing_service_pb2.CreateProductLinkRequest(request_id=f"{RUN}-scarce-{number}", product_link=link)
    )
    each = units // (2 * len(PLACES))
    await receive(clients, lender, dict.fromkeys(PLACES, each))
    received = await receive(clients, goods, dict.fromkeys(PLACES, each))
    fresh = revision_pb2.Freshness(at_least=[shared.revision, received])
    outcomes: list[str] = []
    latencies: list[float] = []

    async def client() -> None:
        while True:
            begun = time.perf_counter()
            request = fulfilment_service_pb2.ReserveFulfilmentRequest(
                request_id=f"{RUN}-scarce-{next(_numbers)}",
                wish=fulfilment_pb2.Wish(channel=CHANNEL, lines=[_line(goods)]),
                freshness=fresh,
            )
            try:
                await clients.fulfilment.ReserveFulfilment(request)
            except grpc.aio.AioRpcError as error:
                outcomes.append(status.reason(error))
                if outcomes[-1] == "ORDER_UNFILLED":
                    return
                if outcomes[-1] != "PLAN_OVERTAKEN":
                    raise
            else:
                latencies.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))
    seconds = time.perf_counter() - begun
    assert len(latencies) == 2 * each * len(PLACES), "units were left, or sold twice"
    overtaken = outcomes.count("PLAN_OVERTAKEN")
    return Fought(len(latencies), len(outcomes) - overtaken, overtaken, seconds, sorted(latencies))


async def fights(clients: Stubs, *, number: int, units: int) -> str:
    """Medians over all rounds, as a table."""
    found = [await fight(clients, each, units) for each in range(number)]

    def median(values: Iterable[float]) -> float:
        return statistics.median(values)

    quantiles = [
        median(each.latencies[int(part * len(each.latencies))] for each in found) * 1e3 for part in (0.5, 0.99)
    ]
    row = [
        f"{units:,}",
        f"{median(each.promised / each.seconds for each in found):,.0f}",
        f"{median((each.promised + each.refused + each.overtaken) / each.seconds for each in found):,.0f}",
        f"{median(each.overtaken for each in found):,.0f}",
        " / ".join(f"{each:.1f}" for each in quantiles),
    ]
    head = [f"units, wanted by {IN_FLIGHT} at once", "promised/s", "calls/s", "told to try again", "p50 / p99 ms"]
    return table(head, [row])


def run(options: Options) -> None:
    """Start the suite, measure, print."""
    with suite() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    clients = stubs(running)
    await prepare(clients)
    chosen = [each for each in cases(clients) if options.only in each.name or each.server in ("echo", "empty")]
    print(told(chosen, await rounds(chosen, running, options)))
    if options.only in "scarce":
        print("scarce", file=sys.stderr)
        print("\n" + await fights(clients, number=options.rounds, units=options.scaled(SCARCE_UNITS, least=100)))
    if options.only in "arrivals":
        print("arrivals", file=sys.stderr)
        print("\n" + await arrivals(clients, channel=CHANNEL, place=PLACES[0], number=options.rounds))
