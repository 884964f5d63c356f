"""Move promises: give units of a reservation up and promise others in their place, in one step."""

from collections.abc import Iterable
from dataclasses import dataclass

from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import give_up, open_units, require_running, settled
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.limits import Holding
from weir_ledger.domain.promises import book, claimed, grant, placed, refused, size
from weir_ledger.domain.reservations import DraftLine, Mode, Reservation, State
from weir_ledger.domain.stock import StockItem
from weir_ledger.errors import LinesExhausted, ReservationChanged

RESERVATION_LINES_MAX = 1000
"""Most lines of a reservation, those that were given up included."""


@dataclass(frozen=True, slots=True)
class Amend(Command[Reservation]):
    """Give up `releases`, line numbers and units, and promise `lines`, all or none, which come after those there are.

    What is given up is there for what is promised, and may be claimed again whatever its ceiling is by now. Only the
    revision expected, None for any, may have changed the reservation last. A `plan` is kept from then on; none: what
    is kept stays.
    """

    reservation: str
    releases: tuple[tuple[int, int], ...] = ()
    lines: tuple[DraftLine, ...] = ()
    expected_revision: int | None = None
    plan: bytes = b""

    def items(self) -> Iterable[StockItem]:
        return (line.item for line in self.lines)

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def claims(self) -> Iterable[str]:
        return claimed(self.lines)

    def size(self) -> int:
        return 1 + len(self.releases) + size(self.lines, self.plan)

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        require_running(page, found, (State.HELD, State.CONFIRMED), "amended")
        current = found.revision or None  # that of an earlier command of the group is not drawn yet
        if self.expected_revision is not None and self.expected_revision != current:
            raise ReservationChanged(found.reservation, expected=self.expected_revision, current=current)
        given_up = open_units(found, self.releases) if self.releases else []
        had = {key: page.claim(key).claimed for key in claimed(self.lines)}
        lines = give_up(page, found, given_up, EntryKind.RELEASE)
        page.limits.require_lines(len(self.lines))
        if len(lines) + len(self.lines) > RESERVATION_LINES_MAX:
            raise LinesExhausted("reservation", limit=RESERVATION_LINES_MAX, requested=len(lines) + len(self.lines))
        granted, short = grant(page, self.lines, Mode.ALL_OR_NOTHING, had)
        if short:
            raise refused(page, placed("", short))
        if found.state is State.HELD:
            page.require_room(found.channel, Holding(0, sum(granted) - sum(units for _, units in self.releases)))
        lines.extend(book(page, found.reservation, len(lines) + 1, self.lines, granted))
        page.keep_plan(found.reservation, self.plan)
        return page.keep(settled(found, lines))
