"""Make domain requests of messages; each refuses all bad fields at once."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from weir.sharing.v1 import network_service_pb2 as service_pb
from weir.sharing.v1 import sharing_service_pb2 as products_pb
from weir_allocation.stock import EACH, Demand
from weir_chassis.configuration import wire
from weir_chassis.configuration.objects import Configured, Key, Named, T, Where
from weir_chassis.configuration.wire import attempt, etag, plain_key
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_sharing.domain import (
    Bundle,
    Channel,
    ChannelGroup,
    Component,
    GroupLink,
    LocationSetting,
    Product,
    ProductLink,
    WarehouseGroup,
)
from weir_sharing.wire.words import CHANNEL_KINDS, POLICIES

DISPLAY_NAME_LENGTH_MAX = 256
LOCATIONS_MAX = 1000
LINK_LOCATIONS_MAX = 100
PRIORITY_MAX = 10**6
COMPONENTS_MAX = 100
COMPONENT_QUANTITY_MAX = 10**6


def location_setting(request: service_pb.SetLocationPolicyRequest) -> tuple[Attempt, LocationSetting]:
    """The policy that a location shall have."""
    with Fields() as fields:
        asked, inner = request.location_setting, _part(fields, request, "location_setting")
        return attempt(fields, request), LocationSetting(
            location=inner.identifier("location", asked.location),
            policy=inner.enum("policy", asked.policy, POLICIES),
            etag=etag(inner, asked),
        )


def warehouse_group(
    request: service_pb.CreateWarehouseGroupRequest | service_pb.UpdateWarehouseGroupRequest,
) -> tuple[Attempt, WarehouseGroup]:
    """A warehouse group as it shall be."""
    with Fields() as fields:
        asked, inner = request.warehouse_group, _part(fields, request, "warehouse_group")
        return attempt(fields, request), WarehouseGroup(
            warehouse_group=inner.identifier("warehouse_group", asked.warehouse_group),
            display_name=_display_name(inner, asked),
            locations=tuple(sorted(inner.identifiers("locations", asked.locations, most=LOCATIONS_MAX))),
            etag=etag(inner, asked),
        )


def channel_group(
    request: service_pb.CreateChannelGroupRequest | service_pb.UpdateChannelGroupRequest,
) -> tuple[Attempt, ChannelGroup]:
    """A channel group as it shall be."""
    with Fields() as fields:
        asked, inner = request.channel_group, _part(fields, request, "channel_group")
        return attempt(fields, request), ChannelGroup(
            channel_group=inner.identifier("channel_group", asked.channel_group),
            display_name=_display_name(inner, asked),
            etag=etag(inner, asked),
        )


def channel(request: service_pb.CreateChannelRequest | service_pb.UpdateChannelRequest) -> tuple[Attempt, Channel]:
    """A channel as it shall be."""
    with Fields() as fields:
        asked, inner = request.channel, _part(fields, request, "channel")
        return attempt(fields, request), Channel(
            channel=inner.identifier("channel", asked.channel),
            kind=inner.enum("kind", asked.kind, CHANNEL_KINDS),
            display_name=_display_name(inner, asked),
            channel_group=inner.identifier("channel_group", asked.channel_group, optional=True),
            etag=etag(inner, asked),
        )


def group_link(request: service_pb.CreateGroupLinkRequest) -> tuple[Attempt, GroupLink]:
    """A link that shall be."""
    with Fields() as fields:
        asked, inner = request.group_link, _part(fields, request, "group_link")
        return attempt(fields, request), GroupLink(
            warehouse_group=inner.identifier("warehouse_group", asked.warehouse_group),
            channel_group=inner.identifier("channel_group", asked.channel_group),
        )


def product_link(
    request: products_pb.CreateProductLinkRequest | products_pb.UpdateProductLinkRequest,
) -> tuple[Attempt, ProductLink]:
    """A product link as it shall be."""
    with Fields() as fields:
        asked, inner = request.product_link, _part(fields, request, "product_link")
        source, destination = _product(inner, asked, "source"), _product(inner, asked, "destination")
        if source == destination:
            inner.refuse("destination", "Another product than source.")
        return attempt(fields, request), ProductLink(
            *source,
            *destination,
            bidirectional=asked.bidirectional,
            locations=tuple(sorted(inner.identifiers("locations", asked.locations, most=LINK_LOCATIONS_MAX))),
            priority=inner.number("priority", asked.priority, least=0, most=PRIORITY_MAX),
            keep_back=inner.count("keep_back", asked.keep_back),
            shares_bundles=asked.shares_bundles,
            disabled=asked.disabled,
            etag=etag(inner, asked),
        )


def bundle(request: products_pb.CreateBundleRequest | products_pb.UpdateBundleRequest) -> tuple[Attempt, Bundle]:
    """A bundle as it shall be."""
    with Fields() as fields:
        asked, inner = request.bundle, _part(fields, request, "bundle")
        product = _product(inner, asked, "product")
        components = [
            Component(*_product(each, message, "product"), each.number("quantity", message.quantity, least=1,
                                                                       most=COMPONENT_QUANTITY_MAX))
            for each, message in inner.each("components", asked.components, most=COMPONENTS_MAX)
        ]  # fmt: skip
        inner.unique("components", [each.product for each in components])
        if product in [each.product for each in components]:
            inner.refuse("components", "None is the bundle itself.")
        return attempt(fields, request), Bundle(*product, tuple(sorted(components)), etag=etag(inner, asked))


def removal(request: wire.Removal, kind: type[T]) -> tuple[Attempt, Named[T]]:
    """What shall be removed."""
    return wire.removal(request, kind, key=_key)


def lookup(request: wire.Read, kind: type[Configured]) -> tuple[Key, Vector]:
    """What shall be shown, and how fresh."""
    return wire.lookup(request, kind, key=_key)


def link_listing(request: products_pb.ListProductLinksRequest) -> tuple[Where, Vector]:
    """The products that the links listed must join, out of those the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        where: dict[str, str | int | Key] = {}
        for end in ("source", "destination"):
            if request.HasField(end):
                where[f"{end}_owner"], where[f"{end}_sku"] = _product(fields, request, end)
        return where, at_least(fields, request.freshness)


def bundle_listing(request: products_pb.ListBundlesRequest) -> tuple[Where, Vector]:
    """The component that the bundles listed must have, if the request names one, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        named = request.HasField("component")
        where: Where = {"component": _product(fields, request, "component")} if named else {}
        return where, at_least(fields, request.freshness)


def sources(request: products_pb.ListSourcesRequest) -> tuple[Product, Demand, Vector]:
    """The product that shall be served, which of its units count, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        product = _product(fields, request, "product")
        lot = fields.identifier("lot", request.lot, optional=True)
        uom = fields.identifier("uom", request.uom, optional=True) or EACH
        return product, Demand(lot, uom), at_least(fields, request.freshness)


def _part(fields: Fields, request: Message, name: str) -> Fields:
    """The fields of the object that the request is about, which must be there."""
    fields.required(request, name)
    return fields.inner(name)


def _product(fields: Fields, holder: Any, name: str) -> Product:
    """The product that a field of `holder` names; it must be there."""
    fields.required(holder, name)
    inner, asked = fields.inner(name), getattr(holder, name)
    return Product(inner.identifier("owner", asked.owner, optional=True), inner.identifier("sku", asked.sku))


def _key(fields: Fields, request: Any, kind: type[Configured]) -> Key:
    if kind is ProductLink:
        return (*_product(fields, request, "source"), *_product(fields, request, "destination"))
    return _product(fields, request, "product") if kind is Bundle else plain_key(fields, request, kind)


def _display_name(fields: Fields, asked: Any) -> str:
    return fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX)
