"""What a warehouse reports, and how far an import of it has come.

A warehouse reports absolute figures, late and out of order, and may or may not have left out what it has set aside for
our orders. A figure says what was there at a moment; what it makes of the units on hand now is one sum, `on_hand`.
"""

import enum
from datetime import datetime

from msgspec import Struct

from weir_ledger.domain.stock import Condition, StockItem


class Basis(enum.IntEnum):
    """What figures count: units physically there, or those that the warehouse may still give away."""

    ON_HAND = 1
    AVAILABLE = 2


class Deduction(enum.IntEnum):
    """Which promised units a warehouse leaves out of what it calls available."""

    HANDED_OVER = 1
    ALL = 2
    NONE = 3


class Scope(Struct, frozen=True):
    """What a snapshot is complete for: goods at a location in nobody's custody, of one owner unless that is None."""

    location: str
    owner: str | None = None
    conditions: tuple[Condition, ...] = (Condition.SELLABLE,)


class Feed(Struct, frozen=True):
    """What the figures of a snapshot mean, and what to do with the stock items of `full_scopes` that it does not
    name."""

    basis: Basis
    as_of: datetime
    deduction: Deduction = Deduction.HANDED_OVER
    all_or_nothing: bool = False
    full_scopes: tuple[Scope, ...] = ()
    zero_absent: bool = False
    reference: str = ""

    @property
    def counts_promises(self) -> bool:
        """Whether promised units have to be added to what is reported."""
        return self.basis is Basis.AVAILABLE and self.deduction is not Deduction.NONE


class Figure(Struct, frozen=True, gc=False):
    """A line: `quantity` units of `item` at `as_of`. `sent` is the line as its caller wrote it."""

    line: int
    item: StockItem
    quantity: int
    as_of: datetime
    sent: bytes = b""


class Past(Struct, frozen=True, gc=False):
    """What a stock item has seen since a moment, and what of it was promised then.

    `moved` are the units that came less those that went after the moment, other than by counting; `open` those that
    were promised at the moment, `handed_over` those of them on lines that were handed over by then.
    """

    moved: int = 0
    open: int = 0
    handed_over: int = 0


class Lookback(Struct, frozen=True):
    """Whose past a decision has to know, since when, and whether with what was promised then."""

    moments: tuple[tuple[StockItem, datetime], ...]
    promises: bool


NEVER_BOOKED = Past()
"""The past of a stock item that has none."""


def there(feed: Feed, quantity: int, past: Past) -> int:
    """Units that were physically there at the moment that a figure is of."""
    if feed.basis is Basis.ON_HAND:
        return quantity
    match feed.deduction:
        case Deduction.HANDED_OVER:
            return quantity + past.handed_over
        case Deduction.ALL:
            return quantity + past.open
        case Deduction.NONE:
            return quantity


def on_hand(feed: Feed, quantity: int, past: Past) -> int:
    """Units on hand now by a figure: what was there then, and what moved since; negative where the two contradict."""
    return there(feed, quantity, past) + past.moved


class Stage(enum.IntEnum):
    """How far an import is: taking lines, applying those it had only staged, setting absent items to zero, ended."""

    LINES = 1
    STAGED = 2
    ABSENT = 3
    DONE = 4
    REFUSED = 5


class SnapshotImport(Struct, frozen=True):
    """An import, named by its request id; `fingerprint` is that of its feed.

    Every line before `next_line` is settled, and of staged ones those up to `staged_line` carried out. Its entries are
    of `first_revision` or later; `revision` is that of its last commit, 0 while it is being written.
    """

    request_id: str
    fingerprint: bytes
    stage: Stage = Stage.LINES
    next_line: int = 1
    staged_line: int = 0
    applied: int = 0
    stale: int = 0
    refused: int = 0
    zeroed: int = 0
    absent_left: bool = False
    first_revision: int = 0
    revision: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class LineState(enum.IntEnum):
    """Why a line is kept: it was stale, it was refused, or it waits to be applied with all others."""

    STALE = 1
    REFUSED = 2
    STAGED = 3


class KeptLine(Struct, frozen=True, gc=False):
    """A line that was not applied, as it was sent; `reason` and `message` say why it was refused.

    `item` is what it names, None where that is not known.
    """

    line: int
    state: LineState
    item: StockItem | None
    sent: bytes
    reason: str = ""
    message: str = ""


class Absent(Struct, frozen=True):
    """Some stock items of a scope that an import has not named; `after` is where the next begin, None at the end."""

    items: tuple[StockItem, ...]
    after: str | None


class Progress(Struct, frozen=True):
    """An import as a command leaves it: with the lines to keep, and those of the kept ones that have been applied."""

    snapshot: SnapshotImport
    kept: tuple[KeptLine, ...] = ()
    applied: tuple[int, ...] = ()


class Intake(Struct, frozen=True):
    """What a command finds that carries an import on.

    `snapshot` is the import so far, None where it begins; history from before `kept_since` is gone; `past` is that of
    stock items since a moment, as far as the command asked.
    """

    snapshot: SnapshotImport | None = None
    kept_since: datetime | None = None
    past: dict[tuple[StockItem, datetime], Past] = {}  # msgspec makes one for each


NO_INTAKE = Intake()
