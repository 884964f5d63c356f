"""Render domain values as messages."""

from __future__ import annotations

from weir.common.v1 import stock_pb2
from weir.sharing.v1 import network_pb2 as pb
from weir.sharing.v1 import sharing_service_pb2 as sharing_pb
from weir_chassis.configuration.objects import Change
from weir_sharing.domain import (
    Bundle,
    Channel,
    ChannelGroup,
    GroupLink,
    LocationSetting,
    Product,
    ProductLink,
    Source,
    WarehouseGroup,
)
from weir_sharing.wire.words import CHANNEL_KINDS_TOLD, POLICIES_TOLD, SOURCE_KINDS_TOLD, VERDICTS_TOLD


def to_location_setting(setting: LocationSetting) -> pb.LocationSetting:
    """The policy of a location."""
    return pb.LocationSetting(location=setting.location, policy=POLICIES_TOLD[setting.policy], etag=setting.etag)


def to_warehouse_group(group: WarehouseGroup) -> pb.WarehouseGroup:
    """A warehouse group."""
    return pb.WarehouseGroup(
        warehouse_group=group.warehouse_group,
        display_name=group.display_name,
        locations=group.locations,
        etag=group.etag,
    )


def to_channel_group(group: ChannelGroup) -> pb.ChannelGroup:
    """A channel group."""
    return pb.ChannelGroup(
        channel_group=group.channel_group,
        display_name=group.display_name,
        own_channel=group.own_channel,
        etag=group.etag,
    )


def to_channel(each: Channel) -> pb.Channel:
    """A channel."""
    return pb.Channel(
        channel=each.channel,
        kind=CHANNEL_KINDS_TOLD[each.kind],
        display_name=each.display_name,
        channel_group=each.channel_group,
        etag=each.etag,
    )


def to_group_link(link: GroupLink) -> pb.GroupLink:
    """A link."""
    return pb.GroupLink(warehouse_group=link.warehouse_group, channel_group=link.channel_group, etag=link.etag)


def to_product_link(link: ProductLink) -> pb.ProductLink:
    """A product link."""
    return pb.ProductLink(
        source=_product(link.source),
        destination=_product(link.destination),
        bidirectional=link.bidirectional,
        locations=link.locations,
        priority=link.priority,
        keep_back=link.keep_back,
        shares_bundles=link.shares_bundles,
        disabled=link.disabled,
        created_revision=link.created,
        etag=link.etag,
    )


def to_bundle(bundle: Bundle) -> pb.Bundle:
    """A bundle."""
    return pb.Bundle(
        product=_product(bundle.product),
        components=[pb.Component(product=_product(each.product), quantity=each.quantity) for each in bundle.components],
        etag=bundle.etag,
    )


def to_source(source: Source) -> sharing_pb.Source:
    """What a product may be served from."""
    return sharing_pb.Source(
        kind=SOURCE_KINDS_TOLD[source.kind],
        product=_product(source.product),
        product_link=to_product_link(source.link) if source.link is not None else None,
        held=source.held,
        units=source.units,
        verdict=VERDICTS_TOLD[source.verdict],
        places=[
            sharing_pb.SourcePlace(
                location=each.location,
                held=each.held,
                units=each.units,
                verdict=VERDICTS_TOLD[each.verdict],
                lots=each.lots,
            )
            for each in source.places
        ],
    )


def _product(product: Product) -> stock_pb2.Product:
    return stock_pb2.Product(owner=product.owner, sku=product.sku)


def to_change(change: Change) -> pb.NetworkChange:
    """A change, with the object as it stands after it."""
    told = pb.NetworkChange(deleted=change.deleted)
    match change.object:
        case LocationSetting() as setting:
            told.location_setting.CopyFrom(to_location_setting(setting))
        case WarehouseGroup() as group:
            told.warehouse_group.CopyFrom(to_warehouse_group(group))
        case ChannelGroup() as group:
            told.channel_group.CopyFrom(to_channel_group(group))
        case Channel() as each:
            told.channel.CopyFrom(to_channel(each))
        case GroupLink() as link:
            told.group_link.CopyFrom(to_group_link(link))
        case ProductLink() as link:
            told.product_link.CopyFrom(to_product_link(link))
        case Bundle() as bundle:
            told.bundle.CopyFrom(to_bundle(bundle))
    return told
