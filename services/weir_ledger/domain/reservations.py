"""What is promised to whom, and how far the promise has come."""

import enum
from datetime import datetime

from msgspec import Struct

from weir_ledger.domain.stock import StockItem
from weir_ledger.domain.waiting import Waiting


class State(enum.IntEnum):
    """How far a reservation has come. From FULFILLED on it has ended and never changes again."""

    HELD = 1
    CONFIRMED = 2
    FULFILLED = 3
    EXPIRED = 4
    RELEASED = 5

    @property
    def ended(self) -> bool:
        """Whether nothing is promised any longer."""
        return self >= State.FULFILLED


class Mode(enum.IntEnum):
    """What to do where not all units asked for are available."""

    ALL_OR_NOTHING = 1
    PARTIAL = 2
    FACT = 3
    """The units were sold already: promise them, and what is missing is a shortfall."""


CLAIMED_MAX = 10**18
"""Most that may be claimed under a key, whatever ceilings say."""


class LineClaim(Struct, frozen=True):
    """A key that the units of a line are counted under, each `weight` times, and the most that may be claimed under it
    with them; None: as much as the ceiling that is set for the key allows."""

    claim: str
    ceiling: int | None = None
    weight: int = 1

    def within(self, ceiling: int | None) -> int:
        """The most that may be claimed with it where `ceiling` is set for the key: the lowest that there is."""
        return min(each for each in (self.ceiling, ceiling, CLAIMED_MAX) if each is not None)


class Claim(Struct, frozen=True):
    """What is claimed under a key, and may be: as much as lines say themselves where `ceiling` is None.

    `epoch` is the number of the ceiling, of whoever set it, 0 where none ever was; `subject` is what the key stands for
    in their words. `revision` is that of the last change, 0 while it is being written.
    """

    claim: str
    open: int = 0
    fulfilled: int = 0
    revision: int = 0
    ceiling: int | None = None
    epoch: int = 0
    subject: str = ""

    @property
    def claimed(self) -> int:
        """Units that count against a ceiling."""
        return self.open + self.fulfilled


class DraftLine(Struct, frozen=True):
    """Units that an order asks for; of those sold already `shortfall_max` may be missing, all of them where it is
    None."""

    item: StockItem
    quantity: int
    claims: tuple[LineClaim, ...] = ()
    shortfall_max: int | None = None


class Draft(Struct, frozen=True):
    """What an order asks to be promised, and for how long unless confirmed: as is usual where that is None. A fact is
    not held.

    `plan` is what its caller keeps with the promise; nothing in the books looks into it.
    """

    lines: tuple[DraftLine, ...]
    mode: Mode = Mode.ALL_OR_NOTHING
    hold_seconds: float | None = None
    order: str = ""
    channel: str = ""
    plan: bytes = b""


class Line(Struct, frozen=True):
    """Units promised to an order: always `quantity = open + fulfilled + released`."""

    item: StockItem
    requested: int
    quantity: int
    open: int
    fulfilled: int = 0
    released: int = 0
    claims: tuple[LineClaim, ...] = ()
    handed_over_at: datetime | None = None


class LineTransfer(Struct, frozen=True):
    """Units of a line, counted from 1, and the stock item that they arrive in."""

    line: int
    quantity: int
    destination: StockItem


class Reservation(Struct, frozen=True):
    """A promise; line n stands at `lines[n - 1]`.

    `revision` is that of its last change, 0 while it is being written.
    """

    reservation: str
    state: State
    lines: tuple[Line, ...]
    expires_at: datetime | None
    created_at: datetime
    order: str = ""
    channel: str = ""
    revision: int = 0


class Reserved(Struct, frozen=True):
    """What a Reserve made, as it made it, and what its caller keeps with the promise; no `reservation` where nothing
    was to be promised, no `waiting` where nothing was to wait."""

    reservation: Reservation | None
    plan: bytes = b""
    waiting: Waiting | None = None


class ShortLine(Struct, frozen=True):
    """A line, counted from 1, that asks for more units than are available, or than `claim` leaves, whose ceiling is the
    lowest that there is."""

    line: int
    item: StockItem
    requested: int
    available: int
    claim: LineClaim | None = None
    claimed: int = 0


class ReserveOutcome(Struct, frozen=True):
    """What became of one draft of a batch: a reservation, or the lines that were short."""

    reservation: Reservation | None
    short_lines: tuple[ShortLine, ...] = ()
