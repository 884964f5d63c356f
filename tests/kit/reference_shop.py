"""A small shop: what its shelf shows, what it sold, what it was told, all in the order it happened.

It knows nothing of how it is talked to; `reference_store` serves it as an adapter. Its customers buy what it shows and
nothing more, whether weir knows of it yet or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from weir_sync.connectors.port import Level, LevelOutcome, Outcome


class Told(NamedTuple):
    """A level that reached the shop, what it showed before, and what became of it."""

    level: Level
    before: int | None
    outcome: Outcome


class Sold(NamedTuple):
    """An order of a customer, and what the shop showed before."""

    order: str
    sku: str
    units: int
    before: int


@dataclass
class Order:
    """An order that the shop took."""

    order: str
    lines: tuple[tuple[str, int], ...]
    placed_at: datetime
    cancelled: bool = False


@dataclass
class Shop:
    """`shown` is by SKU; a SKU that is not in it is not known. Compares and heeds numbers if it is to."""

    shown: dict[str, int]
    compares: bool = True
    fenced: bool = True
    numbers: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    """Identifiers of orders, one for each time that one came or was cancelled."""
    history: list[Told | Sold] = field(default_factory=list)

    @classmethod
    def of(cls, skus: Iterable[str] | Mapping[str, int], *, compares: bool = True, fenced: bool = True) -> Shop:
        """A shop that knows these, and shows none of those that are given without a figure."""
        shown = dict(skus) if isinstance(skus, Mapping) else dict.fromkeys(skus, 0)
        return cls(shown, compares=compares, fenced=fenced)

    def put(self, level: Level) -> LevelOutcome:
        """Show a level, or say why not."""
        before = self.shown.get(level.store_sku)
        outcome = self._judged(level, before)
        self.history.append(Told(level, before, outcome))
        if outcome is Outcome.APPLIED:
            self.shown[level.store_sku] = level.quantity
            self.numbers[level.store_sku] = level.number
        return LevelOutcome(level.store_sku, outcome, self.shown.get(level.store_sku))

    def sell(self, sku: str, units: int = 1) -> str | None:
        """A customer buys; None where the shop does not show as many. Answers the order."""
        before = self.shown.get(sku, 0)
        if before < units:
            return None
        order = f"S-{len(self.orders) + 1}"
        self.shown[sku] = before - units
        self.orders[order] = Order(order, ((sku, units),), datetime.now(UTC))
        self.changes.append(order)
        self.history.append(Sold(order, sku, units, before))
        return order

    def cancel(self, order: str) -> None:
        """A customer thinks again; what the shop shows stays as it is until it is told."""
        self.orders[order].cancelled = True
        self.changes.append(order)

    def sold(self, sku: str) -> int:
        """Units of a SKU in orders that stand."""
        orders = [order for order in self.orders.values() if not order.cancelled]
        return sum(units for order in orders for name, units in order.lines if name == sku)

    def since(self, mark: int, size: int) -> tuple[list[Order], int]:
        """Orders that came or were cancelled after a mark, each as it is now and once, and the mark after them."""
        through = min(len(self.changes), mark + size)
        names = dict.fromkeys(self.changes[mark:through])
        return [self.orders[name] for name in names], through

    def _judged(self, level: Level, before: int | None) -> Outcome:
        if before is None:
            return Outcome.UNKNOWN_SKU
        if self.fenced and level.number < self.numbers.get(level.store_sku, 0):
            return Outcome.SUPERSEDED
        if self.compares and level.expected is not None and level.expected != before:
            return Outcome.CHANGED
        return Outcome.APPLIED
