"""What stores are told, as configured: sync rules, and the limits of a store."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weir_allocation.stock import Product


class Rounding(enum.Enum):
    """What becomes of a part of a unit."""

    DOWN = enum.auto()
    UP = enum.auto()
    NEAREST = enum.auto()
    """A half goes up."""

    @property
    def hundredths(self) -> int:
        """What is added to a number of hundredths before it is cut down to whole units."""
        return {Rounding.DOWN: 0, Rounding.UP: 99, Rounding.NEAREST: 50}[self]

    def percent(self, units: int, percent: int) -> int:
        """`units * percent / 100` in whole units."""
        return (units * percent + self.hundredths) // 100


@dataclass(frozen=True, slots=True)
class Rule:
    """Makes of a share what a store is told."""

    rule: str
    priority: int
    """Lower is tried first; no two are equal."""
    stores: frozenset[str]
    """Channels it tells; others are not updated for its products."""
    products: frozenset[Product] | None = None
    """What it is for; None: everything."""
    warehouses: frozenset[str] = frozenset()
    """Locations that may serve its stores, and whose supply it looks at; empty: all."""
    threshold: int = 0
    """Stores are told 0 while the supply of the rule is below."""
    rate_percent: int = 100
    constant: int = 0
    """Units added after rounding; they may be less than 0, what a store is told may not."""
    rounding: Rounding = Rounding.DOWN
    priority_store: str = ""
    """The store that alone is told anything while the supply of the rule is below `priority_quantity`; empty: none."""
    priority_quantity: int = 0
    enabled: bool = True

    def names(self, product: Product) -> bool:
        """Whether it is for the product."""
        return self.products is None or product in self.products

    @property
    def prefers(self) -> bool:
        """Whether the priority store counts: one of the rule's stores, its quantity above the threshold.

        A rule that has a priority store and does not prefer it deserves a warning.
        """
        return self.priority_store in self.stores and self.priority_quantity > self.threshold


@dataclass(frozen=True, slots=True)
class Limits:
    """What one store is never told."""

    denied: frozenset[Product] = frozenset()
    """Products it does not sell."""
    allowed: frozenset[Product] | None = None
    """The only products it sells; None: all that are not denied."""
    max_quantity: int | None = None
    """Most units it is told of; None: any."""

    def permit(self, product: Product) -> bool:
        """Whether the store sells the product."""
        return product not in self.denied and (self.allowed is None or product in self.allowed)


NO_LIMITS = Limits()
"""A store that sells everything."""
