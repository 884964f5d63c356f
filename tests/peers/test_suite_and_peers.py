"""The suite between a real shop and a real ERP: what is ordered anywhere shows everywhere."""

from __future__ import annotations

import asyncio

from tests.kit.merchant import verified
from tests.kit.suite import Suite
from tests.kit.waiting import until
from tests.peers.erp import Erp
from tests.peers.scene import HALL, WEB, connect_erp, scene
from tests.peers.shop import Shop

PATIENCE_SECONDS = 90.0


async def shows(shop: Shop, product: int, units: int) -> None:
    """Wait until visitors of the shop are shown so many."""

    async def shown() -> bool:
        return await shop.available(product) == units

    await until(shown, PATIENCE_SECONDS)


async def test_an_order_in_weir_shows_in_the_shop(suite: Suite, shop: Shop) -> None:
    """What lies in the hall is what visitors of the shop are shown, and what is ordered elsewhere is shown no more."""
    product = await shop.product("LAMP")
    async with scene(suite, shop, "LAMP") as here:
        await here.merchant.receive("LAMP", **{HALL: 12})
        await shows(shop, product, 12)
        await here.order("LAMP", 5)
        await shows(shop, product, 7)
        await until(lambda: here.east.shown["LAMP"] == 7, PATIENCE_SECONDS)
        await here.order("LAMP", 7)
        await shows(shop, product, 0)


async def test_what_a_guest_buys_falls_everywhere_and_is_not_given_back(suite: Suite, shop: Shop) -> None:
    """A checkout in the shop lowers the other store. Until its order has come in, and whatever is told meanwhile, the
    shop never shows again what it has sold.
    """
    product = await shop.product("VASE")
    async with scene(suite, shop, "VASE") as here:
        await here.merchant.receive("VASE", **{HALL: 20})
        await shows(shop, product, 20)
        await shop.sell(product, 3)
        seen: list[int] = []
        watching = asyncio.create_task(look(shop, product, seen))
        await here.merchant.receive("VASE", **{HALL: 1})  # tells the shop another level before the order is known
        await until(lambda: here.east.shown["VASE"] == 18, PATIENCE_SECONDS)
        await until(lambda: here.sold(WEB, 1), PATIENCE_SECONDS)
        await shows(shop, product, 18)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert seen
        assert max(seen) <= 18
        await verified(here.merchant)


async def look(shop: Shop, product: int, seen: list[int]) -> None:
    """Look at the shop again and again."""
    while True:
        seen.append(await shop.available(product))


async def test_guests_buy_while_others_order(suite: Suite, shop: Shop) -> None:
    """Of 30 units sold in the shop and in weir at the same time none is sold twice, and at the end all show what is
    left.
    """
    product = await shop.product("BOWL")
    async with scene(suite, shop, "BOWL") as here:
        await here.merchant.receive("BOWL", **{HALL: 30})
        await shows(shop, product, 30)
        guests = [shop.sell(product, 1) for _ in range(8)]
        orders = [here.order("BOWL", 1) for _ in range(8)]
        await asyncio.gather(*guests, *orders)
        await shows(shop, product, 14)
        await until(lambda: here.east.shown["BOWL"] == 14, PATIENCE_SECONDS)
        await until(lambda: here.sold(WEB, 8), PATIENCE_SECONDS)
        assert await here.merchant.level("BOWL", WEB) == 14
        await verified(here.merchant)


async def test_what_the_erp_counts_shows_in_the_shop(suite: Suite, shop: Shop, erp: Erp) -> None:
    """Quantities of the warehouse come into the ledger, whole and then as they change, and from there to the shop."""
    product, counted = await shop.product("DESK"), await erp.product("DESK")
    await erp.count({counted: 9})
    async with scene(suite, shop, "DESK") as here:
        await connect_erp(here, erp)
        await here.run("erp", full=True)
        await shows(shop, product, 9)
        await shop.sell(product, 2)
        await until(lambda: here.east.shown["DESK"] == 7, PATIENCE_SECONDS)
        await erp.count({counted: 12})
        await here.run("erp")
        await shows(shop, product, 10)
        await until(lambda: here.east.shown["DESK"] == 10, PATIENCE_SECONDS)
        await verified(here.merchant)
