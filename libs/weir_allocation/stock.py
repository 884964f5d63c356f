"""What lies where, in the words of the ledger."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

EACH = "EACH"
"""The unit of measure that is meant where none is named."""

Product = tuple[str, str]
"""Owner and stock keeping unit."""


class Condition(enum.IntEnum):
    """State of goods; the numbers only put them in order."""

    SELLABLE = 1
    HOLD = 2
    DAMAGED = 3


@dataclass(frozen=True, slots=True, order=True)
class StockItem:
    """One physical row of the ledger: the smallest thing units are counted for."""

    owner: str
    sku: str
    location: str
    lot: str = ""
    """Batch; empty: not tracked by lot."""
    uom: str = EACH
    custodian: str = ""
    """Person who answers for the goods; empty: the location itself."""
    condition: Condition = Condition.SELLABLE


@dataclass(frozen=True, slots=True)
class Stock:
    """A stock item and its two counts."""

    item: StockItem
    on_hand: int
    """Units physically there."""
    reserved: int
    """Units promised to open reservations; facts may have made them more than are there."""
    expiry: date | None = None
    """Last day on which units of the lot count; None: they never expire."""
    awaited: int = 0
    """Units among the reserved ones that are promised to nobody yet, but for orders that wait."""

    @property
    def available(self) -> int:
        """Units that can still be promised: `max(0, on_hand - reserved)` of sellable goods, else 0.

        It does not know the day: whoever asks has to leave out what has expired.
        """
        if self.item.condition is not Condition.SELLABLE:
            return 0
        return max(0, self.on_hand - self.reserved)

    def expired(self, today: date) -> bool:
        """Whether the last day of the lot is over."""
        return self.expiry is not None and self.expiry < today


Holdings = Mapping[Product, Sequence[Stock]]
"""All stock items of each product, anywhere, in any order; a product that is not in it was never stocked."""


def serving_order(stock: Stock) -> tuple[date, StockItem]:
    """Key that sorts stock items as they serve a demand for any lot: earliest expiry first, then by stock item."""
    return stock.expiry or date.max, stock.item


@dataclass(frozen=True, slots=True)
class Demand:
    """What a question asks of a product's stock."""

    lot: str = ""
    """Only this lot; empty: any."""
    uom: str = EACH
    """Only this unit of measure: units of different ones are never added up."""


ANY = Demand()
"""What is meant where a question names neither lot nor unit of measure; the table of levels answers this one."""
