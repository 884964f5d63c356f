"""What moving a promise does and when it is refused: units given up and promised in their place, in one step."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tests.kit.books import NAME, NOW, counts, decide, entries, goods, opened, order, promise, wish, written
from weir_chassis.errors import Kind, Refusal
from weir_ledger.domain.amending import RESERVATION_LINES_MAX, Amend
from weir_ledger.domain.books import Books
from weir_ledger.domain.endings import Confirm
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.limits import Holding, Limits
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.reservations import Claim, Line, LineClaim, Reservation, State
from weir_ledger.domain.shortfalls import changes
from weir_ledger.errors import InsufficientStock, ReservationChanged, settle

LATER = NOW + timedelta(minutes=10)
OTHER = NAME[:-1] + "4"


def amended(books: Books, *lines: Any, releases: tuple[tuple[int, int], ...] = (), **others: Any) -> Reservation:
    """The reservation after an Amend that is accepted."""
    outcome = decide(books, Amend(NAME, releases, tuple(wish(*each) for each in lines), **others))
    assert isinstance(outcome, Reservation)
    assert books.reservations[NAME] == outcome
    return outcome


def refused(books: Books, *lines: Any, releases: tuple[tuple[int, int], ...] = (), **others: Any) -> Refusal:
    """The refusal of an Amend, which leaves nothing behind."""
    before = dict(books.balances), dict(books.claims), dict(books.reservations), dict(books.holdings)
    outcome = decide(books, Amend(NAME, releases, tuple(wish(*each) for each in lines), **others))
    assert isinstance(outcome, Refusal)
    assert (books.balances, books.claims, books.reservations, books.holdings) == before
    assert (entries(books), books.plans) == ([], {})
    return outcome


def test_units_move() -> None:
    """What is given up is told first, then what is promised instead, in lines after those that are there."""
    books = opened(("A", 9, 5), ("B", 9, 0), reservations=[promise(5)])
    made = amended(books, ("B", 3), releases=((1, 4),))
    assert made.lines == (Line(goods("A"), 5, 5, 1, released=4), Line(goods("B"), 3, 3, 3))
    assert (made.state, made.expires_at, made.created_at, made.revision) == (State.CONFIRMED, None, NOW, 0)
    assert written(books) == [
        (EntryKind.RELEASE, Account.STOCK, "A", 0, -4),
        (EntryKind.RESERVE, Account.STOCK, "B", 0, 3),
    ]
    assert [(each.reservation, each.reservation_line) for each in entries(books)] == [(NAME, 1), (NAME, 2)]


def test_what_is_given_up_can_be_promised() -> None:
    """Units that the request itself gives up are there for what it promises, and nothing beyond them."""
    books = opened(("A", 5, 5), reservations=[promise(5)])
    assert amended(books, ("A", 5), releases=((1, 5),)).lines[1].open == 5
    assert counts(books, "A") == (5, 5)
    books = opened(("A", 5, 5), reservations=[promise(3)])
    told = refused(books, ("A", 4), releases=((1, 3),))
    assert isinstance(told, InsufficientStock)
    assert (told.metadata["available"], told.metadata["requested"]) == ("3", "4")


def test_all_or_nothing() -> None:
    """Where units of any line are missing nothing is given up; each short line is told, by its place."""
    books = opened(("A", 5, 5), ("B", 2, 0), reservations=[promise(5)])
    told = refused(books, ("B", 2), ("C", 1), ("B", 1), releases=((1, 5),))
    assert isinstance(told, InsufficientStock)
    assert [each.field for each in told.violations] == ["lines[1]", "lines[2]"]
    assert (told.kind, told.metadata["sku"], told.metadata["lines"]) == (Kind.UNMET, "C", "2")


def test_a_shortfall_is_closed_by_what_is_given_up() -> None:
    """Units that are not there can be given up and promised elsewhere; the shortfall of their stock item closes."""
    books = opened(("A", 2, 5), ("B", 9, 0), reservations=[promise(5)])
    amended(books, ("B", 3), releases=((1, 3),))
    assert (counts(books, "A"), counts(books, "B")) == ((2, 2), (9, 3))
    [change] = changes(entries(books))
    assert (change.item, change.before, change.after) == (goods("A"), 3, 0)


def test_it_ends_where_nothing_is_open() -> None:
    """Giving up all that is open without promising anything ends the reservation, as a release would."""
    books = opened(("A", 5, 5), reservations=[promise(5, state=State.HELD, expires_at=LATER)])
    made = amended(books, releases=((1, 5),))
    assert (made.state, made.expires_at) == (State.RELEASED, None)
    half = replace(promise(5), lines=(Line(goods("A"), 5, 5, 3, fulfilled=2),))
    assert amended(opened(("A", 5, 3), reservations=[half]), releases=((1, 3),)).state is State.FULFILLED


def test_state_hold_order_and_channel_stay() -> None:
    """A hold stays a hold that ends when it did; who wants the units, and for which channel, stays too."""
    held = replace(promise(5, state=State.HELD, expires_at=LATER), order="O", channel="web")
    made = amended(opened(("A", 9, 5), reservations=[held]), ("A", 2))
    assert (made.state, made.expires_at, made.order, made.channel) == (State.HELD, LATER, "O", "web")
    assert [line.open for line in made.lines] == [5, 2]


LIFE: list[tuple[State, Any, str]] = [
    (State.HELD, NOW, "RESERVATION_EXPIRED"),
    (State.FULFILLED, None, "RESERVATION_STATE"),
    (State.EXPIRED, NOW, "RESERVATION_EXPIRED"),
    (State.RELEASED, None, "RESERVATION_STATE"),
]


@pytest.mark.parametrize(("state", "expires_at", "reason"), LIFE)
def test_what_has_ended_stays_as_it_is(state: State, expires_at: Any, reason: str) -> None:
    """A reservation that has ended, or whose hold has run out, is not amended."""
    books = opened(("A", 9, 5), reservations=[promise(5, state=state, expires_at=expires_at)])
    assert refused(books, ("A", 1), expected_revision=99).reason == reason


def test_lines_that_are_not_there() -> None:
    """No line is given up that is not there, nor more units than are open on one."""
    books = opened(("A", 9, 5), reservations=[promise(5)])
    assert refused(books, releases=((2, 1),)).reason == "RESERVATION_LINE_NOT_FOUND"
    assert refused(books, ("A", 1), releases=((1, 6),)).reason == "RESERVATION_LINE_EXCEEDED"
    assert refused(opened()).reason == "RESERVATION_NOT_FOUND"


def test_the_reservation_as_it_was_read() -> None:
    """With the revision that changed it last a reservation is amended; with any other it is told which that is."""
    books = opened(("A", 9, 5), reservations=[promise(5)])
    told = refused(books, ("A", 1), expected_revision=2)
    assert isinstance(told, ReservationChanged)
    assert (told.kind, told.metadata) == (Kind.RACED, {"reservation": NAME, "expected": "2", "current": "3"})
    assert len(amended(books, ("A", 1), expected_revision=3).lines) == 2


def test_changed_by_a_neighbour() -> None:
    """What a request of the same commit changed has no revision yet; the refusal is told when it is known."""
    books = opened(("A", 9, 5), reservations=[promise(5, state=State.HELD, expires_at=LATER)])
    decide(books, Confirm(NAME))
    for expected in (0, 3):
        told = decide(books, Amend(NAME, (), (wish("A", 1),), expected_revision=expected))
        assert isinstance(told, ReservationChanged)
        assert told.metadata["current"] == ""
        settle(told, 8)
        assert told.metadata["current"] == "8"


def test_claims_move_with_the_units() -> None:
    """What is given up counts no longer, so that the same request can claim it; beyond a ceiling it is refused."""
    line = Line(goods("A"), 4, 4, 4, claims=(LineClaim("k", 4),))
    standing = replace(promise(4), lines=(line,))
    books = opened(("A", 9, 4), ("B", 9, 0), reservations=[standing], claims=[Claim("k", 4, 0, 1)])
    amended_line = Amend(NAME, ((1, 4),), (wish("B", 4, k=4),))
    made = decide(books, amended_line)
    assert isinstance(made, Reservation)
    assert made.lines[1].claims == (LineClaim("k", 4),)
    assert (books.claims["k"].open, books.claims["k"].fulfilled) == (4, 0)
    books = opened(("A", 9, 4), ("B", 9, 0), reservations=[standing], claims=[Claim("k", 4, 0, 1)])
    told = decide(books, Amend(NAME, ((1, 3),), (wish("B", 4, k=4),)))
    assert isinstance(told, Refusal)
    assert (told.reason, told.metadata["claimed"]) == ("CLAIM_EXHAUSTED", "1")
    assert [each.field for each in told.violations] == ["lines[0]"]


HELD: list[tuple[int, int, str | None]] = [
    # of 10 units that a channel may hold it holds 8, 5 of them here: how many are given up and promised
    (0, 2, None),
    (0, 3, "HELD_UNITS_EXHAUSTED"),
    (5, 7, None),
    (5, 8, "HELD_UNITS_EXHAUSTED"),
    (5, 0, None),
]


@pytest.mark.parametrize(("given_up", "promised", "reason"), HELD)
def test_units_that_may_be_held(given_up: int, promised: int, reason: str | None) -> None:
    """A hold may grow by what tenant and channel may hold still, what it gives up counted in; no reservation more is
    open for it."""
    limits = Limits(tenant=Holding(1, 10), channel=Holding(1, 10))
    holdings = {"": Holding(1, 8), "web": Holding(1, 8)}
    held = promise(5, state=State.HELD, expires_at=LATER, channel="web")
    books = opened(("A", 99, 5), reservations=[held], holdings=holdings, limits=limits)
    releases = ((1, given_up),) if given_up else ()
    lines = [("A", promised)] if promised else []
    if reason:
        assert refused(books, *lines, releases=releases).reason == reason
        return
    amended(books, *lines, releases=releases)
    ended = promised == 0
    assert books.holdings["web"] == Holding(0 if ended else 1, 8 - given_up + promised)
    assert books.holdings[""] == books.holdings["web"]


def test_less_may_always_be_held() -> None:
    """Where a limit was lowered below what is held, units can still be moved, but not become more."""
    limits, over = Limits(channel=Holding(0, 2)), {"": Holding(3, 9), "web": Holding(3, 9)}
    held = promise(5, state=State.HELD, expires_at=LATER, channel="web")
    for promised, good in ((4, True), (5, True), (6, False)):
        books = opened(("A", 99, 5), reservations=[held], holdings=over, limits=limits)
        outcome = decide(books, Amend(NAME, ((1, 5),), (wish("A", promised),)))
        assert isinstance(outcome, Reservation) == good
    books = opened(("A", 99, 5), reservations=[promise(5, channel="web")], holdings=over, limits=limits)
    assert len(amended(books, ("A", 50)).lines) == 2  # what is confirmed is not held


def test_how_many_lines() -> None:
    """A reservation has up to 1000 lines, those given up included; a request as many as this installation allows."""
    many = replace(promise(1), lines=(Line(goods("A"), 1, 1, 1),) * (RESERVATION_LINES_MAX - 1))
    books = opened(("A", 9999, 999), reservations=[many])
    told = refused(books, ("A", 1), ("A", 1), releases=((1, 1),))
    assert (told.reason, told.metadata) == ("LINES_EXHAUSTED", {"limit": "1000", "requested": "1001"})
    assert len(amended(books, ("A", 1)).lines) == RESERVATION_LINES_MAX
    books = opened(("A", 9, 1), reservations=[promise(1)], limits=Limits(lines=1))
    assert refused(books, ("A", 1), ("A", 1)).metadata == {"limit": "1", "requested": "2"}


def test_what_is_kept_with_it() -> None:
    """A plan is kept from then on; an Amend without one leaves what is kept, and so does one that is refused."""
    books = opened(("A", 9, 5), reservations=[promise(5)])
    amended(books, plan=b"new")
    assert books.plans == {NAME: b"new"}
    assert written(books) == []
    books = opened(("A", 9, 5), reservations=[promise(5)])
    amended(books, ("A", 1))
    assert books.plans == {}
    refused(opened(("A", 9, 5), reservations=[promise(5)]), ("A", 9), plan=b"new")


def test_a_reserve_keeps_its_plan() -> None:
    """What the caller of a Reserve keeps is kept under its reservation, and answered by it; nothing where it is
    refused."""
    books = opened(("A", 9, 0))
    made = decide(books, Reserve(OTHER, order(("A", 1), plan=b"how")))
    assert not isinstance(made, Refusal)
    assert (books.plans, made.plan) == ({OTHER: b"how"}, b"how")
    books = opened(("A", 9, 0))
    decide(books, Reserve(OTHER, order(("A", 10), plan=b"how")))
    decide(books, Reserve(NAME, order(("A", 1))))
    assert books.plans == {}
