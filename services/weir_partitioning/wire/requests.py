"""Make domain requests of messages; each refuses all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from weir.partitioning.v1 import partitioning_service_pb2 as service_pb
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.configuration.priorities import PRIORITY_MAX
from weir_chassis.configuration.wire import attempt, etag
from weir_chassis.fields import QUANTITY_MAX, Fields
from weir_chassis.idempotency import Attempt
from weir_partitioning.domain import (
    DAMPING_PERCENT,
    DEMAND_DAYS,
    HYSTERESIS_UNITS,
    THRESHOLD_PERCENT,
    Mode,
    Part,
    Policy,
    Product,
    Strategy,
)
from weir_partitioning.wire.words import MODES, STRATEGIES

DISPLAY_NAME_LENGTH_MAX = 256
RANK_MAX = WEIGHT_MAX = 10**6
PRODUCTS_MAX = 10_000
PARTS_MAX = ORDER_MAX = 1000
INTERVAL_SECONDS_LEAST, INTERVAL_SECONDS_MAX = 60, 30 * 86_400
DEMAND_DAYS_MAX = 365
DAMPING_PERCENT_MAX = 99

_OF_PARTS: Mapping[str, tuple[int, frozenset[Strategy]]] = {
    "weight": (WEIGHT_MAX, frozenset({Strategy.SAFETY_STOCK, Strategy.WEIGHTED, Strategy.DEMAND})),
    "percent": (100, frozenset({Strategy.RANKED})),
    "minimum": (QUANTITY_MAX, frozenset({Strategy.RANKED})),
    "quantity": (QUANTITY_MAX, frozenset({Strategy.FIXED})),
}
_OF_POLICIES: Mapping[str, tuple[int, frozenset[Strategy]]] = {
    "buffer_units": (QUANTITY_MAX, frozenset({Strategy.SAFETY_STOCK})),
    "buffer_percent": (100, frozenset({Strategy.SAFETY_STOCK})),
}
"""The most that a number may be, and the strategies that use it."""


def policy(request: service_pb.CreatePolicyRequest | service_pb.UpdatePolicyRequest) -> tuple[Attempt, Policy]:
    """A policy as it shall be."""
    with Fields() as fields:
        fields.required(request, "policy")
        return attempt(fields, request), _policy(fields.inner("policy"), request.policy)


def order(request: service_pb.ReorderPoliciesRequest) -> tuple[Attempt, tuple[str, ...]]:
    """The order in which policies shall be tried."""
    with Fields() as fields:
        named = fields.identifiers("policies", request.policies, least=1, most=ORDER_MAX)
        return attempt(fields, request), tuple(named)


def _policy(fields: Fields, asked: pb.Policy) -> Policy:
    strategy = STRATEGIES.get(asked.strategy)  # where it is none, nobody can tell which numbers it would use
    mode = MODES.get(asked.mode or pb.POLICY_MODE_CONTINUOUS)
    numbers = _numbers(fields, asked, _OF_POLICIES, strategy)
    if all(numbers.values()):
        fields.refuse("buffer_percent", "One of this and buffer_units at most.")
    if strategy is Strategy.DEMAND and mode is Mode.CONTINUOUS:
        fields.refuse("mode", f"{strategy} only with {Mode.BALANCED}.")
    return Policy(
        policy=fields.identifier("policy", asked.policy),
        display_name=fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX),
        priority=fields.number("priority", asked.priority, least=1, most=PRIORITY_MAX) if asked.priority else 0,
        strategy=fields.enum("strategy", asked.strategy, STRATEGIES),
        mode=fields.enum("mode", asked.mode, MODES, default=Mode.CONTINUOUS),
        products=_products(fields, asked),
        parts=_parts(fields, asked, strategy, mode),
        disabled=asked.disabled,
        etag=etag(fields, asked),
        enforce=_enforce(fields, asked, mode),
        rebalance_seconds=_interval(fields, asked, mode),
        **_moving(fields, asked, mode),
        **_demand(fields, asked, strategy),
        **numbers,
    )


def _enforce(fields: Fields, asked: pb.Policy, mode: Mode | None) -> bool:
    if asked.enforce:
        _used(fields, "enforce", mode, Mode.CONTINUOUS)
    return asked.enforce


def _interval(fields: Fields, asked: pb.Policy, mode: Mode | None) -> float | None:
    """The span after which a supply is divided anew in any case; None: never for that alone."""
    if not asked.HasField("rebalance_interval"):
        return None
    _used(fields, "rebalance_interval", mode, Mode.BALANCED)
    least, most = INTERVAL_SECONDS_LEAST, INTERVAL_SECONDS_MAX
    return fields.duration(
        asked, "rebalance_interval", least_seconds=least, most_seconds=most, default_seconds=INTERVAL_SECONDS_MAX
    )


def _moving(fields: Fields, asked: pb.Policy, mode: Mode | None) -> dict[str, Any]:
    """When a supply is divided anew; None where the mode does not divide at an instant."""
    numbers = {
        "threshold_percent": _optional(fields, asked, "threshold_percent", THRESHOLD_PERCENT, most=100),
        "hysteresis_units": _optional(fields, asked, "hysteresis_units", HYSTERESIS_UNITS, most=QUANTITY_MAX),
    }
    if mode is Mode.BALANCED:
        return numbers
    for name in numbers:
        if asked.HasField(cast(Any, name)):
            _used(fields, name, mode, Mode.BALANCED)
    return dict.fromkeys(numbers)


def _demand(fields: Fields, asked: pb.Policy, strategy: Strategy | None) -> dict[str, Any]:
    """What is taken for demand; None where the strategy does not divide by it."""
    days = fields.number("demand_days", asked.demand_days or DEMAND_DAYS, least=1, most=DEMAND_DAYS_MAX)
    damping = _optional(fields, asked, "damping_percent", DAMPING_PERCENT, most=DAMPING_PERCENT_MAX)
    if strategy is Strategy.DEMAND:
        return {"demand_days": days, "damping_percent": damping}
    if asked.demand_days:
        _used(fields, "demand_days", strategy, Strategy.DEMAND)
    if asked.HasField("damping_percent"):
        _used(fields, "damping_percent", strategy, Strategy.DEMAND)
    return {"demand_days": None, "damping_percent": None}


def _optional(fields: Fields, asked: pb.Policy, name: Any, default: int, *, most: int) -> int:
    """A number that may not be there; 0 is one, too."""
    return fields.number(name, getattr(asked, name), least=0, most=most) if asked.HasField(name) else default


def _used(fields: Fields, name: str, said: Strategy | Mode | None, user: Strategy | Mode) -> None:
    """The field is there for the one that uses it only; where nobody can tell what was meant, it is let through."""
    if said is not None and said is not user:
        fields.refuse(name, f"Not used by {said}.")


def _products(fields: Fields, asked: pb.Policy) -> tuple[Product, ...]:
    products = [
        Product(each.identifier("owner", product.owner, optional=True), each.identifier("sku", product.sku))
        for each, product in fields.each("products", asked.products, least=0, most=PRODUCTS_MAX)
    ]
    fields.unique("products", products)
    return tuple(sorted(products))


def _parts(fields: Fields, asked: pb.Policy, strategy: Strategy | None, mode: Mode | None) -> tuple[Part, ...]:
    """What the policy says of each group, in rank order."""
    least = 1 if strategy in (Strategy.RANKED, Strategy.FIXED) else 0
    parts = [
        Part(
            channel_group=each.identifier("channel_group", part.channel_group),
            rank=each.number("rank", part.rank, least=0, most=RANK_MAX),
            cap=each.count("cap", part.cap) if part.HasField("cap") else None,
            protected_percent=_protected(each, part, mode),
            **_numbers(each, part, _OF_PARTS, strategy),
        )
        for each, part in fields.each("parts", asked.parts, least=least, most=PARTS_MAX)
    ]
    fields.unique("parts", [part.channel_group for part in parts])
    if (percent := sum(part.percent for part in parts)) > 100:
        fields.refuse("parts", f"Percentages of 100 together at most, not {percent}.")
    return tuple(sorted(parts, key=lambda part: (part.rank, part.channel_group)))


def _protected(fields: Fields, part: pb.PolicyPart, mode: Mode | None) -> int:
    if part.protected_percent:
        _used(fields, "protected_percent", mode, Mode.BALANCED)
    return fields.number("protected_percent", part.protected_percent, least=0, most=100)


def _numbers(
    fields: Fields, asked: Any, limits: Mapping[str, tuple[int, frozenset[Strategy]]], strategy: Strategy | None
) -> dict[str, int]:
    """Numbers within their limits, of which those that the strategy does not use must be 0."""
    numbers = {}
    for name, (most, users) in limits.items():
        numbers[name] = fields.number(name, getattr(asked, name), least=0, most=most)
        if numbers[name] and strategy is not None and strategy not in users:
            fields.refuse(name, f"Not used by {strategy}.")
    return numbers
