"""Where a page of a list begins: after the last item of the page before, and never at what cannot be one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.books import NAME, goods
from weir_chassis.errors import PageTokenInvalid
from weir_chassis.paging import Page, Position
from weir_ledger.domain.stock import Balance, Condition, StockItem
from weir_ledger.wire import queries


def page(after: Position | None) -> Page:
    """A page that begins after a position."""
    return Page(100, after, b"key", b"binding")


ITEMS = [
    goods(),
    StockItem("o", "s", "l", "t", "CARTON", "c", Condition.DAMAGED),
    StockItem("ö", "\U0001f6b2", "x" * 128),
]


@pytest.mark.parametrize("item", ITEMS)
def test_after_a_balance(item: StockItem) -> None:
    """The position of a balance leads back to its stock item."""
    position = queries.balance_position(Balance(item, 5, 3, 9))
    assert tuple(map(type, position)) == queries.BALANCE_POSITION
    assert queries.after_item(page(position)) == item
    assert queries.after_listed(page((*position, 9))) == (item, 9)


def test_the_first_page() -> None:
    """A first page begins before everything; one of entries after all lines of the revision that was named."""
    assert (queries.after_item(page(None)), queries.after_listed(page(None))) == (None, None)
    assert queries.after_location(page(None)) == queries.after_reservation(page(None)) == ""
    assert queries.after_entry(page(None), 0) == (0, 2**31 - 1)
    assert queries.after_entry(page(None), 7) == (7, 2**31 - 1)


def test_the_next_page() -> None:
    """A next page begins after what its token names, whatever revision was named."""
    assert queries.after_entry(page((5, 2)), 4) == (5, 2)
    assert queries.after_location(page(("W1",))) == "W1"
    assert queries.after_reservation(page((NAME,))) == NAME


IMPOSSIBLE: list[tuple[Callable[[Page], Any], Position]] = [
    (queries.after_item, ("", "s\x00", "l", "", "", "", 1)),
    (queries.after_item, ("", "s", "x" * 129, "", "", "", 1)),
    (queries.after_item, ("", "s", "l", "", "", "", 0)),
    (queries.after_item, ("", "s", "l", "", "", "", 2**70)),
    (queries.after_listed, ("", "s", "l", "", "", "", 0, 5)),
    (queries.after_listed, ("", "s", "l", "", "", "", 1, -1)),
    (queries.after_listed, ("", "s", "l", "", "", "", 1, 2**63)),
    (queries.after_location, ("a\x00",)),
    (queries.after_reservation, ("nobody",)),
    (queries.after_reservation, (NAME.upper(),)),
    (lambda each: queries.after_entry(each, 0), (-1, 1)),
    (lambda each: queries.after_entry(each, 0), (2**63, 1)),
    (lambda each: queries.after_entry(each, 0), (1, 2**31)),
    (lambda each: queries.after_entry(each, 0), (1, -1)),
]


@pytest.mark.parametrize(("begin", "position"), IMPOSSIBLE)
def test_impossible_positions(begin: Callable[[Page], Any], position: Position) -> None:
    """A position that no list can have shown never reaches the database, even from a token that seems ours."""
    with pytest.raises(PageTokenInvalid):
        begin(page(position))
