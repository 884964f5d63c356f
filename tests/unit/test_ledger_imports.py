"""What a figure makes of the units on hand, and how an import goes on from command to command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.kit.books import NOW, counts, decide, goods, written
from weir_chassis.errors import Refusal, RequestIdReused
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.command import Command
from weir_ledger.domain.entries import Account, EntryKind
from weir_ledger.domain.imports import ApplyStaged, EndLines, ImportLines, ZeroAbsent
from weir_ledger.domain.snapshots import (
    Basis,
    Deduction,
    Feed,
    Figure,
    Intake,
    KeptLine,
    LineState,
    Past,
    Progress,
    Scope,
    SnapshotImport,
    Stage,
    on_hand,
)
from weir_ledger.domain.stock import ON_HAND_MAX, Balance, StockItem
from weir_ledger.errors import SnapshotGap

HANDED_OVER, ALL, NONE = Deduction
ON_HAND, AVAILABLE = Basis
AS_OF = NOW - timedelta(hours=1)
BEGUN = SnapshotImport("feed", b"fingerprint")

FORMULA: list[tuple[str, Basis, Deduction, int, Past, int]] = [
    # what happened, basis, deduction, reported, the past since then, on hand now
    ("nothing", ON_HAND, HANDED_OVER, 7, Past(), 7),
    ("nothing was promised", AVAILABLE, HANDED_OVER, 7, Past(), 7),
    ("the worked example", AVAILABLE, HANDED_OVER, 5, Past(0, 6, 4), 9),
    ("the worked example, the 4 shipped since", AVAILABLE, HANDED_OVER, 5, Past(-4, 6, 4), 5),
    ("all is deducted", AVAILABLE, ALL, 5, Past(0, 6, 4), 11),
    ("nothing is deducted", AVAILABLE, NONE, 5, Past(0, 6, 4), 5),
    ("promises do not matter to what is there", ON_HAND, ALL, 5, Past(0, 6, 4), 5),
    ("goods came since", ON_HAND, HANDED_OVER, 5, Past(3), 8),
    ("goods went since", ON_HAND, HANDED_OVER, 5, Past(-5), 0),
    ("more went since than was there", ON_HAND, HANDED_OVER, 5, Past(-6), -1),
    ("what was deducted went since", AVAILABLE, HANDED_OVER, 0, Past(-4, 4, 4), 0),
]


@pytest.mark.parametrize(
    ("basis", "deduction", "quantity", "past", "units"),
    [case[1:] for case in FORMULA],
    ids=[case[0] for case in FORMULA],
)
def test_the_formula(basis: Basis, deduction: Deduction, quantity: int, past: Past, units: int) -> None:
    """Units on hand are those reported, with the promised ones that were left out, and what moved since."""
    assert on_hand(Feed(basis, AS_OF, deduction), quantity, past) == units


def opened(
    *balances: Balance, snapshot: SnapshotImport | None = None, kept_since: datetime | None = None, **past: Past
) -> Books:
    """Books of some balances; `past` is what a stock item has seen since the feed's moment, by its sku."""
    known = {(each.item, AS_OF): Past() for each in balances} | {
        (goods(sku), AS_OF): each for sku, each in past.items()
    }
    return Books(NOW, balances, places=("W1",), intake=Intake(snapshot, kept_since, known))


def feed(**others: Any) -> Feed:
    """What figures of units on hand mean."""
    return Feed(others.pop("basis", ON_HAND), AS_OF, **others)


def figures(*reported: tuple[str | StockItem, int], first: int = 1, as_of: datetime = AS_OF) -> tuple[Figure, ...]:
    """Numbered lines."""
    return tuple(
        Figure(number, goods(what) if isinstance(what, str) else what, units, as_of, b"sent %d" % number)
        for number, (what, units) in enumerate(reported, first)
    )


def lines(
    *reported: tuple[str | StockItem, int],
    first: int = 1,
    bad: Sequence[int] = (),
    means: Feed | None = None,
    **others: Any,
) -> ImportLines:
    """A message of a stream; the lines numbered `bad` are malformed, and come after the others."""
    malformed = tuple(KeptLine(number, LineState.REFUSED, None, b"", "REQUEST_MALFORMED", "") for number in bad)
    return ImportLines(
        BEGUN,
        means or feed(),
        figures(*reported, first=first, **others),
        first_line=first,
        end_line=first + len(reported) + len(bad),
        malformed=malformed,
    )


def done(books: Books, command: Command[Progress]) -> Progress:
    """What a command of an import came to; the next one finds the import as this one leaves it."""
    outcome = decide(books, command, "feed")
    assert not isinstance(outcome, Refusal), outcome
    books.intake = Intake(outcome.snapshot, books.intake.kept_since, books.intake.past)
    return outcome


def told(kept: Sequence[KeptLine]) -> list[tuple[int, str]]:
    """Lines that were kept, and why."""
    return [(each.line, each.reason or each.state.name) for each in kept]


def test_a_figure_is_one_count() -> None:
    """Each line that is applied is one COUNT against ADJUSTMENT, as of its moment and with the feed's reference; one
    that changes nothing, too."""
    books = opened(Balance(goods("A"), 5, 2), Balance(goods("B"), 5, 0))
    done(books, lines(("A", 3), ("B", 5), means=feed(reference="night count")))
    count = EntryKind.COUNT
    assert written(books) == [
        (count, Account.STOCK, "A", -2, 0),
        (count, Account.ADJUSTMENT, "A", 2, 0),
        (count, Account.STOCK, "B", 0, 0),
    ]
    assert {(request_id, each.reference, each.occurred_at) for request_id, each in books.entries} == {
        ("feed", "night count", AS_OF)
    }
    assert books.balances[goods("B")].counted_at == AS_OF


def test_facts_win_over_promises() -> None:
    """A figure is applied though it leaves less on hand than is promised."""
    books = opened(Balance(goods("A"), 5, 4))
    done(books, lines(("A", 1)))
    assert counts(books, "A") == (1, 4)


@pytest.mark.parametrize(("seconds", "stale"), [(-1, False), (0, True), (1, True)])
def test_the_watermark(seconds: int, stale: bool) -> None:
    """A line is stale where its stock item was counted at the same moment or later: kept as it was sent, and nothing
    booked."""
    books = opened(Balance(goods("A"), 5, counted_at=AS_OF + timedelta(seconds=seconds)))
    progress = done(books, lines(("A", 3)))
    assert [(each.state, each.sent) for each in progress.kept] == ([(LineState.STALE, b"sent 1")] if stale else [])
    assert (progress.snapshot.applied, progress.snapshot.stale) == (int(not stale), int(stale))
    assert counts(books, "A") == ((5, 0) if stale else (3, 0))


def test_a_later_count_is_not_set_back() -> None:
    """A line of an older moment than one that was applied is stale within the same message, too."""
    books = opened()
    later = figures(("A", 4))
    earlier = figures(("A", 9), ("A", 8), first=2, as_of=AS_OF - timedelta(minutes=1))
    progress = done(books, ImportLines(BEGUN, feed(), (*later, *earlier[:1]), first_line=1, end_line=3))
    assert (counts(books, "A"), told(progress.kept)) == ((4, 0), [(2, "STALE")])


BAD = [
    (("A", 5), Past(-6), "INSUFFICIENT_ON_HAND"),
    (("A", 5), Past(ON_HAND_MAX), "BALANCE_OVERFLOW"),
    ((goods("A", "nowhere"), 5), Past(), "LOCATION_NOT_FOUND"),
]


@pytest.mark.parametrize(("figure", "past", "reason"), BAD)
def test_a_bad_line_stops_no_other(figure: tuple[str | StockItem, int], past: Past, reason: str) -> None:
    """A line that contradicts what moved since, that the books cannot hold, or that is nowhere is kept with its reason;
    the lines beside it are applied."""
    books = opened(Balance(goods("A")), A=past)
    progress = done(books, lines(("B", 1), figure, ("C", 2), bad=[4]))
    assert told(progress.kept) == [(4, "REQUEST_MALFORMED"), (2, reason)]
    assert all(each.message for each in progress.kept if each.line == 2)
    assert (progress.snapshot.applied, progress.snapshot.refused, progress.snapshot.next_line) == (2, 2, 5)
    assert (counts(books, "B"), counts(books, "C")) == ((1, 0), (2, 0))


def test_history_that_is_gone() -> None:
    """A figure from before the oldest history that is kept is refused where anything was booked, for what moved since
    cannot be known."""
    books = opened(Balance(goods("A"), 5), kept_since=AS_OF + timedelta(seconds=1))
    progress = done(books, lines(("A", 3), ("B", 3)))
    assert told(progress.kept) == [(1, "REVISION_COMPACTED")]
    assert (counts(books, "A"), counts(books, "B")) == ((5, 0), (3, 0))


def test_only_what_is_needed_is_looked_back_at() -> None:
    """The past is asked for of stock items that were booked and are not stale, and promises only where they count."""
    stale = Balance(goods("S"), 1, counted_at=NOW)
    page = Page(opened(Balance(goods("A"), 5), stale))
    asked = lines(("A", 1), ("S", 1), ("new", 1)).lookback(page)
    assert asked is not None
    assert (asked.moments, asked.promises) == (((goods("A"), AS_OF),), False)
    asked = lines(("A", 1), means=feed(basis=AVAILABLE)).lookback(page)
    assert asked is not None
    assert asked.promises
    none = lines(("A", 1), means=feed(basis=AVAILABLE, deduction=NONE)).lookback(page)
    assert none is not None
    assert not none.promises
    assert lines(("S", 1), ("new", 1)).lookback(page) is None


def test_what_is_settled_is_not_looked_at_again() -> None:
    """Lines that were settled before are passed over, however they overlap with new ones, and other content in them
    changes nothing."""
    books = opened()
    done(books, lines(("A", 1), ("B", 2)))
    again = done(books, lines(("A", 7), ("B", 7), ("C", 3)))
    assert (again.snapshot.applied, again.snapshot.next_line, again.kept) == (3, 4, ())
    assert [counts(books, sku) for sku in "ABC"] == [(1, 0), (2, 0), (3, 0)]
    assert done(books, lines(("A", 9), ("C", 9))).snapshot == again.snapshot


def test_no_line_is_left_out() -> None:
    """Lines that do not follow on those settled are refused with the number to go on with."""
    books = opened()
    done(books, lines(("A", 1)))
    refusal = decide(books, lines(("C", 3), first=3))
    assert isinstance(refusal, SnapshotGap)
    assert refusal.metadata == {"request_id": "feed", "expected": "2", "line": "3"}


def test_one_request_id_one_feed() -> None:
    """Every command of another feed under the same request id is refused, and so are lines beyond the end."""
    other = SnapshotImport("feed", b"other")
    for command in (lines(("A", 1)), EndLines(BEGUN, feed()), ApplyStaged(BEGUN, feed()), ZeroAbsent(BEGUN, feed())):
        assert isinstance(decide(opened(snapshot=other), command), RequestIdReused)
    books = opened()
    done(books, lines(("A", 1)))
    done(books, EndLines(BEGUN, feed()))
    assert isinstance(decide(books, lines(("B", 1), first=2)), RequestIdReused)
    assert done(books, lines(("A", 1))).snapshot.stage is Stage.DONE


def test_all_or_nothing_stages_what_is_good() -> None:
    """Where all or nothing is wanted good lines are only staged, and applied once all were found good."""
    means = feed(all_or_nothing=True)
    books = opened(Balance(goods("A"), 5))
    progress = done(books, lines(("A", 3), ("B", 4), means=means))
    assert ([each.state for each in progress.kept], written(books)) == ([LineState.STAGED] * 2, [])
    assert done(books, EndLines(BEGUN, means)).snapshot.stage is Stage.STAGED
    first = done(books, ApplyStaged(BEGUN, means, figures(("A", 3))))
    assert (first.applied, first.snapshot.staged_line, first.snapshot.stage) == ((1,), 1, Stage.STAGED)
    last = done(books, ApplyStaged(BEGUN, means, figures(("A", 9), ("B", 4)), last=True))
    assert (last.applied, last.snapshot.applied, last.snapshot.stage) == ((2,), 2, Stage.DONE)
    assert (counts(books, "A"), counts(books, "B")) == ((3, 0), (4, 0))
    assert done(books, ApplyStaged(BEGUN, means, figures(("B", 9), first=2))).snapshot == last.snapshot


def test_all_or_nothing_applies_nothing_if_any_is_bad() -> None:
    """One bad line ends the import as refused, and no command of it books anything."""
    means = feed(all_or_nothing=True)
    books = opened(Balance(goods("B")), B=Past(-1))
    progress = done(books, lines(("A", 3), ("B", 0), means=means))
    assert told(progress.kept) == [(1, "STAGED"), (2, "INSUFFICIENT_ON_HAND")]
    assert done(books, EndLines(BEGUN, means)).snapshot.stage is Stage.REFUSED
    for command in (EndLines(BEGUN, means), ApplyStaged(BEGUN, means, figures(("A", 3)), last=True)):
        assert done(books, command).snapshot.stage is Stage.REFUSED
    assert written(books) == []


def test_a_staged_line_may_turn_stale_or_bad() -> None:
    """A line that was good when it was staged and is not any longer is kept for what it is now; the others are
    applied."""
    means = feed(all_or_nothing=True)
    staged = SnapshotImport("feed", b"fingerprint", Stage.STAGED, next_line=4)
    books = opened(Balance(goods("S"), 1, counted_at=NOW), Balance(goods("B")), snapshot=staged, B=Past(-1))
    progress = done(books, ApplyStaged(BEGUN, means, figures(("S", 3), ("B", 0), ("A", 3)), last=True))
    assert told(progress.kept) == [(1, "STALE"), (2, "INSUFFICIENT_ON_HAND")]
    found = progress.snapshot
    assert (found.stage, found.applied, found.stale, found.refused) == (Stage.DONE, 1, 1, 1)
    assert progress.applied == (3,)


SCOPED = {"full_scopes": (Scope("W1"),), "zero_absent": True}


def test_absent_items_are_set_to_zero() -> None:
    """What a full snapshot does not name is treated as a line of zero, with the watermark and later movements; what
    contradicts those is left, and told."""
    means = feed(**SCOPED)
    books = opened(
        Balance(goods("A"), 5), Balance(goods("B"), 5), Balance(goods("C"), 5), Balance(goods("S"), 5, counted_at=NOW),
        B=Past(2), C=Past(-1),
    )  # fmt: skip
    assert done(books, EndLines(BEGUN, means)).snapshot.stage is Stage.ABSENT
    absent = tuple(Figure(0, goods(sku), 0, AS_OF) for sku in "ABCS")
    progress = done(books, ZeroAbsent(BEGUN, means, absent))
    assert (progress.snapshot.zeroed, progress.snapshot.absent_left, progress.kept) == (2, True, ())
    assert [counts(books, sku)[0] for sku in "ABCS"] == [0, 2, 5, 5]
    again = done(books, ZeroAbsent(BEGUN, means, absent, last=True)).snapshot
    assert (again.zeroed, again.stage) == (2, Stage.DONE)


def test_nobody_knows_what_is_absent_beside_bad_lines() -> None:
    """Where any line was refused absent items are left as they are, and the import says so."""
    means = feed(**SCOPED)
    books = opened(Balance(goods("A"), 5))
    done(books, lines(("B", 1), bad=[2], means=means))
    ended = done(books, EndLines(BEGUN, means)).snapshot
    assert (ended.stage, ended.absent_left, ended.zeroed) == (Stage.DONE, True, 0)


@pytest.mark.parametrize("others", [{}, {"zero_absent": True}, {"full_scopes": (Scope("W1"),)}])
def test_absent_items_are_left_unless_asked(others: dict[str, Any]) -> None:
    """Without a scope, or without the wish, the import ends with its lines."""
    assert done(opened(), EndLines(BEGUN, feed(**others))).snapshot.stage is Stage.DONE


def test_commands_of_an_import_stand_alone() -> None:
    """Each is carried out by itself and keeps its own progress; one that only checks names no import."""
    command = lines(("A", 1))
    assert command.stands_alone()
    assert command.importing() == "feed"
    check = ImportLines(BEGUN, feed(), check_only=True)
    assert check.stands_alone()
    assert check.importing() == ""
