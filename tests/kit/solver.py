"""The best plan for orders that are too large to try everything: as an integer program, stage after stage.

Each stage makes one field of the objective as good as can be, with the fields before held at their best.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from tests.kit.filling import NOTHING, Slot, lendable, locations_left, parts, quota, rank, slots, worth
from weir_allocation.fulfilment.model import Allocation, Objective, Order

Terms = dict[int, float]
"""Factors of variables."""


class Program:
    """An order as whole numbers that obey linear constraints."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._upper: list[float] = []
        self._rows: list[tuple[Terms, float, float]] = []
        self._costs: list[Terms] = [{} for _ in Objective._fields]
        self._sends: dict[str, int] = {}
        units: dict[object, Terms] = defaultdict(dict)
        limits: dict[object, int] = {}
        for index in range(len(order.wish.lines)):
            self._line(index, units, limits)
        for name, terms in units.items():
            self._rows.append((terms, 0, limits[name]))
        left = locations_left(order)
        if left is not None:
            self._rows.append((dict.fromkeys(self._sends.values(), 1), 0, left))

    def best(self) -> tuple[Objective, int]:
        """How good the best plan is, and the most units that can be filled at all."""
        if not self._upper:
            return NOTHING, 0
        reached: list[int] = []
        for costs in self._costs:
            least = round(self._solve(costs)) if costs else 0
            self._rows.append((costs, least, least))
            reached.append(least)
            if len(reached) == 1 and self._order.wish.whole and -least < self._wanted():
                return NOTHING, -least
        return Objective(-reached[0], *reached[1:]), -reached[0]

    def _wanted(self) -> int:
        return sum(line.quantity for line in self._order.wish.lines)

    def _solve(self, costs: Terms) -> float:
        objective = np.zeros(len(self._upper))
        for variable, factor in costs.items():
            objective[variable] = factor
        rows = [(terms, low, high) for terms, low, high in self._rows if terms]
        entries = [
            (row, variable, factor) for row, (terms, _, _) in enumerate(rows) for variable, factor in terms.items()
        ]
        at = ([row for row, _, _ in entries], [variable for _, variable, _ in entries])
        matrix = coo_array(([factor for _, _, factor in entries], at), shape=(len(rows), len(self._upper)))
        result = milp(
            objective,
            integrality=np.ones(len(self._upper), dtype=int),
            bounds=Bounds(0, np.array(self._upper)),
            constraints=LinearConstraint(matrix.tocsr(), [low for _, low, _ in rows], [high for _, _, high in rows]),
            options={"mip_rel_gap": 0, "time_limit": 60},
        )
        assert result.status == 0, result.message
        return float(result.fun)

    def _variable(self, upper: float) -> int:
        self._upper.append(upper)
        return len(self._upper) - 1

    def _line(self, index: int, units: dict[object, Terms], limits: dict[object, int]) -> None:
        order = self._order
        line = order.wish.lines[index]
        fills: dict[str, Terms] = defaultdict(dict)
        for slot in slots(order, line, line.product, line.demand):
            taken = self._taken(index, slot, units, limits)
            fills[slot.stock.item.location][taken] = 1
        components = parts(order, line)
        for location in sorted({slot.stock.item.location for _, some in components.values() for slot in some}):
            bundles = self._variable(line.quantity)
            fills[location][bundles] = 1
            self._costs[2][bundles] = 1
            for quantity, some in components.values():
                here = [slot for slot in some if slot.stock.item.location == location]
                drawn: Terms = {self._taken(index, slot, units, limits): 1 for slot in here}
                self._rows.append(({**drawn, bundles: -quantity}, 0, 0))
        for location, terms in fills.items():
            share = quota(order, index, location)
            if share:
                units[share].update(terms)
                limits[share] = share.units
            for variable in terms:
                self._costs[0][variable] = -1
        self._rows.append(({variable: 1 for terms in fills.values() for variable in terms}, 0, line.quantity))
        self._located(line.quantity, fills)

    def _located(self, quantity: int, fills: Mapping[str, Terms]) -> None:
        """Only locations that send fill anything, and only one of them where a line is wanted from one."""
        chosen: Terms = {}
        for location, terms in fills.items():
            if location not in self._order.sending:
                self._rows.append(({**terms, self._sent(location): -quantity}, -np.inf, 0))
            if self._order.wish.one_location_per_line:
                one = self._variable(1)
                chosen[one] = 1
                self._rows.append(({**terms, one: -quantity}, -np.inf, 0))
        self._rows.append((chosen, 0, 1))

    def _sent(self, location: str) -> int:
        """The variable that says whether a location sends."""
        wish = self._order.wish
        if location not in self._sends:
            sends = self._sends[location] = self._variable(1)
            self._costs[1][sends] = 1
            if wish.preferred and location not in wish.preferred:
                self._costs[6][sends] = 1
            self._costs[7][sends] = worth(self._order, self._sample(location)).distance
        return self._sends[location]

    def _sample(self, location: str) -> list[Allocation]:
        """Anything that lies at a location."""
        held = (stock.item for stocks in self._order.holdings.values() for stock in stocks)
        item = next(item for item in held if item.location == location)
        return [Allocation(0, item, 1, (item.owner, item.sku))]

    def _taken(self, index: int, slot: Slot, units: dict[object, Terms], limits: dict[object, int]) -> int:
        """The variable that says how many units of a slot are taken."""
        order, item, line = self._order, slot.stock.item, self._order.wish.lines[index]
        taken = self._variable(slot.stock.available)
        units[item][taken] = 1
        limits[item] = slot.stock.available
        limit = lendable(order, line, slot)
        if limit is not None:
            units[slot.way][taken] = 1
            limits[slot.way] = limit
        one = worth(order, [Allocation(index, item, 1, slot.serves_as)])
        for field, cost in enumerate(rank(one)):
            if field in (3, 4, 5) and cost:
                self._costs[field][taken] = cost
        return taken


def best(order: Order) -> tuple[Objective, int]:
    """How good the best plan for an order is, and the most units that can be filled at all."""
    return Program(order).best()
