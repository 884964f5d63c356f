"""A Medusa store: what is offered is written by way of what is stocked, and no order is given back."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.kit.reaching import given
from tests.kit.shops.fake import ADDRESS
from tests.kit.shops.medusa import API_KEY, LOCATION, FakeMedusa, Order
from weir_sync.connectors.asking import Asker
from weir_sync.connectors.medusa import MedusaSettings, MedusaStore
from weir_sync.connectors.port import Level, Outcome, ShownLevel, SoldOrder


def joined(fake: FakeMedusa, **texts: str) -> MedusaStore:
    """Sync's connector to the store."""
    settings = given(MedusaSettings, {"address": ADDRESS, "location": LOCATION, **texts}, {"api_key": API_KEY})
    asker = Asker(fake.client(), auth=(settings.api_key, ""))
    return MedusaStore(settings, asker, lambda: datetime(2026, 11, 22, 10, 30, tzinfo=UTC))


async def test_levels_are_what_customers_are_offered() -> None:
    """What is reserved is written on top; what is not at the location is refused, and what was expected is compared."""
    fake = FakeMedusa()
    ours = fake.stock("A", 10, reserved=4)
    fake.stock("B", 10, location="sloc_2")
    other = fake.stock("C", 3, reserved=1)
    outcomes = await joined(fake).apply(
        [Level("A", 3, 1, expected=6), Level("B", 1, 1), Level("?", 1, 1), Level("C", 9, 1, expected=3)]
    )
    assert [(each.outcome, each.shown) for each in outcomes] == [
        (Outcome.APPLIED, 3),
        (Outcome.REFUSED, None),
        (Outcome.UNKNOWN_SKU, None),
        (Outcome.CHANGED, 2),
    ]
    assert (fake.offered(ours), fake.items[ours].stocked, fake.offered(other)) == (3, 7, 2)
    assert await joined(fake).read(["B", "A", "?"]) == [
        ShownLevel("B", None),
        ShownLevel("A", 3),
        ShownLevel("?", None),
    ]


async def test_an_order_between_look_and_write_is_not_given_back() -> None:
    """A unit that is sold after the look is missing from what is offered, and that is told."""
    fake = FakeMedusa()
    name = fake.stock("A", 10)
    fake.between = [name]
    outcomes = await joined(fake).apply([Level("A", 5, 1, expected=10)])
    assert [(each.outcome, each.shown) for each in outcomes] == [(Outcome.APPLIED, 4)]


async def test_units_that_go_out_between_look_and_write_are_not_offered_again() -> None:
    """What was reserved at the look and went out before the write is noticed, and written anew."""
    fake = FakeMedusa()
    name = fake.stock("A", 10, reserved=2)
    fake.shipped = [name]
    assert [each.shown for each in await joined(fake).apply([Level("A", 5, 1, expected=8)])] == [5]
    assert fake.offered(name) == 5


async def test_a_correction_that_breaks_off_leaves_doubt() -> None:
    """Where what went out meanwhile could not be written anew, nobody knows what is shown."""
    fake = FakeMedusa()
    fake.shipped = [fake.stock("A", 10, reserved=2)]
    fake.meets("fair", "fair", "break")
    assert [each.outcome for each in await joined(fake).apply([Level("A", 5, 1)])] == [Outcome.IN_DOUBT]


async def test_a_batch_that_is_refused_is_sent_again() -> None:
    """Nothing of a batch was written that names an item that is gone by then."""
    fake = FakeMedusa()
    name, gone = fake.stock("A", 1), fake.stock("B", 1)
    fake.gone = [gone]
    store = joined(fake)
    assert [each.outcome for each in await store.apply([Level("A", 5, 1), Level("B", 5, 1)])] == [Outcome.RETRY] * 2
    assert [each.outcome for each in await store.apply([Level("A", 5, 1), Level("B", 5, 1)])] == [
        Outcome.APPLIED,
        Outcome.UNKNOWN_SKU,
    ]
    assert fake.offered(name) == 5


async def test_no_order_of_one_moment_is_lost_between_pages() -> None:
    """Orders of one millisecond are told over several pages; drafts not at all, cancelled ones as such."""
    fake = FakeMedusa()
    fake.orders = {f"order_{number}": Order([("A", number), (None, 1)], millisecond=5) for number in range(1, 8)}
    fake.orders["order_8"] = Order([("A", 1)], millisecond=6, status="draft")
    fake.orders["order_9"] = Order([("A", 1)], millisecond=7, status="canceled")
    store = joined(fake, orders_since="2026-11-22T10:00:00Z")
    told: list[SoldOrder] = []
    cursor, more = "", True
    while more:
        page = await store.orders(cursor, limit=3)
        told, cursor, more = [*told, *page.orders], page.cursor, page.more
    assert [order.store_order for order in told] == [*(f"order_{number}" for number in range(1, 8)), "order_9"]
    assert [order.cancelled for order in told] == [False] * 7 + [True]
