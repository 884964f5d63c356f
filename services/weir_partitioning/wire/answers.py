"""Render domain values as messages."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from weir.common.v1.stock_pb2 import Product
from weir.partitioning.v1 import partitioning_service_pb2 as service_pb
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.configuration.objects import Change
from weir_chassis.configuration.priorities import Place
from weir_partitioning.domain import Part, Policy
from weir_partitioning.wire.words import MODES_TOLD, STRATEGIES_TOLD


def to_policy(policy: Policy) -> pb.Policy:
    """A policy."""
    return pb.Policy(
        policy=policy.policy,
        display_name=policy.display_name,
        priority=policy.priority,
        strategy=STRATEGIES_TOLD[policy.strategy],
        mode=MODES_TOLD[policy.mode],
        products=[Product(owner=each.owner, sku=each.sku) for each in policy.products],
        parts=map(to_part, policy.parts),
        buffer_units=policy.buffer_units,
        buffer_percent=policy.buffer_percent,
        disabled=policy.disabled,
        etag=policy.etag,
        threshold_percent=policy.threshold_percent,
        hysteresis_units=policy.hysteresis_units,
        rebalance_interval=_span(policy.rebalance_seconds),
        enforce=policy.enforce,
        demand_days=policy.demand_days or 0,
        damping_percent=policy.damping_percent,
    )


def to_part(part: Part) -> pb.PolicyPart:
    """What a policy says of one channel group."""
    return pb.PolicyPart(
        channel_group=part.channel_group,
        rank=part.rank,
        weight=part.weight,
        percent=part.percent,
        minimum=part.minimum,
        quantity=part.quantity,
        cap=part.cap,
        protected_percent=part.protected_percent,
    )


def to_priority(place: Place) -> service_pb.PolicyPriority:
    """The place of a policy in the order."""
    return service_pb.PolicyPriority(policy=place.name, priority=place.priority, etag=place.etag)


def to_change(change: Change) -> pb.PartitioningChange:
    """A change, with the policy as it stands after it."""
    assert isinstance(change.object, Policy)
    return pb.PartitioningChange(policy=to_policy(change.object), deleted=change.deleted)


def _span(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    span = Duration()
    span.FromMicroseconds(round(seconds * 1_000_000))
    return span
