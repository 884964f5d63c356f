"""Objects as a caller would have them, held to the limits that their own services hold them to.

Only their form is looked at. Of an object that would be gone no more is required than what names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from weir.aggregator.v1 import availability_service_pb2 as pb
from weir.common.v1 import stock_pb2
from weir.partitioning.v1 import policy_pb2
from weir.sharing.v1 import network_pb2
from weir.sync.v1 import rule_pb2
from weir_aggregator.domain import Change, Product
from weir_aggregator.wire import feeds
from weir_chassis.fields import Fields

DISPLAY_NAME_LENGTH_MAX = 256
LOCATIONS_MAX = 1000
LINK_LOCATIONS_MAX = 100
PRODUCTS_MAX = 10_000
PARTS_MAX = 1000
COMPONENTS_MAX = 100
STORES_MAX = 1000
NUMBER_MAX = 10**6
"""Priorities, ranks, weights, and units of a component."""
INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX = 60.0, 30 * 86_400.0
DEMAND_DAYS_MAX = 365
DAMPING_PERCENT_MAX = 99
CONSTANT_MAX = 10**9
RATE_PERCENT_MAX = 1000

Check = Callable[[Fields, Any, bool], None]
"""Takes notes of the fields of an object; the last argument says that the object would be gone."""


class Enum(Protocol):
    """An enum of the contract."""

    def values(self) -> Any:
        """The numbers it has."""
        ...


def check(fields: Fields, change: pb.ConfigurationChange) -> None:
    """Take notes of what is wrong with one change."""
    context = change.WhichOneof("change")
    if context is None:
        fields.refuse("", "One of network, partitioning and rules is required.")
        return
    inner, changed = fields.inner(context), getattr(change, context)
    sort = changed.WhichOneof("object")
    if sort is None:
        inner.refuse("", f"One of {', '.join(_CHECKS[context])} is required.")
        return
    _CHECKS[context][sort](inner.inner(sort), getattr(changed, sort), changed.deleted)


def configured(change: pb.ConfigurationChange) -> list[Change]:
    """What a good change is to levels: nothing where they do not depend on it."""
    match change.WhichOneof("change"):
        case "network":
            return feeds.network([change.network])
        case "partitioning" if change.partitioning.deleted:
            # Whoever would have it gone need not say how it divides.
            gone = policy_pb2.Policy(
                policy=change.partitioning.policy.policy, strategy=policy_pb2.STRATEGY_EQUAL_DIVISION
            )
            return feeds.partitioning([policy_pb2.PartitioningChange(policy=gone, deleted=True)])
        case "partitioning":
            return feeds.partitioning([change.partitioning])
        case _:
            return feeds.rules([change.rules])


def product(fields: Fields, asked: stock_pb2.Product) -> Product:
    """A product that a message names."""
    return (fields.identifier("owner", asked.owner, optional=True), fields.identifier("sku", asked.sku))


def _location_setting(fields: Fields, asked: network_pb2.LocationSetting, gone: bool) -> None:
    fields.identifier("location", asked.location)
    _known(fields, "policy", asked.policy, network_pb2.LocationPolicy, required=not gone)
    _etag(fields, asked)


def _warehouse_group(fields: Fields, asked: network_pb2.WarehouseGroup, gone: bool) -> None:
    fields.identifier("warehouse_group", asked.warehouse_group)
    _display_name(fields, asked)
    fields.identifiers("locations", asked.locations, most=LOCATIONS_MAX)
    _etag(fields, asked)


def _channel_group(fields: Fields, asked: network_pb2.ChannelGroup, gone: bool) -> None:
    fields.identifier("channel_group", asked.channel_group)
    _display_name(fields, asked)
    _etag(fields, asked)


def _channel(fields: Fields, asked: network_pb2.Channel, gone: bool) -> None:
    fields.identifier("channel", asked.channel)
    _known(fields, "kind", asked.kind, network_pb2.ChannelKind, required=not gone)
    _display_name(fields, asked)
    fields.identifier("channel_group", asked.channel_group, optional=True)
    _etag(fields, asked)


def _group_link(fields: Fields, asked: network_pb2.GroupLink, gone: bool) -> None:
    fields.identifier("warehouse_group", asked.warehouse_group)
    fields.identifier("channel_group", asked.channel_group)
    _etag(fields, asked)


def _product_link(fields: Fields, asked: network_pb2.ProductLink, gone: bool) -> None:
    source, destination = _named(fields, asked, "source"), _named(fields, asked, "destination")
    if source == destination:
        fields.refuse("destination", "Another product than source.")
    fields.identifiers("locations", asked.locations, most=LINK_LOCATIONS_MAX)
    _count(fields, "priority", asked.priority)
    fields.count("keep_back", asked.keep_back)
    _etag(fields, asked)


def _bundle(fields: Fields, asked: network_pb2.Bundle, gone: bool) -> None:
    parent = _named(fields, asked, "product")
    components = []
    for each, component in fields.each("components", asked.components, least=0 if gone else 1, most=COMPONENTS_MAX):
        components.append(_named(each, component, "product"))
        each.quantity("quantity", component.quantity, most=NUMBER_MAX)
    fields.unique("components", components)
    if parent in components:
        fields.refuse("components", "None is the bundle itself.")
    _etag(fields, asked)


def _policy(fields: Fields, asked: policy_pb2.Policy, gone: bool) -> None:
    fields.identifier("policy", asked.policy)
    _display_name(fields, asked)
    _count(fields, "priority", asked.priority)
    _known(fields, "strategy", asked.strategy, policy_pb2.Strategy, required=not gone)
    _known(fields, "mode", asked.mode, policy_pb2.PolicyMode)
    _products(fields, asked.products)
    parts = list(fields.each("parts", asked.parts, least=0, most=PARTS_MAX))
    for each, part in parts:
        each.identifier("channel_group", part.channel_group)
        _count(each, "rank", part.rank)
        _count(each, "weight", part.weight)
        for name in ("percent", "protected_percent"):
            each.number(name, getattr(part, name), least=0, most=100)
        for name in ("minimum", "quantity", "cap"):
            each.count(name, getattr(part, name))
    fields.unique("parts", [part.channel_group for _, part in parts])
    fields.count("buffer_units", asked.buffer_units)
    fields.number("buffer_percent", asked.buffer_percent, least=0, most=100)
    fields.number("threshold_percent", asked.threshold_percent, least=0, most=100)
    fields.count("hysteresis_units", asked.hysteresis_units)
    fields.duration(
        asked,
        "rebalance_interval",
        least_seconds=INTERVAL_SECONDS_MIN,
        most_seconds=INTERVAL_SECONDS_MAX,
        default_seconds=INTERVAL_SECONDS_MIN,
    )
    fields.number("demand_days", asked.demand_days, least=0, most=DEMAND_DAYS_MAX)
    fields.number("damping_percent", asked.damping_percent, least=0, most=DAMPING_PERCENT_MAX)
    _etag(fields, asked)


def _rule(fields: Fields, asked: rule_pb2.Rule, gone: bool) -> None:
    fields.identifier("rule", asked.rule)
    _display_name(fields, asked)
    _count(fields, "priority", asked.priority)
    fields.identifiers("stores", asked.stores, least=0 if gone else 1, most=STORES_MAX)
    _products(fields, asked.products)
    fields.identifiers("warehouses", asked.warehouses, most=LOCATIONS_MAX)
    fields.count("threshold", asked.threshold)
    fields.number("rate_percent", asked.rate_percent, least=0, most=RATE_PERCENT_MAX)
    fields.number("constant", asked.constant, least=-CONSTANT_MAX, most=CONSTANT_MAX)
    _known(fields, "rounding", asked.rounding, rule_pb2.Rounding)
    fields.identifier("priority_store", asked.priority_store, optional=True)
    fields.count("priority_quantity", asked.priority_quantity)
    _etag(fields, asked)


def _store_limits(fields: Fields, asked: rule_pb2.StoreLimits, gone: bool) -> None:
    fields.identifier("store", asked.store)
    _products(fields.inner("denied"), asked.denied.products)
    _products(fields.inner("allowed"), asked.allowed.products)
    fields.count("max_quantity", asked.max_quantity)
    _etag(fields, asked)


def _late_feed(fields: Fields, asked: rule_pb2.LateFeed, gone: bool) -> None:
    fields.identifier("location", asked.location)
    fields.number("buffer_percent", asked.buffer_percent, least=0 if gone else 1, most=100)
    _etag(fields, asked)


_CHECKS: Mapping[str, Mapping[str, Check]] = {
    "network": {
        "location_setting": _location_setting,
        "warehouse_group": _warehouse_group,
        "channel_group": _channel_group,
        "channel": _channel,
        "group_link": _group_link,
        "product_link": _product_link,
        "bundle": _bundle,
    },
    "partitioning": {"policy": _policy},
    "rules": {"rule": _rule, "store_limits": _store_limits, "late_feed": _late_feed},
}
"""By context, then by sort of object."""


def _named(fields: Fields, holder: Any, name: str) -> Product:
    """The product that a field of `holder` names; it must be there."""
    fields.required(holder, name)
    return product(fields.inner(name), getattr(holder, name))


def _products(fields: Fields, asked: Any) -> None:
    """Products in a field of that name, each but once."""
    named = [product(each, message) for each, message in fields.each("products", asked, least=0, most=PRODUCTS_MAX)]
    fields.unique("products", named)


def _known(fields: Fields, name: str, value: int, enum: Enum, *, required: bool = False) -> None:
    """A value that an enum has; 0 says nothing."""
    if value or required:
        fields.enum(name, value, {each: each for each in enum.values() if each})


def _count(fields: Fields, name: str, value: int) -> None:
    """A number without a unit; 0 is the default, or means that nothing is said."""
    fields.number(name, value, least=0, most=NUMBER_MAX)


def _display_name(fields: Fields, asked: Any) -> None:
    fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX)


def _etag(fields: Fields, asked: Any) -> None:
    fields.identifier("etag", asked.etag, optional=True)
