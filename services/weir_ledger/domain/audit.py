"""What an audit of the books reports."""

import enum
from dataclasses import dataclass

from weir_ledger.domain.stock import StockItem


class Law(enum.IntEnum):
    """A law that the books keep; the numbers are those of the contract."""

    TRIAL_BALANCE = 1
    ON_HAND = 2
    RESERVED = 3
    OPEN_LINES = 4
    REVISIONS = 5
    RESERVATION_LINE = 6
    CHAIN = 7
    CLAIMS = 8
    SHORTFALLS = 9
    HOLDINGS = 10
    LOTS = 11
    WAITING = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """A law that is broken: the books say `booked` where it should be `computed`.

    Of `item` only product and unit of measure count for a trial balance, and nothing for revisions.
    """

    law: Law
    item: StockItem | None
    booked: int
    computed: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What an audit looked at, at `revision`."""

    revision: int
    entries: int
    balances: int
    reservation_lines: int
    differences: int
