"""What is under way to one order is left alone by the plan of the next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

from weir_aggregator.projection.underway import Underway
from weir_allocation.fulfilment.model import Line, Order, Plan, Terms, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING
from weir_allocation.stock import Product, Stock, StockItem

BIKE, LAMP = ("", "BIKE"), ("", "LAMP")
PLACES = frozenset({"DE1", "FR"})


def order(product: Product, units: int, *stock: tuple[str, int]) -> Order:
    """An order of one line, with units of its product at some locations."""
    held = [Stock(StockItem(*product, place), there, 0) for place, there in stock]
    return Order(Wish((Line(product, units),)), Terms(NO_SHARING, {product: PLACES}), {product: held}, date(2026, 3, 1))


def taken(found: Plan) -> Sequence[tuple[str, int]]:
    """Locations and units of a plan."""
    return [(each.item.location, each.quantity) for each in found.allocations]


async def test_what_is_asked_for_is_taken_for_promised() -> None:
    """Two orders that come together are planned on different units; once the first is refused its units are there
    again."""
    underway, wanted = Underway(), order(BIKE, 2, ("DE1", 2), ("FR", 2))
    first = plan(underway.left(wanted, reached=7))
    assert taken(first) == [("DE1", 2)]
    with underway.asking(first):
        assert taken(plan(underway.left(wanted, reached=7))) == [("FR", 2)]
    assert underway.left(wanted, reached=7) is wanted


async def test_what_was_promised_is_taken_until_it_is_seen() -> None:
    """Units that were promised at a revision are gone for plans made before it is known, and counted by the projection
    alone from then on; in whatever order answers come."""
    underway, wanted = Underway(), order(BIKE, 1, ("DE1", 1), ("FR", 1))
    for revision, place in ((9, "DE1"), (8, "FR")):
        with underway.asking(plan(underway.left(wanted, reached=7))) as promised:
            promised(revision)
        assert place not in [each for each, _ in taken(plan(underway.left(wanted, reached=7)))]
    assert taken(plan(underway.left(wanted, reached=7))) == []
    assert (underway.promised(wanted), underway.promised(order(LAMP, 1))) == (9, None)
    assert taken(plan(underway.left(wanted, reached=8))) == [("FR", 1)]
    assert underway.left(wanted, reached=9) is wanted


async def test_whoever_finds_too_little_waits_for_those_who_are_asking() -> None:
    """An order that lacks units which are under way waits for the answers about all of them, and only for those; where
    nothing it could take is asked for it waits for nobody."""
    underway, wanted = Underway(), order(BIKE, 1, ("DE1", 1))
    await underway.answered(wanted)
    with underway.asking(plan(wanted)):
        await underway.answered(order(LAMP, 1, ("DE1", 1)))
        with underway.asking(plan(wanted)):
            waits = asyncio.create_task(underway.answered(wanted))
            await asyncio.sleep(0)
        with underway.asking(plan(wanted)):
            await asyncio.sleep(0)
            assert not waits.done()
    await waits
    await underway.answered(wanted)


async def test_an_order_that_touches_nothing_under_way_is_left_as_it_is() -> None:
    """What is under way of other products changes nothing, not even the object."""
    underway, wanted = Underway(), order(BIKE, 1, ("DE1", 1))
    with underway.asking(plan(order(LAMP, 1, ("DE1", 1)))):
        assert underway.left(wanted, reached=0) is wanted
