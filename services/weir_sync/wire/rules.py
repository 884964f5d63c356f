"""Rules and limits of stores: messages to domain, refusing all bad fields at once, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weir.common.v1 import stock_pb2
from weir.sync.v1 import rule_pb2 as pb
from weir.sync.v1 import rule_service_pb2 as service_pb
from weir_chassis.configuration.objects import Change
from weir_chassis.configuration.priorities import PRIORITY_MAX, Place
from weir_chassis.configuration.wire import attempt
from weir_chassis.fields import QUANTITY_MAX, Fields
from weir_chassis.idempotency import Attempt
from weir_sync.domain.connections import LateFeed
from weir_sync.domain.rules import Product, Rounding, Rule, StoreLimits
from weir_sync.wire.words import ROUNDINGS, ROUNDINGS_TOLD, WARNING_CODES_TOLD

DISPLAY_NAME_LENGTH_MAX = 256
STORES_MAX = WAREHOUSES_MAX = ORDER_MAX = 1000
PRODUCTS_MAX = 10_000
RATE_PERCENT_MAX = 1000
RATE_PERCENT_DEFAULT = 100


def rule(request: service_pb.CreateRuleRequest | service_pb.UpdateRuleRequest) -> tuple[Attempt, Rule]:
    """A rule as it shall be."""
    with Fields() as fields:
        fields.required(request, "rule")
        return attempt(fields, request), _rule(fields.inner("rule"), request.rule)


def order(request: service_pb.ReorderRulesRequest) -> tuple[Attempt, tuple[str, ...]]:
    """The order in which rules shall be tried."""
    with Fields() as fields:
        named = fields.identifiers("rules", request.rules, least=1, most=ORDER_MAX)
        return attempt(fields, request), tuple(named)


def store_limits(request: service_pb.SetStoreLimitsRequest) -> tuple[Attempt, StoreLimits]:
    """The limits that a store shall have."""
    with Fields() as fields:
        fields.required(request, "store_limits")
        asked, inner = request.store_limits, fields.inner("store_limits")
        allowed = _read_products(inner.inner("allowed"), asked.allowed.products)
        return attempt(fields, request), StoreLimits(
            store=inner.identifier("store", asked.store),
            denied=_read_products(inner.inner("denied"), asked.denied.products),
            allowed=allowed if asked.HasField("allowed") else None,
            max_quantity=inner.count("max_quantity", asked.max_quantity) if asked.HasField("max_quantity") else None,
            etag=inner.identifier("etag", asked.etag, optional=True),
        )


def _rule(fields: Fields, asked: pb.Rule) -> Rule:
    rate = asked.rate_percent if asked.HasField("rate_percent") else RATE_PERCENT_DEFAULT
    stores = fields.identifiers("stores", asked.stores, least=1, most=STORES_MAX)
    _check_priority_store(fields, asked)
    return Rule(
        rule=fields.identifier("rule", asked.rule),
        stores=tuple(sorted(stores)),
        display_name=fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX),
        priority=fields.number("priority", asked.priority, least=1, most=PRIORITY_MAX) if asked.priority else 0,
        products=_read_products(fields, asked.products),
        warehouses=tuple(sorted(fields.identifiers("warehouses", asked.warehouses, most=WAREHOUSES_MAX))),
        threshold=fields.count("threshold", asked.threshold),
        rate_percent=fields.number("rate_percent", rate, least=0, most=RATE_PERCENT_MAX),
        constant=fields.number("constant", asked.constant, least=-QUANTITY_MAX, most=QUANTITY_MAX),
        rounding=fields.enum("rounding", asked.rounding, ROUNDINGS, default=Rounding.DOWN),
        priority_store=asked.priority_store,
        priority_quantity=fields.count("priority_quantity", asked.priority_quantity),
        disabled=asked.disabled,
        etag=fields.identifier("etag", asked.etag, optional=True),
    )


def _check_priority_store(fields: Fields, asked: pb.Rule) -> None:
    if asked.priority_store and asked.priority_store not in asked.stores:
        fields.refuse("priority_store", "One of stores, or none.")
    if asked.priority_quantity and not asked.priority_store:
        fields.refuse("priority_quantity", "Only beside a priority_store.")


def _read_products(fields: Fields, asked: Sequence[stock_pb2.Product]) -> tuple[Product, ...]:
    products = [
        Product(each.identifier("owner", product.owner, optional=True), each.identifier("sku", product.sku))
        for each, product in fields.each("products", asked, least=0, most=PRODUCTS_MAX)
    ]
    fields.unique("products", products)
    return tuple(sorted(products))


def to_rule(rule: Rule) -> pb.Rule:
    """A rule."""
    return pb.Rule(
        rule=rule.rule,
        display_name=rule.display_name,
        priority=rule.priority,
        stores=rule.stores,
        products=_products(rule.products),
        warehouses=rule.warehouses,
        threshold=rule.threshold,
        rate_percent=rule.rate_percent,
        constant=rule.constant,
        rounding=ROUNDINGS_TOLD[rule.rounding],
        priority_store=rule.priority_store,
        priority_quantity=rule.priority_quantity,
        disabled=rule.disabled,
        warnings=[pb.Warning(code=WARNING_CODES_TOLD[each.code], sentence=each.sentence) for each in rule.warnings],
        etag=rule.etag,
    )


def to_priority(place: Place) -> service_pb.RulePriority:
    """The place of a rule in the order."""
    return service_pb.RulePriority(rule=place.name, priority=place.priority, etag=place.etag)


def to_store_limits(limits: StoreLimits) -> pb.StoreLimits:
    """The limits of a store."""
    return pb.StoreLimits(
        store=limits.store,
        denied=_product_list(limits.denied) if limits.denied else None,
        allowed=None if limits.allowed is None else _product_list(limits.allowed),
        max_quantity=limits.max_quantity,
        etag=limits.etag,
    )


def to_change(change: Change) -> pb.RulesChange:
    """A change, with the object as it stands after it."""
    match change.object:
        case Rule() as rule:
            return pb.RulesChange(rule=to_rule(rule), deleted=change.deleted)
        case StoreLimits() as limits:
            return pb.RulesChange(store_limits=to_store_limits(limits), deleted=change.deleted)
        case LateFeed() as late:
            return pb.RulesChange(late_feed=to_late_feed(late), deleted=change.deleted)
        case other:
            raise AssertionError(f"{type(other).__name__} is no kind of object here")


def to_late_feed(late: LateFeed) -> pb.LateFeed:
    """A location whose warehouse is late."""
    return pb.LateFeed(location=late.location, buffer_percent=late.buffer_percent, etag=late.etag)


def _product_list(products: Iterable[Product]) -> pb.ProductList:
    return pb.ProductList(products=_products(products))


def _products(products: Iterable[Product]) -> list[stock_pb2.Product]:
    return [stock_pb2.Product(owner=each.owner, sku=each.sku) for each in products]
