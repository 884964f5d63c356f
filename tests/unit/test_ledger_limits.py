"""What a tenant and its channels may hold, for how long, and how much one request may ask for."""

from datetime import timedelta
from typing import Any

import pytest

from tests.kit.books import NAME, NOW, decide, fact, opened, order, promise
from weir_chassis.errors import Kind, Refusal
from weir_ledger.domain.books import Books
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.limits import Holding, Limits, holding
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Reservation, State

OTHER = NAME[:-1] + "4"
HELD = {"": Holding(3, 30), "web": Holding(2, 20), "till": Holding(1, 10)}
"""What the tenant and two channels hold in the books of these tests."""

RESERVATIONS, UNITS = "OPEN_RESERVATIONS_EXHAUSTED", "HELD_UNITS_EXHAUSTED"
MUCH = Holding(99, 999)


def within(*, tenant: Holding = MUCH, channel: Holding = MUCH, **others: Any) -> Books:
    """Books with 99 A, in which so much is held and may be."""
    return opened(("A", 99, 0), holdings=HELD, limits=Limits(tenant, channel, **others))


def ended(books: Books, command: Command[Any]) -> str:
    """`ok` or the reason of the refusal."""
    outcome = decide(books, command)
    return outcome.reason if isinstance(outcome, Refusal) else "ok"


ROOM: list[tuple[Holding, Holding, str, str]] = [
    # the limits of tenant and channel, the channel that asks for one reservation of 5 units, what comes of it
    (Holding(4, 35), MUCH, "web", "ok"),
    (Holding(3, 35), MUCH, "web", RESERVATIONS),
    (Holding(4, 34), MUCH, "web", UNITS),
    (MUCH, Holding(3, 25), "web", "ok"),
    (MUCH, Holding(2, 25), "web", RESERVATIONS),
    (MUCH, Holding(3, 24), "web", UNITS),
    (MUCH, Holding(2, 15), "till", "ok"),
    (MUCH, Holding(1, 5), "new", "ok"),
    (MUCH, Holding(1, 4), "new", UNITS),
    (MUCH, Holding(1, 1), "", "ok"),
    (Holding(3, 35), MUCH, "", RESERVATIONS),
    (Holding(1, 1), Holding(1, 1), "web", RESERVATIONS),
]


@pytest.mark.parametrize(("tenant", "channel", "name", "expected"), ROOM)
def test_room(tenant: Holding, channel: Holding, name: str, expected: str) -> None:
    """A limit can be reached and not passed, by the tenant nor by a channel; who names no channel has only the
    tenant's."""
    books = within(tenant=tenant, channel=channel)
    assert ended(books, Reserve(NAME, order(("A", 5), channel=name))) == expected
    assert (books.holdings == HELD) == (expected != "ok")


def test_what_a_refusal_tells() -> None:
    """A refusal tells whose limit it is, the limit, what counts against it and what was asked for; it is not final."""
    books = within(channel=Holding(99, 21))
    refusal = decide(books, Reserve(NAME, order(("A", 5), channel="web")))
    assert isinstance(refusal, Refusal)
    assert refusal.metadata == {"scope": "channel", "channel": "web", "limit": "21", "held": "20", "requested": "5"}
    assert (refusal.kind, refusal.kind.definite) == (Kind.EXHAUSTED, False)
    refusal = decide(within(tenant=Holding(3, 999)), Reserve(NAME, order(("A", 5), channel="web")))
    assert isinstance(refusal, Refusal)
    assert refusal.metadata == {"scope": "tenant", "channel": "web", "limit": "3", "open": "3", "requested": "1"}


def test_a_batch_is_held_whole_or_not() -> None:
    """Drafts of a batch count one after the other; where one does not fit the whole batch is refused and holds
    nothing."""
    batch = ReserveBatch(((NAME, order(("A", 5), channel="web")), (OTHER, order(("A", 5), channel="till"))))
    books = within(tenant=Holding(5, 40))
    assert ended(books, batch) == "ok"
    assert books.holdings == {"": Holding(5, 40), "web": Holding(3, 25), "till": Holding(2, 15)}
    for limit in (Holding(4, 40), Holding(5, 39)):
        books = within(tenant=limit)
        assert ended(books, batch) in {RESERVATIONS, UNITS}
        assert (books.holdings, books.reservations) == (HELD, {})


LATER = NOW + timedelta(seconds=9)
GIVEN_BACK: list[tuple[State, Command[Any], Holding]] = [
    # of a reservation of 4 and 6 units that is open and, while it is held, holds them
    (State.HELD, Confirm(NAME), Holding(0, -10)),
    (State.HELD, Extend(NAME, 60), Holding()),
    (State.HELD, MarkHandedOver(NAME, ()), Holding()),
    (State.HELD, Release(NAME, ()), Holding(-1, -10)),
    (State.HELD, Release(NAME, ((1, 3),)), Holding(0, -3)),
    (State.CONFIRMED, Release(NAME, ((1, 3),)), Holding()),
    (State.CONFIRMED, Release(NAME, ()), Holding(-1, 0)),
    (State.CONFIRMED, Fulfil(NAME, ((1, 4),)), Holding()),
    (State.CONFIRMED, Fulfil(NAME, ()), Holding(-1, 0)),
]


@pytest.mark.parametrize(("state", "command", "change"), GIVEN_BACK)
def test_given_back(state: State, command: Command[Any], change: Holding) -> None:
    """Confirming lets units go, ending a reservation its place; however far beyond a limit all that goes on."""
    for channel in ("web", ""):
        reservation = promise(4, 6, state=state, expires_at=LATER, channel=channel)
        books = opened(("A", 99, 10), reservations=[reservation], holdings=HELD, limits=Limits(Holding(), Holding()))
        assert ended(books, command) == "ok"
        expected = {each: held.plus(change) if each in ("", channel) else held for each, held in HELD.items()}
        assert books.holdings == expected


def test_expiry_gives_back() -> None:
    """A hold that runs out holds nothing any longer."""
    reservation = promise(4, 6, state=State.HELD, expires_at=NOW, channel="web")
    books = opened(("A", 99, 10), reservations=[reservation], holdings=HELD, limits=Limits(Holding(), Holding()))
    assert ended(books, Expire((NAME,))) == "ok"
    assert books.holdings == {"": Holding(2, 20), "web": Holding(1, 10), "till": Holding(1, 10)}


@pytest.mark.parametrize(
    ("state", "counted"),
    [
        (State.HELD, Holding(1, 10)),
        (State.CONFIRMED, Holding(1, 0)),
        (State.FULFILLED, Holding()),
        (State.EXPIRED, Holding()),
        (State.RELEASED, Holding()),
    ],
)
def test_what_counts(state: State, counted: Holding) -> None:
    """A reservation counts until it ends, its units until they are confirmed."""
    assert holding(promise(4, 6, state=state)) == counted
    assert holding(None) == Holding()


@pytest.mark.parametrize(("limit", "held"), [(60, 60), (900, 900), (901, 900), (30 * 86400, 900)])
def test_how_long_units_are_held_if_nobody_says(limit: float, held: float) -> None:
    """For fifteen minutes, or for as long as this installation allows."""
    assert Limits(hold_seconds=limit).usual_hold == held
    assert ended(within(hold_seconds=limit), Reserve(NAME, order(("A", 1)))) == "ok"


@pytest.mark.parametrize(("seconds", "expected"), [(60, "ok"), (60.001, "HOLD_TIME_EXHAUSTED")])
def test_how_long_units_are_held(seconds: float, expected: str) -> None:
    """Units are held for as long as this installation allows and no longer."""
    assert ended(within(hold_seconds=60), Reserve(NAME, order(("A", 1), hold_seconds=seconds))) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(20, "ok"), (20.001, "HOLD_TIME_EXHAUSTED")])
def test_extended_from_the_beginning(seconds: float, expected: str) -> None:
    """However often a hold is extended, the limit counts from when the units were promised."""
    reservation = promise(1, state=State.HELD, expires_at=NOW + timedelta(seconds=50))
    books = opened(("A", 9, 1), reservations=[reservation], limits=Limits(hold_seconds=60))
    books.now = NOW + timedelta(seconds=40)
    outcome = decide(books, Extend(NAME, seconds))
    assert (outcome.reason if isinstance(outcome, Refusal) else "ok") == expected
    if isinstance(outcome, Reservation):
        assert outcome.expires_at == NOW + timedelta(seconds=60)
    else:
        assert outcome.metadata == {"limit_seconds": "60", "requested_seconds": "60"}


LINES: list[tuple[Command[Any], str]] = [
    (Reserve(NAME, order(*[("A", 1)] * 3)), "ok"),
    (Reserve(NAME, order(*[("A", 1)] * 4)), "LINES_EXHAUSTED"),
    (ReserveBatch(((NAME, order(("A", 1))), (OTHER, order(*[("A", 1)] * 2)))), "ok"),
    (ReserveBatch(((NAME, order(("A", 1))), (OTHER, order(*[("A", 1)] * 3)))), "LINES_EXHAUSTED"),
    (RecordMovements((fact(EntryKind.RECEIVE, "A", 1),) * 3), "ok"),
    (RecordMovements((fact(EntryKind.RECEIVE, "A", 1),) * 4), "LINES_EXHAUSTED"),
]


@pytest.mark.parametrize(("command", "expected"), LINES)
def test_how_many_lines(command: Command[Any], expected: str) -> None:
    """A request has as many lines, or movements, as this installation allows and no more."""
    assert ended(within(lines=3), command) == expected
