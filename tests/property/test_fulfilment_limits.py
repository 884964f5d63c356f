"""Plans for which too little work is allowed can be promised all the same, and their bounds hold.

WEIR_ALLOCATION_CASES says how many orders are tried: a quarter of it, 1000 unless it is set.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from random import Random

import pytest

from tests.kit.filling import faults, worth
from tests.kit.orders import SIZES, Size, order
from weir_allocation.fulfilment.candidates import candidates
from weir_allocation.fulfilment.filler import Filler
from weir_allocation.fulfilment.hasty import reachable
from weir_allocation.fulfilment.model import Order, Plan
from weir_allocation.fulfilment.planner import allocated, plan
from weir_allocation.fulfilment.search import GLANCES, WORK, Search

CASES = int(os.environ.get("WEIR_ALLOCATION_CASES") or 1000) // 4
BROAD = Size(lines=12, quantity=5, places=6, plain=6, parents=2, links=6, on_hand=6)


@cache
def orders() -> list[tuple[int, Order, Plan]]:
    """Orders that need not be filled whole, with the best plan of each."""
    found = []
    for seed in range(CASES):
        wanted = order(seed, BROAD if seed % 2 else SIZES[seed % len(SIZES)])
        wanted = replace(wanted, wish=replace(wanted.wish, whole=False))
        found.append((seed, wanted, plan(wanted)))
    return [each for each in found if each[2].exact]


@pytest.mark.parametrize(("work", "glances"), [(-1, GLANCES), (50, GLANCES), (WORK, 0), (WORK, 40), (-1, 0)], ids=str)
def test_whatever_ends_the_search_its_plan_and_bounds_hold(work: int, glances: int) -> None:
    """What was found is possible, no plan is better than the bounds say, and one that is exact is the best; on average
    a hundredth of the units is missed at most, and a tenth of the locations is too many.
    """
    units = missed = locations = more = inexact = 0
    for seed, wanted, best in orders():
        choice = Search(candidates(wanted), work=work, glances=glances).choice()
        allocations = allocated(choice.filling)
        value = worth(wanted, allocations)
        assert faults(wanted, allocations) == [], seed
        assert choice.filled_bound >= best.objective.filled >= value.filled, seed
        assert not choice.exact or value == best.objective, seed
        units += best.objective.filled
        missed += best.objective.filled - value.filled
        inexact += not choice.exact
        if value.filled == best.objective.filled:
            assert choice.locations_bound <= best.objective.locations <= value.locations, seed
            locations += best.objective.locations
            more += value.locations - best.objective.locations
    assert inexact
    assert missed <= units / 100
    assert more <= locations / 10


@pytest.mark.parametrize("size", [BROAD, Size(lines=60, quantity=6, places=12, plain=16, parents=3, links=8)], ids=str)
def test_what_places_can_give_is_one_sum_however_many_lines_there_are(size: Size) -> None:
    """Sums over few lines and over many, which are made otherwise, are those of each line, quotas among them."""
    less = 0
    for seed in range(CASES // 5):
        wanted, chance = order(seed, size), Random(seed)
        one_place = wanted.wish.one_location_per_line
        seen = candidates(wanted)
        free = candidates(replace(wanted, quotas=()))
        filler = Filler(seen, WORK)
        for _ in range(5):
            mask = chance.randrange(1 << len(seen.places))
            units = filler.reachable(mask)
            assert units == sum(reachable(line, mask, one_place=one_place) for line in seen.lines), seed
            if seen.places == free.places:
                less += units < Filler(free, WORK).reachable(mask)
    assert less > CASES / 20
