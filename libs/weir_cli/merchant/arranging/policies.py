"""Steps that arrange policies, rules and limits; a priority is given only once nobody else has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir_cli.merchant.columns import PLACE_MAX
from weir_cli.merchant.configured import limits, plain, policies, rules
from weir_cli.merchant.state import State, Step
from weir_cli.merchant.values import Merchant

T = TypeVar("T", policy_pb2.Policy, rule_pb2.Rule)


def policy_steps(merchant: Merchant, state: State) -> Iterator[Step]:
    """Policies, rules and limits."""
    for name, policy, old_policy in _placed(policies(merchant, state.policies), state.policies):
        if old_policy is None:
            request: Message = partitioning_service_pb2.CreatePolicyRequest(policy=policy)
            yield Step("partitioning", "policies", "created", name, "CreatePolicy", request)
        else:
            request = partitioning_service_pb2.UpdatePolicyRequest(policy=policy)
            yield Step("partitioning", "policies", "updated", name, "UpdatePolicy", request)
    for name, rule, old_rule in _placed(rules(merchant, state.rules), state.rules):
        if old_rule is None:
            request = rule_service_pb2.CreateRuleRequest(rule=rule)
            yield Step("rules", "rules", "created", name, "CreateRule", request)
        else:
            request = rule_service_pb2.UpdateRuleRequest(rule=rule)
            yield Step("rules", "rules", "updated", name, "UpdateRule", request)
    for store, wanted in limits(merchant).items():
        found = state.limits.get(store)
        if found is None or plain(found) != wanted:
            wanted.etag = found.etag if found is not None else ""
            request = rule_service_pb2.SetStoreLimitsRequest(store_limits=wanted)
            yield Step("rules", "limits", "set", store, "SetStoreLimits", request)


def _placed(wanted: Mapping[str, T], standing: Mapping[str, T]) -> Iterator[tuple[str, T, T | None]]:
    """Each that differs, as it shall be and as it stands, in an order in which no two ever have one priority.

    Where they have to change places, one is put out of the way first, and so comes twice. Those without a priority come
    last, each to be placed after all others.
    """
    held = {each.priority: name for name, each in standing.items()}
    waiting: dict[str, T] = {}
    for name, made in wanted.items():
        found = standing.get(name)
        if found is not None:
            made.priority = made.priority or found.priority
        if found is None or plain(found) != made:
            waiting[name] = made
    taken = {each.priority for each in wanted.values()}
    while placed := [name for name, made in waiting.items() if made.priority]:
        free = [name for name in placed if held.get(waiting[name].priority, name) == name]
        if free:
            name, made = free[0], waiting.pop(free[0])
        else:
            name, made = placed[0], plain(standing[placed[0]])
            made.priority = next(place for place in range(PLACE_MAX, 0, -1) if place not in taken and place not in held)
        former = next((place for place, holder in held.items() if holder == name), 0)
        held.pop(former, None)
        held[made.priority] = name
        yield name, made, standing.get(name)
    for name, made in waiting.items():
        yield name, made, None
