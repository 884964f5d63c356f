"""Orders that wait, from the call that takes them to the units that come: first come, first served."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import grpc
import pytest

from tests.kit.merchant import RECEIVE, Merchant, request_id, rows, verified
from tests.kit.ordering import Playing, placed
from tests.kit.sentences import order
from tests.kit.waiting import until
from weir.aggregator.v1 import availability_service_pb2 as levels_pb
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2, waiting_pb2, waiting_service_pb2
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.earmarking import There
from weir_aggregator.projection.waiting import Queue
from weir_allocation.stock import Product, Stock, StockItem
from weir_chassis import status

HOUSE = """
    europe pools DE1, FR
    europe feeds web, market
    DE1 has 0 BIKE; FR has 0 BIKE
"""
WAITS = "as much as possible, the rest waits"


async def demands(merchant: Merchant) -> list[waiting_pb2.Waiting]:
    """All that waits or ever did, in the order in which it came."""
    request = waiting_service_pb2.ListWaitingRequest(freshness=merchant.freshness("ledger"))
    return [*(await merchant.stubs.waiting.ListWaiting(request)).waiting]


async def reservations(merchant: Merchant) -> list[reservation_pb2.Reservation]:
    """All reservations, oldest first."""
    request = reservation_service_pb2.ListReservationsRequest(freshness=merchant.freshness("ledger"))
    return [*(await merchant.stubs.reservations.ListReservations(request)).reservations]


def open_units(demand: waiting_pb2.Waiting) -> int:
    """Units that still wait."""
    return sum(line.open for line in demand.lines)


def assert_in_order(found: Sequence[waiting_pb2.Waiting]) -> None:
    """A demand for one product has units only if all before it have all of theirs."""
    reached = [each for each in found if open_units(each)]
    assert all(not each.reservations for each in reached[1:]), found


async def test_first_come_first_served_whichever_channel_took_them(merchant: Merchant) -> None:
    """Twelve orders of two channels wait, and units come in small deliveries to two locations. Whenever one looks, an
    order has units only if all that came before it have all of theirs; in the end each has what it waited for, in
    confirmed reservations, and none was promised before one that came earlier."""
    story = Playing(merchant)
    await story.play(f"{HOUSE}\n100 BIKE may wait")
    wanted = {f"order {number:02}": 1 + number % 4 for number in range(12)}
    for number, (name, units) in enumerate(wanted.items()):
        answer = await placed(merchant, order(name, f"{units} BIKE for {('web', 'market')[number % 2]}, {WAITS}"))
        assert not answer.HasField("reservation")
        assert [line.open for line in answer.waiting.lines] == [units]
    chance = random.Random(7)
    left = sum(wanted.values())
    while left:
        arrived = min(left, chance.randrange(1, 6))
        left -= arrived
        await merchant.record(RECEIVE, "BIKE", chance.choice(["DE1", "FR"]), arrived)
        found = await demands(merchant)
        assert [each.order for each in found] == list(wanted)
        assert_in_order(found)
        await until(lambda: waits(merchant, left))  # noqa: B023  # it is awaited here
    promised: dict[str, int] = dict.fromkeys(wanted, 0)
    moments: dict[str, list[int]] = {name: [] for name in wanted}
    for each in await reservations(merchant):
        assert each.state == reservation_pb2.RESERVATION_STATE_CONFIRMED
        promised[each.order] += sum(line.open for line in each.lines)
        moments[each.order].append(each.create_time.ToNanoseconds())
    assert promised == wanted
    assert all(max(one) <= min(next_) for one, next_ in itertools.pairwise(moments.values()))
    await story.play("waiting of BIKE => 0\nlevel of BIKE => web 0, market 0")
    await verified(merchant)


async def waits(merchant: Merchant, units: int) -> bool:
    """Whether so many units wait, and no demand has any that an earlier one lacks."""
    found = await demands(merchant)
    assert_in_order(found)
    return sum(map(open_units, found)) == units


async def test_the_limit_is_over_all_open_back_orders(merchant: Merchant) -> None:
    """Of thirty orders at once, of two channels and of one to three units each, none of which there are, as many wait
    as may: never more than the limit, and none is refused that would have fitted; what is cancelled makes room for as
    much."""
    story = Playing(merchant)
    await story.play(f"{HOUSE}\n12 BIKE may wait")
    wanted = [
        order(f"order {n}", f"{1 + n % 3} BIKE for {('web', 'market')[n % 2]}, the rest waits") for n in range(30)
    ]
    outcomes = await asyncio.gather(*(placed(merchant, each) for each in wanted), return_exceptions=True)
    refused = []
    for said, each in zip(wanted, outcomes, strict=True):
        if isinstance(each, grpc.RpcError):
            assert status.reason(each) in ("ORDER_UNFILLED", "BACK_ORDERS_EXHAUSTED"), each
            refused.append(said)
        else:
            assert isinstance(each, pb.ReserveFulfilmentResponse), each
    there = sum(map(open_units, await demands(merchant)))
    assert there <= 12
    assert all(there + said.wish.lines[0].quantity > 12 for said in refused)
    await story.play(f"waiting of BIKE => {there}")
    first = (await demands(merchant))[0]
    cancel = waiting_service_pb2.CancelWaitingRequest(request_id=request_id(), waiting=first.waiting)
    merchant.saw((await merchant.stubs.waiting.CancelWaiting(cancel)).revision)
    room = 12 - there + open_units(first)
    await story.play(
        f"""
        order late wants {room + 1} BIKE for web, the rest waits
        order late      => refused ORDER_UNFILLED
        order later wants {room} BIKE for web, the rest waits
        order later     => {room} BIKE waits
        waiting of BIKE => 12
        """
    )
    await verified(merchant)


async def test_no_level_ever_shows_units_that_others_wait_for(merchant: Merchant) -> None:
    """While units come, faster than they are promised, every watch of levels and every question, in either channel,
    is answered with 0 until nobody waits any more; then with what is left, and no order is refused one of those."""
    for levels in await levels_while_units_come(merchant):
        assert len(levels) > 1
        assert set(levels) == {0, 2}, levels
        assert levels == sorted(levels)
    answer = await placed(merchant, order("last", "2 BIKE for market"))
    assert sum(each.quantity for each in answer.plan.allocations) == 2
    await verified(merchant)


async def test_a_level_that_shows_them_would_be_noticed(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: where units are promised to those who wait, but not kept from levels until then, some level shows
    them for a moment."""

    def stocked(_: Queue, product: Product, stock_of: Callable[[Product], Iterable[Stock]]) -> dict[StockItem, There]:
        return {each.item: There(each.available, each.expiry) for each in stock_of(product) if each.available}

    monkeypatch.setattr(Balances, "earmark", lambda balances, item, units: balances.number((item.owner, item.sku)))
    monkeypatch.setattr(Queue, "_stocked", stocked)
    seen = await levels_while_units_come(merchant)
    assert any(set(levels) - {0, 2} or levels != sorted(levels) for levels in seen)


async def levels_while_units_come(merchant: Merchant) -> list[list[int]]:
    """The levels that two watches and somebody who asks all the time are shown while 32 units come for 30 that are
    waited for."""
    story = Playing(merchant)
    await story.play(f"{HOUSE}\n100 BIKE may wait\nlevel of BIKE => web 0")
    for number in range(10):
        await placed(merchant, order(f"order {number}", f"3 BIKE for {('web', 'market')[number % 2]}, {WAITS}"))
    async with watched(merchant) as shown, asked(merchant) as answered:
        for number in range(16):
            await merchant.record(RECEIVE, "BIKE", ("DE1", "FR")[number % 2], 2)
        await until(lambda: waits(merchant, 0))
        assert await merchant.level("BIKE", "web") == 2
        await until(lambda: shown["market"][-1:] == [2] and shown["web"][-1:] == [2])
        await until(lambda: answered[-1:] == [2])
    return [*shown.values(), answered]


@asynccontextmanager
async def watched(merchant: Merchant) -> AsyncIterator[dict[str, list[int]]]:
    """The levels of BIKE that a watch shows within the block, by channel."""
    shown: dict[str, list[int]] = {"web": [], "market": []}
    watch = merchant.stubs.availability.WatchLevels(levels_pb.WatchLevelsRequest())

    async def read() -> None:
        async for message in watch:
            for channel, level in rows(message.table).get("BIKE", {}).items():
                shown[channel].append(level)

    reading = asyncio.create_task(read())
    try:
        await until(lambda: all(shown.values()))
        yield shown
    finally:
        watch.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def asked(merchant: Merchant) -> AsyncIterator[list[int]]:
    """The levels of BIKE that are answered within the block to one who asks all the time, each as new as the last
    write."""
    answered: list[int] = []

    async def ask() -> None:
        for channel in itertools.cycle(["web", "market"]):
            answered.append(await merchant.level("BIKE", channel))

    asking = asyncio.create_task(ask())
    try:
        yield answered
        assert not asking.done(), asking.exception()
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_who_waits_is_served_as_the_order_was_wished(merchant: Merchant) -> None:
    """A bundle waits for parts in one location, a product for what is lent to it, an order for a location that it does
    not exclude, a whole order for all of its lines; each takes no more than it waits for."""
    await Playing(merchant).play(
        """
        europe pools DE1, FR
        europe feeds web
        SET is made of 1 A, 1 B
        S lends to X, keeping back 1
        9 SET may wait; 9 X may wait; 9 BIKE may wait; 9 LAMP may wait
        order set wants 2 SET for web, as much as possible, the rest waits
        order lent wants 2 X for web, as much as possible, the rest waits
        order near wants 2 BIKE for web, not from FR, the rest waits
        order whole wants 1 BIKE and 1 LAMP for web, the rest waits
        DE1 has 2 A; FR has 2 B
        FR has 2 S
        FR has 2 BIKE
        order lent    => 1 S at FR, 1 X waits
        order set     => 2 SET waits
        order near    => 2 BIKE waits
        order whole   => 1 BIKE waits, 1 LAMP waits
        level of BIKE => web 2
        DE1 has 1 B
        order set     => 1 A at DE1, 1 B at DE1, 1 SET waits
        DE1 has 9 BIKE
        order near    => 2 BIKE at DE1
        FR has 1 LAMP
        order whole   => 1 BIKE at FR, 1 LAMP at FR
        level of LAMP => web 0
        level of BIKE => web 8
        """
    )
    await verified(merchant)


async def test_who_no_longer_waits_gets_nothing(merchant: Merchant) -> None:
    """What is cancelled, in part or whole, is promised to those who come after; what was promised before stays."""
    story = Playing(merchant)
    await story.play(
        f"""{HOUSE}
        20 BIKE may wait
        order A wants 4 BIKE for web, {WAITS}
        order B wants 3 BIKE for market, {WAITS}
        order C wants 2 BIKE for web, {WAITS}
        DE1 has 1 BIKE
        order A => 1 BIKE at DE1, 3 BIKE waits
        """
    )
    first = (await demands(merchant))[0]
    cancel = waiting_service_pb2.CancelWaitingRequest(
        request_id=request_id(), waiting=first.waiting, lines=[reservation_pb2.LineQuantity(line=1, quantity=2)]
    )
    merchant.saw((await merchant.stubs.waiting.CancelWaiting(cancel)).revision)
    await story.play(
        """
        order A         => 1 BIKE at DE1, 1 BIKE waits
        order B is cancelled
        waiting of BIKE => 3
        DE1 has 4 BIKE
        order A         => 2 BIKE at DE1
        order B         => nothing
        order C         => 2 BIKE at DE1
        level of BIKE   => web 0
        DE1 has 5 BIKE
        level of BIKE   => web 1
        """
    )
    assert [each.state for each in await demands(merchant)] == [
        waiting_pb2.WAITING_STATE_PROMISED,
        waiting_pb2.WAITING_STATE_CANCELLED,
        waiting_pb2.WAITING_STATE_PROMISED,
    ]
    await verified(merchant)
