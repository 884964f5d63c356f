"""When promised units go missing, when they come back, and which promises that hits."""

from collections.abc import Sequence

import pytest

from tests.kit.books import NAME, NOW, decide, entries, fact, goods, opened, order
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.promises import Reserve
from weir_ledger.domain.shortfalls import HITS_MAX, Hit, Promised, Shortfall, ShortfallChange, changes, hits
from weir_ledger.domain.stock import Balance

K = EntryKind

CHANGES: list[tuple[list[Movement], list[tuple[str, int, int]]]] = [
    # what happens to 9 A of which 6 are promised, and to 2 B of which 5 are; sku, shortfall before and after
    ([fact(K.COUNT, "A", 6)], []),
    ([fact(K.COUNT, "A", 5)], [("A", 0, 1)]),
    ([fact(K.SHIP, "A", 9)], [("A", 0, 6)]),
    ([fact(K.RECEIVE, "B", 2)], [("B", 3, 1)]),
    ([fact(K.RECEIVE, "B", 3)], [("B", 3, 0)]),
    ([fact(K.RECEIVE, "B", 99)], [("B", 3, 0)]),
    ([fact(K.CONSUME, "B", 1)], [("B", 3, 4)]),
    ([fact(K.COUNT, "B", 2)], []),
    ([fact(K.SHIP, "A", 9), fact(K.RECEIVE, "A", 8)], []),
    ([fact(K.SHIP, "A", 9), fact(K.RECEIVE, "A", 4)], [("A", 0, 2)]),
    ([fact(K.RECEIVE, "A", 1), fact(K.SHIP, "A", 10), fact(K.RECEIVE, "A", 9)], []),
    ([fact(K.RECEIVE, "B", 3), fact(K.RECEIVE, "B", 1), fact(K.SHIP, "B", 2)], [("B", 3, 1)]),
    ([fact(K.RECEIVE, "B", 9), fact(K.SHIP, "B", 9)], []),
    ([fact(K.SHIP, "B", 1), fact(K.COUNT, "A", 0), fact(K.RECEIVE, "C", 1)], [("B", 3, 4), ("A", 0, 6)]),
]


@pytest.mark.parametrize(("movements", "expected"), CHANGES)
def test_changes(movements: Sequence[Movement], expected: list[tuple[str, int, int]]) -> None:
    """A commit tells of each stock item how short it was before all its entries, and is after them, where they
    differ."""
    books = opened(("A", 9, 6), ("B", 2, 5))
    assert not isinstance(decide(books, RecordMovements(tuple(movements))), Exception)
    assert changes(entries(books)) == [ShortfallChange(goods(sku), *shortfalls) for sku, *shortfalls in expected]


def test_promises_open_no_shortfall() -> None:
    """What is promised is there, so a promise changes no shortfall; accounts outside have none."""
    books = opened(("A", 9, 0))
    decide(books, Reserve(NAME, order(("A", 9))))
    decide(books, RecordMovements((fact(K.RECEIVE, "A", 1),)))
    assert changes(entries(books)) == []


def promised(*units: int) -> list[Promised]:
    """Lines that still promise so many units."""
    return [Promised(NAME, line, each, "O", "web", NOW) for line, each in enumerate(units, 1)]


HITS: list[tuple[list[int], int, list[int], bool]] = [
    # open units of the promises, newest first; the shortfall; what each misses; whether more are hit
    ([5, 5], 3, [3], False),
    ([5, 5], 5, [5], False),
    ([5, 5], 6, [5, 1], False),
    ([5, 5], 10, [5, 5], False),
    ([1] * 100, 100, [1] * 100, False),
    ([1] * 101, 101, [1] * 100, True),
    ([1] * 99 + [9], 101, [1] * 99 + [2], False),
]


@pytest.mark.parametrize(("units", "shortfall", "missing", "more"), HITS)
def test_hits(units: list[int], shortfall: int, missing: list[int], more: bool) -> None:
    """The newest promises are hit until their units add up to the shortfall, a hundred lines of them at most."""
    lines = promised(*units)
    found = hits(lines, shortfall)
    assert found == tuple(Hit(line, each) for line, each in zip(lines, missing, strict=False))
    assert len(found) <= HITS_MAX
    assert Shortfall(Balance(goods(), 0, shortfall), NOW, found).more_hits == more
