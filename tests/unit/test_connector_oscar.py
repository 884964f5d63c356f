"""A django-oscar store: what is offered is written by way of what is in stock, and no order is given back."""

from __future__ import annotations

import pytest

from tests.kit.reaching import given
from tests.kit.shops.fake import ADDRESS
from tests.kit.shops.oscar import PASSWORD, USER, FakeOscar, Order
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.oscar import CATALOGUE_SECONDS, OscarSettings, OscarStore
from weir_sync.connectors.port import Level, Outcome, ShownLevel, SoldLine


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """At the beginning."""
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def joined(fake: FakeOscar, clock: Clock | None = None, **texts: str) -> OscarStore:
    """Sync's connector to the store."""
    settings = given(OscarSettings, {"address": ADDRESS, **texts}, {"user": USER, "password": PASSWORD})
    return OscarStore(settings, Asker(fake.client(), auth=(settings.user, settings.password)), clock or Clock())


async def test_a_level_is_what_customers_are_offered() -> None:
    """What is allocated is written on top, so that what is offered is the level."""
    fake = FakeOscar()
    number = fake.stock("A", 10, allocated=4)
    outcomes = await joined(fake).apply([Level("A", 3, 1)])
    assert [(each.outcome, each.shown) for each in outcomes] == [(Outcome.APPLIED, 3)]
    assert (fake.offered(number), fake.books.records[number].in_stock) == (3, 7)


async def test_an_order_between_look_and_write_is_not_given_back() -> None:
    """A unit that is sold after the look is missing from what is offered, and that is told."""
    fake = FakeOscar()
    number = fake.stock("A", 10)
    fake.between = [number]
    outcomes = await joined(fake).apply([Level("A", 5, 1, expected=10)])
    assert [(each.outcome, each.shown) for each in outcomes] == [(Outcome.APPLIED, 4)]
    assert fake.offered(number) == 4


async def test_units_that_go_out_between_look_and_write_are_not_offered_again() -> None:
    """What was allocated at the look and went out before the write is noticed, and written anew."""
    fake = FakeOscar()
    number = fake.stock("A", 10, allocated=2)
    fake.shipped = [number]
    outcomes = await joined(fake).apply([Level("A", 5, 1, expected=8)])
    assert [(each.outcome, each.shown) for each in outcomes] == [(Outcome.APPLIED, 5)]
    assert fake.offered(number) == 5


async def test_what_was_expected_is_compared() -> None:
    """A store that offers something else than was expected is left as it is."""
    fake = FakeOscar()
    number = fake.stock("A", 10, allocated=1)
    outcomes = await joined(fake).apply([Level("A", 5, 1, expected=10)])
    assert [(each.outcome, each.shown) for each in outcomes] == [(Outcome.CHANGED, 9)]
    assert fake.offered(number) == 9


async def test_a_stock_record_that_is_another_one_now_is_looked_for_again() -> None:
    """A record that is gone, or of another SKU, is not written; the next time it is found where it is."""
    fake = FakeOscar()
    first = fake.stock("A", 1)
    store = joined(fake)
    assert (await store.apply([Level("A", 2, 1)]))[0].outcome is Outcome.APPLIED
    fake.books.records[first].sku = "B"
    second = fake.stock("A", 0)
    assert (await store.apply([Level("A", 3, 2)]))[0].outcome is Outcome.RETRY
    assert (await store.apply([Level("A", 3, 2)]))[0].outcome is Outcome.APPLIED
    assert (fake.offered(first), fake.offered(second)) == (2, 3)
    del fake.books.records[second]
    assert await store.read(["A"]) == [ShownLevel("A", None)]


async def test_one_sku_of_several_partners_is_refused_until_one_is_named() -> None:
    """Nothing is written where it is not clear whose stock record is meant."""
    fake = FakeOscar()
    fake.stock("A", 1, partner=1)
    second = fake.stock("A", 1, partner=2)
    assert (await joined(fake).apply([Level("A", 5, 1)]))[0].outcome is Outcome.REFUSED
    assert (await joined(fake, partner="2").apply([Level("A", 5, 1)]))[0].outcome is Outcome.APPLIED
    assert fake.offered(second) == 5


async def test_the_catalogue_is_not_read_again_and_again() -> None:
    """Unknown SKUs have the catalogue read again, once in a while; what is new is found then."""
    fake, clock = FakeOscar(page_size=2), Clock()
    for sku in "ABC":
        fake.stock(sku, 1)
    store = joined(fake, clock)
    assert [each.outcome for each in await store.apply([Level("D", 1, 1), Level("C", 2, 1)])] == [
        Outcome.UNKNOWN_SKU,
        Outcome.APPLIED,
    ]
    fake.stock("D", 0)
    pages = fake.asked.count(("GET", "/admin/products/"))
    assert (await store.apply([Level("D", 1, 1)]))[0].outcome is Outcome.UNKNOWN_SKU
    assert fake.asked.count(("GET", "/admin/products/")) == pages == 2
    clock.now += CATALOGUE_SECONDS
    assert (await store.apply([Level("D", 1, 1)]))[0].outcome is Outcome.APPLIED


@pytest.mark.parametrize("page_size", [0, 2])
async def test_orders_begin_now_and_come_once_and_once_more_when_cancelled(page_size: int) -> None:
    """Orders from before the first question are not told; later ones are, with their lines; cancelled ones again."""
    fake = FakeOscar(page_size)
    number = fake.stock("A", 10)
    old = fake.sell(number)
    store = joined(fake)
    begun = await store.orders("", limit=10)
    assert (begun.orders, begun.more) == ([], False)
    for units in (1, 2, 3):
        fake.sell(number, units)
    first = await store.orders(begun.cursor, limit=2)
    assert [(order.store_order, order.lines) for order in first.orders] == [
        ("100002", (SoldLine("A", 1),)),
        ("100003", (SoldLine("A", 2),)),
    ]
    assert first.more
    fake.books.orders[old].status = fake.books.orders[2].status = "Cancelled"
    second = await store.orders(first.cursor, limit=10)
    assert [(order.store_order, order.cancelled) for order in second.orders] == [
        ("100001", True),
        ("100002", True),
        ("100004", False),
    ]
    third = await store.orders(second.cursor, limit=10)
    assert (third.orders, third.cursor) == ([], second.cursor)


async def test_lines_of_other_stock_records_are_none_of_ours() -> None:
    """What an order sold of another partner's goods, or of what is gone, is left out; an order of nothing else, too."""
    fake = FakeOscar()
    ours, theirs = fake.stock("A", 9, partner=1), fake.stock("B", 9, partner=2)
    store = joined(fake, partner="1")
    begun = await store.orders("", limit=10)
    fake.books.orders[1] = Order([(theirs, 1), (ours, 2)])
    fake.books.orders[2] = Order([(theirs, 1)])
    page = await store.orders(begun.cursor, limit=10)
    assert [order.lines for order in page.orders] == [(SoldLine("A", 2),)]
    assert (await store.orders(page.cursor, limit=10)).orders == []
