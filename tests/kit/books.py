"""Books in memory, so that decisions can be tried without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from weir_chassis.errors import Refusal
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, Entry, EntryKind, Movement
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import Draft, DraftLine, Line, LineClaim, Mode, Reservation, State
from weir_ledger.domain.stock import Balance, BookedLocation, Condition, Location, LocationKind, StockItem

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NAME = "01a200ca-98d0-74cf-9b25-c4403338ded3"

R = TypeVar("R")


def goods(sku: str = "A", location: str = "W1", **others: Any) -> StockItem:
    """A stock item; in W1 unless told."""
    return StockItem("", sku, location, **others)


HELD_BACK = goods("A", condition=Condition.HOLD)


def opened(
    *balances: tuple[str | StockItem, int, int],
    reservations: Sequence[Reservation] = (),
    places: Sequence[str] = ("W1", "W2"),
    locations: Sequence[BookedLocation] = (),
    **others: Any,
) -> Books:
    """Books with units on hand and reserved of some stock items, or of plain ones named by their sku."""
    found = [Balance(goods(what) if isinstance(what, str) else what, on_hand, reserved)
             for what, on_hand, reserved in balances]  # fmt: skip
    return Books(NOW, found, reservations, places, locations, **others)


def place(name: str, *, stock_items: int = 0, revision: int = 7) -> BookedLocation:
    """A location that may change."""
    return BookedLocation(Location(name, LocationKind.WAREHOUSE, "", revision), stock_items)


def promise(
    *units: int,
    state: State = State.CONFIRMED,
    expires_at: datetime | None = None,
    skus: str = "AAAAA",
    channel: str = "",
) -> Reservation:
    """A reservation with a line of open units for each sku."""
    lines = tuple(Line(goods(sku), each, each, each) for sku, each in zip(skus, units, strict=False))
    return Reservation(NAME, state, lines, expires_at, NOW, channel=channel, revision=3)


def wish(what: str | StockItem, units: int, /, **claims: int) -> DraftLine:
    """A line that asks for units; with claims, each key and its ceiling."""
    item = goods(what) if isinstance(what, str) else what
    return DraftLine(item, units, tuple(LineClaim(key, ceiling) for key, ceiling in claims.items()))


def order(*lines: tuple[str | StockItem, int] | DraftLine, mode: Mode = Mode.ALL_OR_NOTHING, **others: Any) -> Draft:
    """What an order asks for."""
    return Draft(tuple(each if isinstance(each, DraftLine) else wish(*each) for each in lines), mode, **others)


def fact(kind: EntryKind, what: str | StockItem, quantity: int, destination: StockItem | None = None) -> Movement:
    """A movement."""
    return Movement(kind, goods(what) if isinstance(what, str) else what, quantity, destination)


def decide(books: Books, command: Command[R], request_id: str = "r") -> R | Refusal:
    """The receipt of a command, whose page is then bound, or its refusal."""
    page = Page(books)
    try:
        receipt = command.decide(page)
    except Refusal as refusal:
        return refusal
    books.bind(page, request_id)
    return receipt


def reserve(books: Books, wanted: Draft, request_id: str = "r") -> Reservation | Refusal:
    """The reservation that a Reserve of a draft makes, or its refusal."""
    outcome = decide(books, Reserve(NAME, wanted), request_id)
    if isinstance(outcome, Refusal):
        return outcome
    assert outcome.reservation is not None
    return outcome.reservation


def written(books: Books) -> list[tuple[EntryKind, Account, str, int, int]]:
    """The entries so far: kind, account, sku, and the change of on hand and of reserved units."""
    return [
        (each.kind, each.account, each.item.sku, each.on_hand_delta, each.reserved_delta) for each in entries(books)
    ]


def entries(books: Books) -> list[Entry]:
    """The entries so far."""
    return [entry for _, entry in books.entries]


def counts(books: Books, what: str | StockItem) -> tuple[int, int]:
    """Units on hand and reserved of a stock item."""
    found = Page(books).balance(goods(what) if isinstance(what, str) else what)
    return found.on_hand, found.reserved
