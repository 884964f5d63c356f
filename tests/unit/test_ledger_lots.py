"""What is known of a lot is set and set again."""

import pytest

from tests.kit.books import decide, opened
from weir_chassis.errors import EtagStale
from weir_ledger.domain.lots import SetLot
from weir_ledger.domain.stock import Lot

KNOWN = Lot("", "A", "L1", "2027-01-31", revision=7)
LATER = Lot("", "A", "L1", "2027-06-30")


@pytest.mark.parametrize("known", [[], [KNOWN], [Lot("", "A", "L2", "2027-06-30", 3)]])
def test_set(known: list[Lot]) -> None:
    """Without an etag a lot is as it was asked for, whatever was known of it."""
    books = opened(lots=known)
    assert decide(books, SetLot(LATER, "")) == LATER
    assert books.changed_lots == {LATER.name: LATER}
    assert (books.entries, books.touched_items) == ([], {})


def test_under_its_etag() -> None:
    """With the current etag a lot is replaced; that it never expires can be said, too."""
    for wanted in (LATER, Lot("", "A", "L1")):
        books = opened(lots=[KNOWN])
        assert decide(books, SetLot(wanted, "7")) == wanted
        assert books.changed_lots == {wanted.name: wanted}


@pytest.mark.parametrize(("known", "current"), [([KNOWN], "7"), ([], "")])
@pytest.mark.parametrize("etag", ["6", "8", "07", "x"])
def test_stale(known: list[Lot], current: str, etag: str) -> None:
    """Any other etag is refused with the current one, none where nothing is known, and nothing changes."""
    for wanted in (LATER, KNOWN):
        books = opened(lots=known)
        refusal = decide(books, SetLot(wanted, etag))
        assert isinstance(refusal, EtagStale)
        assert refusal.metadata == {"current": current}
        assert books.changed_lots == {}


@pytest.mark.parametrize("etag", ["", "7"])
def test_what_is_so_already(etag: str) -> None:
    """What is set again as it is stays as it is, with its revision; that a lot never expires is news where nothing was
    known of it."""
    books = opened(lots=[KNOWN])
    assert decide(books, SetLot(Lot("", "A", "L1", "2027-01-31"), etag)) == KNOWN
    assert books.changed_lots == {}
    unknown = opened()
    never = Lot("", "A", "L1")
    assert decide(unknown, SetLot(never, "")) == never
    assert unknown.changed_lots == {never.name: never}


def test_what_a_group_must_know() -> None:
    """A lot is changed by a commit of its own, under lock by all that names it: owner, product and batch."""
    command = SetLot(Lot("o", "A", "L1"), "")
    assert command.stands_alone()
    assert list(command.lots()) == [("o", "A", "L1")]
    assert [list(each) for each in (command.items(), command.claims(), command.locations())] == [[], [], []]
