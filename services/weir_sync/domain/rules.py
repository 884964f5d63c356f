"""Rules and limits of stores, and the decision for each request that would change them; pure.

Each decision takes what is asked for and what bears on it, and returns the changes that carry it out, or raises the
refusal that says why not. None of them knows where rules are kept, nor who else is writing: the caller sees to it that
nothing it read changes before the decision is carried out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NamedTuple

from weir_chassis.configuration.objects import Configured, Decision
from weir_chassis.configuration.priorities import Ranked
from weir_chassis.configuration.rules import check_etag, deleted, written
from weir_sync.domain.connections import LateFeed
from weir_sync.errors import (
    RuleExists,
    RuleNotFound,
    RuleOrderIncomplete,
    RulePriorityTaken,
    RulesExhausted,
    RulesTooLarge,
)


class Rounding(enum.StrEnum):
    """What becomes of a part of a unit."""

    DOWN = "DOWN"
    UP = "UP"
    NEAREST = "NEAREST"
    """A half goes up."""


class WarningCode(enum.StrEnum):
    """What an object seems to do and does not."""

    PRIORITY_IGNORED = "PRIORITY_IGNORED"
    """The quantity of the priority store is not above the threshold."""


class Warned(NamedTuple):
    """Something about an object that is kept and does not do what it seems to, and the sentence that says so."""

    code: WarningCode
    sentence: str


class Product(NamedTuple):
    """Something that is stocked and sold."""

    owner: str
    sku: str


@dataclass(frozen=True, slots=True)
class Rule(Ranked):
    """Makes of a share what `stores` are told.

    `stores`, `products` and `warehouses` are in order, each once; none of the latter two means all there are. The
    `priority_store` is one of `stores`, or empty and `priority_quantity` 0.
    """

    identity = ("rule",)
    missing = RuleNotFound
    taken = RuleExists
    priority_taken = RulePriorityTaken
    order_incomplete = RuleOrderIncomplete
    exhausted = RulesExhausted
    too_large = RulesTooLarge

    rule: str
    stores: tuple[str, ...]
    display_name: str = ""
    products: tuple[Product, ...] = ()
    warehouses: tuple[str, ...] = ()
    threshold: int = 0
    rate_percent: int = 100
    constant: int = 0
    rounding: Rounding = Rounding.DOWN
    priority_store: str = ""
    priority_quantity: int = 0
    disabled: bool = False

    @property
    def warnings(self) -> list[Warned]:
        """What it seems to do and does not."""
        if not self.priority_store or self.priority_quantity > self.threshold:
            return []
        sentence = (
            f"The priority store '{self.priority_store}' is ignored: its quantity {self.priority_quantity} is not "
            f"above the threshold {self.threshold}."
        )
        return [Warned(WarningCode.PRIORITY_IGNORED, sentence)]


@dataclass(frozen=True, slots=True)
class StoreLimits(Configured):
    """What one store is never told: `denied` products, any but `allowed` ones, and more units than `max_quantity`.

    Products are in order, each once; None: every product is allowed, or any number of units told.
    """

    identity = ("store",)

    store: str
    denied: tuple[Product, ...] = ()
    allowed: tuple[Product, ...] | None = None
    max_quantity: int | None = None

    @property
    def limits(self) -> bool:
        """Whether there is anything that the store is not told."""
        return self != StoreLimits(self.store)

    def stamped(self, revision: int) -> StoreLimits:
        """The limits as they are stored when `revision` changes them; those that limit nothing are not."""
        return replace(self, etag=str(revision)) if self.limits else self


KINDS: tuple[type[Configured], ...] = (Rule, StoreLimits, LateFeed)
"""Every kind that is told to who follows rules."""


def set_store_limits(wanted: StoreLimits, current: StoreLimits | None) -> Decision[StoreLimits]:
    """Say what a store is never told; limits that limit nothing are removed. Raises EtagStale."""
    check_etag(current, wanted.etag)
    if wanted.limits:
        return written(wanted, current)
    return Decision(StoreLimits(wanted.store), () if current is None else deleted(current).changes)
