"""Terms say of an order's products what the whole configuration says of them."""

from __future__ import annotations

from hypothesis import given

from tests.kit.worlds import PRODUCTS, World, subsets, worlds
from weir_allocation.fulfilment.terms import terms
from weir_allocation.reach import reach
from weir_allocation.stock import Product


@given(worlds(), subsets(PRODUCTS, 1, 3))
def test_terms_say_what_the_configuration_says(world: World, products: tuple[Product, ...]) -> None:
    """What serves each product, in which order, which links lend, what nests, what is reached and what is denied."""
    configuration = world.configuration()
    whole = configuration.sharing
    for channel in world.channels:
        found = terms(configuration, channel, products)
        part = found.sharing
        assert found.by_custody == channel.by_custody
        for product in products:
            assert found.reach[product] == reach(configuration.network, channel, configuration.rule(product)).locations
            assert (product in found.denied) == (not configuration.limits_of(channel).permit(product))
            assert part.reads(product) == whole.reads(product)
            assert part.bundles.get(product) == whole.bundles.get(product)
            bundle = whole.bundles.get(product)
            assert bundle is None or part.nested(bundle) == whole.nested(bundle)
            for wanted in (product, *(each for each, _ in (bundle.parts if bundle else ()))):
                links = list(whole.links_to(wanted))
                assert list(part.links_to(wanted)) == links
                assert [part.verdict(link) for link in links] == [whole.verdict(link) for link in links]
