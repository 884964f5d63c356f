"""Render domain values as messages."""

from __future__ import annotations

from collections.abc import Iterable

from weir.common.v1 import stock_pb2
from weir.sync.v1 import rule_pb2 as pb
from weir.sync.v1 import rule_service_pb2 as service_pb
from weir_chassis.configuration.objects import Change
from weir_chassis.configuration.priorities import Place
from weir_sync.domain import Product, Rule, StoreLimits
from weir_sync.wire.words import ROUNDINGS_TOLD, WARNING_CODES_TOLD


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
        case other:
            raise AssertionError(f"{type(other).__name__} is no kind of object here")


def _product_list(products: Iterable[Product]) -> pb.ProductList:
    return pb.ProductList(products=_products(products))


def _products(products: Iterable[Product]) -> list[stock_pb2.Product]:
    return [stock_pb2.Product(owner=each.owner, sku=each.sku) for each in products]
