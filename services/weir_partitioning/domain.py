"""Policies; pure. Their places in the order in which they are tried are those of `weir_chassis.configuration`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from weir_chassis.configuration.priorities import Ranked
from weir_partitioning.errors import (
    PoliciesExhausted,
    PoliciesTooLarge,
    PolicyExists,
    PolicyNotFound,
    PolicyOrderIncomplete,
    PolicyPriorityTaken,
)


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


class Mode(enum.StrEnum):
    """How shares move."""

    CONTINUOUS = "CONTINUOUS"
    """Divided anew at each question."""


class Product(NamedTuple):
    """Something that is stocked and sold."""

    owner: str
    sku: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a policy says of one channel group; a number that its strategy does not use is 0."""

    channel_group: str
    rank: int = 0
    weight: int = 0
    percent: int = 0
    minimum: int = 0
    quantity: int = 0
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class Policy(Ranked):
    """Divides the supply of each warehouse group among the channel groups linked to it that sell the product.

    `products` are in order, each once, `parts` in the order of their ranks; none of the one means every product, none
    of the other every group.
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


KINDS = (Policy,)
"""Every kind of object."""
