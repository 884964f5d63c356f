"""Promise units to orders: a line is accepted only if its units are available at the instant of commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from weir_ledger.domain.books import Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.reservations import Draft, Line, Mode, Reservation, ReserveOutcome, ShortLine, State
from weir_ledger.domain.stock import StockItem
from weir_ledger.errors import InsufficientStock, Shortage


@dataclass(frozen=True, slots=True)
class Reserve(Command[Reservation]):
    """Promise the units of one draft, under the identifier `reservation`."""

    reservation: str
    draft: Draft

    def items(self) -> Iterable[StockItem]:
        return (line.item for line in self.draft.lines)

    def size(self) -> int:
        return len(self.draft.lines)

    def decide(self, page: Page) -> Reservation:
        granted, short = _grant(page, self.draft)
        if not granted:
            raise InsufficientStock(
                [
                    Shortage(f"draft.lines[{each.line - 1}]", each.item.sku, each.item.location, each.requested,
                             each.available)
                    for each in short
                ]
            )  # fmt: skip
        return _promise(page, self.reservation, self.draft, granted)


@dataclass(frozen=True, slots=True)
class ReserveBatch(Command[tuple[ReserveOutcome, ...]]):
    """Promise the units of many drafts in their order; all or none if `atomic`, else each by itself."""

    reservations_to_make: tuple[tuple[str, Draft], ...]
    atomic: bool = False

    def items(self) -> Iterable[StockItem]:
        return (line.item for _, draft in self.reservations_to_make for line in draft.lines)

    def size(self) -> int:
        return sum(len(draft.lines) for _, draft in self.reservations_to_make)

    def decide(self, page: Page) -> tuple[ReserveOutcome, ...]:
        outcomes: list[ReserveOutcome] = []
        shortages: list[Shortage] = []
        for index, (reservation, draft) in enumerate(self.reservations_to_make):
            granted, short = _grant(page, draft)
            if granted:
                outcomes.append(ReserveOutcome(_promise(page, reservation, draft, granted)))
                continue
            outcomes.append(ReserveOutcome(None, short))
            shortages.extend(
                Shortage(f"drafts[{index}].lines[{each.line - 1}]", each.item.sku, each.item.location, each.requested,
                         each.available)
                for each in short
            )  # fmt: skip
        if self.atomic and shortages:
            raise InsufficientStock(shortages)
        return tuple(outcomes)


def _grant(page: Page, draft: Draft) -> tuple[tuple[int, ...], tuple[ShortLine, ...]]:
    """Units that each line may have, and the lines that are short; no units where the draft must be refused.

    Lines of the same stock item draw on the same units, in their order. A line may get nothing in partial mode, but
    not at a location that does not exist: the books could not keep it.
    """
    left: dict[StockItem, int] = {}
    granted: list[int] = []
    short: list[ShortLine] = []
    for number, line in enumerate(draft.lines, 1):
        available = left.get(line.item)
        if available is None:
            available = page.balance(line.item).available
        units = min(line.quantity, available)
        left[line.item] = available - units
        granted.append(units)
        if units < line.quantity:
            short.append(ShortLine(number, line.item, line.quantity, available))
    refused = bool(short) and (
        draft.mode is Mode.ALL_OR_NOTHING
        or not any(granted)
        or not all(page.has_place(each.item.location) for each in short)
    )
    return () if refused else tuple(granted), tuple(short)


def _promise(page: Page, reservation: str, draft: Draft, granted: Sequence[int]) -> Reservation:
    """Book a hold of the `granted` units, which are available."""
    for number, (line, units) in enumerate(zip(draft.lines, granted, strict=True), 1):
        if units:
            page.book(EntryKind.RESERVE, line.item, reserved=units, reservation=reservation, line=number)
        else:
            page.mention(line.item)
    return page.keep(
        Reservation(
            reservation,
            State.HELD,
            tuple(
                Line(line.item, line.quantity, units, units) for line, units in zip(draft.lines, granted, strict=True)
            ),
            expires_at=page.now + timedelta(seconds=draft.hold_seconds),
            created_at=page.now,
            order=draft.order,
            channel=draft.channel,
        )
    )
