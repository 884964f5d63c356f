"""What lies in each warehouse group, and what of it where a rule looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units, percent
from weir_allocation.columns.cells import Cells
from weir_allocation.network import Network
from weir_allocation.rules import Rule


class Zones:
    """Knows every location that has a number; `follow` takes in those that got one since.

    A zone is a warehouse group by number; the last is that of locations in none.
    """

    def __init__(
        self, network: Network, rules: Sequence[Rule], locations: Sequence[str], late: Mapping[str, int]
    ) -> None:
        """`locations` may grow; `late` are percentages of what lies at some that does not count."""
        self.groups = tuple(network.locations)
        self._network = network
        self._rules = rules
        self._locations = locations
        self._late = late
        self._zone: Indices = np.zeros(0, dtype=np.int64)
        self._percent: Units = np.zeros(0, dtype=np.int64)
        self._inside: Flags = np.zeros((len(rules) + 1, 0), dtype=np.bool_)
        self.follow()

    def follow(self) -> None:
        """Take in the locations that were added since."""
        fresh = self._locations[len(self._zone) :]
        if not fresh:
            return
        number = {group: index for index, group in enumerate(self.groups)}
        zone = [number.get(self._network.grouped.get(location, ""), len(number)) for location in fresh]
        # The last line stands for no rule at all, which looks at nothing of its own.
        inside = [[location in rule.warehouses for location in fresh] for rule in self._rules] + [[False] * len(fresh)]
        self._zone = np.concatenate((self._zone, np.array(zone, dtype=np.int64)))
        self._inside = np.concatenate((self._inside, np.array(inside, dtype=np.bool_)), axis=1)
        late = np.array([self._late.get(location, 0) for location in fresh], dtype=np.int64)
        self._percent = np.concatenate((self._percent, late))

    def counted(self, cells: Sequence[Cells]) -> Sequence[Cells]:
        """The same cells; and where locations are late once more, below nothing, what of them does not count."""
        if not self._percent.any():
            return cells
        product, location, units = (np.concatenate(columns) for columns in zip(*cells, strict=True))
        late = np.flatnonzero(self._percent[location])
        lying = Cells.of(product[late], location[late], units[late])
        counted = percent(lying.units, 100 - self._percent[lying.location], 0)
        return (*cells, lying._replace(units=counted - lying.units))

    def units(self, products: Indices, cells: Sequence[Cells], rule: Indices, ruled: Indices) -> Units:
        """The units of products as `[zone, place]`: all of them at the place of the product, which is where it is
        given.

        Those that lie at the warehouses of its rule are once more at the place that `ruled` says, where it says
        another.
        """
        width = int(ruled.max(initial=-1)) + 1
        units = np.zeros((len(self.groups) + 1, max(width, len(products))), dtype=np.int64)
        for each in cells:
            which, at = each.spread(products)
            zone, location = self._zone[each.location[at]], each.location[at]
            np.add.at(units, (zone, which), each.units[at])
            looked_at = np.flatnonzero((ruled[which] != which) & self._inside[rule[which], location])
            np.add.at(units, (zone[looked_at], ruled[which[looked_at]]), each.units[at[looked_at]])
        return units
