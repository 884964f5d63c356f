"""Make domain requests of messages; each refuses all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weir.partitioning.v1 import partitioning_service_pb2 as service_pb
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.configuration.priorities import PRIORITY_MAX
from weir_chassis.configuration.wire import attempt, etag
from weir_chassis.fields import QUANTITY_MAX, Fields
from weir_chassis.idempotency import Attempt
from weir_partitioning.domain import Mode, Part, Policy, Product, Strategy
from weir_partitioning.wire.words import MODES, STRATEGIES

DISPLAY_NAME_LENGTH_MAX = 256
RANK_MAX = WEIGHT_MAX = 10**6
PRODUCTS_MAX = 10_000
PARTS_MAX = ORDER_MAX = 1000

_OF_PARTS: Mapping[str, tuple[int, frozenset[Strategy]]] = {
    "weight": (WEIGHT_MAX, frozenset({Strategy.SAFETY_STOCK, Strategy.WEIGHTED})),
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
    numbers = _numbers(fields, asked, _OF_POLICIES, strategy)
    if all(numbers.values()):
        fields.refuse("buffer_percent", "One of this and buffer_units at most.")
    return Policy(
        policy=fields.identifier("policy", asked.policy),
        display_name=fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX),
        priority=fields.number("priority", asked.priority, least=1, most=PRIORITY_MAX) if asked.priority else 0,
        strategy=fields.enum("strategy", asked.strategy, STRATEGIES),
        mode=fields.enum("mode", asked.mode, MODES, default=Mode.CONTINUOUS),
        products=_products(fields, asked),
        parts=_parts(fields, asked, strategy),
        disabled=asked.disabled,
        etag=etag(fields, asked),
        **numbers,
    )


def _products(fields: Fields, asked: pb.Policy) -> tuple[Product, ...]:
    products = [
        Product(each.identifier("owner", product.owner, optional=True), each.identifier("sku", product.sku))
        for each, product in fields.each("products", asked.products, least=0, most=PRODUCTS_MAX)
    ]
    fields.unique("products", products)
    return tuple(sorted(products))


def _parts(fields: Fields, asked: pb.Policy, strategy: Strategy | None) -> tuple[Part, ...]:
    """What the policy says of each group, in rank order."""
    least = 1 if strategy in (Strategy.RANKED, Strategy.FIXED) else 0
    parts = [
        Part(
            channel_group=each.identifier("channel_group", part.channel_group),
            rank=each.number("rank", part.rank, least=0, most=RANK_MAX),
            cap=each.count("cap", part.cap) if part.HasField("cap") else None,
            **_numbers(each, part, _OF_PARTS, strategy),
        )
        for each, part in fields.each("parts", asked.parts, least=least, most=PARTS_MAX)
    ]
    fields.unique("parts", [part.channel_group for part in parts])
    if (percent := sum(part.percent for part in parts)) > 100:
        fields.refuse("parts", f"Percentages of 100 together at most, not {percent}.")
    return tuple(sorted(parts, key=lambda part: (part.rank, part.channel_group)))


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
