"""What lies in each warehouse group, and what of it where a rule looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir_allocation.columns.arrays import Flags, Indices, Units
from weir_allocation.columns.cells import Cells
from weir_allocation.network import Network
from weir_allocation.rules import Rule


class Zones:
    """Knows every location that has a number; `follow` takes in those that got one since.

    A zone is a warehouse group by number; the last is that of locations in none.
    """

    def __init__(self, network: Network, rules: Sequence[Rule], locations: Sequence[str]) -> None:
        """`locations` may grow."""
        self.groups = tuple(network.locations)
        self._network = network
        self._rules = rules
        self._locations = locations
        self._zone: Indices = np.zeros(0, dtype=np.int64)
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
