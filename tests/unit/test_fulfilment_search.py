"""Which locations send: as few as can be, and of those the best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Line, Order, Plan, Terms, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING
from weir_allocation.stock import Product, Stock, StockItem

A: Product = ("", "A")
B: Product = ("", "B")
TODAY = date(2026, 3, 1)


def order(there: Mapping[str, tuple[int, int]], wish: Wish, *, sending: frozenset[str] = frozenset()) -> Order:
    """An order to which each location may send so many units of A and of B."""
    stocks = [
        Stock(StockItem(*product, location), units, 0)
        for location, both in there.items()
        for product, units in zip((A, B), both, strict=True)
    ]
    reach = dict.fromkeys((A, B), frozenset(there))
    return Order(wish, Terms(NO_SHARING, reach), holdings(stocks), TODAY, sending=sending)


def both(units: int = 2) -> Wish:
    """So many units of A and of B."""
    return Wish((Line(A, units), Line(B, units)))


def locations(found: Plan) -> list[str]:
    """The locations that send."""
    return sorted({each.item.location for each in found.allocations})


def test_one_location_is_better_than_two_nearer_ones() -> None:
    """How many send counts before how far they are."""
    wish = replace(both(), distances={"W1": 1, "W2": 1, "W3": 900})
    assert locations(plan(order({"W1": (2, 0), "W2": (0, 2), "W3": (2, 2)}, wish))) == ["W3"]


def test_of_pairs_that_fill_it_the_preferred_then_the_nearest_sends() -> None:
    """Preferred locations send rather than near ones, near ones rather than far ones."""
    there = {"W1": (2, 0), "W2": (0, 2), "W3": (0, 2), "W4": (2, 0)}
    near = replace(both(), distances={"W1": 1, "W2": 2, "W3": 1, "W4": 2})
    assert locations(plan(order(there, near))) == ["W1", "W3"]
    preferred = replace(near, preferred=frozenset(["W2", "W4"]))
    assert locations(plan(order(there, preferred))) == ["W2", "W4"]


def test_a_location_that_sends_already_costs_nothing() -> None:
    """What is on its way from W2 anyway lets W1 and W2 send rather than W3 alone."""
    there = {"W1": (2, 0), "W2": (0, 2), "W3": (2, 2)}
    wish = replace(both(), distances={"W1": 1, "W3": 9})
    found = plan(order(there, wish, sending=frozenset(["W2"])))
    assert locations(found) == ["W1", "W2"]
    assert (found.objective.locations, found.objective.distance) == (1, 1)


def test_a_line_from_one_location_may_cost_far_less_with_one_unit_less() -> None:
    """Of two lines one has three dear units; two cheap ones for the other are not ruled out by what three cost."""
    there = {("W1", 3): 10, ("W2", 2): 4, ("W3", 2): 0}
    held = [Stock(StockItem(*A, place), units, 0, TODAY + timedelta(days)) for (place, units), days in there.items()]
    wish = Wish((Line(A, 3), Line(A, 3)), whole=False, one_location_per_line=True)
    found = plan(Order(wish, Terms(NO_SHARING, {A: frozenset(["W1", "W2", "W3"])}), holdings(held), TODAY))
    assert locations(found) == ["W1", "W3"]
    assert (found.objective.filled, found.exact) == (5, True)


def test_no_more_locations_than_allowed_send() -> None:
    """Of one location that which fills most; what is missing is said, and the bound is of one location, too."""
    wish = replace(both(), whole=False, locations_max=1)
    found = plan(order({"W1": (2, 0), "W2": (1, 2)}, wish))
    assert locations(found) == ["W2"]
    assert (found.objective.filled, found.filled_bound, found.exact) == (3, 3, True)


def test_an_order_wanted_whole_is_filled_whole_or_not_at_all() -> None:
    """Nothing is allocated; the bound says what could be filled."""
    found = plan(order({"W1": (2, 1)}, both()))
    assert (found.allocations, found.objective.filled, found.filled_bound, found.exact) == ((), 0, 3, True)


def test_a_location_without_which_too_little_is_filled_is_in_every_set() -> None:
    """Twenty locations, all of which are needed, make one set, though there are a million sets of them."""
    there = {f"W{number:02}": (1, 0) for number in range(20)}
    found = plan(order(there, Wish((Line(A, 20),))))
    assert (found.objective.locations, found.exact) == (20, True)


def test_beyond_what_can_be_looked_at_the_plan_says_how_much_better_another_might_be() -> None:
    """Of sixty locations thirty are needed: the plan fills everything, and does not claim to be the best."""
    there = {f"W{number:02}": (number % 3, (number + 1) % 3) for number in range(60)}
    found = plan(order(there, both(40)))
    assert found.objective.filled == found.filled_bound == 80
    assert not found.exact
    assert 20 <= found.locations_bound <= found.objective.locations <= 30
