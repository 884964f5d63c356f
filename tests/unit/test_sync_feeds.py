"""What a report of a warehouse means, and what becomes of it that one is late; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_sync.domain import feeds
from weir_sync.domain.connections import Connection, ConnectorKind, Facility, FeedTerms, LateFeed, LeftOut, Role
from weir_sync.domain.feeds import Line, Report, Said
from weir_sync.domain.listings import StoreSku
from weir_sync.domain.rules import Product

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACES = (Facility("North", "W1"), Facility("South", "W2"))
WAREHOUSE = Connection(
    "storehouse",
    Role.WAREHOUSE,
    ConnectorKind.GRPC,
    facilities=PLACES,
    pull_stock=True,
    feed=FeedTerms(absent_is_zero=True),
    late_after_seconds=3600,
    late_buffer_percent=20,
)
REPORT = Report(NOON, full=True, cursor="2")
PLAIN: dict[str, Any] = {"before": None, "moved": False, "some": False, "unreadable": False}

said = st.builds(
    Said,
    st.sampled_from(["A", "B", "C\x00", "x" * 200]),
    st.sampled_from(["North", "South", "East"]),
    st.sampled_from(["", "L1"]),
    st.just("EACH"),
    st.integers(-2, 10**10),
    st.sampled_from(["", "", "It cannot be read."]),
)


@given(st.lists(said, max_size=12), st.frozensets(st.sampled_from(["A", "B"])))
def test_every_line_is_a_stock_item_or_has_a_fault(reported: list[Said], only: frozenset[str]) -> None:
    """Either it says where it lies and what it is, or why not; each is there once, as it was said last, and can be
    kept.
    """
    products = {StoreSku("storehouse", "A"): Product("", "P")}
    lines = feeds.lines(WAREHOUSE, reported, products, only=only)
    assert len({each[:4] for each in lines}) == len(lines)
    for each in lines:
        assert bool(each.fault) != bool(each.location and each.product)
        assert 0 <= each.quantity <= feeds.QUANTITY_MAX
        assert all(text.isprintable() and len(text) <= feeds.LENGTH_MAX for text in each[:4])
    taken = [each for each in reported if not only or each.sku in only]
    assert {each.sku for each in taken} >= {each.sku for each in lines if not each.fault}
    last = {(each.sku, each.facility, each.lot): each for each in taken}
    for line in lines:
        if not line.fault:
            assert line.quantity == last[line.sku, line.facility, line.lot].quantity


def test_a_line_is_what_the_connection_and_its_listings_say() -> None:
    """The location of its facility, and the product of its SKU."""
    products = {StoreSku("storehouse", "A"): Product("them", "P")}
    [line] = feeds.lines(WAREHOUSE, [Said("A", "South", "L1", "BOX", 5)], products, only=frozenset())
    assert line == Line("A", "South", "L1", "BOX", 5, "W2", "them", "P")


def test_a_snapshot_is_complete_where_the_connection_says_so() -> None:
    """Of a full report that can be read, and is of all SKUs; of nothing else."""
    made = feeds.snapshot(WAREHOUSE, REPORT, **PLAIN)
    assert (made.absent_is_zero, made.scopes, made.left_out) == (True, (("W1", "W2"),), LeftOut.HANDED_OVER)
    for others in ({"some": True}, {"unreadable": True}):
        assert not feeds.snapshot(WAREHOUSE, REPORT, **{**PLAIN, **others}).absent_is_zero
    assert feeds.snapshot(WAREHOUSE, REPORT._replace(full=False), **PLAIN).scopes == ((),)
    leaving = replace(WAREHOUSE, feed=FeedTerms())
    assert not feeds.snapshot(leaving, REPORT, **PLAIN).absent_is_zero


@pytest.mark.parametrize(
    ("before", "moved", "later"),
    [
        (timedelta(), True, timedelta(microseconds=1)),
        (timedelta(microseconds=3), True, timedelta(microseconds=4)),
        (timedelta(), False, timedelta()),
        (timedelta(minutes=-1), True, timedelta()),
        (timedelta(minutes=1), True, timedelta()),
    ],
)
def test_figures_of_the_same_moment_that_mean_something_else(before: timedelta, moved: bool, later: timedelta) -> None:
    """They are told as of an instant later than those before; all others as of their own moment."""
    made = feeds.snapshot(WAREHOUSE, REPORT, **{**PLAIN, "before": NOON + before, "moved": moved})
    assert made.as_of == NOON + later


def test_what_decides_what_a_report_means() -> None:
    """Another mark for other settings, facilities or terms; not for what has nothing to do with it."""
    mark = feeds.mark(WAREHOUSE)
    assert mark == feeds.mark(replace(WAREHOUSE, display_name="Other", late_after_seconds=60, etag="7"))
    for others in ({"settings": {"folder": "x"}}, {"facilities": PLACES[:1]}, {"feed": FeedTerms(on_hand=True)}):
        assert mark != feeds.mark(replace(WAREHOUSE, **others))


def test_several_late_warehouses_of_one_location() -> None:
    """The widest buffer holds; where they are alike, that of the last by name. What is said already is no change."""
    other = replace(WAREHOUSE, connection="other", late_buffer_percent=30, facilities=PLACES[1:])
    none = replace(WAREHOUSE, connection="none", late_buffer_percent=0, facilities=(Facility("East", "W3"),))
    wanted = feeds.late_feeds([WAREHOUSE, other, none])
    assert wanted == {"W1": LateFeed("W1", "storehouse", 20), "W2": LateFeed("W2", "other", 30)}
    assert feeds.late_feeds([other, none, WAREHOUSE]) == wanted
    gone = LateFeed("W9", "storehouse", 20)
    decided = feeds.set_late_feeds([WAREHOUSE, other], [wanted["W1"], gone])
    assert [(each.object, each.deleted) for each in decided.changes] == [(gone, True), (wanted["W2"], False)]
    assert feeds.set_late_feeds([WAREHOUSE, other], list(wanted.values())).changes == ()
