"""Every reason for which partitioning refuses a request."""

from __future__ import annotations

from weir_chassis.configuration.errors import Missing, Taken
from weir_chassis.configuration.priorities import Exhausted, OrderIncomplete, PriorityTaken, TooLarge


class PolicyNotFound(Missing):
    """No such policy."""

    reason = "POLICY_NOT_FOUND"
    thing = "policy"


class PolicyExists(Taken):
    """A policy of this identifier exists."""

    reason = "POLICY_EXISTS"
    thing = "policy"


class PolicyPriorityTaken(PriorityTaken):
    """Another policy has the priority."""

    reason = "POLICY_PRIORITY_TAKEN"
    thing = "policy"


class PolicyOrderIncomplete(OrderIncomplete):
    """The policies put in order are not those that there are."""

    reason = "POLICY_ORDER_INCOMPLETE"
    thing = "policy"


class PoliciesExhausted(Exhausted):
    """There are as many policies as there may be."""

    reason = "POLICIES_EXHAUSTED"
    things = "policies"


class PoliciesTooLarge(TooLarge):
    """The policies hold more than can be told at once."""

    reason = "POLICIES_TOO_LARGE"
    things = "policies"
