"""Whether a supply that was divided at an instant is to be divided anew, and into which shares.

Decided from state alone: what there is now, what the ledger counts, and the epoch before. So nothing is lost with a
message, and whoever decides again comes to the same.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from weir_allocation.stock import Product


class Reason(enum.Enum):
    """Why a supply was divided anew."""

    FIRST = enum.auto()
    """It had not been divided before, or no longer."""
    THRESHOLD = enum.auto()
    """A group had spent most of its share."""
    SUPPLY = enum.auto()
    """There is more or less of it than orders of the groups explain."""
    GROUPS = enum.auto()
    """Other groups sell the product, or are linked; or a bundle is put together otherwise."""
    POLICY = enum.auto()
    """Another policy divides it, or the same one otherwise."""
    SCHEDULE = enum.auto()
    """The time that the policy sets was over."""
    REQUEST = enum.auto()
    """Somebody asked for it."""
    DISSOLVED = enum.auto()
    """No policy divides it at an instant any more."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is to divide of a product in a warehouse group, and what groups have claimed of it."""

    product: Product
    warehouse_group: str
    units: int
    groups: tuple[str, ...]
    """Channel groups that are linked and sell the product."""
    claimed: Mapping[str, int] = field(default_factory=dict)
    """What the ledger counts under the claim of each channel group, in units of the claim; one that is not in it has
    claimed nothing."""
    scale: int = 1
    """What each unit of the product counts under a claim."""


@dataclass(frozen=True, slots=True)
class EpochShare:
    """What one channel group got in an epoch."""

    channel_group: str
    balanced: int
    """Units it got."""
    claimed: int
    """What the ledger counted under its claim right before, in units of the claim."""
    before: int = 0
    """Units it had left right before."""
    demand: int = 0
    """For DEMAND: units that its orders were promised in the days that count."""
    weight: int = 0
    """What it weighed; 0 where the strategy uses no weights."""

    def ceiling(self, scale: int) -> int:
        """The most that may be claimed for it, in units of the claim."""
        return self.claimed + self.balanced * scale


@dataclass(frozen=True, slots=True)
class Epoch:
    """One division of a supply: the shares and what is held back are together what there was."""

    product: Product
    warehouse_group: str
    reason: Reason
    divided_at: datetime
    """In UTC."""
    policy: str = ""
    """Empty where it was dissolved; then there are no shares."""
    policy_mark: str = ""
    """The version of the policy: another one divides otherwise."""
    supply: int = 0
    held_back: int = 0
    scale: int = 1
    shares: tuple[EpochShare, ...] = ()
    """In rank order."""
    moved: int = 0
    """Units that changed hands: gained by groups together, or lost, whichever is more."""
    turn: int = 0
    """Moves on with every epoch; of groups of one rank it says who comes first."""
    weighed_on: date | None = None
    """For DEMAND: the day on which weights were taken; they stay for the day."""
