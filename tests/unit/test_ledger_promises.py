"""When units are promised, how many, and what a refusal tells."""

from datetime import timedelta

import pytest

from tests.kit.books import (
    HELD_BACK,
    NAME,
    NOW,
    counts,
    decide,
    entries,
    goods,
    opened,
    order,
    reserve,
    wish,
    written,
)
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.limits import NOTHING, Holding, Limits
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import (
    CLAIMED_MAX,
    Claim,
    DraftLine,
    Line,
    LineClaim,
    Mode,
    Reservation,
    State,
)
from weir_ledger.domain.stock import ON_HAND_MAX, Balance, StockItem
from weir_ledger.errors import BalanceOverflow, ClaimExhausted, InsufficientStock, settle

OTHER = NAME[:-1] + "4"

Wishes = list[tuple[str, int]]


def may_miss(sku: str, units: int, most: int) -> DraftLine:
    """Units that were sold, of which so many may be missing."""
    return DraftLine(goods(sku), units, (), most)


GRANTED: list[tuple[Wishes, Mode, list[int] | None]] = [
    # of 5 A and 1 B: what is asked, how, and what each line gets; None where it is refused
    ([("A", 5)], Mode.ALL_OR_NOTHING, [5]),
    ([("A", 6)], Mode.ALL_OR_NOTHING, None),
    ([("A", 6)], Mode.PARTIAL, [5]),
    ([("A", 5), ("B", 1)], Mode.ALL_OR_NOTHING, [5, 1]),
    ([("A", 5), ("B", 2)], Mode.ALL_OR_NOTHING, None),
    ([("A", 5), ("B", 2)], Mode.PARTIAL, [5, 1]),
    ([("A", 3), ("A", 3)], Mode.ALL_OR_NOTHING, None),
    ([("A", 3), ("A", 2)], Mode.ALL_OR_NOTHING, [3, 2]),
    ([("A", 3), ("A", 3), ("A", 3)], Mode.PARTIAL, [3, 2, 0]),
    ([("C", 1)], Mode.ALL_OR_NOTHING, None),
    ([("C", 1)], Mode.PARTIAL, None),
    ([("C", 1), ("B", 1)], Mode.PARTIAL, [0, 1]),
]


@pytest.mark.parametrize(("wishes", "mode", "granted"), GRANTED)
def test_granted(wishes: Wishes, mode: Mode, granted: list[int] | None) -> None:
    """A line gets what is available after the lines before it; all or nothing means the whole draft."""
    books = opened(("A", 7, 2), ("B", 1, 0))
    outcome = reserve(books, order(*wishes, mode=mode))
    if granted is None:
        assert isinstance(outcome, InsufficientStock)
        assert written(books) == []
        return
    assert isinstance(outcome, Reservation)
    assert outcome.lines == tuple(
        Line(goods(sku), wanted, units, units) for (sku, wanted), units in zip(wishes, granted, strict=True)
    )
    assert written(books) == [
        (EntryKind.RESERVE, Account.STOCK, sku, 0, units)
        for (sku, _), units in zip(wishes, granted, strict=True)
        if units
    ]


def test_the_hold() -> None:
    """A reservation is held from now for as long as asked, with what the caller says of it."""
    books = opened(("A", 5, 0))
    made = reserve(books, order(("A", 1), hold_seconds=90.5, order="O", channel="web"))
    assert isinstance(made, Reservation)
    assert (made.reservation, made.state, made.created_at) == (NAME, State.HELD, NOW)
    assert made.expires_at == NOW + timedelta(seconds=90.5)
    assert (made.order, made.channel) == ("O", "web")
    assert books.reservations[NAME] == made
    assert [(each.reservation, each.reservation_line) for each in entries(books)] == [(NAME, 1)]


@pytest.mark.parametrize(
    ("item", "on_hand", "reserved"),
    [(HELD_BACK, 5, 0), (goods("A", lot="L"), 0, 0), (goods(), 5, 5), (goods(), 5, 9)],
    ids=["on hold", "other lot", "all promised", "short"],
)
def test_nothing_available(item: StockItem, on_hand: int, reserved: int) -> None:
    """Units that are not sellable, of another lot, or promised already are not available."""
    refusal = reserve(opened((item, on_hand, reserved)), order((item, 1)))
    assert isinstance(refusal, InsufficientStock)
    assert refusal.metadata["available"] == "0"


def test_all_short_lines_are_told() -> None:
    """A refusal lists each short line with what there was for it, and the numbers of the first."""
    books = opened(("A", 3, 0), ("B", 1, 0))
    refusal = reserve(books, order(("A", 2), ("B", 2), ("A", 2)))
    assert isinstance(refusal, InsufficientStock)
    assert [each.field for each in refusal.violations] == ["draft.lines[1]", "draft.lines[2]"]
    assert "2 asked for, 1 available" in refusal.violations[1].description
    assert refusal.metadata == {"sku": "B", "location": "W1", "requested": "2", "available": "1", "lines": "2",
                                "revision": "0"}  # fmt: skip


def test_since_when_units_are_missing() -> None:
    """A refusal tells the newest revision that changed what is short: 0 where nothing was ever booked, and where an
    earlier request of the same commit took the units the one that is still being drawn."""
    books = opened()
    for sku, number in (("A", 7), ("B", 9), ("C", 11)):
        books.balances[goods(sku)] = Balance(goods(sku), 3, 0, revision=number)
    for wishes, revision in (([("A", 4)], "7"), ([("A", 4), ("B", 4), ("C", 1)], "9"), ([("Z", 1)], "0")):
        refusal = reserve(books, order(*wishes))
        assert isinstance(refusal, InsufficientStock)
        assert refusal.metadata["revision"] == revision
    reserve(books, order(("A", 2)))
    drafts = ((OTHER, order(("A", 1))), (OTHER[:-1] + "5", order(("A", 1), ("B", 4))))
    for told in (reserve(books, order(("B", 4), ("A", 2))), decide(books, ReserveBatch(drafts, atomic=True))):
        assert isinstance(told, InsufficientStock)
        assert told.metadata["revision"] == ("" if told.metadata["lines"] == "2" else "9")
        settle(told, 12)
        assert told.metadata["revision"] == ("12" if told.metadata["lines"] == "2" else "9")


def test_a_line_of_nothing_keeps_its_place() -> None:
    """A line that gets nothing of a stock item never booked opens a balance of zeros, so that the books can name it."""
    books = opened(("A", 1, 0))
    made = reserve(books, order(("C", 1), ("A", 1), mode=Mode.PARTIAL))
    assert isinstance(made, Reservation)
    assert goods("C") in books.balances
    assert goods("C") in books.touched_items


def test_a_known_stock_item_is_not_touched_by_a_line_of_nothing() -> None:
    """Where nothing is promised of a stock item its counts stay as they are, and so does their revision."""
    books = opened(("A", 1, 0), ("B", 2, 2))
    decide(books, Reserve(NAME, order(("B", 1), ("A", 1), mode=Mode.PARTIAL)))
    assert list(books.touched_items) == [goods("A")]


def test_a_line_of_nothing_needs_its_place() -> None:
    """In partial mode a line at a location that does not exist refuses the draft."""
    books = opened(("A", 1, 0))
    refusal = reserve(books, order(("A", 1), (goods("A", "X"), 1), mode=Mode.PARTIAL))
    assert isinstance(refusal, InsufficientStock)
    assert written(books) == []


def test_a_batch_by_itself() -> None:
    """Each draft of a batch has an outcome of its own, decided on what those before it left."""
    books = opened(("A", 5, 0))
    batch = ((NAME, order(("A", 3))), (OTHER, order(("A", 3))), (OTHER, order(("A", 2))))
    outcomes = decide(books, ReserveBatch(batch))
    assert isinstance(outcomes, tuple)
    assert [each.reservation is not None for each in outcomes] == [True, False, True]
    [short] = outcomes[1].short_lines
    assert (short.line, short.requested, short.available) == (1, 3, 2)
    assert counts(books, "A") == (5, 5)


def test_an_atomic_batch() -> None:
    """An atomic batch is refused whole for all its short lines, and leaves nothing behind."""
    books = opened(("A", 5, 0))
    batch = ((NAME, order(("A", 3))), (OTHER, order(("B", 1), ("A", 3))))
    refusal = decide(books, ReserveBatch(batch, atomic=True))
    assert isinstance(refusal, InsufficientStock)
    assert [each.field for each in refusal.violations] == ["drafts[1].lines[0]", "drafts[1].lines[1]"]
    assert (counts(books, "A"), books.reservations) == ((5, 0), {})


SOLD: list[tuple[list[DraftLine], list[int] | None]] = [
    # of 5 A and 1 B, both short by nothing: what was sold, and what each line gets; None where it is refused
    ([wish("A", 5)], [5]),
    ([wish("A", 9)], [9]),
    ([wish("A", 3), wish("A", 4)], [3, 4]),
    ([wish("A", 1), wish("C", 2)], [1, 2]),
    ([may_miss("A", 6, 1)], [6]),
    ([may_miss("A", 7, 1)], None),
    ([may_miss("A", 5, 0), may_miss("B", 1, 0)], [5, 1]),
    ([wish("A", 5), may_miss("A", 1, 0)], None),
    ([wish("A", 9), may_miss("A", 1, 1)], [9, 1]),
    ([DraftLine(goods("A", "nowhere"), 1)], None),
]


@pytest.mark.parametrize(("lines", "granted"), SOLD)
def test_what_was_sold_is_promised_whole(lines: list[DraftLine], granted: list[int] | None) -> None:
    """Whatever is available a line gets all of what was sold, and without end; unless more is missing of it than may
    be, after the lines before it, or its location does not exist."""
    books = opened(("A", 7, 2), ("B", 1, 0), limits=Limits(NOTHING, NOTHING))
    outcome = reserve(books, order(*lines, mode=Mode.FACT, channel="web"))
    if granted is None:
        assert isinstance(outcome, InsufficientStock)
        assert written(books) == []
        return
    assert isinstance(outcome, Reservation)
    assert (outcome.state, outcome.expires_at) == (State.CONFIRMED, None)
    assert [each.open for each in outcome.lines] == granted
    assert books.holdings == {"": Holding(1, 0), "web": Holding(1, 0)}


def test_what_was_sold_passes_ceilings() -> None:
    """It is counted under its claims, past every ceiling; but not past what can be counted at all."""
    books = opened(("A", 1, 0), claims=[Claim("k", 3, ceiling=3)])
    assert isinstance(reserve(books, order(wish("A", 2, k=1), mode=Mode.FACT)), Reservation)
    assert books.claims["k"].claimed == 5
    too_many = DraftLine(goods("A"), 10**9, (LineClaim("k", None, 10**9),))
    refusal = reserve(books, order(too_many, mode=Mode.FACT))
    assert isinstance(refusal, ClaimExhausted)
    assert refusal.metadata["ceiling"] == str(CLAIMED_MAX)


def test_no_more_is_promised_than_can_be_counted() -> None:
    """The last unit that a count can hold may be sold, and not one more."""
    books = opened(("A", 0, ON_HAND_MAX - 1))
    assert isinstance(reserve(books, order(("A", 2), mode=Mode.FACT)), BalanceOverflow)
    assert isinstance(reserve(books, order(("A", 1), mode=Mode.FACT)), Reservation)
