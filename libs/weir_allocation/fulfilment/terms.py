"""What of all that is configured an order depends on: what it is planned under now, and again later."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from weir_allocation.configuration import Configuration
from weir_allocation.custody import View
from weir_allocation.fulfilment.model import Terms, Wish
from weir_allocation.network import Channel
from weir_allocation.reach import reached
from weir_allocation.sharing import NO_SHARING, Sharing
from weir_allocation.stock import Holdings, Product


def terms(configuration: Configuration, channel: Channel, products: Iterable[Product]) -> Terms:
    """The terms under which a channel sells the products of an order's lines.

    Whatever else is configured changes no plan. Which links do not lend and which bundles nest is the same under the
    terms as it is under the whole configuration.
    """
    wanted = tuple(dict.fromkeys(products))
    limits = configuration.limits_of(channel)
    # One set for all products that one rule wins: an order may name a thousand.
    reaches: dict[str, frozenset[str]] = {}
    reach: dict[Product, frozenset[str]] = {}
    for product in wanted:
        rule = configuration.rule(product)
        name = rule.rule if rule else ""
        if name not in reaches:
            reaches[name] = reached(configuration.network, channel, rule)
        reach[product] = reaches[name]
    return Terms(
        sharing=restricted(configuration.sharing, wanted),
        reach=reach,
        denied=frozenset(product for product in wanted if not limits.permit(product)),
        by_custody=channel.by_custody,
    )


def own_places(wish: Wish, terms: Terms, holdings: Holdings) -> frozenset[str]:
    """Locations where persons have in their own custody what lines want that may also be filled from their hub's.

    They count as `sending` already, so that what is the person's own comes first, wherever it lies; none where the
    order limits how many locations may send.
    """
    if not terms.by_custody or wish.locations_max is not None:
        return frozenset()
    both = [line for line in wish.lines if line.view is View.BOTH and len(line.custodians) > 1]
    return frozenset(
        stock.item.location
        for line in both
        for product in terms.sharing.reads(line.product)
        for stock in holdings.get(product, ())
        if stock.item.custodian == line.custodians[0] and stock.on_hand > 0
    )


def restricted(sharing: Sharing, products: Collection[Product]) -> Sharing:
    """The links and bundles that decide what the products can be served with, and no others.

    Links to each product and to the components it is put together from; bundles among all that these name, for what
    a bundle is decides whether a link lends and whether a bundle nests.
    """
    bundles = sharing.bundles
    parts = {part for product in products if product in bundles for part, _ in bundles[product].parts}
    served = sorted({*products, *parts})
    links = [link for product in served for link in sharing.links_to(product)]
    named = sorted({*served, *(link.source for link in links)})
    return NO_SHARING.changed(links=links, bundles=[bundles[product] for product in named if product in bundles])
