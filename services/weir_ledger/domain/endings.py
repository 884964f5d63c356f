"""Keep, prolong and end promises. A reservation ends once: fulfilled, released or expired."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from weir_chassis.errors import Malformed, Violation
from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.reservations import Line, LineTransfer, Reservation, State
from weir_ledger.domain.stock import StockItem
from weir_ledger.errors import (
    InsufficientOnHand,
    ReservationExpired,
    ReservationLineExceeded,
    ReservationLineNotFound,
    ReservationState,
    Shortage,
)


@dataclass(frozen=True, slots=True)
class Confirm(Command[Reservation]):
    """Turn a hold into a promise without end; confirming what is confirmed changes nothing."""

    reservation: str

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        if found.state is State.CONFIRMED:
            return found
        require_running(page, found, (State.HELD,), "confirmed")
        return page.keep(replace(found, state=State.CONFIRMED, expires_at=None, revision=0))


@dataclass(frozen=True, slots=True)
class Extend(Command[Reservation]):
    """Hold units for `hold_seconds` more, counted from now."""

    reservation: str
    hold_seconds: float

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        require_running(page, found, (State.HELD,), "extended")
        expires_at = page.now + timedelta(seconds=self.hold_seconds)
        page.limits.require_hold((expires_at - found.created_at).total_seconds())
        return page.keep(replace(found, expires_at=expires_at, revision=0))


@dataclass(frozen=True, slots=True)
class Fulfil(Command[Reservation]):
    """Send promised units out; `lines` maps line numbers to units, empty means everything open."""

    reservation: str
    lines: tuple[tuple[int, int], ...]
    reference: str = ""
    occurred_at: datetime | None = None

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def size(self) -> int:
        return 2 * max(1, len(self.lines))

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        require_running(page, found, (State.CONFIRMED,), "fulfilled")
        lines = list(found.lines)
        shortages: list[Shortage] = []
        for position, (number, units) in enumerate(open_units(found, self.lines)):
            line = lines[number - 1]
            on_hand = page.balance(line.item).on_hand
            if on_hand < units:
                shortages.append(Shortage(f"lines[{position}]", line.item.sku, line.item.location, units, on_hand))
                continue
            lines[number - 1] = replace(line, open=line.open - units, fulfilled=line.fulfilled + units)
            page.book(
                EntryKind.FULFIL,
                line.item,
                on_hand=-units,
                reserved=-units,
                against=Account.CUSTOMER,
                reservation=found.reservation,
                line=number,
                reference=self.reference,
                occurred_at=self.occurred_at,
            )
            page.count_claims(line.claims, open=-units, fulfilled=units)
        if shortages:
            raise InsufficientOnHand(shortages)
        return page.keep(settled(found, lines))


@dataclass(frozen=True, slots=True)
class Transfer(Command[Reservation]):
    """Move promised units to other stock items: of each line, which is named once, some units to a destination.

    A destination is of the same product, lot and unit of measure as its line, and not the line's own stock item.
    """

    reservation: str
    lines: tuple[LineTransfer, ...]
    reference: str = ""
    occurred_at: datetime | None = None

    def items(self) -> Iterable[StockItem]:
        return (each.destination for each in self.lines)

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def size(self) -> int:
        return 2 * len(self.lines)

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        for each in self.lines:
            page.require_location(each.destination.location)
        require_running(page, found, (State.CONFIRMED,), "transferred")
        open_units(found, [(each.line, each.quantity) for each in self.lines])
        _require_same_goods(found, self.lines)
        lines = list(found.lines)
        shortages: list[Shortage] = []
        for position, each in enumerate(self.lines):
            line = lines[each.line - 1]
            on_hand = page.balance(line.item).on_hand
            if on_hand < each.quantity:
                item = line.item
                shortages.append(Shortage(f"lines[{position}]", item.sku, item.location, each.quantity, on_hand))
                continue
            lines[each.line - 1] = self._moved(page, line, each)
        if shortages:
            raise InsufficientOnHand(shortages)
        return page.keep(settled(found, lines))

    def _moved(self, page: Page, line: Line, moving: LineTransfer) -> Line:
        """Book that units of a line have moved; the line then."""
        units = moving.quantity
        for item, on_hand, reserved in ((line.item, -units, -units), (moving.destination, units, 0)):
            page.book(
                EntryKind.TRANSFER,
                item,
                on_hand=on_hand,
                reserved=reserved,
                reservation=self.reservation,
                line=moving.line,
                reference=self.reference,
                occurred_at=self.occurred_at,
            )
        page.count_claims(line.claims, open=-units, fulfilled=units)
        return replace(line, open=line.open - units, fulfilled=line.fulfilled + units)


@dataclass(frozen=True, slots=True)
class Release(Command[Reservation]):
    """Give promised units up; `lines` maps line numbers to units, empty means everything open."""

    reservation: str
    lines: tuple[tuple[int, int], ...]

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def size(self) -> int:
        return max(1, len(self.lines))

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        require_running(page, found, (State.HELD, State.CONFIRMED), "released")
        lines = give_up(page, found, open_units(found, self.lines), EntryKind.RELEASE)
        return page.keep(settled(found, lines))


@dataclass(frozen=True, slots=True)
class MarkHandedOver(Command[Reservation]):
    """Note when `lines` were handed over to the warehouse; no lines mean all with open units. Changes no count."""

    reservation: str
    lines: tuple[int, ...]
    handed_over_at: datetime | None = None

    def reservations(self) -> Iterable[str]:
        return (self.reservation,)

    def decide(self, page: Page) -> Reservation:
        found = page.reservation(self.reservation)
        require_running(page, found, (State.HELD, State.CONFIRMED), "handed over")
        numbers = self.lines or [number for number, line in enumerate(found.lines, 1) if line.open]
        lines = list(found.lines)
        for number in numbers:
            if number > len(lines):
                raise ReservationLineNotFound(found.reservation, number)
            lines[number - 1] = replace(lines[number - 1], handed_over_at=self.handed_over_at or page.now)
        return page.keep(replace(found, lines=tuple(lines), revision=0))


@dataclass(frozen=True, slots=True)
class Expire(Command[tuple[Reservation, ...]]):
    """End the holds that have run out among `due`; the others are left as they are."""

    due: tuple[str, ...]

    def reservations(self) -> Iterable[str]:
        return self.due

    def size(self) -> int:
        return len(self.due)

    def decide(self, page: Page) -> tuple[Reservation, ...]:
        found = [page.reservation(each) for each in self.due]
        return tuple(_expire(page, each) for each in found if _overdue(page, each))


def _expire(page: Page, found: Reservation) -> Reservation:
    """Book that a hold has run out."""
    lines = give_up(page, found, open_units(found, ()), EntryKind.EXPIRE)
    return page.keep(replace(found, lines=tuple(lines), state=State.EXPIRED, revision=0))


def _overdue(page: Page, reservation: Reservation) -> bool:
    """Whether a hold has run out by the clock of the books."""
    expires_at = reservation.expires_at
    return reservation.state is State.HELD and expires_at is not None and expires_at <= page.now


def require_running(page: Page, found: Reservation, states: Sequence[State], wish: str) -> None:
    """Raise ReservationExpired or ReservationState unless the reservation is in one of `states` and its hold runs."""
    if found.state is State.EXPIRED or _overdue(page, found):
        moment = found.expires_at.isoformat() if found.expires_at else "an earlier time"
        raise ReservationExpired(found.reservation, moment)
    if found.state not in states:
        raise ReservationState(found.reservation, found.state.name, wish)


def open_units(found: Reservation, asked: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Line numbers and units that are meant: those `asked`, or everything open.

    Raises ReservationLineNotFound or ReservationLineExceeded for the first that is not open on the reservation.
    """
    if not asked:
        return [(number, line.open) for number, line in enumerate(found.lines, 1) if line.open]
    for number, units in asked:
        if number > len(found.lines):
            raise ReservationLineNotFound(found.reservation, number)
        left = found.lines[number - 1].open
        if units > left:
            raise ReservationLineExceeded(found.reservation, number, requested=units, open_units=left)
    return list(asked)


def _require_same_goods(found: Reservation, lines: Sequence[LineTransfer]) -> None:
    """Raise Malformed unless what leaves each line is what arrives, and somewhere else."""
    violations: list[Violation] = []
    for position, each in enumerate(lines):
        item = found.lines[each.line - 1].item
        if each.destination == item:
            said = "Another location, custodian or condition than that of the line."
        elif each.destination.goods != item.goods:
            said = "Product, lot and unit of measure are those of the line."
        else:
            continue
        violations.append(Violation(f"lines[{position}].destination", said))
    if violations:
        raise Malformed(violations)


def give_up(page: Page, found: Reservation, units_of: Sequence[tuple[int, int]], kind: EntryKind) -> list[Line]:
    """Book that promised units are promised no longer; the lines of the reservation then."""
    lines = list(found.lines)
    for number, units in units_of:
        line = lines[number - 1]
        lines[number - 1] = replace(line, open=line.open - units, released=line.released + units)
        page.book(kind, line.item, reserved=-units, reservation=found.reservation, line=number)
        page.count_claims(line.claims, open=-units)
    return lines


def settled(found: Reservation, lines: Sequence[Line]) -> Reservation:
    """The reservation with its new lines; ended where nothing is open any longer."""
    changed = replace(found, lines=tuple(lines), revision=0)
    if any(line.open for line in lines):
        return changed
    fulfilled = any(line.fulfilled for line in lines)
    return replace(changed, state=State.FULFILLED if fulfilled else State.RELEASED, expires_at=None)
