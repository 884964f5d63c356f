"""Promised units that are not there: when they go missing and come back, and whose promises are hit."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from weir_ledger.domain.entries import Account, Entry
from weir_ledger.domain.stock import Balance, StockItem

HITS_MAX = 100
"""Most promises that are told of one shortfall."""


class ShortfallChange(Struct, frozen=True):
    """How a commit changed the shortfall of a stock item: it opens where `before` is 0 and closes where `after` is."""

    item: StockItem
    before: int
    after: int


class Promised(Struct, frozen=True):
    """Units that a line of a reservation still promises."""

    reservation: str
    line: int
    open: int
    order: str
    channel: str
    created_at: datetime


class Hit(Struct, frozen=True):
    """A promise of which `missing` units are not there."""

    promised: Promised
    missing: int


class Shortfall(Struct, frozen=True):
    """A stock item of which more is promised than is there, since when, and the newest promises hit."""

    balance: Balance
    opened_at: datetime
    hits: tuple[Hit, ...]

    @property
    def more_hits(self) -> bool:
        """Whether more promises are hit than `hits` tells: their units do not add up to the shortfall."""
        return sum(each.missing for each in self.hits) < self.balance.shortfall


def changes(entries: Iterable[Entry]) -> list[ShortfallChange]:
    """How all entries of one commit together change shortfalls, in the order of the first entry that does."""
    before: dict[StockItem, int] = {}
    after: dict[StockItem, int] = {}
    for entry in entries:
        short = entry.reserved - entry.on_hand
        was_short = short - entry.reserved_delta + entry.on_hand_delta
        # An entry with no shortfall before it nor after it can be passed over: its neighbours agree with it.
        if entry.account is Account.STOCK and (short > 0 or was_short > 0):
            before.setdefault(entry.item, max(0, was_short))
            after[entry.item] = max(0, short)
    return [ShortfallChange(item, before[item], after[item]) for item in before if before[item] != after[item]]


def hits(promised: Iterable[Promised], shortfall: int) -> tuple[Hit, ...]:
    """The first of the `promised` units that add up to a shortfall, at most a hundred lines."""
    found: list[Hit] = []
    for each in promised:
        if shortfall <= 0 or len(found) == HITS_MAX:
            break
        found.append(Hit(each, min(each.open, shortfall)))
        shortfall -= each.open
    return tuple(found)
