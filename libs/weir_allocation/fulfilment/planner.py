"""The plan of an order: which units fill it, and how good that is.

    candidates   what each line can draw on, where, and what may be given out only once
    filling      the best units for one line from given locations; simplex and rivals: for lines that compete
    filler       the best units for all lines from given locations
    search       the best locations

A plan is *exact* if no other is better by the objective, which is proved for it, whatever its size. That is always
tried; what it can cost is limited by counts of what is done, never by time, so the same order always has the same plan.
The limits let every set of 12 locations be looked at for 50 lines. They end a search early

* where there are more sets of locations than that which might do: `heuristic` then finds good ones;
* where many lines compete for parts of bundles, for the lots of one link or quota, or while each must come from one
  location, so that linear programs of which the answers are not whole have to be split up too often: `hasty` then
  finds good fillings. Lines that compete for stock alone are filled best in any number that an order has.

Such a plan says that it is not exact, and its bounds say how much better another might be. They are true since each
rests on a problem that is easier than the order: lines that take nothing from each other, or units that may be split.

Plans that are equally good: the one with the smallest `tie` is chosen. Where lines compete so much that finding it
would take too long it is another one, always the same.
"""

from __future__ import annotations

from weir_allocation.fulfilment.candidates import DIRECT, candidates
from weir_allocation.fulfilment.filling import Filling
from weir_allocation.fulfilment.model import Allocation, Order, Plan
from weir_allocation.fulfilment.objective import NOTHING
from weir_allocation.fulfilment.objective import objective as objective
from weir_allocation.fulfilment.reasons import missing
from weir_allocation.fulfilment.search import Search


def plan(order: Order) -> Plan:
    """The best plan for an order; nothing depends on the order in which stock, links and bundles are given."""
    choice = Search(candidates(order)).choice()
    allocations = allocated(choice.filling)
    wanted = sum(line.quantity for line in order.wish.lines)
    if choice.filling.filled == wanted:
        value = objective(order, allocations)
        return Plan(allocations, (), value, choice.exact, choice.filled_bound, choice.locations_bound)
    if order.wish.whole:
        reasons = missing(order, (), allocations)
        return Plan((), reasons, NOTHING, choice.exact, choice.filled_bound, 0)
    reasons = missing(order, allocations)
    value = objective(order, allocations)
    return Plan(allocations, reasons, value, choice.exact, choice.filled_bound, choice.locations_bound)


def allocated(filling: Filling) -> tuple[Allocation, ...]:
    """A filling in the words of a plan, in order."""
    made = dict(filling.made)
    return tuple(
        sorted(
            Allocation(
                draw.line,
                draw.item,
                units,
                draw.serves_as,
                0 if draw.component == DIRECT else made[draw.line, draw.place],
            )
            for draw, units in filling.picks
        )
    )
