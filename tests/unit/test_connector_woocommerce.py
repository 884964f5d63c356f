"""A WooCommerce store: products and variations by SKU, and orders by when they changed."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.kit.reaching import given
from tests.kit.shops.fake import ADDRESS
from tests.kit.shops.woocommerce import KEY, SECRET, FakeWooCommerce, Order
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.port import Level, Outcome, ShownLevel, SoldLine, SoldOrder
from weir_sync.connectors.woocommerce import WooCommerceSettings, WooCommerceStore


def joined(fake: FakeWooCommerce, **texts: str) -> WooCommerceStore:
    """Sync's connector to the store."""
    secrets = {"consumer_key": KEY, "consumer_secret": SECRET}
    settings = given(WooCommerceSettings, {"address": ADDRESS, **texts}, secrets)
    asker = Asker(fake.client(), auth=(settings.consumer_key, settings.consumer_secret))
    return WooCommerceStore(settings, asker, lambda: datetime(2026, 11, 22, 10, 30, tzinfo=UTC))


async def test_products_and_variations_are_set_where_they_are() -> None:
    """Variations are set by way of their product; a product that was not managed is managed from then on."""
    fake = FakeWooCommerce()
    plain, shirt = fake.stock("CAP", None), fake.stock("SHIRT", 0)
    small, large = fake.stock("SHIRT-S", 1, shirt), fake.stock("SHIRT-L", 2, shirt)
    skus = ["SHIRT-S", "CAP", "?", "SHIRT-L"]
    outcomes = await joined(fake).apply([Level(sku, units, 1) for units, sku in enumerate(skus, 5)])
    assert [(each.outcome, each.shown) for each in outcomes] == [
        (Outcome.APPLIED, 5),
        (Outcome.APPLIED, 6),
        (Outcome.UNKNOWN_SKU, None),
        (Outcome.APPLIED, 8),
    ]
    assert [fake.products[number].units for number in (plain, small, large)] == [6, 5, 8]
    assert fake.asked[1:] == [
        ("POST", f"/wp-json/wc/v3/products/{shirt}/variations/batch"),
        ("POST", "/wp-json/wc/v3/products/batch"),
    ]


async def test_a_batch_that_breaks_off_midway_tells_what_it_knows() -> None:
    """What was set is set; the part without an answer is in doubt; what was not sent is to be sent again."""
    fake = FakeWooCommerce()
    for parent in (101, 102, 103):
        fake.stock(f"S{parent}", 0, parent)
    fake.meets("fair", "fair", "lose_answer")
    outcomes = await joined(fake).apply([Level(f"S{parent}", 1, 1) for parent in (101, 102, 103)])
    assert [each.outcome for each in outcomes] == [Outcome.APPLIED, Outcome.IN_DOUBT, Outcome.RETRY]
    assert [product.units for product in fake.products.values()] == [1, 1, 0]
    fake.meets("fair", "fair", "throttle")
    outcomes = await joined(fake).apply([Level("S101", 2, 2), Level("S102", 2, 2)])
    assert [each.outcome for each in outcomes] == [Outcome.APPLIED, Outcome.RETRY]


async def test_skus_are_found_to_the_letter() -> None:
    """A SKU in another case is another, one with a comma is one, and two of one SKU are refused."""
    fake = FakeWooCommerce()
    for sku in ("a", "A", "x,y", "twin", "twin"):
        fake.stock(sku, 1)
    levels = [Level("A", 3, 1), Level("x,y", 4, 1), Level("twin", 5, 1)]
    assert [each.outcome for each in await joined(fake).apply(levels)] == [
        Outcome.APPLIED,
        Outcome.APPLIED,
        Outcome.REFUSED,
    ]
    assert [product.units for product in fake.products.values()] == [1, 3, 4, 1, 1]
    assert await joined(fake).read(["x,y", "twin", "?"]) == [
        ShownLevel("x,y", 4),
        ShownLevel("twin", None),
        ShownLevel("?", None),
    ]


async def test_what_the_store_refuses_is_told() -> None:
    """A product that is gone is looked for again; what is refused is refused with what the store says."""
    fake = FakeWooCommerce()
    number = fake.stock("A", 1)
    store = joined(fake)
    refused = (await store.apply([Level("A", 5000, 1)]))[0]
    assert (refused.outcome, refused.error) == (Outcome.REFUSED, "rest_invalid_param: Too much.")
    fake.products[9] = fake.products.pop(number)
    assert (await store.apply([Level("A", 5, 2)]))[0].outcome is Outcome.RETRY
    assert (await store.apply([Level("A", 5, 2)]))[0].outcome is Outcome.APPLIED


async def test_no_order_of_one_second_is_lost_between_pages() -> None:
    """Orders of one moment are told over several pages; those that are not paid yet, or of other goods, not at all."""
    fake = FakeWooCommerce()
    fake.orders = {number: Order([("A", number)], second=5) for number in range(1, 8)}
    fake.orders[8] = Order([("A", 1)], second=6, status="pending")
    fake.orders[9] = Order([(None, 1), ("", 1)], second=6)
    fake.orders[10] = Order([("A", 1.5)], second=7, status="cancelled")
    store = joined(fake, orders_since="2026-11-22T10:00:05Z")
    told: list[SoldOrder] = []
    cursor, more, pages = "", True, 0
    while more:
        page = await store.orders(cursor, limit=3)
        told, cursor, more, pages = [*told, *page.orders], page.cursor, page.more, pages + 1
    assert [order.store_order for order in told] == [*map(str, range(1, 8)), "10"]
    assert (told[-1].lines, told[-1].cancelled, pages) == ((SoldLine("A", 2),), True, 4)
    fake.orders[3].second, fake.orders[3].status = 30, "refunded"
    page = await store.orders(cursor, limit=3)
    assert [(order.store_order, order.cancelled) for order in page.orders] == [("3", True)]
