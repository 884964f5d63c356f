"""Plans against everything that could be planned: all ways of filling small orders, an integer program for larger ones.

WEIR_ALLOCATION_CASES says how many small orders are tried: 1000 unless it is set; of larger ones fewer.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.kit import solver
from tests.kit.filling import Exhaustive, TooMany, faults, tie, units_of, worth
from tests.kit.orders import SIZES, Size, order, shuffled
from weir_allocation.fulfilment.model import Order, Plan, Quota
from weir_allocation.fulfilment.planner import objective, plan
from weir_allocation.sharing import NO_SHARING

CASES = int(os.environ.get("WEIR_ALLOCATION_CASES") or 1000)
BLOCK = 250
"""Orders of one test."""
TRIES_MAX = 20_000
LARGE = (
    Size(lines=12, quantity=5, places=6, plain=6, parents=2, links=6, on_hand=6),
    Size(lines=50, quantity=5, places=12, plain=12, parents=3, links=8, on_hand=20),
)
BROAD = Size(lines=60, quantity=6, places=20, plain=16, parents=3, links=8, on_hand=6, stocked=(0.2, 0.35))
"""More lines and locations than plans are promised to be exact for."""


def checked(seed: int, wanted: Order) -> Plan:
    """The plan for an order: what it says of itself is true."""
    found = plan(wanted)
    assert faults(wanted, found.allocations) == [], seed
    assert found.objective == worth(wanted, found.allocations) == objective(wanted, found.allocations), seed
    assert found.missing == tuple(sorted(found.missing, key=lambda each: each.line)), seed
    for index, line in enumerate(wanted.wish.lines):
        units = units_of([each for each in found.allocations if each.line == index])
        lacking = [each.quantity for each in found.missing if each.line == index]
        assert lacking == [line.quantity - units] * (units < line.quantity), seed
    return found


@pytest.mark.parametrize("first", range(0, CASES, BLOCK))
def test_no_way_to_fill_an_order_is_better(first: int) -> None:
    """A plan is as good as the best of all ways there are, is that very way, and says so."""
    tried = 0
    for seed in range(first, min(CASES, first + BLOCK)):
        wanted = order(seed, SIZES[seed % len(SIZES)])
        try:
            best, allocations, most = Exhaustive(wanted, TRIES_MAX).best()
        except TooMany:
            continue
        tried += 1
        found = checked(seed, wanted)
        assert found.objective == best, seed
        assert (found.exact, found.filled_bound, found.locations_bound) == (True, most, best.locations), seed
        assert tie(found.allocations) == tie(allocations), seed
    assert tried > 0.9 * (min(CASES, first + BLOCK) - first)


@pytest.mark.parametrize("seed", range(max(1, CASES // 40)))
def test_no_better_plan_for_larger_orders(seed: int) -> None:
    """Up to 12 locations and 50 lines a plan that says it is exact is as good as an integer program finds it can be;
    one that does not has bounds that hold.
    """
    against_solver(seed, LARGE[seed % len(LARGE)])


@pytest.mark.parametrize("seed", range(max(1, CASES // 125)))
def test_bounds_of_the_largest_orders_hold(seed: int) -> None:
    """Beyond that, too: a plan can be promised, says truly whether it is exact, and how much better one might be."""
    against_solver(seed, BROAD)


def against_solver(seed: int, size: Size) -> None:
    """Hold the plan for an order against the best there is."""
    wanted = order(seed, size)
    found = checked(seed, wanted)
    best, most = solver.best(wanted)
    assert found.filled_bound >= most
    if found.exact:
        assert (found.objective, found.filled_bound) == (best, most)
    elif found.objective.filled == best.filled:
        assert found.locations_bound <= best.locations <= found.objective.locations


def test_two_ways_to_find_the_best_plan_agree() -> None:
    """Trying everything and the integer program, which share no search, find the same for small orders."""
    for seed in range(CASES // 20):
        wanted = order(seed, SIZES[seed % len(SIZES)])
        try:
            best, _, most = Exhaustive(wanted, TRIES_MAX).best()
        except TooMany:
            continue
        assert solver.best(wanted) == (best, most), seed


def test_the_order_in_which_things_are_given_changes_no_plan() -> None:
    """Stock items, links and bundles in any order make the same plan."""
    for seed in range(CASES // 4):
        wanted = order(seed, SIZES[seed % len(SIZES)])
        assert plan(shuffled(wanted, Random(seed))) == plan(wanted), seed


def test_numbers_of_units_do_not_matter() -> None:
    """With everything a hundred million times as large a plan fills at least as many times as much, in no more time."""
    times = 10**8
    for seed in range(CASES // 4):
        small = order(seed, SIZES[seed % len(SIZES)])
        sharing = small.terms.sharing
        links = [replace(link, keep_back=link.keep_back * times) for each in sharing.to.values() for link in each]
        lines = tuple(replace(line, quantity=line.quantity * times) for line in small.wish.lines)
        large = replace(
            small,
            wish=replace(small.wish, lines=lines),
            terms=replace(small.terms, sharing=NO_SHARING.changed(links=links, bundles=sharing.bundles.values())),
            holdings={
                product: [
                    replace(stock, on_hand=stock.on_hand * times, reserved=stock.reserved * times) for stock in stocks
                ]
                for product, stocks in small.holdings.items()
            },
            quotas=tuple(quota._replace(units=quota.units * times) for quota in small.quotas),
        )
        assert checked(seed, large).objective.filled >= plan(small).objective.filled * times, seed


def without(wanted: Order, quota: Quota) -> Order:
    """An order that one quota does not hold."""
    return replace(wanted, quotas=tuple(each for each in wanted.quotas if each != quota))


def test_the_small_orders_meet_everything() -> None:
    """Among those that are tried are enough of each kind; else their agreement would say little."""
    met: Counter[str] = Counter()
    for seed in range(600):
        wanted = order(seed, SIZES[seed % len(SIZES)])
        try:
            best, allocations, most = Exhaustive(wanted, TRIES_MAX).best()
        except TooMany:
            continue
        wish, sharing = wanted.wish, wanted.terms.sharing
        free = replace(wanted, quotas=())
        met.update(
            {
                "filled": most == sum(line.quantity for line in wish.lines),
                "filled in part": 0 < best.filled < sum(line.quantity for line in wish.lines),
                "incomplete": wish.whole and most > best.filled,
                "several locations": best.locations > 1,
                "put together": best.assembled > 0,
                "several put together": best.assembled > 1,
                "shared": best.shared > 0,
                "harm": best.harm > 0,
                "unpreferred": best.unpreferred > 0,
                "limited": wish.locations_max is not None and best.locations == wish.locations_max,
                "one location": wish.one_location_per_line and best.filled > 0,
                "own only": wish.own_only and best.filled > 0,
                "custody": wanted.terms.by_custody and best.filled > 0,
                "kept back": any(link.keep_back for each in sharing.to.values() for link in each) and best.shared > 0,
                "packed bundles lent": any(
                    each.serves_as != (each.item.owner, each.item.sku) and each.serves_as in sharing.bundles
                    for each in allocations
                ),
                "two components of one item": len({(each.line, each.item) for each in allocations if each.bundles})
                < sum(1 for each in allocations if each.bundles),
                "sending already": bool(wanted.sending) and best.filled > 0,
                "less for a quota": most < plan(free).filled_bound,
                "otherwise for a quota": plan(free).objective.filled == best.filled and plan(free).objective != best,
                "other bundles for a quota": best.assembled != plan(free).objective.assembled,
                "two lines of a quota": any(
                    sum(line.product == each.product and line.demand.uom == each.uom for line in wish.lines) > 1
                    and plan(without(wanted, each)).objective != best
                    for each in wanted.quotas
                ),
            }
        )
    few = {name: times for name, times in met.items() if times < 2}
    assert not few, met
