"""Orders against a ledger that moves while they are planned: what is asked of it, how often, and what is answered."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.projections import LEDGER, count
from tests.kit.promising import BIKE, KIT, LAMP, asking, calling, reserve, taken, terms_now, wish, world
from weir_aggregator.domain import BackOrders, Purpose, Recorded
from weir_aggregator.errors import ChannelNotFound, PlanOvertaken
from weir_aggregator.handlers.fulfilment import PLANS_MAX, planned
from weir_aggregator.ports import Reserved
from weir_aggregator.projection import order
from weir_allocation.fulfilment.model import Line, Plan
from weir_allocation.fulfilment.planner import plan
from weir_chassis.errors import Malformed, RequestIdReused, RevisionNotReached


async def test_what_is_planned_is_promised_and_kept() -> None:
    """The ledger is asked for the units of the plan, with what each is for, under the terms of now and their mark."""
    ledger = world(count("KIT", "A", 1), count("BIKE", "A", 2), count("LAMP", "A", 5))
    done = await reserve(ledger, asking(wish(Line(KIT, 2))))
    assert isinstance(done, Reserved)
    [(kept, waits)] = ledger.asked
    assert waits is None
    assert kept.purposes == (Purpose(0, BIKE, 1), Purpose(0, KIT), Purpose(0, LAMP, 1))
    assert sorted(taken(kept)) == [("A", 1), ("A", 1), ("A", 2)]
    assert [each.context for each in kept.revisions] == ["ledger", "sharing", "partitioning", "sync", "pooling"]
    assert kept.terms.reach[KIT] == frozenset({"A", "B"})


async def test_stock_that_moves_is_planned_anew() -> None:
    """Where somebody else was faster the next plan is made of what is left, once that is known here."""
    ledger = world(count("BIKE", "A", 5), count("BIKE", "B", 5))
    ledger.overtaken = [lambda: ledger.commit(count("BIKE", "A", 5, 5)), lambda: None]
    done = await reserve(ledger, asking(wish(Line(BIKE, 5))))
    assert isinstance(done, Reserved)
    assert [taken(kept) for kept, _ in ledger.asked] == [[("A", 5)], [("B", 5)], [("B", 5)]]


async def test_a_refusal_is_waited_for() -> None:
    """No plan is made before that is known by which the one before was overtaken; whoever waits no longer is told."""
    ledger = world(count("BIKE", "A", 5))
    ledger.overtaken = [lambda: ledger.number + 7]
    with pytest.raises(RevisionNotReached):
        await reserve(ledger, asking(wish(Line(BIKE, 5))), seconds=0.2)
    assert len(ledger.asked) == 1


async def test_plans_are_bounded() -> None:
    """After so many plans that were overtaken it is given up, and said how many they were."""
    ledger = world(count("BIKE", "A", 5))
    ledger.overtaken = [lambda: ledger.number] * (PLANS_MAX + 1)
    with pytest.raises(PlanOvertaken) as refused:
        await reserve(ledger, asking(wish(Line(BIKE, 5))))
    assert refused.value.metadata == {"plans": str(PLANS_MAX)}
    assert len(ledger.asked) == PLANS_MAX


async def test_whole_or_in_part() -> None:
    """Of a whole order that cannot be filled nothing is asked of the ledger; of another what there is."""
    ledger = world(count("BIKE", "A", 3))
    found = await reserve(ledger, asking(wish(Line(BIKE, 5), Line(LAMP, 1))))
    assert isinstance(found, Plan)
    assert [(each.line, each.quantity) for each in found.missing] == [(0, 5), (1, 1)]
    assert ledger.asked == []
    done = await reserve(ledger, asking(wish(Line(BIKE, 5), Line(LAMP, 1), whole=False)))
    assert isinstance(done, Reserved)
    assert taken(done.recorded) == [("A", 3)]
    assert isinstance(await reserve(ledger, asking(wish(Line(LAMP, 1), whole=False))), Plan)


async def test_what_may_wait_waits() -> None:
    """In part: what is there is promised, of the rest as much waits as may over all orders, line by line; whole: all
    waits or nothing, and nothing is promised of it."""
    ledger = world(count("BIKE", "A", 3))
    ledger.commit(BackOrders(*BIKE, 10, 6))
    lines = Line(BIKE, 5), Line(BIKE, 4), Line(LAMP, 1)
    await reserve(ledger, asking(wish(*lines, whole=False), back_order=True))
    [(kept, waits)] = ledger.asked
    assert waits is not None
    assert (taken(kept), [line.quantity for line in waits.wish.lines]) == ([("A", 3)], [2, 2])
    assert (waits.wish.whole, waits.plan) == (False, None)
    assert isinstance(await reserve(ledger, asking(wish(*lines), back_order=True)), Plan)
    await reserve(ledger, asking(wish(Line(BIKE, 4)), back_order=True))
    kept, waits = ledger.asked[-1]
    assert waits is not None
    assert (taken(kept), waits.wish, waits.plan) == ([], wish(Line(BIKE, 4)), kept.plan)
    assert isinstance(await reserve(ledger, asking(wish(Line(BIKE, 5)), back_order=True)), Plan)


async def test_nobody_is_refused_for_what_is_not_known_here_yet() -> None:
    """An order that cannot be filled is refused once all is known that the ledger had when it was asked: what had come
    by then is there for it."""
    ledger = world(count("BIKE", "A", 1))
    ledger.number = 6
    refused, filled = (asyncio.create_task(reserve(ledger, asking(wish(Line(BIKE, units))))) for units in (6, 5))
    await asyncio.sleep(0)
    ledger.number = 4
    ledger.commit(count("BIKE", "A", 5))
    await asyncio.sleep(0)
    assert (refused.done(), filled.done()) == (False, False)
    ledger.commit()
    assert isinstance(await refused, Plan)
    assert isinstance(await filled, Reserved)


@pytest.mark.parametrize("gone", ["the stock", "the channel"])
async def test_who_asks_again_hears_what_was_made(gone: str) -> None:
    """What was reserved under the request id is the answer, though the order could not be filled any more."""
    ledger = world()
    asked = asking(wish(Line(BIKE, 5)), sells="shop" if gone == "the stock" else "closed")
    if gone == "the channel":
        with pytest.raises(ChannelNotFound):
            await reserve(ledger, asked)
    else:
        assert isinstance(await reserve(ledger, asked), Plan)
    made = Reserved("made", None, LEDGER.revision(1), Recorded(asked.wish, "shop", terms_now(ledger)))
    ledger.earlier = made
    assert await reserve(ledger, asked) is made
    assert ledger.asked == []


async def test_another_order_under_the_same_name_is_refused() -> None:
    """The ledger knows the digest of what was made; what it refuses is passed on, and planned no further."""
    ledger = world(count("BIKE", "A", 5))

    def refuse() -> int:
        raise RequestIdReused("an order")

    ledger.overtaken = [refuse]
    with pytest.raises(RequestIdReused):
        await reserve(ledger, asking(wish(Line(BIKE, 5))))
    assert len(ledger.asked) == 1


async def test_custody_is_named_where_it_decides() -> None:
    """A channel that is reached by custody needs to be told whose for each line; any other must not be."""
    ledger = world()
    with calling():
        for sells, custodians, bad in (("ann", (), 1), ("shop", ("ann",), 1), ("shop", (), 0), ("ann", ("ann",), 0)):
            asked = wish(Line(BIKE, 1, custodians=custodians))
            if not bad:
                await planned(ledger.tenants, asked, sells, {})
                continue
            with pytest.raises(Malformed) as refused:
                await planned(ledger.tenants, asked, sells, {})
            assert [each.field for each in refused.value.violations] == ["wish.lines[0].custodians"]


async def test_an_order_of_many_lines_is_planned_beside_others() -> None:
    """More than a hundred lines are planned in a thread, with the same plan as ever."""
    skus = [f"SKU-{number:03}" for number in range(150)]
    ledger = world(*(count(sku, "A", 2) for sku in skus))
    wanted = wish(*(Line(("", sku), 2) for sku in skus))
    with calling():
        found, _ = await planned(ledger.tenants, wanted, "shop", {})
    assert found == plan(order(ledger.projection, wanted, "shop"))
    assert len(found.allocations) == 150


async def test_nobody_waits_for_others_without_end() -> None:
    """An order that finds too little beside what others are asking for waits for them, but not for ever new ones: in
    the end it asks for what there is."""
    ledger = world(count("BIKE", "A", 3))
    underway = ledger.projection.underway
    other = plan(order(ledger.projection, wish(Line(BIKE, 1)), "shop"))
    ended = asyncio.Event()

    async def ask() -> None:
        while not ended.is_set():
            with underway.asking(other):
                await asyncio.sleep(0)

    asking_others = [asyncio.create_task(ask()) for _ in range(2)]
    await asyncio.sleep(0)
    done = await reserve(ledger, asking(wish(Line(BIKE, 9), whole=False)))
    ended.set()
    await asyncio.gather(*asking_others)
    assert isinstance(done, Reserved)
    assert taken(done.recorded) == [("A", 3)]
