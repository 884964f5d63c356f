"""Partial reservations against those of all or nothing, on the same books; what the ledger does otherwise is shown by
the machine."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.books import entries, goods, opened, order, reserve
from weir_chassis.errors import Refusal
from weir_ledger.domain.reservations import Draft, Mode, Reservation
from weir_ledger.domain.stock import Condition, StockItem

ITEMS = [goods("A"), goods("A", "W2"), goods("B"), goods("B", condition=Condition.HOLD)]

items = st.sampled_from(ITEMS)
stocks = st.lists(st.tuples(items, st.integers(0, 9), st.integers(0, 9)), unique_by=lambda each: each[0])
drafts = st.lists(st.tuples(items, st.integers(1, 6)), min_size=1, max_size=4).map(lambda lines: order(*lines))


@settings(max_examples=300, deadline=None)
@given(stocks, drafts)
def test_partial_is_all_or_nothing_where_all_is_there(stock: list[tuple[StockItem, int, int]], draft: Draft) -> None:
    """Partial promises the same where all is there; else at most what is asked and there, and as much as there is."""
    whole, part = opened(*stock), opened(*stock)
    lines = draft.lines
    first = reserve(whole, Draft(lines, Mode.ALL_OR_NOTHING))
    second = reserve(part, Draft(lines, Mode.PARTIAL))
    if isinstance(first, Reservation):
        assert isinstance(second, Reservation)
        assert (first.lines, whole.balances, entries(whole)) == (second.lines, part.balances, entries(part))
        assert all(line.quantity == line.requested for line in first.lines)
        return
    there = {each: max(0, on_hand - reserved) if each.condition is Condition.SELLABLE else 0
             for each, on_hand, reserved in stock}  # fmt: skip
    asked: Counter[StockItem] = Counter()
    for line in lines:
        asked[line.item] += line.quantity
    best = {each: min(units, there.get(each, 0)) for each, units in asked.items()}
    assert best != dict(asked), "all was there, yet it was refused"
    if isinstance(second, Refusal):
        assert not any(best.values()), "something was there, yet it was refused"
        return
    got: Counter[StockItem] = Counter()
    for promised in second.lines:
        got[promised.item] += promised.quantity
    assert {each: got[each] for each in asked} == best
