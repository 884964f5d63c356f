"""How a supply is divided among channel groups, as configured."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weir_allocation.stock import Product

WEIGHTS_MAX = 1 << 31
"""The weights of one policy add up to less, so that no product of them overflows 64 bits."""


class Strategy(enum.Enum):
    """What a share is made of."""

    EQUAL_DIVISION = enum.auto()
    """As many for each; the first in rank order get what is left over, one each."""
    SAFETY_STOCK = enum.auto()
    """A buffer is held back, the rest divided by weights."""
    WEIGHTED = enum.auto()
    """Divided by weights."""
    RANKED = enum.auto()
    """Percentages, at least minimums, in rank order until all is used."""
    FIXED = enum.auto()
    """Quantities, in rank order until all is used."""
    DEMAND = enum.auto()
    """Divided by weights, which are what each group's orders were promised lately; the weight of a part is the least
    that its group weighs, and all that is known of it before."""


_BY_WEIGHT = (Strategy.SAFETY_STOCK, Strategy.WEIGHTED, Strategy.DEMAND)


class Mode(enum.Enum):
    """How shares move."""

    CONTINUOUS = enum.auto()
    """Divided anew at each question."""
    BALANCED = enum.auto()
    """Divided at an instant; from then on each group spends its own share."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a policy says of one channel group; a number that its strategy does not use means nothing."""

    channel_group: str
    rank: int = 0
    """Lower comes first; equal ones by identifier of the group."""
    weight: int = 0
    """For SAFETY_STOCK and WEIGHTED; where all parts have 0, all weigh the same. For DEMAND the least that it weighs.
    """
    percent: int = 0
    """For RANKED, of the whole supply; rounded down."""
    minimum: int = 0
    """For RANKED: units the share is raised to."""
    quantity: int = 0
    """For FIXED: units of the share."""
    cap: int | None = None
    """Units the share is cut down to, whatever the strategy; those above are held back. None: no cap."""
    protected_percent: int = 0
    """For BALANCED: part of what is left of the share, rounded up, that no other group is given when it is divided
    anew."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Divides the supply of each warehouse group among the channel groups linked to it that sell the product."""

    policy: str
    priority: int
    """Lower is tried first; no two are equal."""
    strategy: Strategy
    products: frozenset[Product] | None = None
    """What it is for; None: everything."""
    parts: tuple[Part, ...] = ()
    """Groups it divides among, each once, in any order; empty: all alike."""
    buffer_units: int = 0
    """For SAFETY_STOCK: units held back, added to `buffer_percent`; a policy has one of the two."""
    buffer_percent: int = 0
    """For SAFETY_STOCK: part of the supply that is held back, rounded up."""
    enabled: bool = True
    mode: Mode = Mode.CONTINUOUS
    enforce: bool = False
    """For CONTINUOUS: orders are accepted up to the share, not up to the supply."""
    threshold_percent: int = 20
    """For BALANCED: divided anew when a group has this part of its share left, or less."""
    hysteresis_units: int = 1
    """For BALANCED: the same groups do not get other shares by the same policy where fewer units would change hands."""
    rebalance_seconds: float | None = None
    """For BALANCED: divided anew at least this often; None: never for that alone."""
    demand_days: int = 30
    """For DEMAND: days whose orders count, today among them."""
    damping_percent: int = 50
    """For DEMAND: part of the way to its new weight that a group does not go in a day."""

    def __post_init__(self) -> None:
        """Weights stay within what 64 bits can multiply."""
        assert sum(part.weight for part in self.parts) < WEIGHTS_MAX

    def names(self, product: Product) -> bool:
        """Whether it is for the product."""
        return self.products is None or product in self.products

    def buffer(self, units: int) -> int:
        """Units held back of a supply before it is divided; never more than there are."""
        if self.strategy is not Strategy.SAFETY_STOCK:
            return 0
        return min(units, self.buffer_units - (-units * self.buffer_percent) // 100)

    @property
    def weighs(self) -> bool:
        """Whether parts differ by their weights."""
        return self.strategy in _BY_WEIGHT and any(part.weight for part in self.parts)
