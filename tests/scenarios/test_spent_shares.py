"""Channel groups spend their shares of one supply at once, while it is divided anew again and again: none spends more
than it has, and none is refused what it has."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import grpc
import pytest

import weir_aggregator.handlers.fulfilment
import weir_aggregator.projection.following
import weir_ledger.domain.promises
from tests.kit.merchant import Merchant, item, request_id, verified
from tests.kit.ordering import Playing
from tests.kit.postgres import PostgresForTests
from tests.kit.sabotages import sabotaged
from tests.kit.spending import Books, Refused, Supply, divided, policy
from tests.kit.suite import Suite
from tests.kit.twins import twins as running_twins
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir_aggregator.domain import Reserve
from weir_aggregator.peers.promises import PeerPromises
from weir_aggregator.ports import Reserved
from weir_aggregator.projection import Share
from weir_allocation.fulfilment.model import Quota
from weir_chassis import status
from weir_ledger.errors import ClaimExhausted

CLIENTS = 64
"""Of each channel group."""
PATIENCE_SECONDS = 120.0
"""How long a client waits for an answer: a machine may have other things to do."""
GROUPS = ("shop", "market", "till")
HOUSE = """
    east pools L1, L2; west pools L3
    east feeds shop, market, till; west feeds shop, market, till
    KIT is made of 2 BIKE, 1 LAMP
    L1 has 0 BIKE
"""
PLACES = {"east": ("L1", "L2"), "west": ("L3",)}
BIKES = tuple(Supply("BIKE", name, places, GROUPS) for name, places in PLACES.items())
KITS = tuple(Supply("KIT", name, places, GROUPS, {"BIKE": 2, "LAMP": 1}) for name, places in PLACES.items())


@pytest.fixture(scope="module")
async def twins(postgres: PostgresForTests) -> AsyncIterator[tuple[Suite, Suite]]:
    """Two ledgers on one database, and two aggregators which each follow and ask both of them."""
    async with running_twins(postgres) as suites:
        yield suites


@dataclass(slots=True)
class Storm:
    """Clients who order one thing after the other and cancel some, and somebody who divides supplies anew."""

    supplies: tuple[Supply, ...]
    merchants: tuple[Merchant, ...]
    """One tenant, by way of each aggregator."""
    chance: random.Random
    orders_each: int = 3
    promised: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Units of each share that are promised to orders, and not given back."""
    refused: list[Refused] = field(default_factory=list)
    why: Counter[str] = field(default_factory=Counter)
    """Verdicts of those that were refused."""
    overtaken: int = 0
    epochs: int = 0
    outcomes: int = 0
    known: int = 0
    """The newest revision that anybody was told of."""
    clients: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def rage(self, clients: int = CLIENTS) -> None:
        """Let all clients of all groups order at once until each is done."""
        self.clients = clients * len(GROUPS)
        async with asyncio.TaskGroup() as tasks:
            for number in range(clients):
                for group in GROUPS:
                    tasks.create_task(self.client(group, number))
            tasks.create_task(self.dividing())

    async def client(self, group: str, number: int) -> None:
        """Place some orders of one group, and cancel some of those that are accepted."""
        chance = random.Random(f"{group} {number}")
        merchant = self.merchants[number % len(self.merchants)]
        for turn in range(self.orders_each):
            lines = [chance.choice([1, 1, 2, 3]) for _ in range(chance.choice([1, 1, 2]))]
            sku, whole = chance.choice(self.supplies).sku, chance.random() < 0.7
            made = await self.ordered(merchant, group, sku, lines, f"{group} {number}.{turn}", whole=whole)
            if made is not None and chance.random() < 0.3:
                release = pb.ReleaseRequest(request_id=request_id(), reservation=made.reservation.reservation)
                self.saw((await merchant.stubs.reservations.Release(release)).revision.number)
                self.promised.subtract(self.taken(sku, group, made.plan))
        self.clients -= 1
        self.moved.set()

    async def ordered(
        self, merchant: Merchant, group: str, sku: str, lines: list[int], name: str, *, whole: bool
    ) -> fulfilment_service_pb2.ReserveFulfilmentResponse | None:
        """Place an order until it is accepted, or refused; then there is no answer."""
        modes = fulfilment_pb2.FULFILMENT_MODE_WHOLE_ORDER, fulfilment_pb2.FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE
        product = Product(sku=sku)
        wish = fulfilment_pb2.Wish(
            channel=group,
            lines=[fulfilment_pb2.WishLine(product=product, quantity=units) for units in lines],
            mode=modes[not whole],
        )
        request = fulfilment_service_pb2.ReserveFulfilmentRequest(request_id=name, wish=wish)
        while True:
            since = self.known
            try:
                done = await merchant.stubs.fulfilment.ReserveFulfilment(request, timeout=PATIENCE_SECONDS)
            except grpc.aio.AioRpcError as error:
                if status.reason(error) == "PLAN_OVERTAKEN":
                    self.overtaken += 1
                    continue
                if status.reason(error) != "ORDER_UNFILLED":
                    raise
                self.why[verdict(error)] += 1
                until = await self.newest(merchant)
                self.refused.append(Refused(sku, group, sum(lines) if whole else 1, since, until))
                return None
            finally:
                self.outcomes += 1
                self.moved.set()
            self.saw(done.revision.number)
            self.promised.update(self.taken(sku, group, done.plan))
            return done

    def taken(self, sku: str, group: str, plan: fulfilment_pb2.Plan) -> Counter[tuple[str, str, str]]:
        """Units of each share that a plan of one product takes; a bundle in parts as one."""
        found: Counter[tuple[str, str, str]] = Counter()
        for supply in self.supplies:
            there = [each for each in plan.allocations if each.stock_item.location in supply.places]
            together = {(each.line, each.stock_item.location): each.bundles for each in there if each.bundles}
            if supply.sku == sku:
                units = sum(each.quantity for each in there if not each.bundles)
                found[*supply.name, group] = units + sum(together.values())
        return found

    async def dividing(self) -> None:
        """Have goods come, and divide supplies anew, after every few outcomes, until there are none to come."""
        while self.clients:
            target = self.outcomes + self.chance.randint(2, 16)
            while self.clients and self.outcomes < target:
                self.moved.clear()
                await self.moved.wait()
            await asyncio.gather(*map(self.divide, self.supplies))

    async def divide(self, supply: Supply) -> None:
        """Receive some goods; then set ceilings of all groups in one commit, of parts cut by chance."""
        first = self.merchants[0]
        come = [
            first.receive(sku, **{place: self.chance.randint(4, 40) * units for place in supply.places})
            for sku, units in (supply.parts or {supply.sku: 1}).items()
        ]
        items = list(itertools.product(supply.skus, supply.places))
        keys = [supply.claim(group).key for group in supply.groups]
        claims, available, received = await asyncio.gather(
            first.stubs.reservations.GetClaims(pb.GetClaimsRequest(claims=keys)),
            asyncio.gather(*itertools.starmap(self.available, items)),
            asyncio.gather(*come),
        )
        for revision in received:
            self.saw(revision.number)
        units = supply.units(dict(zip(items, available, strict=True)))
        parts = divided(units, [self.chance.randint(0, units + units // 4) for _ in supply.groups])
        self.chance.shuffle(parts)
        self.epochs += 1
        drafts = [
            reservation_pb2.CeilingDraft(
                claim=claim.claim,
                ceiling=claim.open + claim.fulfilled + part * supply.scale,
                epoch=self.epochs,
                subject=supply.claim(group).subject,
            )
            for claim, part, group in zip(claims.claims, parts, supply.groups, strict=True)
        ]
        set_ = pb.SetCeilingsRequest(request_id=request_id(), ceilings=drafts)
        self.saw(first.saw((await first.stubs.reservations.SetCeilings(set_)).revision).number)

    async def available(self, sku: str, place: str) -> int:
        """Units that are available of a stock item, which may have none."""
        request = ledger_service_pb2.GetBalanceRequest(stock_item=item(sku, place))
        try:
            return (await self.merchants[0].stubs.ledger.GetBalance(request)).balance.available
        except grpc.aio.AioRpcError as error:
            if status.reason(error) != "BALANCE_NOT_FOUND":
                raise
            return 0

    async def newest(self, merchant: Merchant) -> int:
        """The newest revision of the ledger there is."""
        asked = await merchant.stubs.reservations.GetClaims(pb.GetClaimsRequest(claims=["none"]))
        return asked.revision.number

    def saw(self, number: int) -> None:
        """Remember a revision that somebody was told of."""
        self.known = max(self.known, number)


async def raged(
    twins: tuple[Suite, Suite], supplies: tuple[Supply, ...], seed: int, clients: int = CLIENTS
) -> tuple[Storm, Books, Merchant]:
    """A storm over supplies that a policy divides at an instant, when it is over, and the books of them."""
    first = twins[0].merchant()
    await Playing(first).play(HOUSE)
    await policy(first)
    second = replace(twins[1].merchant(first.tenant), seen=first.seen)
    storm = Storm(supplies, (first, second), random.Random(seed))
    for supply in supplies:
        await storm.divide(supply)
    for each in (first, second):
        each.saw(first.seen["ledger"])
        await each.level("BIKE", "shop")  # from here on both know that all is divided
    await storm.rage(clients)
    books = Books(supplies)
    through = await storm.newest(first)
    async with aclosing(commits(first, through)) as read:
        async for commit in read:
            books.read([commit])
    return storm, books, first


async def commits(merchant: Merchant, through: int) -> AsyncGenerator[ledger_service_pb2.WatchEntriesResponse, None]:
    """Every commit of the ledger up to a revision."""
    call = merchant.stubs.ledger.WatchEntries(ledger_service_pb2.WatchEntriesRequest())
    try:
        async for message in call:
            if message.HasField("recorded_time"):
                yield message
            if message.through.number >= through:
                return
    finally:
        call.cancel()


def verdict(error: grpc.aio.AioRpcError) -> str:
    """Why an order was refused, in a word."""
    told = status.told(error)
    assert told is not None
    return told.metadata["verdict"]


@pytest.mark.parametrize("supplies", [BIKES, BIKES[:1], KITS + BIKES], ids=["twice", "once", "bundled"])
async def test_shares_are_spent_and_no_more(twins: tuple[Suite, Suite], supplies: tuple[Supply, ...]) -> None:
    """64 clients of each of three groups order a product that lies in two warehouse groups, or in one; or a bundle
    that is packed nowhere, and its component. They do by way of two aggregators and two ledgers, while goods come and
    the supplies are divided anew again and again. No group ever claims more than the ceiling that holds at its
    commit, nothing is promised that is not there, and in the end each group has claimed what its orders are promised.
    No order is refused that its shares and the stock would have filled all the time."""
    late = patch.object(weir_ledger.domain.promises, "ClaimExhausted", wraps=ClaimExhausted)
    with late as told:
        storm, books, merchant = await raged(twins, supplies, seed=1)
    assert books.faults == []
    assert [*books.unclaimed(storm.promised)] == []
    assert [*books.in_vain(storm.refused)] == []
    assert storm.epochs > 5, "the supply was hardly divided anew"
    assert min(books.raised, books.lowered, storm.why["SHARE_SPENT"]) > 0
    assert storm.promised.total() > CLIENTS
    assert told.call_count, "no order was ever too late for its share"
    await verified(merchant)


def unclaimed() -> AbstractContextManager[Any]:
    """Orders keep to quotas, but carry no claims."""
    return patch.object(weir_aggregator.handlers.fulfilment, "counted", lambda taken: [None] * len(taken))


def unlimited() -> AbstractContextManager[Any]:
    """The ledger counts claims, and lets them pass their ceilings."""
    tightest = weir_ledger.domain.promises._tightest
    return patch.object(weir_ledger.domain.promises, "_tightest", lambda *books: tightest(*books) and None)


def shy() -> AbstractContextManager[Any]:
    """Three quarters of a share are never planned."""

    def quota(self: Share, taken: int = 0) -> Quota:
        return Quota(self.claim.product, self.locations, max(0, self.units // 4 - taken), self.uom)

    return patch.object(Share, "quota", quota)


@contextmanager
def hasty() -> Iterator[None]:
    """Aggregators hear late of what was committed, and refuse orders on what they know."""
    joined, made = weir_aggregator.projection.following._joined, PeerPromises.made

    async def late(commits: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        async for commit in joined(commits):
            await asyncio.sleep(0.3)
            yield commit

    async def whatever(self: PeerPromises, asked: Reserve) -> Reserved | int:
        found = await made(self, asked)
        return 0 if isinstance(found, int) else found

    with (
        patch.object(weir_aggregator.projection.following, "_joined", late),
        patch.object(PeerPromises, "made", whatever),
    ):
        yield


@pytest.mark.parametrize("sabotage", [unclaimed, unlimited, shy, hasty, partial(sabotaged, "unlocked_claims")])
async def test_a_sabotage_is_found_out(
    twins: tuple[Suite, Suite], sabotage: Callable[[], AbstractContextManager[Any]]
) -> None:
    """If orders carried no claims, if the ledger did not hold ceilings, or two of them held each its own, if a share
    were never spent to the end, or orders refused on what is known by chance, the books or the refusals would show
    it."""
    with sabotage():
        for seed in range(3):
            if await noticed(twins, seed):
                return
    raise AssertionError("nobody noticed")


async def noticed(twins: tuple[Suite, Suite], seed: int) -> bool:
    """Whether a storm shows that something is wrong; the walls of the database may be the first to do so."""
    try:
        storm, books, _ = await raged(twins, BIKES[:1], seed, clients=24)
    except BaseExceptionGroup as several:
        _, others = several.split(accident)
        if others is not None:
            raise others from None
        return True
    return bool([*books.faults, *books.unclaimed(storm.promised), *books.in_vain(storm.refused)])


def accident(error: BaseException) -> bool:
    """Whether a call ended in what no caller may bring about."""
    return isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.INTERNAL
