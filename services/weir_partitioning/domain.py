"""Policies; pure. Their places in the order in which they are tried are those of `weir_chassis.configuration`."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import weir_allocation.policy
from weir_chassis.configuration.priorities import Ranked
from weir_partitioning.errors import (
    PoliciesExhausted,
    PoliciesTooLarge,
    PolicyExists,
    PolicyNotFound,
    PolicyOrderIncomplete,
    PolicyPriorityTaken,
)

THRESHOLD_PERCENT = 20
HYSTERESIS_UNITS = 1
DEMAND_DAYS = 30
DAMPING_PERCENT = 50
"""What a policy that uses these has where it does not say."""

_WITH_DEFAULTS = ("threshold_percent", "hysteresis_units", "demand_days", "damping_percent")
_MARK_DIGITS = 16


class Strategy(enum.StrEnum):
    """What a share is made of."""

    EQUAL_DIVISION = "EQUAL_DIVISION"
    """As many for each group; the first in rank order get what is left over, one each."""
    SAFETY_STOCK = "SAFETY_STOCK"
    """A buffer is held back, the rest divided by weights."""
    WEIGHTED = "WEIGHTED"
    """Divided by weights."""
    RANKED = "RANKED"
    """Percentages, raised to minimums, in rank order until all is used."""
    FIXED = "FIXED"
    """Quantities, in rank order until all is used."""
    DEMAND = "DEMAND"
    """Divided by what the orders of each group were promised lately."""


class Mode(enum.StrEnum):
    """How shares move."""

    CONTINUOUS = "CONTINUOUS"
    """Divided anew at each question."""
    BALANCED = "BALANCED"
    """Divided at an instant; from then on each group spends its own share."""


class Product(NamedTuple):
    """Something that is stocked and sold."""

    owner: str
    sku: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a policy says of one channel group; a number that its strategy or mode does not use is 0."""

    channel_group: str
    rank: int = 0
    weight: int = 0
    percent: int = 0
    minimum: int = 0
    quantity: int = 0
    cap: int | None = None
    protected_percent: int = 0


@dataclass(frozen=True, slots=True)
class Policy(Ranked):
    """Divides the supply of each warehouse group among the channel groups linked to it that sell the product.

    `products` are in order, each once, `parts` in the order of their ranks; none of the one means every product, none
    of the other every group. What its mode or strategy does not use is None.
    """

    identity = ("policy",)
    missing = PolicyNotFound
    taken = PolicyExists
    priority_taken = PolicyPriorityTaken
    order_incomplete = PolicyOrderIncomplete
    exhausted = PoliciesExhausted
    too_large = PoliciesTooLarge

    policy: str
    strategy: Strategy
    display_name: str = ""
    mode: Mode = Mode.CONTINUOUS
    products: tuple[Product, ...] = ()
    parts: tuple[Part, ...] = ()
    buffer_units: int = 0
    buffer_percent: int = 0
    disabled: bool = False
    threshold_percent: int | None = None
    hysteresis_units: int | None = None
    rebalance_seconds: float | None = None
    enforce: bool = False
    demand_days: int | None = None
    damping_percent: int | None = None

    @property
    def mark(self) -> str:
        """Names the way it divides: the same for versions that divide alike, another one for every other way."""
        said = (self.strategy, self.parts, self.buffer_units, self.buffer_percent, self.demand_days)
        return hashlib.sha256(repr((*said, self.damping_percent)).encode()).hexdigest()[:_MARK_DIGITS]

    def dividing(self) -> weir_allocation.policy.Policy:
        """The same for the arithmetic."""
        numbers: dict[str, Any] = {name: getattr(self, name) for name in _WITH_DEFAULTS}
        return weir_allocation.policy.Policy(
            self.policy,
            self.priority,
            weir_allocation.policy.Strategy[self.strategy.name],
            products=frozenset((each.owner, each.sku) for each in self.products) or None,
            parts=tuple(weir_allocation.policy.Part(**asdict(part)) for part in self.parts),
            buffer_units=self.buffer_units,
            buffer_percent=self.buffer_percent,
            enabled=not self.disabled,
            mode=weir_allocation.policy.Mode[self.mode.name],
            enforce=self.enforce,
            rebalance_seconds=self.rebalance_seconds,
            **{name: number for name, number in numbers.items() if number is not None},
        )


KINDS = (Policy,)
"""Every kind of object."""
