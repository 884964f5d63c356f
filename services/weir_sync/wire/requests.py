"""Make domain requests of messages; each refuses all bad fields at once."""

from __future__ import annotations

from collections.abc import Sequence

from weir.common.v1 import stock_pb2
from weir.sync.v1 import rule_pb2 as pb
from weir.sync.v1 import rule_service_pb2 as service_pb
from weir_chassis.configuration.priorities import PRIORITY_MAX
from weir_chassis.configuration.wire import attempt
from weir_chassis.fields import QUANTITY_MAX, Fields
from weir_chassis.idempotency import Attempt
from weir_sync.domain import Product, Rounding, Rule, StoreLimits
from weir_sync.wire.words import ROUNDINGS

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
        allowed = _products(inner.inner("allowed"), asked.allowed.products)
        return attempt(fields, request), StoreLimits(
            store=inner.identifier("store", asked.store),
            denied=_products(inner.inner("denied"), asked.denied.products),
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
        products=_products(fields, asked.products),
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


def _products(fields: Fields, asked: Sequence[stock_pb2.Product]) -> tuple[Product, ...]:
    products = [
        Product(each.identifier("owner", product.owner, optional=True), each.identifier("sku", product.sku))
        for each, product in fields.each("products", asked, least=0, most=PRODUCTS_MAX)
    ]
    fields.unique("products", products)
    return tuple(sorted(products))
