"""Units that are chosen for the lines of an order, as they can be added up and taken apart again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from weir_allocation.fulfilment.model import Allocation
from weir_allocation.stock import Product, StockItem


class Use(NamedTuple):
    """What units are for: two lines of a reservation may be for the same."""

    line: int
    item: StockItem
    serves_as: Product
    part: bool

    @property
    def at(self) -> tuple[int, str]:
        """Line and location: where bundles are put together."""
        return self.line, self.item.location


class Chosen:
    """Units for each use, and the bundles that are put together of them at each location for each line."""

    def __init__(self) -> None:
        self.uses: Counter[Use] = Counter()
        self.bundles: Counter[tuple[int, str]] = Counter()

    def add(self, use: Use, units: int) -> None:
        """Choose more units of one use."""
        if units:
            self.uses[use] += units

    def plus(self, other: Chosen) -> Chosen:
        """Both together."""
        both = Chosen()
        both.uses.update(self.uses)
        both.uses.update(other.uses)
        both.bundles.update(self.bundles)
        both.bundles.update(other.bundles)
        return both

    def without(self, lines: Iterable[int]) -> Chosen:
        """The same with nothing for some lines."""
        gone = set(lines)
        kept = Chosen()
        kept.uses.update({use: units for use, units in self.uses.items() if use.line not in gone})
        kept.bundles.update({at: bundles for at, bundles in self.bundles.items() if at[0] not in gone})
        return kept

    def units(self, line: int | None = None) -> int:
        """Units of a line that are filled, or of all."""
        direct = sum(units for use, units in self.uses.items() if not use.part and line in (None, use.line))
        return direct + sum(bundles for (each, _), bundles in self.bundles.items() if line in (None, each))

    def items(self) -> Counter[StockItem]:
        """Units of each stock item."""
        found: Counter[StockItem] = Counter()
        for use, units in self.uses.items():
            found[use.item] += units
        return found

    def locations(self, line: int | None = None) -> set[str]:
        """Where units come from."""
        return {use.item.location for use, units in self.uses.items() if units and line in (None, use.line)}

    def allocations(self) -> tuple[Allocation, ...]:
        """All of it, in order; parts of no bundle are left out."""
        return tuple(
            sorted(
                Allocation(use.line, use.item, units, use.serves_as, self.bundles[use.at] if use.part else 0)
                for use, units in self.uses.items()
                if units and (not use.part or self.bundles[use.at])
            )
        )
