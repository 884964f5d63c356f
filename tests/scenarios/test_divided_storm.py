"""The laws of shares where everything happens at once: clients of three channel groups order, plan again,
cancel and let lapse, goods come and go, somebody asks to divide anew, and the suite divides by itself."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple
from unittest.mock import patch

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

import weir_allocation.rebalance
import weir_ledger.domain.promises
import weir_partitioning.rebalancing
from tests.kit import suite as kit
from tests.kit.epochs import at_rest, followed, newest, reason, unrest, written
from tests.kit.founding import Founding
from tests.kit.merchant import COUNT, Merchant, item, request_id, verified
from tests.kit.ordering import Playing
from tests.kit.overseeing import Told, mistold, wrong, wrong_ceilings
from tests.kit.postgres import PostgresForTests
from tests.kit.sentences import wish
from tests.kit.spending import Books, Refused, State, Supply, policy
from tests.kit.stories import Reader
from tests.kit.suite import Suite
from tests.kit.waiting import until
from weir.aggregator.v1 import availability_service_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, share_pb2
from weir_allocation import rebalance
from weir_allocation.columns import Columns
from weir_allocation.policy import Mode, Policy
from weir_chassis import status
from weir_ledger.errors import ClaimExhausted

CLIENTS = 64
"""Of each channel group."""
ORDERS_EACH = 5
PATIENCE_SECONDS = 120.0
"""How long a client waits for an answer: a machine may have other things to do."""
GROUPS = ("shop", "market", "till")
SKUS = {"BIKE": 6, "LAMP": 3, "HELMET": 2}
"""What is ordered, and how often each."""
PLACES = {"east": ("L1", "L2"), "west": ("L3",)}
SUPPLIES = tuple(Supply(sku, name, places, GROUPS) for sku in SKUS for name, places in PLACES.items())
HOUSE = """
    east pools L1, L2; west pools L3
    east feeds shop, market, till; west feeds shop, market, till
    L1 has 20 BIKE; L2 has 20 BIKE; L3 has 25 BIKE
    L1 has 12 LAMP; L2 has 10 LAMP; L3 has 15 LAMP
    L1 has 15 HELMET; L2 has 15 HELMET; L3 has 20 HELMET
"""
BUFFERED = "policy kept for HELMET: safety stock of 5, shop, market, till"
LAPSING = "lapses"
"""What orders are called that nobody confirms in time."""


HELD, EXPIRED = reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_EXPIRED


@pytest.fixture(scope="module")
async def alone(postgres: PostgresForTests) -> AsyncIterator[Suite]:
    """A suite that nobody else uses, as some tests break it."""
    with postgres.fresh(*kit.SCHEMAS) as database:
        async with kit.suite(database) as running:
            yield running


@dataclass(slots=True)
class Storm:
    """Clients who order one thing after the other, and a keeper of the stock."""

    merchant: Merchant
    chance: random.Random
    refused: list[Refused] = field(default_factory=list)
    why: Counter[str] = field(default_factory=Counter)
    """Verdicts of those that were refused."""
    told: list[Told] = field(default_factory=list)
    accepted: int = 0
    moved: int = 0
    """Orders that were planned again."""
    known: int = 0
    """The newest revision of the ledger that anybody was told of."""
    outcomes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    clients: int = 0
    """Those that are not done."""

    async def rage(self, clients: int) -> None:
        """Let all clients of all groups order at once until each is done."""
        self.clients = clients * len(GROUPS)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.keeping())
            for number in range(clients):
                for group in GROUPS:
                    tasks.create_task(self.client(group, number))

    async def client(self, group: str, number: int) -> None:
        """Place some orders of one group; of those that are accepted cancel some, and forget some."""
        chance = random.Random(f"{group} {number}")
        for turn in range(ORDERS_EACH):
            [sku] = chance.choices([*SKUS], [*SKUS.values()])
            fate = chance.choice(["kept", "kept", "cancelled", "moved", "enlarged", LAPSING])
            units = chance.choice([1, 1, 2, 3])
            made = await self.ordered(group, sku, units, f"{group} {number}.{turn}", fate)
            if made is not None and fate == "cancelled":
                release = reservation_service_pb2.ReleaseRequest(request_id=request_id(), reservation=made.reservation)
                self.saw((await self.merchant.stubs.reservations.Release(release)).revision.number)
            elif made is not None and fate == "moved":
                await self.replanned(made, rejected_locations=[made.lines[0].stock_item.location])
            elif made is not None and fate == "enlarged":
                await self.replanned(made, wish=wish(f"{units + 1} {sku} for {group}"))
            await self.looked_at(group, sku)
            self.outcomes.release()
        self.clients -= 1
        self.outcomes.release()

    async def ordered(
        self, group: str, sku: str, units: int, name: str, fate: str
    ) -> reservation_pb2.Reservation | None:
        """Place an order until it is accepted, whose reservation is returned, or refused."""
        request = fulfilment_service_pb2.ReserveFulfilmentRequest(
            request_id=name,
            wish=wish(f"{units} {sku} for {group}"),
            order=fate,
            hold_duration=Duration(seconds=1) if fate == LAPSING else None,
        )
        while True:
            since = self.known
            try:
                done = await self.merchant.stubs.fulfilment.ReserveFulfilment(request, timeout=PATIENCE_SECONDS)
            except grpc.aio.AioRpcError as error:
                if status.reason(error) == "PLAN_OVERTAKEN":
                    continue
                told = status.told(error)
                if told is None or told.reason != "ORDER_UNFILLED":
                    raise
                self.why[told.metadata["verdict"]] += 1
                self.refused.append(Refused(sku, group, units, since, (await newest(self.merchant)).number))
                return None
            self.saw(done.revision.number)
            self.accepted += 1
            return done.reservation

    async def replanned(self, made: reservation_pb2.Reservation, **otherwise: Any) -> None:
        """Have an order planned again; it stays as it is where that cannot be."""
        request = fulfilment_service_pb2.ReplanReservationRequest(
            request_id=request_id(), reservation=made.reservation, **otherwise
        )
        try:
            done = await self.merchant.stubs.fulfilment.ReplanReservation(request, timeout=PATIENCE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if status.reason(error) not in ("PLAN_OVERTAKEN", "ORDER_UNFILLED"):
                raise
        else:
            self.saw(done.revision.number)
            self.moved += 1

    async def looked_at(self, group: str, sku: str) -> None:
        """Note what a group is told of a product."""
        request = availability_service_pb2.GetAvailabilityRequest(product=Product(sku=sku), channel=group)
        found = await self.merchant.stubs.availability.GetAvailability(request, timeout=PATIENCE_SECONDS)
        [number] = [each.number for each in found.revisions if each.context == "ledger"]
        self.told.append(Told(sku, group, found.level, number))

    async def keeping(self) -> None:
        """After every few outcomes goods come, or are counted, or sold over the counter, or somebody asks to divide."""
        deeds = [self.come, self.come, self.come, self.found, self.sold, self.asked]
        while True:
            for _ in range(self.chance.randint(2, 8)):
                await self.outcomes.acquire()
                if self.clients == 0:
                    return
            await self.chance.choice(deeds)(self.chance.choice([*SKUS]), self.chance.choice(["L1", "L2", "L3"]))

    async def come(self, sku: str, place: str) -> None:
        """Units are received."""
        self.saw((await self.merchant.receive(sku, **{place: self.chance.randint(4, 30)})).number)

    async def found(self, sku: str, place: str) -> None:
        """A count finds more than was known; never less than was promised meanwhile."""
        request = ledger_service_pb2.GetBalanceRequest(stock_item=item(sku, place))
        there = (await self.merchant.stubs.ledger.GetBalance(request)).balance.on_hand
        self.saw((await self.merchant.record(COUNT, sku, place, there + self.chance.randint(1, 5))).number)

    async def sold(self, _: str, place: str) -> None:
        """A unit is promised over the counter, out of no share, if one is there."""
        try:
            self.saw((await self.merchant.reserve("BIKE", place, 1)).revision.number)
        except grpc.aio.AioRpcError as error:
            if status.reason(error) != "INSUFFICIENT_STOCK":
                raise

    async def asked(self, sku: str, _: str) -> None:
        """Somebody asks to divide a product anew."""
        request = partitioning_service_pb2.RebalanceRequest(request_id=request_id(), products=[Product(sku=sku)])
        answers = [each async for each in self.merchant.stubs.partitioning.Rebalance(request, timeout=PATIENCE_SECONDS)]
        assert answers[-1].done

    def saw(self, number: int) -> None:
        """Remember a revision that somebody was told of."""
        self.known = max(self.known, number)


class Run(NamedTuple):
    """A storm that is over, and what services tell of it."""

    storm: Storm
    books: Books
    epochs: list[share_pb2.Epoch]
    wrong: list[str]
    """What of the epochs does not agree with itself or with the books."""

    @property
    def met(self) -> str:
        """What there was of what is to be shown."""
        reasons = Counter(map(reason, self.epochs))
        accepted, refused = self.storm.accepted, dict(self.storm.why)
        orders = f"{accepted} orders accepted, {self.storm.moved} planned again, refused {refused}"
        return f"{len(self.epochs)} epochs by {dict(reasons)}; {orders}"


async def raged(alone: Suite, seed: int, clients: int) -> Run:
    """A storm over supplies that policies divide at an instant, after which all that happened was looked at."""
    merchant = alone.merchant()
    await Playing(merchant).play(HOUSE)
    [buffered] = Reader(date.min).read(BUFFERED)
    assert isinstance(buffered, Policy)
    await Founding(merchant).add(replace(buffered, mode=Mode.BALANCED))
    await policy(merchant)
    storm = Storm(merchant, random.Random(seed))
    await until(lambda: all_in_force(merchant, len(SUPPLIES)))
    await storm.rage(clients)
    await until(lambda: lapsed(merchant))
    for sku in ("BIKE", "HELMET"):  # more than is held back, so that units move
        await merchant.receive(sku, L1=9, L3=9)
    await merchant.receive("WITNESS", L1=9)  # it is divided after everything that happened before it
    await until(lambda: divided(merchant, "WITNESS"))
    await until(lambda: all_in_force(merchant, len(SUPPLIES)))
    epochs = [each for each in await followed(merchant) if each.product.sku in SKUS]
    commits = await written(merchant)
    books = Books(SUPPLIES)
    books.read(commits)
    return Run(storm, books, epochs, [*wrong(epochs, books), *wrong_ceilings(epochs, commits)])


async def lapsing(merchant: Merchant, state: reservation_pb2.ReservationState.ValueType) -> int:
    """How many orders that nobody confirms are in this state; 1000 at most."""
    request = reservation_service_pb2.ListReservationsRequest(order=LAPSING, states=[state], page_size=1000)
    return len((await merchant.stubs.reservations.ListReservations(request)).reservations)


async def lapsed(merchant: Merchant) -> bool:
    """Whether there are orders that ran out, and none that will."""
    return await lapsing(merchant, HELD) == 0 < await lapsing(merchant, EXPIRED)


async def divided(merchant: Merchant, sku: str) -> bool:
    """Whether a product was divided."""
    request = partitioning_service_pb2.ListEpochsRequest(product=Product(sku=sku))
    return bool((await merchant.stubs.partitioning.ListEpochs(request)).epochs)


async def all_in_force(merchant: Merchant, supplies: int) -> bool:
    """Whether so many supplies are divided, and orders count against every epoch."""
    request = partitioning_service_pb2.ListEpochsRequest(page_size=1000)
    epochs = (await merchant.stubs.partitioning.ListEpochs(request)).epochs
    found = {(each.product.sku, each.warehouse_group) for each in epochs}
    return len(found) >= supplies and all(each.in_force for each in epochs)


async def test_shares_hold_in_a_storm(alone: Suite) -> None:
    """64 clients of each of three groups order, plan again, cancel and let lapse while goods come and go and supplies
    are divided anew, by the suite and on request. At each epoch shares and what is held back are the supply that the
    books had, and the ledger's ceilings are those of the epoch; at no revision is more claimed than a ceiling has
    room for, or promised than there is; nobody is refused what his share and the stock have all the time, or told
    anything but what is left of his share where it lies. When all is at rest, what groups have left and what is held
    back are what there is."""
    late = patch.object(weir_ledger.domain.promises, "ClaimExhausted", wraps=ClaimExhausted)
    with late as told:
        run = await raged(alone, seed=1, clients=CLIENTS)
    print(f"{run.met}; {told.call_count} orders were too late for their share")
    assert run.wrong == []
    assert run.books.faults == []
    assert [*run.books.in_vain(run.storm.refused)] == []
    assert [*mistold(run.storm.told, run.books)] == []
    reasons = Counter(map(reason, run.epochs))
    assert min(reasons["THRESHOLD"], reasons["SUPPLY"], run.storm.why["SHARE_SPENT"]) > 3, run.met
    assert min(run.storm.accepted, run.storm.moved) > CLIENTS // 4, run.met
    assert told.call_count, "no order was ever too late for its share"
    await at_rest(run.storm.merchant)
    await verified(run.storm.merchant)


def test_a_unit_out_of_nowhere_would_show() -> None:
    """Epochs whose shares and what is held back are more than the supply, or less, are found out."""
    books = Books(SUPPLIES)
    books.states.append(State(1, {("BIKE", "east"): 3}, {}))
    for shares in ([1, 1], [1, 2], [2, 2]):
        epoch = share_pb2.Epoch(product=Product(sku="BIKE"), warehouse_group="east", supply=3)
        epoch.shares.extend([share_pb2.EpochShare(balanced=units) for units in shares])
        epoch.ledger_revision.number = 1
        assert bool([*wrong([epoch], books)]) == (sum(shares) != 3)


def mistaken() -> AbstractContextManager[Any]:
    """A unit more is divided than there is."""
    judge = rebalance.judge

    def judged(policy: Any, supply: rebalance.Supply, *others: Any, **asked: Any) -> rebalance.Epoch | None:
        return judge(policy, replace(supply, units=supply.units + 1), *others, **asked)

    return patch.object(weir_partitioning.rebalancing, "judge", judged)


def loose() -> AbstractContextManager[Any]:
    """The ledger is told a unit more than a share has."""
    ceiling = rebalance.EpochShare.ceiling
    return patch.object(rebalance.EpochShare, "ceiling", lambda share, scale: ceiling(share, scale) + scale)


def unlimited() -> AbstractContextManager[Any]:
    """The ledger counts claims, and lets them pass their ceilings."""
    tightest = weir_ledger.domain.promises._tightest
    return patch.object(weir_ledger.domain.promises, "_tightest", lambda *books: tightest(*books) and None)


def deaf() -> AbstractContextManager[Any]:
    """Nothing is divided anew for goods that came or went."""
    return patch.object(weir_allocation.rebalance, "_disturbed", lambda *_: False)


def boastful() -> AbstractContextManager[Any]:
    """Stores are told what a division of now would give them."""
    compute = Columns.compute
    return patch.object(Columns, "compute", lambda self, products, rows, *_: compute(self, products, rows))


@pytest.mark.parametrize("sabotage", [boastful, mistaken, loose, unlimited, deaf])
async def test_a_sabotage_is_found_out(alone: Suite, sabotage: Callable[[], AbstractContextManager[Any]]) -> None:
    """If stores were told anything but what is left, if what is not there was divided, if the ledger was told other
    shares or kept to none, or if goods that come were left lying, it would show, each where it must."""
    with sabotage():
        run = await raged(alone, seed=2, clients=16)
        found = {
            boastful: [*mistold(run.storm.told, run.books)],
            mistaken: [each for each in run.wrong if each.startswith("there were")],
            loose: [each for each in run.wrong if "were claimed" in each],
            unlimited: run.books.faults,
            deaf: await unrest(run.storm.merchant),
        }[sabotage]
    assert found, run.met
