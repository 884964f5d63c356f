"""A Shopify store: quantities are compared and set, all of a request or none; requests are paid from a bucket."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.kit.reaching import given
from tests.kit.shops.fake import ADDRESS
from tests.kit.shops.shopify import LOCATION, TOKEN, FakeShopify, Item, Order
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.port import Away, Denied, Level, Outcome, ShownLevel, SoldLine, SoldOrder, Throttled
from weir_sync.connectors.settings import setting_faults
from weir_sync.connectors.shopify import ShopifySettings, ShopifyStore
from weir_sync.urls import Guard


def joined(fake: FakeShopify, now: datetime | None = None, **texts: str) -> ShopifyStore:
    """Sync's connector to the store."""
    settings = given(ShopifySettings, {"address": ADDRESS, "location": "7", **texts}, {"access_token": TOKEN})
    return ShopifyStore(settings, Asker(fake.client()), lambda: now or datetime(2026, 11, 22, 10, 30, tzinfo=UTC))


async def test_levels_are_set_by_sku_and_told_one_by_one() -> None:
    """Those that are refused have none of a request set; the others are set without them."""
    fake = FakeShopify(A=5, AB=1, B=2, C=None)
    outcomes = await joined(fake).apply(
        [Level("B", 9, 1, expected=3), Level("?", 4, 1), Level("C", 1, 1), Level("A", 3, 1, expected=5)]
    )
    assert [(each.outcome, each.shown) for each in outcomes] == [
        (Outcome.CHANGED, 2),
        (Outcome.UNKNOWN_SKU, None),
        (Outcome.REFUSED, None),
        (Outcome.APPLIED, 3),
    ]
    assert outcomes[2].error == "ITEM_NOT_STOCKED_AT_LOCATION"
    assert (fake.available("A"), fake.available("AB"), fake.available("B")) == (3, 1, 2)


async def test_nothing_is_expected_where_nothing_was() -> None:
    """Without an expectation a quantity is set whatever was there."""
    fake = FakeShopify(A=5)
    assert (await joined(fake).apply([Level("A", 0, 1)]))[0].outcome is Outcome.APPLIED
    assert fake.available("A") == 0


async def test_what_is_available_is_read_back_below_nothing_too() -> None:
    """A store that sold more than it had shows less than nothing; what is not stocked is not known."""
    fake = FakeShopify(A=1, C=None)
    fake.sell("A", 3)
    assert await joined(fake).read(["C", "?", "A"]) == [
        ShownLevel("C", None),
        ShownLevel("?", None),
        ShownLevel("A", -2),
    ]


async def test_items_are_looked_up_once() -> None:
    """The item of a SKU is kept; one that is gone is looked for again, and only then not known."""
    fake = FakeShopify(A=1)
    store = joined(fake)
    for units in (2, 3):
        assert (await store.apply([Level("A", units, 1)]))[0].outcome is Outcome.APPLIED
    assert fake.questions == ["Items", "Set", "Set"]
    fake.items = {9: Item("A", 0)}
    assert (await store.apply([Level("A", 4, 1)]))[0].outcome is Outcome.RETRY
    assert (await store.apply([Level("A", 4, 1)]))[0].outcome is Outcome.APPLIED
    assert fake.available("A") == 4


async def test_odd_skus_are_found_to_the_letter() -> None:
    """Quotes are part of a SKU; what only begins alike, or differs in case, is another; two of one SKU are refused."""
    fake = FakeShopify(**{'6" nail': 1, '6" nail long': 2, "a": 3, "A": 4})
    fake.items[9] = Item("twin", 1)
    fake.items[10] = Item("twin", 1)
    outcomes = await joined(fake).apply([Level('6" nail', 7, 1), Level("a", 8, 1), Level("twin", 9, 1)])
    assert [each.outcome for each in outcomes] == [Outcome.APPLIED, Outcome.APPLIED, Outcome.REFUSED]
    assert [item.available for item in fake.items.values()] == [7, 2, 8, 4, 1, 1]


async def test_an_empty_bucket_is_waited_for() -> None:
    """THROTTLED comes with HTTP 200; how long to wait is reckoned from what is missing."""
    fake = FakeShopify(A=1)
    store = joined(fake)
    await store.describe()
    fake.bucket.points, fake.bucket.cost = 20, 120
    with pytest.raises(Throttled) as told:
        await store.apply([Level("A", 2, 1)])
    assert told.value.retry_after_seconds == pytest.approx(2)
    with pytest.raises(Throttled):
        await store.describe()
    assert fake.questions == ["Describe", "Items"]


async def test_a_request_that_breaks_off_in_a_later_round_leaves_doubt() -> None:
    """What was decided before is told; the rest may have been set or not."""
    fake = FakeShopify(A=5, B=2)
    fake.meets("fair", "fair", "lose_answer")
    outcomes = await joined(fake).apply([Level("A", 3, 1), Level("B", 9, 1, expected=3)])
    assert [each.outcome for each in outcomes] == [Outcome.IN_DOUBT, Outcome.CHANGED]
    assert (fake.available("A"), fake.available("B")) == (3, 2)


@pytest.mark.parametrize(("code", "raised"), [("ACCESS_DENIED", Denied), ("INTERNAL_SERVER_ERROR", Away)])
async def test_errors_of_the_store(code: str, raised: type[Exception]) -> None:
    """An error without data is no answer, or that somebody has to change something."""
    fake = FakeShopify(A=5)
    fake.errors = [code]
    with pytest.raises(raised, match=code):
        await joined(fake).describe()


async def test_a_location_that_is_not_there_is_told() -> None:
    """A location that is not active, or not this store's, is for somebody to mend."""
    fake = FakeShopify(A=5)
    assert (await joined(fake, location=LOCATION).describe()).batch_max == 250
    with pytest.raises(Denied):
        await joined(fake, location="8").describe()
    with pytest.raises(Denied):
        await joined(fake, location="8").apply([Level("A", 1, 1)])
    fake.active = False
    with pytest.raises(Denied):
        await joined(fake).describe()


async def test_orders_come_by_when_they_changed() -> None:
    """Page by page within a list, and again from what is young; lines that do not fit are fetched; cancelled ones,
    too.
    """
    fake = FakeShopify(A=5)
    fake.orders = [Order(number, [("A", number)], second=number) for number in range(1, 60)]
    fake.orders[0].lines = [(f"S{line}", 1) for line in range(120)] + [(None, 1)]
    store = joined(fake, orders_since="2026-11-22T10:00:00Z")
    told: list[SoldOrder] = []
    cursor, more = "", True
    while more:
        page = await store.orders(cursor, limit=50)
        told += page.orders
        cursor, more = page.cursor, page.more
    assert [order.store_order for order in told] == [str(number) for number in range(1, 60)]
    assert (len(told[0].lines), told[1].lines) == (120, (SoldLine("A", 2),))
    fake.orders[3].cancelled, fake.orders[3].second = True, 59
    page = await store.orders(cursor, limit=50)
    assert [(order.store_order, order.cancelled) for order in page.orders] == [("4", True), ("59", False)]


async def test_what_is_young_is_asked_for_again() -> None:
    """An order that is listed late, with a moment that was told already, is not missed."""
    fake = FakeShopify(A=5)
    fake.orders = [Order(2, [("A", 1)], second=20)]
    store = joined(fake, now=datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC), orders_since="2026-11-22T10:00:00Z")
    first = await store.orders("", limit=50)
    fake.orders.append(Order(1, [("A", 1)], second=19))
    assert "1" in [order.store_order for order in (await store.orders(first.cursor, limit=50)).orders]


def test_settings_say_what_is_wrong_with_them() -> None:
    """A version that does not compare, and a location that is none, are told."""
    faults = setting_faults(
        ShopifySettings,
        {"address": ADDRESS, "location": "Berlin", "api_version": "2026-01", "orders_since": "yesterday"},
        Guard(),
    )
    assert [fault.name for fault in faults] == ["location", "api_version", "orders_since"]
