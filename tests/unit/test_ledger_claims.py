"""What is claimed under a key: who may claim how much, and what gives it back."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.kit.books import NAME, NOW, counts, decide, goods, opened, order, promise, reserve, wish, written
from weir_chassis.errors import Kind, Refusal
from weir_ledger.domain.books import Books
from weir_ledger.domain.command import Command
from weir_ledger.domain.endings import Confirm, Expire, Extend, Fulfil, MarkHandedOver, Release
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Claim, DraftLine, LineClaim, Mode, Reservation, ShortLine, State
from weir_ledger.errors import ClaimExhausted, InsufficientStock

ALL, PART = Mode.ALL_OR_NOTHING, Mode.PARTIAL
OTHERS = [f"{NAME[:-1]}{each}" for each in range(4, 8)]


def claims(books: Books) -> dict[str, tuple[int, int]]:
    """Open and fulfilled units under each key."""
    return {each.claim: (each.open, each.fulfilled) for each in books.claims.values()}


def granted(books: Books, *lines: DraftLine, mode: Mode = ALL) -> list[int] | str:
    """The units that each line of an order gets, or the reason why it is refused."""
    outcome = reserve(books, order(*lines, mode=mode))
    return outcome.reason if isinstance(outcome, Refusal) else [each.quantity for each in outcome.lines]


EXHAUSTED, SHORT = "CLAIM_EXHAUSTED", "INSUFFICIENT_STOCK"
GRANTED: list[tuple[list[DraftLine], Mode, list[int] | str]] = [
    # of 9 A and 9 B, with 3 units claimed under "k" (2 promised, 1 gone out) and none under others
    ([wish("A", 2, k=5)], ALL, [2]),
    ([wish("A", 3, k=5)], ALL, EXHAUSTED),
    ([wish("A", 3, k=5)], PART, [2]),
    ([wish("A", 1, k=3)], ALL, EXHAUSTED),
    ([wish("A", 1, k=3)], PART, EXHAUSTED),
    ([wish("A", 1, k=2)], PART, EXHAUSTED),
    ([wish("A", 1, k=0)], ALL, EXHAUSTED),
    ([wish("A", 1, new=0)], ALL, EXHAUSTED),
    ([wish("A", 1, new=1)], ALL, [1]),
    ([wish("A", 9, new=10**15)], ALL, [9]),
    ([wish("A", 1, k=5), wish("B", 1, k=5)], ALL, [1, 1]),
    ([wish("A", 2, k=5), wish("B", 1, k=5)], ALL, EXHAUSTED),
    ([wish("A", 2, k=5), wish("B", 1, k=5)], PART, [2, 0]),
    ([wish("A", 1, k=4), wish("A", 1, k=5)], ALL, [1, 1]),
    ([wish("A", 2, k=5), wish("A", 1, k=4)], PART, [2, 0]),
    ([wish("A", 2, k=5, new=1)], ALL, EXHAUSTED),
    ([wish("A", 3, k=5, new=1)], PART, [1]),
    ([wish("A", 3, k=5, new=1), wish("A", 3, k=5)], PART, [1, 1]),
    ([wish("A", 3, k=5), wish("A", 3)], PART, [2, 3]),
    ([wish("A", 10, k=5)], ALL, SHORT),
    ([wish("A", 10, k=5)], PART, [2]),
    ([wish("C", 1, k=9)], PART, SHORT),
    ([wish("A", 3, k=5), wish("C", 1)], ALL, SHORT),
]


@pytest.mark.parametrize(("lines", "mode", "expected"), GRANTED)
def test_granted(lines: list[DraftLine], mode: Mode, expected: list[int] | str) -> None:
    """A line gets what its tightest claim leaves after the lines before it; what it gets is claimed under each key."""
    books = opened(("A", 9, 0), ("B", 9, 0), claims=[Claim("k", 2, 1, 5)])
    before = claims(books)
    assert granted(books, *lines, mode=mode) == expected
    if isinstance(expected, str):
        assert (claims(books), written(books), books.touched_claims) == (before, [], {})
        return
    claimed = dict(before)
    for line, units in zip(books.reservations[NAME].lines, expected, strict=True):
        for each in line.claims if units else ():
            open_units, gone = claimed.get(each.claim, (0, 0))
            claimed[each.claim] = (open_units + units, gone)
            assert sum(claimed[each.claim]) <= each.within(None)
    assert claims(books) == claimed


def test_what_a_refusal_tells() -> None:
    """A refusal lists each line that a claim stops, with the claim that leaves least, and the numbers of the first."""
    books = opened(("A", 9, 0), claims=[Claim("k", 2, 1, 8)])
    refusal = decide(books, Reserve(NAME, order(wish("A", 1, k=9), wish("A", 4, k=6, new=1), wish("A", 2, k=4))))
    assert isinstance(refusal, ClaimExhausted)
    assert refusal.kind is Kind.UNMET
    assert refusal.metadata == {
        "claim": "new",
        "ceiling": "1",
        "claimed": "0",
        "requested": "4",
        "lines": "2",
        "revision": "8",
    }
    assert [each.field for each in refusal.violations] == ["draft.lines[1]", "draft.lines[2]"]
    assert refusal.violations[1].description == "'k': 2 asked for, 5 of 4 claimed."


def test_missing_units_are_told_first() -> None:
    """Where some lines lack units and others a claim, the refusal is for the units, and lists those lines alone."""
    books = opened(("A", 9, 0), ("B", 1, 0))
    refusal = decide(books, Reserve(NAME, order(wish("A", 2, k=1), wish("B", 2, k=1))))
    assert isinstance(refusal, InsufficientStock)
    assert [each.field for each in refusal.violations] == ["draft.lines[1]"]


def test_a_batch_by_itself() -> None:
    """The drafts of a batch claim in their order; one that a claim stops tells which and how much is claimed."""
    books = opened(("A", 9, 0))
    batch = [(name, order(wish("A", units, k=5))) for name, units in zip(OTHERS, (3, 3, 2, 1), strict=True)]
    outcomes = decide(books, ReserveBatch(tuple(batch)))
    assert isinstance(outcomes, tuple)
    assert [each.reservation is not None for each in outcomes] == [True, False, True, False]
    assert outcomes[1].short_lines == (ShortLine(1, goods(), 3, 6, LineClaim("k", 5), 3),)
    assert outcomes[3].short_lines == (ShortLine(1, goods(), 1, 4, LineClaim("k", 5), 5),)
    assert claims(books) == {"k": (5, 0)}


def test_an_atomic_batch() -> None:
    """An atomic batch that a claim stops is refused whole, claims nothing, and lists the lines of every draft."""
    books = opened(("A", 9, 0))
    batch = [(name, order(wish("A", 3, k=5))) for name in OTHERS[:3]]
    refusal = decide(books, ReserveBatch(tuple(batch), atomic=True))
    assert isinstance(refusal, ClaimExhausted)
    assert [each.field for each in refusal.violations] == ["drafts[1].lines[0]", "drafts[2].lines[0]"]
    assert (claims(books), counts(books, "A")) == ({}, (9, 0))


def claimed(state: State, *, open: int = 4) -> Books:
    """Books with a reservation of 4 A and 4 more, each line under "k" and the second under "m" too."""
    plain = promise(open, 4, state=state, expires_at=NOW + timedelta(seconds=9))
    lines = tuple(
        replace(line, claims=tuple(LineClaim(key, 9) for key in keys))
        for line, keys in zip(plain.lines, (["k"], ["k", "m"]), strict=True)
    )
    known = [Claim("k", 10, 5), Claim("m", 4, 0), Claim("other", 1, 1)]
    return opened(("A", 99, 20), reservations=[replace(plain, lines=lines)], claims=known)


EFFECTS: list[tuple[State, Command[Reservation], dict[str, tuple[int, int]]]] = [
    (State.HELD, Confirm(NAME), {}),
    (State.HELD, Extend(NAME, 60), {}),
    (State.HELD, MarkHandedOver(NAME, ()), {}),
    (State.HELD, Release(NAME, ()), {"k": (2, 5), "m": (0, 0)}),
    (State.HELD, Release(NAME, ((1, 1),)), {"k": (9, 5)}),
    (State.CONFIRMED, Release(NAME, ((2, 3),)), {"k": (7, 5), "m": (1, 0)}),
    (State.CONFIRMED, Fulfil(NAME, ()), {"k": (2, 13), "m": (0, 4)}),
    (State.CONFIRMED, Fulfil(NAME, ((2, 1),)), {"k": (9, 6), "m": (3, 1)}),
]


@pytest.mark.parametrize(("state", "command", "changed"), EFFECTS)
def test_effects(state: State, command: Command[Reservation], changed: dict[str, tuple[int, int]]) -> None:
    """Units that go out stay claimed, those that are given up do not; what changes no units changes no claim."""
    books = claimed(state)
    before = claims(books)
    assert isinstance(decide(books, command), Reservation)
    assert claims(books) == {**before, **changed}
    assert set(books.touched_claims) == set(changed)


def test_expiry_gives_claims_back() -> None:
    """A hold that runs out claims nothing any longer."""
    books = claimed(State.HELD)
    books.now = NOW + timedelta(seconds=9)
    decide(books, Expire((NAME,)))
    assert claims(books) == {"k": (2, 5), "m": (0, 0), "other": (1, 1)}


def test_a_lower_ceiling_takes_nothing_back() -> None:
    """Units claimed under a ceiling stay claimed under a lower one; nothing more is, until enough were given up."""
    books = opened(("A", 9, 0))
    assert granted(books, wish("A", 5, k=5)) == [5]
    assert granted(books, wish("A", 1, k=3)) == EXHAUSTED
    decide(books, Release(NAME, ((1, 3),)))
    assert granted(books, wish("A", 1, k=3)) == [1]
    assert claims(books) == {"k": (3, 0)}


def test_claims_are_named_before_the_decision() -> None:
    """A command names every key it may count under, so that they can be locked; and weighs as much as it writes."""
    drafts = [order(wish("A", 1, k=1, m=2), wish("B", 1, k=1)), order(("A", 1))]
    single, batch = Reserve(NAME, drafts[0]), ReserveBatch(tuple(zip(OTHERS, drafts, strict=False)))
    assert set(single.claims()) == set(batch.claims()) == {"k", "m"}
    assert (single.size(), batch.size()) == (5, 6)
