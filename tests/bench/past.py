"""Balances as they were, at any point of half a year, against balances as they are."""

import asyncio
import random
import time
from collections.abc import Callable
from datetime import datetime

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from tests.bench import history
from tests.bench.cases import item, sku
from tests.bench.load import Call
from tests.bench.measuring import Case, Options, rounds, told
from tests.bench.suite import Suite, ledgers
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

PAST = "past"
PRODUCTS = 10_000
RECEIPTS = 24
MONTHS = 6
LISTED = 100

Point = Callable[[], ledger_pb2.AsOf | None]
"""A point in time, another one at each call; None for now."""


def run(options: Options) -> None:
    """Write a history, measure, print."""
    with ledgers(PAST) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    made = history.History(options.scaled(PRODUCTS), RECEIPTS, MONTHS)
    begun = time.perf_counter()
    await history.write(running.owner_url(PAST), made)
    print(
        f"{made.products:,} stock items received {RECEIPTS} times in {MONTHS} months, {2 * made.products * RECEIPTS:,}"
        f" entries, written in {time.perf_counter() - begun:.0f} s; the books were closed at each turn of a month,"
        " where a ledger closes them every day unless told.\n"
    )
    ledger = LedgerServiceStub(grpc.aio.insecure_channel(running.address(PAST)))
    newest = (await ledger.ListLocations(pb.ListLocationsRequest())).revision
    first, last = await history.recorded(running.owner_url(PAST), [made.commits, made.head])
    cases: list[Case] = []
    for name, call, in_flight in (("GetBalance", get, 16), (f"ListBalances of {LISTED}", listed, 4)):
        cases.append(Case(name, PAST, call(ledger, made.products, lambda: None), in_flight))
        for how, point in points(newest, made.commits, first, last).items():
            cases.append(Case(f"{name} {how}", PAST, call(ledger, made.products, point), in_flight, against=name))
    print(told(cases, await rounds(cases, running, options)))


def points(newest: revision_pb2.Revision, oldest: int, first: datetime, last: datetime) -> dict[str, Point]:
    """Every way to name a point in the past; any between revision number `oldest` and the newest."""
    chance = random.Random(3)

    def revision() -> ledger_pb2.AsOf:
        point = ledger_pb2.AsOf(revision=newest)
        point.revision.number = chance.randint(oldest, newest.number)
        return point

    def moment() -> Timestamp:
        made = Timestamp()
        made.FromDatetime(first + (last - first) * chance.random())
        return made

    return {
        "at a revision": revision,
        "as recorded at a moment": lambda: ledger_pb2.AsOf(recorded_time=moment()),
        "as it was at a moment": lambda: ledger_pb2.AsOf(occurred_time=moment()),
    }


def get(ledger: LedgerServiceStub, products: int, point: Point) -> Call:
    """Ask for one balance."""
    chance = random.Random(4)

    async def call(_: int) -> object:
        request = pb.GetBalanceRequest(stock_item=item(chance.randrange(products)), as_of=point())
        return await ledger.GetBalance(request)

    return call


def listed(ledger: LedgerServiceStub, products: int, point: Point) -> Call:
    """Ask for the balances of a hundred products."""
    chance = random.Random(5)

    async def call(_: int) -> object:
        skus = [sku(number) for number in chance.sample(range(products), LISTED)]
        response = await ledger.ListBalances(pb.ListBalancesRequest(skus=skus, as_of=point(), page_size=LISTED))
        assert len(response.balances) == LISTED
        return response

    return call
