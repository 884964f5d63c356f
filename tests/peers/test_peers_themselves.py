"""What the foreign systems do by themselves, on which all else here rests."""

from __future__ import annotations

from tests.peers.erp import Erp
from tests.peers.shop import Shop


async def test_the_shop_counts_its_own_sales(shop: Shop) -> None:
    """A product that is in stock is shown so, and what a guest buys is shown no longer: the case that levels meet."""
    product = await shop.product("OWN-SALE", stock=7)
    assert await shop.available(product) == 7
    assert await shop.sell(product, 3)
    assert (await shop.available(product), await shop.allocated(product)) == (4, 3)


async def test_the_erp_knows_what_was_counted(erp: Erp) -> None:
    """What was counted in the warehouse last is what it says it has."""
    product = await erp.product("COUNTED")
    for units in (40, 33):
        await erp.count({product: units})
        asked = {**erp.context, "locations": [erp.storage]}
        (found,) = await erp.call("model.product.product.read", [product], ["code", "quantity"], asked)
        assert (found["code"], found["quantity"]) == ("COUNTED", units)
