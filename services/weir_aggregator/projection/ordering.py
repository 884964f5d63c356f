"""An order with all that its plan depends on, as it is now."""

from __future__ import annotations

from collections.abc import Sequence

from weir_aggregator.domain import Product, Recorded
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection.state import Projection
from weir_allocation.fulfilment.harm import harm
from weir_allocation.fulfilment.model import Order, Terms, Wish
from weir_allocation.fulfilment.terms import terms
from weir_allocation.sharing import NO_SHARING
from weir_allocation.stock import Stock


def terms_of(projection: Projection, products: Sequence[Product], channel: str) -> Terms:
    """The terms of now under which a channel sells some products; raises ChannelNotFound."""
    sells = projection.configuration.network.channels.get(channel)
    if sells is None:
        raise ChannelNotFound(channel)
    return terms(projection.configuration, sells, products)


def order(projection: Projection, wish: Wish, channel: str) -> Order:
    """An order for what is wanted of a channel, under the terms of now; raises ChannelNotFound."""
    return order_under(projection, wish, terms_of(projection, [line.product for line in wish.lines], channel))


def order_under(projection: Projection, wish: Wish, under: Terms) -> Order:
    """An order under these terms, of stock as it is now; no commit alters it."""
    products = list(dict.fromkeys(line.product for line in wish.lines))
    holdings = dict(projection.holdings(dict.fromkeys(each for one in products for each in under.sharing.reads(one))))

    def held(product: Product) -> Sequence[Stock]:
        if product not in holdings:
            holdings.update(projection.holdings([product]))
        return holdings[product]

    sharing, today = projection.configuration.sharing, projection.today
    locations = frozenset().union(*(under.reach.get(each, frozenset()) for each in products)) - wish.excluded
    return Order(
        wish,
        under,
        holdings,
        today,
        harm(sharing, products, held, locations, today),
        awaited=projection.awaited(list(holdings)),
    )


def terms_again(projection: Projection, wish: Wish, recorded: Recorded) -> Terms:
    """The terms under which an order was accepted, and those of now for products that it did not want then.

    Raises ChannelNotFound where it wants others, and the channel is gone.
    """
    former = recorded.terms
    added = [line.product for line in wish.lines if line.product not in former.reach]
    if not added:
        return former
    latter = terms_of(projection, added, recorded.channel)
    known = {*former.reach, *(part for each in former.reach for part in _parts(former, each))}
    links = [link for served in former.sharing.to for link in former.sharing.links_to(served)]
    links += [link for served in latter.sharing.to if served not in known for link in latter.sharing.links_to(served)]
    bundles = {each: bundle for each, bundle in latter.sharing.bundles.items() if each not in known}
    return Terms(
        NO_SHARING.changed(links=links, bundles={**bundles, **former.sharing.bundles}.values()),
        {**latter.reach, **former.reach},
        former.denied | latter.denied,
        former.by_custody,
    )


def _parts(under: Terms, product: Product) -> list[Product]:
    bundle = under.sharing.bundles.get(product)
    return [part for part, _ in bundle.parts] if bundle else []
