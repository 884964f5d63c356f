"""Every reason for which sync refuses a request."""

from __future__ import annotations

from weir_chassis.configuration.errors import Missing, Taken
from weir_chassis.configuration.priorities import Exhausted, OrderIncomplete, PriorityTaken, TooLarge


class RuleNotFound(Missing):
    """No such rule."""

    reason = "RULE_NOT_FOUND"
    thing = "rule"


class RuleExists(Taken):
    """A rule of this identifier exists."""

    reason = "RULE_EXISTS"
    thing = "rule"


class RulePriorityTaken(PriorityTaken):
    """Another rule has the priority."""

    reason = "RULE_PRIORITY_TAKEN"
    thing = "rule"


class RuleOrderIncomplete(OrderIncomplete):
    """The rules put in order are not those that there are."""

    reason = "RULE_ORDER_INCOMPLETE"
    thing = "rule"


class RulesExhausted(Exhausted):
    """There are as many rules as there may be."""

    reason = "RULES_EXHAUSTED"
    things = "rules"


class RulesTooLarge(TooLarge):
    """The rules hold more than can be told at once."""

    reason = "RULES_TOO_LARGE"
    things = "rules"


class ConnectionNotFound(Missing):
    """No such connection."""

    reason = "CONNECTION_NOT_FOUND"
    thing = "connection"


class ConnectionExists(Taken):
    """A connection of this identifier exists."""

    reason = "CONNECTION_EXISTS"
    thing = "connection"


class ScheduleNotFound(Missing):
    """No such schedule."""

    reason = "SCHEDULE_NOT_FOUND"
    thing = "schedule"
