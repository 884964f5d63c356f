"""The steps of a computation: what went in, what came out, and why.

Two laws hold for every step, and a caller may rely on them:

* a step made of others takes in what they let out: `units_in` is the sum of their `units_out`;
* a step lets out no more than it took in, and nothing at all unless its verdict is COUNTED or SUM.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from weir_allocation.stock import StockItem


class Stage(enum.Enum):
    """Part of the pipeline."""

    REACH = enum.auto()
    SUPPLY = enum.auto()


class Verdict(enum.Enum):
    """Why something counted or did not."""

    SUM = enum.auto()
    """The step only sums up others."""
    COUNTED = enum.auto()
    NOT_GROUPED = enum.auto()
    """The location is in no warehouse group."""
    NOT_LINKED = enum.auto()
    """The warehouse group of the location does not feed the channel group."""
    NOT_SELLABLE = enum.auto()
    """The goods are under review or damaged."""
    IN_CUSTODY = enum.auto()
    """The goods are in a person's custody."""
    OTHER_LOT = enum.auto()
    OTHER_UOM = enum.auto()
    ALL_RESERVED = enum.auto()
    """Units lie there, and every one is promised."""
    EMPTY = enum.auto()
    """Nothing lies there."""
    BY_CUSTODY = enum.auto()
    """The channel is reached by custody, not by groups."""


class Subject(enum.Enum):
    """Sort of thing a step is about."""

    CHANNEL = enum.auto()
    WAREHOUSE_GROUP = enum.auto()
    LOCATION = enum.auto()
    PRODUCT = enum.auto()
    STOCK_ITEM = enum.auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the steps it is made of, in their order.

    Steps of REACH move no units; theirs are 0.
    """

    stage: Stage
    subject: Subject
    name: str
    """Identifier of the subject; of a stock item its location."""
    verdict: Verdict
    units_in: int = 0
    units_out: int = 0
    item: StockItem | None = None
    """The stock item the step is about, if it is about one."""
    steps: tuple[Step, ...] = ()
