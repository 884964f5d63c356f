"""Everybody wants the last units at once: nothing is promised twice, and nothing is refused that could be promised."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace

import grpc
import pytest

from tests.kit.merchant import Merchant, item, verified
from tests.kit.ordering import Playing, placed
from tests.kit.postgres import PostgresForTests
from tests.kit.sentences import Placed, order
from tests.kit.suite import Suite
from tests.kit.twins import twins as running_twins
from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.aggregator.v1 import fulfilment_service_pb2 as service_pb
from weir.ledger.v1 import ledger_service_pb2
from weir_chassis import status

CLIENTS = 64
ORDERS_EACH = 6
HOUSE = """
    all pools L1, L2, L3, L4
    all feeds shop, market
    S lends to A; S lends to B; A lends to X; T lends to U, keeping back 2
    SET is made of 1 A, 1 B; KIT is made of 2 C, 1 X
"""
PRODUCTS = ("S", "T", "A", "B", "C", "U", "X", "SET", "KIT")
LOCATIONS = ("L1", "L2", "L3", "L4")
WANTED = (
    *("1 A", "2 A", "1 B", "1 S", "2 X", "1 SET", "2 SET", "1 KIT", "1 U", "2 U", "1 C"),
    *("1 A and 1 B", "1 SET and 1 S", "1 KIT and 1 X", "2 C and 1 SET"),
)
TERMS = (
    "",
    "",
    "",
    ", from 1 location",
    ", each line from one location",
    ", own stock only",
    ", not from L1",
    ", rather from L4",
)


@pytest.fixture(scope="module")
async def twins(postgres: PostgresForTests) -> AsyncIterator[tuple[Suite, Suite]]:
    """Two ledgers on one database, and two aggregators which each follow and ask both of them."""
    async with running_twins(postgres) as suites:
        yield suites


@dataclass(slots=True)
class Storm:
    """Clients that order one thing after the other, and what became of each order."""

    merchants: tuple[Merchant, ...]
    """One tenant, by way of each aggregator."""
    accepted: dict[str, tuple[Placed, service_pb.ReserveFulfilmentResponse]] = field(default_factory=dict)
    refused: dict[str, Placed] = field(default_factory=dict)
    overtaken: int = 0
    """Calls that were told to try again."""

    async def client(self, number: int) -> None:
        """Place some orders; whoever is told to try again does."""
        chance = random.Random(number)
        for turn in range(ORDERS_EACH):
            wanted = f"{chance.choice(WANTED)} for {chance.choice(['shop', 'market'])}{chance.choice(TERMS)}"
            said = order(f"order {number}.{turn}", wanted)
            await self.place(said, self.merchants[(number + turn) % len(self.merchants)])

    async def place(self, said: Placed, merchant: Merchant) -> None:
        """Place one order until it has an outcome."""
        while said.order not in self.accepted and said.order not in self.refused:
            try:
                self.accepted[said.order] = said, await placed(merchant, said, named=said.order)
            except grpc.aio.AioRpcError as error:
                if status.reason(error) == "ORDER_UNFILLED":
                    self.refused[said.order] = said
                elif status.reason(error) == "PLAN_OVERTAKEN":
                    self.overtaken += 1
                else:
                    raise


@pytest.mark.parametrize("seed", [1, 2])
async def test_64_clients_get_all_there_is_and_no_more(twins: tuple[Suite, Suite], seed: int) -> None:
    """64 clients order whole orders of products that borrow, lend and are put together, of a handful of units, by way
    of two aggregators and two ledgers. Every order that is accepted is filled to the last unit as it was wished; what
    is promised is there, stock item by stock item; whoever repeats is told the same; of the orders that were refused
    none could be filled with what is left (nothing was given back meanwhile, so none could have been when it was
    refused)."""
    first = twins[0].merchant()
    story = Playing(first)
    chance = random.Random(seed)
    stock = {(sku, place): chance.randrange(5) for sku in PRODUCTS for place in LOCATIONS}
    shelves = "; ".join(f"{place} has {units} {sku}" for (sku, place), units in stock.items())
    await story.play(f"{HOUSE}\n{shelves}\nlevel of S => shop {sum(stock['S', place] for place in LOCATIONS)}")
    second = replace(twins[1].merchant(first.tenant), seen=first.seen)
    storm = Storm((first, second))
    await asyncio.gather(*map(storm.client, range(CLIENTS)))
    assert len(storm.accepted) + len(storm.refused) == CLIENTS * ORDERS_EACH
    assert storm.accepted
    assert storm.refused
    for said, answer in storm.accepted.values():
        faults = [*unfilled(said.wish, answer.plan)]
        assert not faults, (said, answer, faults)
        assert_is_promised(answer)
    await nothing_is_oversold(first, storm, stock)
    await nothing_was_refused_in_vain(story, storm)
    again = await asyncio.gather(*(placed(second, said, named=name) for name, (said, _) in storm.accepted.items()))
    assert [each.reservation for each in again] == [answer.reservation for _, answer in storm.accepted.values()]
    await verified(first)


def unfilled(wish: pb.Wish, plan: pb.Plan) -> Iterator[str]:
    """What a plan of a whole order does not do that was wished."""
    made = {"SET": {"A": 1, "B": 1}, "KIT": {"C": 2, "X": 1}}
    if plan.missing:
        yield f"missing: {plan.missing}"
    places = {each.stock_item.location for each in plan.allocations}
    if wish.locations_max and len(places) > wish.locations_max:
        yield f"from {places}"
    if places & set(wish.excluded_locations):
        yield f"not excluded: {places}"
    for number, line in enumerate(wish.lines, 1):
        mine = [each for each in plan.allocations if each.line == number]
        whole = sum(each.quantity for each in mine if not each.bundles)
        parts: Counter[tuple[str, str]] = Counter()
        bundles: dict[str, int] = {}
        for each in mine:
            if each.bundles:
                parts[each.stock_item.location, each.serves_as.sku] += each.quantity
                assert bundles.setdefault(each.stock_item.location, each.bundles) == each.bundles
        for (place, sku), units in parts.items():
            if units != bundles[place] * made[line.product.sku][sku]:
                yield f"{units} {sku} at {place} for {bundles[place]} {line.product.sku}"
        for place in bundles:
            if {sku for at, sku in parts if at == place} != set(made[line.product.sku]):
                yield f"parts are missing at {place}"
        if whole + sum(bundles.values()) != line.quantity:
            yield f"{whole} and {bundles} of {line.quantity}"
        if wish.one_location_per_line and len({each.stock_item.location for each in mine}) > 1:
            yield f"line {number} from several locations"
        if wish.own_stock_only and any(each.serves_as != each.stock_item.product for each in mine):
            yield f"line {number} borrows"


def assert_is_promised(answer: service_pb.ReserveFulfilmentResponse) -> None:
    """Allocation n of the plan is line n of the reservation."""
    lines = [(each.stock_item, each.quantity) for each in answer.reservation.lines]
    assert lines == [(each.stock_item, each.quantity) for each in answer.plan.allocations]


async def nothing_is_oversold(merchant: Merchant, storm: Storm, stock: dict[tuple[str, str], int]) -> None:
    """Of each stock item what accepted orders were promised is reserved, and no more than was ever there."""
    promised: Counter[tuple[str, str]] = Counter()
    for _, answer in storm.accepted.values():
        for line in answer.reservation.lines:
            promised[line.stock_item.product.sku, line.stock_item.location] += line.quantity
    assert all(promised[each] <= stock[each] for each in stock)
    for (sku, place), units in itertools.chain(stock.items()):
        request = ledger_service_pb2.GetBalanceRequest(stock_item=item(sku, place))
        balance = (await merchant.stubs.ledger.GetBalance(request)).balance
        assert (balance.on_hand, balance.reserved) == (units, promised[sku, place])


async def nothing_was_refused_in_vain(story: Playing, storm: Storm) -> None:
    """Planned anew on what is left, no order that was refused can be filled."""
    plans = await asyncio.gather(*(story.orders.plan(said.wish) for said in storm.refused.values()))
    could = [(said, plan) for said, plan in zip(storm.refused.values(), plans, strict=True) if plan.allocations]
    assert not could
