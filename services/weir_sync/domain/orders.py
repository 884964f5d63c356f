"""Orders that stores report: what a report makes of what is known, and what is to be done for an order; pure.

A sale is a fact. It is written down first; then its units are promised, under the `name` of the order, so that they are
promised once however often that is tried; then it is written down what came of it. Whatever dies in between, the order
is `due` until it is settled. Reports may come any number of times and in any order: the first one that names lines says
what was sold, and a cancellation holds from when it comes, also where it comes first.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from weir_sync.domain.rules import Product, Rule
from weir_sync.errors import StoreOrderChanged

UNKNOWN_SKU = "Nothing flows for this SKU: it has no listing, or a disabled one."


class OrderState(enum.StrEnum):
    """What became of an order of a store."""

    REPORTED = "REPORTED"
    """Its units are being promised."""
    PROMISED = "PROMISED"
    SHORT = "SHORT"
    """Promised whole, and some of its units are not there."""
    CANCELLED = "CANCELLED"
    """What had not gone out was given up."""
    UNREADABLE = "UNREADABLE"
    """No line of it is anything that is known."""


class Point(NamedTuple):
    """A revision of the ledger, as it is written down."""

    cluster: str
    epoch: int
    number: int


class OrderKey(NamedTuple):
    """What names an order: the store's own identifier, within its connection."""

    connection: str
    store_order: str


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Units of a SKU that were sold, what that is, and how many of them were not there; or why it is nothing."""

    store_sku: str
    quantity: int
    product: Product | None
    short: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class StoreOrder:
    """An order of a store.

    `channel` sold it, under the `rule` that was in force when it was reported, empty for none. `reservation` is empty
    before there is one, `settled_at` the revision of the ledger by which its units are where they are. `error` is why
    it could not be settled when it was tried last; `tries` is how often that was, since `tried_at`.
    """

    key: OrderKey
    name: str
    lines: tuple[OrderLine, ...]
    placed_at: datetime | None
    cancelled: bool
    channel: str
    rule: str
    state: OrderState
    reported_at: datetime
    reservation: str = ""
    settled_at: Point | None = None
    tries: int = 0
    tried_at: datetime | None = None
    error: str = ""
    place: int = 0
    """Later ones are higher."""

    @property
    def readable(self) -> tuple[tuple[int, OrderLine], ...]:
        """The lines that are something, each with its place from 0."""
        return tuple((place, line) for place, line in enumerate(self.lines) if line.product is not None)

    @property
    def unreadable(self) -> tuple[OrderLine, ...]:
        """The lines that are nothing."""
        return tuple(line for line in self.lines if line.product is None)

    @property
    def sold(self) -> Mapping[str, int]:
        """Units of each SKU that is something."""
        return _units(line for _, line in self.readable)

    @property
    def promises(self) -> bool:
        """Whether its units are still to be promised; also of one that was cancelled since that was tried, for nobody
        knows what came of it.
        """
        return not self.reservation and self.state is OrderState.REPORTED

    @property
    def releases(self) -> bool:
        """Whether what is promised of it is to be given up."""
        return self.cancelled and self.state is not OrderState.CANCELLED

    @property
    def due(self) -> bool:
        """Whether anything is left to do."""
        return self.promises or self.releases


class Promised(NamedTuple):
    """What was promised to an order: units of lines, by place, that are not there, and the revision of the ledger."""

    reservation: str
    short: Mapping[int, int]
    revision: Point


def begun(wanted: StoreOrder) -> StoreOrder:
    """An order as it is written down at its first report."""
    if wanted.cancelled:
        return replace(wanted, state=OrderState.CANCELLED)
    state = OrderState.REPORTED if wanted.readable else OrderState.UNREADABLE
    return replace(wanted, state=state)


def reported(current: StoreOrder, wanted: StoreOrder) -> StoreOrder | None:
    """The order after a further report of it; None where that changes nothing.

    One of which nothing could be read is read again. Raises StoreOrderChanged where its lines are others, unless one of
    the two says that it was cancelled.
    """
    if current.cancelled:
        return None
    if wanted.cancelled:
        untried = current.state is OrderState.UNREADABLE or (current.promises and not current.tries)
        return replace(current, cancelled=True, state=OrderState.CANCELLED if untried else current.state)
    if _units(current.lines) != _units(wanted.lines):
        raise StoreOrderChanged(connection=current.key.connection, store_order=current.key.store_order)
    if current.state is OrderState.UNREADABLE and wanted.readable:
        return replace(
            current,
            state=OrderState.REPORTED,
            lines=wanted.lines,
            placed_at=wanted.placed_at,
            channel=wanted.channel,
            rule=wanted.rule,
        )
    return None


def promised(current: StoreOrder, done: Promised) -> StoreOrder:
    """The order once its units are promised."""
    lines = tuple(replace(line, short=done.short.get(place, 0)) for place, line in enumerate(current.lines))
    return replace(
        current,
        state=OrderState.SHORT if any(done.short.values()) else OrderState.PROMISED,
        lines=lines,
        reservation=done.reservation,
        settled_at=done.revision,
        error="",
    )


def released(current: StoreOrder, revision: Point) -> StoreOrder:
    """The order once what is promised of it was given up."""
    return replace(current, state=OrderState.CANCELLED, settled_at=revision, error="")


def in_force(rules: Iterable[Rule], product: Product, store: str) -> str:
    """The rule that says what a store is told of a product; empty for none."""
    standing = sorted((each for each in rules if not each.disabled), key=lambda each: each.priority)
    winner = next((each for each in standing if not each.products or product in each.products), None)
    return winner.rule if winner is not None and store in winner.stores else ""


def covered_by_now(orders: Collection[StoreOrder], hit: Collection[str]) -> list[StoreOrder]:
    """Of orders that are short those whose reservation no shortfall hits any more."""
    return [each for each in orders if each.reservation not in hit]


def _units(lines: Iterable[OrderLine]) -> Counter[str]:
    """Units of each SKU."""
    units: Counter[str] = Counter()
    for line in lines:
        units[line.store_sku] += line.quantity
    return units


def sentence_short(order: StoreOrder) -> str:
    """What is missing of an order, for people."""
    told = [f"{line.short} of {line.quantity} '{line.store_sku}'" for line in order.lines if line.short]
    return f"The order '{order.key.store_order}' sold more than there is: missing are {_listed(told)}."


def sentence_unreadable(order: StoreOrder) -> str:
    """What of an order cannot be read, for people."""
    told = [f"{line.quantity} '{line.store_sku}'" for line in order.unreadable]
    return f"Of the order '{order.key.store_order}' {_listed(told)} cannot be read: nothing flows for that."


def _listed(told: list[str], most: int = 5) -> str:
    more = len(told) - most
    return ", ".join(told[:most]) + (f" and {more} more" if more > 0 else "")
