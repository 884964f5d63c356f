"""How promises are kept, prolonged and ended: every command in every state."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.kit.books import HELD_BACK, NAME, NOW, counts, decide, entries, goods, opened, promise, wish, written
from weir_chassis.errors import Malformed, Refusal
from weir_ledger.domain.amending import Amend
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release, Transfer
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.reservations import Claim, Line, LineClaim, LineTransfer, Reservation, State
from weir_ledger.domain.stock import ON_HAND_MAX, StockItem
from weir_ledger.errors import InsufficientOnHand, ReservationLineExceeded

REPS, FULL = goods(custodian="rep"), goods(custodian="full")
LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
S = State

COMMANDS: dict[str, Callable[[], Command[Any]]] = {
    "confirm": lambda: Confirm(NAME),
    "extend": lambda: Extend(NAME, 60),
    "fulfil": lambda: Fulfil(NAME, ()),
    "transfer": lambda: Transfer(NAME, (LineTransfer(1, 3, REPS),)),
    "release": lambda: Release(NAME, ()),
    "hand over": lambda: MarkHandedOver(NAME, ()),
    "amend": lambda: Amend(NAME, ((1, 1),), (wish("A", 2),)),
}

STATES: dict[str, tuple[State, datetime | None]] = {
    "held": (S.HELD, LATER),
    "due": (S.HELD, NOW),
    "overdue": (S.HELD, EARLIER),
    "confirmed": (S.CONFIRMED, None),
    "fulfilled": (S.FULFILLED, None),
    "expired": (S.EXPIRED, EARLIER),
    "released": (S.RELEASED, None),
}

OVER, WRONG = "RESERVATION_EXPIRED", "RESERVATION_STATE"
OUTCOMES: dict[str, list[State | str]] = {
    # confirm, extend, fulfil, transfer, release, hand over, amend
    "held": [S.CONFIRMED, S.HELD, WRONG, WRONG, S.RELEASED, S.HELD, S.HELD],
    "due": [OVER, OVER, OVER, OVER, OVER, OVER, OVER],
    "overdue": [OVER, OVER, OVER, OVER, OVER, OVER, OVER],
    "confirmed": [S.CONFIRMED, WRONG, S.FULFILLED, S.FULFILLED, S.RELEASED, S.CONFIRMED, S.CONFIRMED],
    "fulfilled": [WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG],
    "expired": [OVER, OVER, OVER, OVER, OVER, OVER, OVER],
    "released": [WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG],
}
LIFE = {state: dict(zip(COMMANDS, row, strict=True)) for state, row in OUTCOMES.items()}
"""What each command makes of a reservation in each state: its next state, or the reason why not."""


@pytest.mark.parametrize(
    ("state", "command", "expected"), [(s, c, e) for s, row in LIFE.items() for c, e in row.items()]
)
def test_life(state: str, command: str, expected: State | str) -> None:
    """Every command does to a reservation in every state what the table says, and a refused one changes nothing."""
    kind, expires_at = STATES[state]
    books = opened(("A", 9, 5), reservations=[promise(3, state=kind, expires_at=expires_at)])
    outcome = decide(books, COMMANDS[command]())
    if isinstance(outcome, Refusal):
        assert outcome.reason == expected
        assert (counts(books, "A"), written(books), books.touched_reservations) == ((9, 5), [], {})
    else:
        assert outcome.state is expected
        assert books.reservations[NAME] == outcome


def test_confirmed_has_no_end() -> None:
    """Confirming takes the end off the hold and books nothing; confirming again changes nothing at all."""
    books = opened(("A", 9, 5), reservations=[promise(3, state=S.HELD, expires_at=LATER)])
    first = decide(books, Confirm(NAME))
    assert isinstance(first, Reservation)
    assert first.expires_at is None
    assert decide(books, Confirm(NAME)) == first
    assert written(books) == []
    books = opened(("A", 9, 5), reservations=[promise(3)])
    decide(books, Confirm(NAME))
    assert books.touched_reservations == {}


def test_extended_from_now() -> None:
    """An extension counts from now, so it may also shorten a hold."""
    for seconds in (0.5, 3600):
        books = opened(("A", 9, 5), reservations=[promise(3, state=S.HELD, expires_at=LATER)])
        outcome = decide(books, Extend(NAME, seconds))
        assert isinstance(outcome, Reservation)
        assert outcome.expires_at == NOW + timedelta(seconds=seconds)


def test_fulfilled_in_parts() -> None:
    """Units that go out leave on hand and reserved at once; the last one ends the reservation."""
    books = opened(("A", 9, 5), reservations=[promise(3, 2)])
    part = decide(books, Fulfil(NAME, ((2, 2), (1, 1)), reference="parcel"))
    assert isinstance(part, Reservation)
    assert part.state is S.CONFIRMED
    assert part.lines == (Line(goods(), 3, 3, 2, 1, 0), Line(goods(), 2, 2, 0, 2, 0))
    assert counts(books, "A") == (6, 2)
    out = [(EntryKind.FULFIL, Account.STOCK, "A", -2, -2), (EntryKind.FULFIL, Account.CUSTOMER, "A", 2, 0)]
    assert written(books)[:2] == out
    last = decide(books, Fulfil(NAME, ()))
    assert isinstance(last, Reservation)
    assert last.state is S.FULFILLED
    assert counts(books, "A") == (4, 0)


def moving(*moves: tuple[int, int, StockItem], **others: Any) -> Transfer:
    """A Transfer of lines, each with its units and where they go."""
    return Transfer(NAME, tuple(LineTransfer(*each) for each in moves), **others)


def test_transferred_in_parts() -> None:
    """Units that move leave on hand and reserved of their line, and are on hand where they arrive; of the reservation
    they count as fulfilled, under its claims too, and the last one ends it."""
    books = opened(("A", 9, 5), reservations=[promise(3, 2)])
    part = decide(books, moving((2, 2, REPS), (1, 1, HELD_BACK), reference="transfer/1"))
    assert isinstance(part, Reservation)
    assert part.state is S.CONFIRMED
    assert part.lines == (Line(goods(), 3, 3, 2, 1, 0), Line(goods(), 2, 2, 0, 2, 0))
    assert [counts(books, each) for each in ("A", REPS, HELD_BACK)] == [(6, 2), (2, 0), (1, 0)]
    assert [(each.kind, each.item, each.on_hand_delta, each.reserved_delta) for each in entries(books)] == [
        (EntryKind.TRANSFER, goods(), -2, -2), (EntryKind.TRANSFER, REPS, 2, 0),
        (EntryKind.TRANSFER, goods(), -1, -1), (EntryKind.TRANSFER, HELD_BACK, 1, 0),
    ]  # fmt: skip
    assert {(each.reservation, each.reference) for each in entries(books)} == {(NAME, "transfer/1")}
    assert [each.reservation_line for each in entries(books)] == [2, 2, 1, 1]
    last = decide(books, moving((1, 2, REPS)))
    assert isinstance(last, Reservation)
    assert (last.state, counts(books, "A"), counts(books, REPS)) == (S.FULFILLED, (4, 0), (4, 0))


def test_transferred_claims() -> None:
    """What moves goes on counting under the claims of its line, as what went out does."""
    reserved = promise(3)
    [line] = reserved.lines
    books = opened(
        ("A", 9, 3),
        reservations=[replace(reserved, lines=(replace(line, claims=(LineClaim("k", 5, 2),)),))],
        claims=[Claim("k", open=6)],
    )
    decide(books, moving((1, 2, REPS)))
    assert (books.claims["k"].open, books.claims["k"].fulfilled) == (2, 4)


NOWHERE = [
    (goods(), "Another location, custodian or condition than that of the line."),
    (goods("B", custodian="rep"), "Product, lot and unit of measure are those of the line."),
    (goods(lot="L1", custodian="rep"), "Product, lot and unit of measure are those of the line."),
    (goods(uom="CARTON", custodian="rep"), "Product, lot and unit of measure are those of the line."),
    (StockItem("shop", "A", "W1", custodian="rep"), "Product, lot and unit of measure are those of the line."),
]


@pytest.mark.parametrize(("destination", "said"), NOWHERE)
def test_transferred_to_something_else(destination: StockItem, said: str) -> None:
    """Units arrive as what they left as, and somewhere else; each line of which that is not so is told, and the same
    attempt may be made again."""
    books = opened(("A", 9, 5), reservations=[promise(3, 2)])
    refusal = decide(books, moving((1, 1, REPS), (2, 1, destination)))
    assert isinstance(refusal, Malformed)
    assert [(each.field, each.description) for each in refusal.violations] == [("lines[1].destination", said)]
    assert (refusal.kind.definite, written(books)) == (False, [])


REFUSED: list[tuple[Transfer, str, dict[str, str]]] = [
    (moving((2, 1, REPS)), "RESERVATION_LINE_NOT_FOUND", {"line": "2"}),
    (moving((1, 4, REPS)), "RESERVATION_LINE_EXCEEDED", {"line": "1", "requested": "4", "open": "3"}),
    (moving((1, 1, goods(location="X"))), "LOCATION_NOT_FOUND", {"location": "X"}),
    (moving((1, 3, REPS)), "INSUFFICIENT_ON_HAND", {"requested": "3", "on_hand": "2", "lines": "1"}),
    (moving((1, 2, FULL)), "BALANCE_OVERFLOW", {"on_hand": str(ON_HAND_MAX), "requested": "2"}),
]


@pytest.mark.parametrize(("command", "reason", "numbers"), REFUSED)
def test_transfers_that_do_not_fit(command: Transfer, reason: str, numbers: dict[str, str]) -> None:
    """A line that is not there or has fewer units open, a place that does not exist, promised units that are gone, a
    count that would grow too large: each is told with its numbers, and nothing moves."""
    books = opened(("A", 2, 3), (FULL, ON_HAND_MAX, 0), reservations=[promise(3)])
    refusal = decide(books, command)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, {key: refusal.metadata[key] for key in numbers}) == (reason, numbers)
    assert (counts(books, "A"), written(books), books.touched_reservations) == ((2, 3), [], {})


ENDS: list[tuple[list[Command[Any]], State]] = [
    ([Release(NAME, ((1, 3),))], S.RELEASED),
    ([Release(NAME, ((1, 2),)), Fulfil(NAME, ())], S.FULFILLED),
    ([Fulfil(NAME, ((1, 2),)), Release(NAME, ())], S.FULFILLED),
    ([Release(NAME, ((1, 2),))], S.CONFIRMED),
    ([Transfer(NAME, (LineTransfer(1, 2, REPS),)), Release(NAME, ())], S.FULFILLED),
    ([Release(NAME, ((1, 2),)), Transfer(NAME, (LineTransfer(1, 1, REPS),))], S.FULFILLED),
    ([Fulfil(NAME, ((1, 1),)), Transfer(NAME, (LineTransfer(1, 1, REPS),))], S.CONFIRMED),
]


@pytest.mark.parametrize(("commands", "state"), ENDS)
def test_ends(commands: list[Command[Any]], state: State) -> None:
    """A reservation ends when nothing is open: FULFILLED if anything went out, else RELEASED."""
    books = opened(("A", 9, 3), reservations=[promise(3)])
    outcomes = [decide(books, each) for each in commands]
    last = outcomes[-1]
    assert isinstance(last, Reservation)
    assert last.state is state
    [line] = last.lines
    assert line.quantity == line.open + line.fulfilled + line.released == 3


@pytest.mark.parametrize("command", [Fulfil, Release])
def test_lines_that_do_not_fit(command: Callable[..., Command[Any]]) -> None:
    """A line that is not there, or has fewer open units than are named, is told with its numbers."""
    books = opened(("A", 9, 3), reservations=[promise(3)])
    refusal = decide(books, command(NAME, ((1, 1), (2, 1))))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.metadata["line"]) == ("RESERVATION_LINE_NOT_FOUND", "2")
    refusal = decide(books, command(NAME, ((1, 4),)))
    assert isinstance(refusal, ReservationLineExceeded)
    assert refusal.metadata == {"reservation": NAME, "line": "1", "requested": "4", "open": "3"}


def test_promised_but_gone() -> None:
    """Promised units that are no longer there cannot go out; every such line is told, and nothing goes."""
    books = opened(("A", 2, 5), ("B", 0, 1), reservations=[promise(2, 3, 1, skus="AAB")])
    refusal = decide(books, Fulfil(NAME, ()))
    assert isinstance(refusal, InsufficientOnHand)
    assert [each.field for each in refusal.violations] == ["lines[1]", "lines[2]"]
    assert (counts(books, "A"), written(books)) == ((2, 5), [])


@pytest.mark.parametrize(
    ("state", "expires_at", "ends"),
    [
        (S.HELD, LATER, False),
        (S.HELD, NOW, True),
        (S.HELD, EARLIER, True),
        (S.CONFIRMED, None, False),
        (S.EXPIRED, EARLIER, False),
        (S.RELEASED, None, False),
    ],
)
def test_expiry(state: State, expires_at: datetime | None, ends: bool) -> None:
    """Only a hold whose time has come expires; its open units are promised no longer, and nothing else is touched."""
    books = opened(("A", 9, 3), reservations=[promise(3, state=state, expires_at=expires_at)])
    receipt = decide(books, Expire((NAME,)))
    assert isinstance(receipt, tuple)
    assert [each.state for each in receipt] == ([S.EXPIRED] if ends else [])
    assert counts(books, "A") == (9, 0 if ends else 3)
    assert written(books) == ([(EntryKind.EXPIRE, Account.STOCK, "A", 0, -3)] if ends else [])
    assert list(books.touched_reservations) == ([NAME] if ends else [])


def test_handed_over() -> None:
    """Every line with open units is handed over, now unless told; it changes no count, and books nothing."""
    books = opened(("A", 9, 5), reservations=[promise(3, 2, 1)])
    decide(books, Release(NAME, ((2, 2),)))
    before = written(books)
    first = decide(books, MarkHandedOver(NAME, ()))
    assert isinstance(first, Reservation)
    assert [line.handed_over_at for line in first.lines] == [NOW, None, NOW]
    again = decide(books, MarkHandedOver(NAME, (3, 2), EARLIER))
    assert isinstance(again, Reservation)
    assert [line.handed_over_at for line in again.lines] == [NOW, EARLIER, EARLIER]
    assert [replace(line, handed_over_at=None) for line in again.lines] == [
        Line(goods(), 3, 3, 3), Line(goods(), 2, 2, 0, 0, 2), Line(goods(), 1, 1, 1),
    ]  # fmt: skip
    assert (written(books), books.reservations[NAME]) == (before, again)


def test_handed_over_stays() -> None:
    """What happens to a line after it was handed over leaves the moment as it is."""
    books = opened(("A", 9, 5), reservations=[promise(5)])
    decide(books, MarkHandedOver(NAME, (1,), EARLIER))
    for command in (Confirm(NAME), Fulfil(NAME, ((1, 2),)), Release(NAME, ((1, 1),)), Fulfil(NAME, ())):
        outcome = decide(books, command)
        assert isinstance(outcome, Reservation)
        assert outcome.lines[0].handed_over_at == EARLIER


def test_a_line_that_is_not_there_is_not_handed_over() -> None:
    """Where one of the lines is not there, none is handed over."""
    books = opened(("A", 9, 5), reservations=[promise(5)])
    refusal = decide(books, MarkHandedOver(NAME, (1, 2)))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.metadata["line"]) == ("RESERVATION_LINE_NOT_FOUND", "2")
    assert books.reservations[NAME].lines[0].handed_over_at is None


def test_ended() -> None:
    """Fulfilled, expired and released are ends; held and confirmed are not."""
    assert [each.ended for each in State] == [False, False, True, True, True]


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown(command: str) -> None:
    """A reservation that is not there is not found."""
    refusal = decide(opened(), COMMANDS[command]())
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.metadata) == ("RESERVATION_NOT_FOUND", {"reservation": NAME})
