"""How counts change: movements, and the entries that record them."""

import enum
from datetime import datetime

from msgspec import Struct

from weir_ledger.domain.reservations import Claim
from weir_ledger.domain.stock import Lot, StockItem
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting


class EntryKind(enum.IntEnum):
    """What moved. RESERVE, RELEASE, EXPIRE and FULFIL belong to reservations, as a TRANSFER of promised units does; the
    others are movements."""

    RECEIVE = 1
    SHIP = 2
    TRANSFER = 3
    COUNT = 4
    ADJUST = 5
    CONSUME = 6
    RETURN = 7
    RESERVE = 8
    RELEASE = 9
    EXPIRE = 10
    FULFIL = 11
    RESTORE = 12


class Account(enum.IntEnum):
    """Where units come from and go to: a stock item, or the world outside."""

    STOCK = 1
    SUPPLIER = 2
    CUSTOMER = 3
    CONSUMED = 4
    ADJUSTMENT = 5


class Movement(Struct, frozen=True):
    """A fact to record: `quantity` units of `item` moved.

    Of a COUNT `quantity` is what was found, of an ADJUST the signed difference, otherwise it is positive.
    `destination` is set for a TRANSFER alone. `occurred_at` is None where it happens as it is recorded.
    """

    kind: EntryKind
    item: StockItem
    quantity: int
    destination: StockItem | None = None
    occurred_at: datetime | None = None
    reference: str = ""
    expected_revision: int | None = None
    """Revision that the balance must have, 0 if it must never have been booked; None for any."""
    available_only: bool = False
    """Whether it is a wish and no fact: it takes units only that are available."""


class Entry(Struct, frozen=True, gc=False):
    """One line of the books: how one account changed, and for a stock item its counts thereafter.

    `item` of an account outside is the stock item on the other side. `occurred_at` is None where it happened as it
    was recorded.
    """

    kind: EntryKind
    account: Account
    item: StockItem
    on_hand_delta: int
    reserved_delta: int
    on_hand: int
    reserved: int
    reservation: str = ""
    reservation_line: int = 0
    reference: str = ""
    occurred_at: datetime | None = None


class BookedEntry(Struct, frozen=True):
    """An entry with its place in history."""

    revision: int
    line: int
    entry: Entry
    request_id: str
    recorded_at: datetime


class Commit(Struct, frozen=True):
    """Everything that one revision changed, in order; `entries` may be empty.

    `claims`, `lots`, `waiting` and `back_orders` are those it changed, as they are after it, by their keys.
    """

    revision: int
    recorded_at: datetime
    entries: tuple[BookedEntry, ...]
    claims: tuple[Claim, ...] = ()
    lots: tuple[Lot, ...] = ()
    waiting: tuple[PlannedWaiting, ...] = ()
    back_orders: tuple[BackOrders, ...] = ()
