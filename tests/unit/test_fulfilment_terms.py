"""What an order depends on of all that is configured."""

from __future__ import annotations

from weir_allocation.configuration import Configuration
from weir_allocation.fulfilment.terms import restricted, terms
from weir_allocation.network import Channel, Network
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.stock import Product
from weir_allocation.trace import Verdict

KIT: Product = ("", "KIT")
LEG: Product = ("", "LEG")
TOP: Product = ("", "TOP")
TV: Product = ("", "TV")
GLUE: Product = ("other", "GLUE")
NETWORK = Network.of(
    warehouse_groups={"north": ["W1", "W2"], "south": ["W3"]},
    channels=[Channel("shop", "shop"), Channel("ann", "shop", by_custody=True)],
    links=[("north", "shop")],
)
SHOP, ANN = NETWORK.channels["shop"], NETWORK.channels["ann"]
KITS = Bundle(KIT, ((LEG, 4), (TOP, 1)))


def test_each_product_is_served_from_where_its_rule_lets_it() -> None:
    """The rule that wins for a product cuts its reach down to the warehouses it names, for its own stores."""
    rules = [
        Rule("first", 1, frozenset(["shop"]), frozenset([TV]), warehouses=frozenset(["W2", "W3"])),
        Rule("second", 2, frozenset(["shop"]), warehouses=frozenset(["W1"])),
        Rule("other store", 0, frozenset(["till"]), frozenset([LEG]), warehouses=frozenset(["W2"])),
    ]
    found = terms(Configuration.of(NETWORK, rules=rules), SHOP, [TV, TOP, LEG])
    assert found.reach == {TV: frozenset(["W2"]), TOP: frozenset(["W1"]), LEG: frozenset(["W1", "W2"])}
    assert terms(Configuration.of(NETWORK), SHOP, [TV]).reach == {TV: frozenset(["W1", "W2"])}


def test_what_the_channel_does_not_sell_is_denied() -> None:
    """Of the products of the order those that the limits of the channel do not permit, and no others."""
    limits = {"shop": Limits(denied=frozenset([TV, GLUE])), "ann": Limits(allowed=frozenset([TV]))}
    configuration = Configuration.of(NETWORK, limits=limits)
    assert terms(configuration, SHOP, [TV, LEG]).denied == {TV}
    assert terms(configuration, ANN, [TV, LEG]).denied == {LEG}


def test_a_channel_by_custody_is_served_from_anywhere() -> None:
    """Whose custody the units are in decides, not where they lie."""
    assert terms(Configuration.of(NETWORK), ANN, [TV]).by_custody
    assert not terms(Configuration.of(NETWORK), SHOP, [TV]).by_custody


def test_only_links_and_bundles_that_the_order_can_draw_on() -> None:
    """Links to the products and to their components, and what is a bundle among those they name."""
    used = [Link("glue", GLUE, TOP, priority=2), Link("tv", TV, TOP, bidirectional=True, priority=1)]
    others = [Link("further", LEG, GLUE), Link("away", KIT, TV)]
    whole = NO_SHARING.changed(links=[*used, *others], bundles=[KITS, Bundle(("", "SET"), ((TOP, 1),))])
    part = restricted(whole, [KIT])
    assert [link.link for link in part.links_to(TOP)] == ["tv", "glue"]
    assert (set(part.to), set(part.bundles)) == ({TOP}, {KIT})
    assert part.reads(KIT) == whole.reads(KIT)


def test_links_and_bundles_are_judged_as_under_all_that_is_configured() -> None:
    """A link from a bundle to a plain product lends nothing, and a bundle of bundles nests, in the part as well."""
    whole = NO_SHARING.changed(links=[Link("kit", KIT, LEG)], bundles=[KITS, Bundle(TV, ((KIT, 1),))])
    part = restricted(whole, [LEG, TV])
    assert part.verdict(part.to[LEG][0]) is Verdict.BUNDLE_KIND_MISMATCH
    assert part.nested(part.bundles[TV])
