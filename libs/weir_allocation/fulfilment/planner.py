"""The plan of an order."""

from __future__ import annotations

from weir_allocation.fulfilment.candidates import DIRECT, candidates
from weir_allocation.fulfilment.filling import Filling
from weir_allocation.fulfilment.model import Allocation, Order, Plan
from weir_allocation.fulfilment.objective import NOTHING
from weir_allocation.fulfilment.objective import objective as objective
from weir_allocation.fulfilment.reasons import missing
from weir_allocation.fulfilment.search import Search


def plan(order: Order) -> Plan:
    """The best plan for an order."""
    choice = Search(candidates(order)).choice()
    allocations = allocated(choice.filling)
    value = objective(order, allocations)
    if order.wish.whole and value.filled < sum(line.quantity for line in order.wish.lines):
        reasons = missing(order, (), allocations)
        return Plan((), reasons, NOTHING, choice.exact, choice.filled_bound, 0)
    reasons = missing(order, allocations)
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
