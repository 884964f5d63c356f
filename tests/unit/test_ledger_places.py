"""Locations come, change and go; and a page leaves its books alone until it is bound."""

import pytest

from tests.kit.books import NOW, counts, decide, goods, opened, place
from weir_chassis.errors import EtagStale, Refusal
from weir_ledger.domain.books import Books, Page
from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.places import CreateLocation, DeleteLocation, UpdateLocation
from weir_ledger.domain.stock import Location, LocationKind

STORE = Location("S1", LocationKind.STORE, "Shop")


def test_created() -> None:
    """A new location is written; a name that is taken is refused."""
    books = opened()
    assert decide(books, CreateLocation(STORE)) == STORE
    assert books.changed_locations == {"S1": STORE}
    refusal = decide(opened(locations=[place("S1")]), CreateLocation(STORE))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.metadata) == ("LOCATION_EXISTS", {"location": "S1"})


@pytest.mark.parametrize("etag", ["", "7"])
def test_updated(etag: str) -> None:
    """Without an etag, or with the current one, a location is replaced, with stock or without."""
    books = opened(locations=[place("S1", stock_items=3)])
    decide(books, UpdateLocation(STORE, etag))
    assert books.changed_locations == {"S1": STORE}


@pytest.mark.parametrize("etag", ["6", "8", "07", "x"])
def test_stale(etag: str) -> None:
    """Any other etag is refused with the current one, and nothing changes."""
    for command in (UpdateLocation(STORE, etag), DeleteLocation("S1", etag)):
        books = opened(locations=[place("S1")])
        refusal = decide(books, command)
        assert isinstance(refusal, EtagStale)
        assert refusal.metadata == {"current": "7"}
        assert books.changed_locations == {}


def test_deleted() -> None:
    """An empty location can go; one that is not there is not found."""
    books = opened(places=("S1",), locations=[place("S1")])
    assert decide(books, DeleteLocation("S1", "7")) is None
    assert books.changed_locations == {"S1": None}
    for command in (DeleteLocation("S1", ""), UpdateLocation(STORE, "")):
        refusal = decide(opened(), command)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "LOCATION_NOT_FOUND"


def test_used() -> None:
    """A location with stock items stays, and says how many there are."""
    refusal = decide(opened(locations=[place("S1", stock_items=3)]), DeleteLocation("S1", ""))
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.metadata) == ("LOCATION_IN_USE", {"location": "S1", "stock_items": "3"})


def test_a_page_is_apart_until_bound() -> None:
    """What is written on a page shows in the books only when it is bound, under the id of its request."""
    books = opened(("A", 5, 0))
    page = Page(books)
    page.book(EntryKind.RESERVE, goods(), reserved=2)
    assert page.balance(goods()).reserved == 2
    assert (counts(books, "A"), books.entries) == ((5, 0), [])
    books.bind(page, "r1")
    assert (counts(books, "A"), [each for each, _ in books.entries]) == ((5, 2), ["r1"])
    assert list(books.touched_items) == [goods()]


def test_a_page_never_goes_below_nothing() -> None:
    """A bug that would take more than there is breaks before it is booked."""
    page = Page(Books(NOW))
    with pytest.raises(AssertionError):
        page.book(EntryKind.SHIP, goods(), on_hand=-1)
    with pytest.raises(AssertionError):
        page.book(EntryKind.RELEASE, goods(), reserved=-1)
    assert page.entries == []
