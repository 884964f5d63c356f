"""One function per request that changes the network: it reads what bears on the request, and hands it to its rule in
`domain`. And `list_sources`, which changes nothing and asks the ledger, too.

`weir_chassis.configuration.handlers` has each of them done once, between the recall of its request id and the record of
its outcome.
"""

from __future__ import annotations

from datetime import UTC, datetime

from weir_allocation.stock import Demand
from weir_chassis.configuration.handlers import Handlers, found
from weir_chassis.configuration.objects import Decision, Key, Named
from weir_chassis.revisions import Revision, Vector
from weir_sharing.domain import (
    Bundle,
    Channel,
    ChannelGroup,
    GroupLink,
    LocationSetting,
    Product,
    ProductLink,
    Serving,
    Source,
    WarehouseGroup,
    products,
    rules,
)
from weir_sharing.ports import Ledger, Network


async def set_location_policy(network: Network, wanted: LocationSetting) -> Decision[LocationSetting]:
    """Say whether a location may be shared."""
    current = await network.get(LocationSetting, wanted.key)
    name = (await network.homes(wanted.key)).get(wanted.location)
    home = await network.get(WarehouseGroup, (name,)) if name is not None else None
    return rules.set_location_policy(wanted, current, home, await _fed(network, home))


async def create_warehouse_group(network: Network, wanted: WarehouseGroup) -> Decision[WarehouseGroup]:
    """Add a warehouse group."""
    return rules.create_warehouse_group(
        wanted,
        await network.get(WarehouseGroup, wanted.key),
        homes=await network.homes(wanted.locations),
        fixed=await network.fixed(wanted.locations),
    )


async def update_warehouse_group(network: Network, wanted: WarehouseGroup) -> Decision[WarehouseGroup]:
    """Replace display name and locations of a warehouse group."""
    return rules.update_warehouse_group(
        wanted,
        await network.get(WarehouseGroup, wanted.key),
        homes=await network.homes(wanted.locations),
        fixed=await network.fixed(wanted.locations),
        fed=await _fed(network, wanted),
    )


async def delete_warehouse_group(network: Network, named: Named[WarehouseGroup]) -> Decision[WarehouseGroup]:
    """Remove a warehouse group."""
    current = await found(network, named)
    return rules.delete_warehouse_group(current, await _fed(network, current))


async def create_channel_group(network: Network, wanted: ChannelGroup) -> Decision[ChannelGroup]:
    """Add a channel group."""
    return rules.create_channel_group(wanted, await network.get(ChannelGroup, wanted.key))


async def update_channel_group(network: Network, wanted: ChannelGroup) -> Decision[ChannelGroup]:
    """Replace the display name of a channel group."""
    return rules.update_channel_group(wanted, await network.get(ChannelGroup, wanted.key))


async def delete_channel_group(network: Network, named: Named[ChannelGroup]) -> Decision[ChannelGroup]:
    """Remove a channel group."""
    current = await found(network, named)
    channels = await network.select(Channel, {"channel_group": current.channel_group})
    return rules.delete_channel_group(
        current, channels=[each.channel for each in channels], feeders=await _feeders(network, current)
    )


async def create_channel(network: Network, wanted: Channel) -> Decision[Channel]:
    """Add a channel, and a group of its own where it names none."""
    return rules.create_channel(
        wanted, await network.get(Channel, wanted.key), await network.get(ChannelGroup, _group_asked(wanted))
    )


async def update_channel(network: Network, wanted: Channel) -> Decision[Channel]:
    """Replace kind, display name and channel group of a channel."""
    own = await _own(network, wanted)
    return rules.update_channel(
        wanted,
        await network.get(Channel, wanted.key),
        group=await network.get(ChannelGroup, _group_asked(wanted)),
        own=own,
        feeders=await _feeders(network, own),
    )


async def delete_channel(network: Network, named: Named[Channel]) -> Decision[Channel]:
    """Remove a channel, and the group of its own if it has one."""
    current = await found(network, named)
    own = await _own(network, current)
    return rules.delete_channel(current, own=own, feeders=await _feeders(network, own))


async def create_group_link(network: Network, wanted: GroupLink) -> Decision[GroupLink]:
    """Let the stock of a warehouse group feed a channel group."""
    feeder = await network.get(WarehouseGroup, (wanted.warehouse_group,))
    return rules.create_group_link(
        wanted,
        await network.get(GroupLink, wanted.key),
        warehouse_group=feeder,
        channel_group=await network.get(ChannelGroup, (wanted.channel_group,)),
        fixed=await network.fixed(feeder.locations if feeder is not None else ()),
        fed=await _fed(network, feeder),
    )


async def delete_group_link(network: Network, named: Named[GroupLink]) -> Decision[GroupLink]:
    """Stop a warehouse group from feeding a channel group."""
    return rules.delete_group_link(await found(network, named))


async def create_product_link(network: Network, wanted: ProductLink) -> Decision[ProductLink]:
    """Let one product be served from the stock of another."""
    return products.create_product_link(
        wanted,
        await network.get(ProductLink, wanted.key),
        reverse=await _reverse(network, wanted),
        bundles=await network.bundles((wanted.source, wanted.destination)),
    )


async def update_product_link(network: Network, wanted: ProductLink) -> Decision[ProductLink]:
    """Replace all of a product link but its products."""
    return products.update_product_link(
        wanted, await network.get(ProductLink, wanted.key), reverse=await _reverse(network, wanted)
    )


async def delete_product_link(network: Network, named: Named[ProductLink]) -> Decision[ProductLink]:
    """Stop a product from being served from another."""
    return products.delete_product_link(await found(network, named))


async def create_bundle(network: Network, wanted: Bundle) -> Decision[Bundle]:
    """Say what a product is put together from."""
    return products.create_bundle(
        wanted,
        await network.get(Bundle, wanted.key),
        bundles=await network.bundles([each.product for each in wanted.components]),
        containing=await network.select(Bundle, {"component": wanted.product}, limit=1),
        links=await _links(network, wanted),
    )


async def update_bundle(network: Network, wanted: Bundle) -> Decision[Bundle]:
    """Replace the components of a bundle."""
    return products.update_bundle(
        wanted,
        await network.get(Bundle, wanted.key),
        bundles=await network.bundles([each.product for each in wanted.components]),
    )


async def delete_bundle(network: Network, named: Named[Bundle]) -> Decision[Bundle]:
    """Make a bundle a plain product."""
    current = await found(network, named)
    return products.delete_bundle(current, await _links(network, current))


async def list_sources(
    handlers: Handlers[Network], ledger: Ledger, tenant: str, product: Product, demand: Demand, fresh: Vector
) -> tuple[list[Source], list[Revision]]:
    """What a product may be served from today, and the revisions of the network and of the books that it rests on.

    Raises PeerAway, and what either refuses of `fresh`.
    """
    context = handlers.origin.context
    own = {name: each for name, each in fresh.items() if name == context}
    others = {name: each for name, each in fresh.items() if name != context}
    async with handlers.reading(tenant, own) as (network, revision):
        serving = await _serving(network, product)
    held = await ledger.held(serving.reads, others)  # with no transaction open
    today = datetime.now(UTC).date()
    return serving.sources(held.holdings, demand, today), [revision, held.revision]


async def _serving(network: Network, product: Product) -> Serving:
    bundle = await network.get(Bundle, product)
    wanted = [product, *(part.product for part in bundle.components)] if bundle is not None else [product]
    links = await network.serving(wanted)
    ends = {each for link in links for each in (link.source, link.destination)}
    return Serving(product, bundle, links=links, bundles=await network.bundles(sorted({*wanted, *ends})))


async def _reverse(network: Network, link: ProductLink) -> ProductLink | None:
    """The link that joins the same products the other way."""
    return await network.get(ProductLink, (*link.destination, *link.source))


async def _links(network: Network, bundle: Bundle) -> list[ProductLink]:
    """The links from and to the product."""
    owner, sku = bundle.product
    leaving = await network.select(ProductLink, {"source_owner": owner, "source_sku": sku})
    return leaving + await network.select(ProductLink, {"destination_owner": owner, "destination_sku": sku})


async def _fed(network: Network, group: WarehouseGroup | None) -> list[str]:
    """The channel groups that the warehouse group feeds."""
    if group is None:
        return []
    links = await network.select(GroupLink, {"warehouse_group": group.warehouse_group})
    return [link.channel_group for link in links]


async def _feeders(network: Network, group: ChannelGroup | None) -> list[str]:
    """The warehouse groups that feed the channel group."""
    if group is None:
        return []
    links = await network.select(GroupLink, {"channel_group": group.channel_group})
    return [link.warehouse_group for link in links]


async def _own(network: Network, channel: Channel) -> ChannelGroup | None:
    """The group that belongs to the channel alone, which bears its name; None if it is in a shared one."""
    group = await network.get(ChannelGroup, channel.key)
    return group if group is not None and group.own_channel == channel.channel else None


def _group_asked(channel: Channel) -> Key:
    return (channel.channel_group or channel.channel,)
