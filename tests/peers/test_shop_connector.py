"""The connector of django-oscar against a shop that nobody here wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.kit.reaching import given, reach
from tests.peers.shop import USER, Shop
from tools.peers import PASSWORD
from weir_sync.connectors.oscar import OscarSettings, OscarStore, oscar
from weir_sync.connectors.port import ConnectorFailed, Level, LevelOutcome, Outcome, ShownLevel, SoldLine
from weir_sync.domain.connections import ConnectorKind


def connector(shop: Shop, password: str = PASSWORD) -> OscarStore:
    """A connector of the shop, let in by this password."""
    settings = given(OscarSettings, {"address": shop.url}, {"user": USER, "password": password})
    return oscar(settings, reach(ConnectorKind.OSCAR))


@pytest.fixture
async def store(shop: Shop) -> AsyncIterator[OscarStore]:
    """A connector that the shop lets in."""
    made = connector(shop)
    yield made
    await made.close()


async def test_a_level_is_what_visitors_are_shown(shop: Shop, store: OscarStore) -> None:
    """Written, read back and shown it is one number, whatever guests have bought; an unknown SKU is told as such."""
    product = await shop.product("SHOWN", stock=5)
    await shop.sell(product, 2)
    assert (await store.describe()).reads_back
    assert await store.read(["SHOWN", "NONE"]) == [ShownLevel("SHOWN", 3), ShownLevel("NONE", None)]
    (told,) = await store.apply([Level("SHOWN", 8, 1, expected=3)])
    assert told == LevelOutcome("SHOWN", Outcome.APPLIED, 8)
    assert await shop.available(product) == 8
    changed, unknown = await store.apply([Level("SHOWN", 9, 2, expected=3), Level("NONE", 1, 1)])
    assert {changed, unknown} == {
        LevelOutcome("SHOWN", Outcome.CHANGED, 8),
        LevelOutcome("NONE", Outcome.UNKNOWN_SKU),
    }
    assert await shop.available(product) == 8


async def test_what_guests_buy_meanwhile_is_not_given_back(shop: Shop, store: OscarStore) -> None:
    """However writes and sales meet, what is shown at the end is the level less what was bought after the look."""
    product = await shop.product("BUSY", stock=40)
    await store.describe()
    sales = asyncio.gather(*(shop.sell(product, 1) for _ in range(6)))
    for number in range(1, 7):
        before = 40 - await shop.allocated(product)
        (told,) = await store.apply([Level("BUSY", before, number)])
        assert told.outcome in (Outcome.APPLIED, Outcome.IN_DOUBT), told
    await sales
    after = 40 - await shop.allocated(product)
    assert after == 34
    shown = await shop.available(product)
    assert after - 6 <= shown <= after, "a sale may be taken off twice until the next write, but is never given back"
    await store.apply([Level("BUSY", after, 7)])
    assert await shop.available(product) == after


async def test_orders_are_told_once_from_a_cursor_on(shop: Shop, store: OscarStore) -> None:
    """The first question marks where to begin; every order of a guest after that comes once, with the shop's SKUs."""
    product = await shop.product("SOLD", stock=9)
    await shop.sell(product, 1)
    begun = await store.orders("", limit=10)
    assert begun.orders == []
    names = [await shop.sell(product, units) for units in (2, 3)]
    page = await store.orders(begun.cursor, limit=10)
    assert [(each.store_order, each.lines) for each in page.orders] == [
        (names[0], (SoldLine("SOLD", 2),)),
        (names[1], (SoldLine("SOLD", 3),)),
    ]
    assert (await store.orders(page.cursor, limit=10)).orders == []


async def test_who_is_not_let_in_is_told(shop: Shop) -> None:
    """A wrong password fails as it should, and tells nothing of it."""
    refused = connector(shop, "wrong")
    with pytest.raises(ConnectorFailed) as told:
        await refused.describe()
    assert "wrong" not in str(told.value)
    await refused.close()
