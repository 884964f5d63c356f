"""What lies where, in the words of the ledger."""

from __future__ import annotations

import enum
from dataclasses import dataclass

EACH = "EACH"
"""The unit of measure that is meant where none is named."""


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

    @property
    def available(self) -> int:
        """Units that can still be promised: `max(0, on_hand - reserved)` of sellable goods, else 0."""
        if self.item.condition is not Condition.SELLABLE:
            return 0
        return max(0, self.on_hand - self.reserved)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a question asks of a product's stock."""

    lot: str = ""
    """Only this lot; empty: any."""
    uom: str = EACH
    """Only this unit of measure: units of different ones are never added up."""


ANY = Demand()
"""What is meant where a question names neither lot nor unit of measure; the table of levels answers this one."""
