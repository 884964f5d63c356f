"""Harm, as the stages of levels see it."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given

from tests.kit.worlds import PLACES, PRODUCTS, TODAY, World, subsets, worlds
from weir_allocation.fulfilment.harm import harm
from weir_allocation.goods import Goods
from weir_allocation.sharing import Sharing
from weir_allocation.stock import ANY, Product, Stock, StockItem
from weir_allocation.supply import place

MUCH = 1000
"""More than all links of a world keep back, and enough for a bundle."""


@given(worlds(), subsets(PRODUCTS, 1, 2))
def test_harm_is_done_to_those_who_could_be_served_and_have_none(world: World, products: tuple[Product, ...]) -> None:
    """A product counts where much of the source alone, beside all other parts, would give it units, and it has none."""
    sharing, held = world.configuration().sharing, world.holdings()
    goods = Goods(held, ANY, TODAY)
    found = harm(sharing, products, lambda product: held.get(product, ()), PLACES, TODAY)
    assert all(found.values())
    for source in {each for product in products for each in sharing.reads(product)}:
        for location in PLACES:
            harmed = [
                other
                for other in PRODUCTS
                if other != source
                and other not in products
                and not goods.units(other, location)
                and goods.units(source, location)
                and _serves(sharing, source, other, location)
            ]
            assert found.get((source, location), 0) == len(harmed)


def _serves(sharing: Sharing, source: Product, other: Product, location: str) -> bool:
    """Whether much of the source gives the other product units: by itself, or in the place of one component, where of
    all others there is just what one bundle takes, so that none of them can stand in for it.
    """
    bundle = sharing.bundles.get(other)
    parts = dict(bundle.parts) if bundle else {}
    helps = [{}, *({each: units for each, units in parts.items() if each != part} for part in parts)]
    return any(
        _units(sharing, other, location, {**help_, source: MUCH}) > _units(sharing, other, location, help_)
        for help_ in helps
    )


def _units(sharing: Sharing, product: Product, location: str, lying: Mapping[Product, int]) -> int:
    held = {each: [Stock(StockItem(*each, location), units, 0)] for each, units in lying.items()}
    return place(product, location, sharing, Goods(held, ANY, TODAY)).units_out
