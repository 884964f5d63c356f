"""An order with all that its plan depends on, as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from weir_aggregator.domain import Product, Question, Recorded
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection.spending import Share
from weir_aggregator.projection.state import Projection
from weir_allocation import claims
from weir_allocation.claims import Claim
from weir_allocation.fulfilment.harm import harm
from weir_allocation.fulfilment.model import Order, Terms, Wish
from weir_allocation.fulfilment.terms import own_places, terms
from weir_allocation.network import Channel
from weir_allocation.policy import Mode
from weir_allocation.sharing import NO_SHARING, Sharing
from weir_allocation.stock import EACH, Demand, Stock
from weir_allocation.trace import Stage


def terms_of(projection: Projection, products: Sequence[Product], channel: str) -> Terms:
    """The terms of now under which a channel sells some products; raises ChannelNotFound."""
    sells = projection.configuration.network.channels.get(channel)
    if sells is None:
        raise ChannelNotFound(channel)
    return terms(projection.configuration, sells, products)


def order(projection: Projection, wish: Wish, channel: str) -> Order:
    """An order for what is wanted of a channel, under the terms of now; raises ChannelNotFound."""
    return order_and_shares(projection, wish, channel)[0]


def order_and_shares(projection: Projection, wish: Wish, channel: str) -> tuple[Order, tuple[Share, ...]]:
    """The same, and the shares of which it takes; in their order they are its quotas."""
    under = terms_of(projection, [line.product for line in wish.lines], channel)
    limits = shares(projection, wish, projection.configuration.network.channels[channel], under)
    made = order_under(projection, wish, under)
    return replace(made, quotas=tuple(share.quota() for share in limits)), limits


def order_under(projection: Projection, wish: Wish, under: Terms) -> Order:
    """An order under these terms, of stock as it is now; no commit alters it, and no share limits it."""
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
        sending=own_places(wish, under, holdings),
        awaited=projection.awaited(list(holdings)),
    )


def shares(projection: Projection, wish: Wish, channel: Channel, under: Terms) -> tuple[Share, ...]:
    """The shares that limit an order under the terms of now: none where no policy keeps orders to shares.

    Of a supply that was divided at an instant, what the channel group has left. Where that is still to come, where the
    policy divides anew at each question and enforces it, and of other units of measure than single units: its share
    at this moment.
    """
    if channel.by_custody:
        return ()
    wanted = dict.fromkeys((line.product, line.demand.uom) for line in wish.lines if line.product not in under.denied)
    return tuple(
        share for product, uom in wanted for share in _shares(projection, product, uom, channel, under.sharing)
    )


def shares_again(projection: Projection, wish: Wish, recorded: Recorded, under: Terms) -> tuple[Share, ...]:
    """The shares of now that limit what an order wants beyond what it was promised; none where its channel is gone."""
    sells = projection.configuration.network.channels.get(recorded.channel)
    return shares(projection, wish, sells, under) if sells else ()


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


def _shares(projection: Projection, product: Product, uom: str, channel: Channel, sharing: Sharing) -> Iterator[Share]:
    """The shares of one product, of each warehouse group that feeds the channel."""
    policy = projection.configuration.policy(product)
    if policy is None or not (policy.mode is Mode.BALANCED or policy.enforce):
        return
    network, group = projection.configuration.network, channel.channel_group
    feeding = network.feeding.get(group, ())
    left = projection.remaining(product) if uom == EACH else {}
    divided = {warehouse_group for warehouse_group, _ in left}
    now = {} if divided.issuperset(feeding) else _now(projection, product, uom, channel)
    scale = claims.scale(sharing, product)
    for each in feeding:
        yield Share(
            Claim(product, each, group, scale),
            uom,
            frozenset(network.locations.get(each, ())),
            left.get((each, group), 0) if each in divided else now.get(each, 0),
            each in divided,
        )


def _now(projection: Projection, product: Product, uom: str, channel: Channel) -> Mapping[str, int]:
    """The share of a channel's group at this moment, of each warehouse group, as levels are made of it.

    Of one that feeds alone it is the whole share, which is a lookup: an order may have many products.
    """
    question = Question(product, channel.channel, Demand(uom=uom))
    feeding = projection.configuration.network.feeding[channel.channel_group]
    if len(feeding) == 1:
        return {feeding[0]: projection.availability(question).share}
    trace = projection.explain(question)
    return {step.name: step.units_out for stage in trace.steps if stage.stage is Stage.SPLIT for step in stage.steps}
