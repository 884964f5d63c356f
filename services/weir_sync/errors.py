"""Every reason for which sync refuses a request."""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.errors import Missing, Taken
from weir_chassis.configuration.priorities import Exhausted, OrderIncomplete, PriorityTaken, TooLarge
from weir_chassis.errors import Kind, Refusal, Violation


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


class ListingNotFound(Missing):
    """No such listing."""

    reason = "LISTING_NOT_FOUND"
    thing = "listing"


class ListingsExhausted(Refusal):
    """A connection has as many listings as it may."""

    kind = Kind.EXHAUSTED
    reason = "LISTINGS_EXHAUSTED"

    def __init__(self, *, connection: str, limit: int) -> None:
        """Refuse more than `limit`."""
        sentence = f"The connection '{connection}' can have {limit} listings, and not one more."
        super().__init__(sentence, connection=connection, limit=limit)


class ListingsRefused(Refusal):
    """Lines of an import are bad."""

    kind = Kind.UNMET
    reason = "LISTINGS_REFUSED"

    def __init__(self, violations: Sequence[Violation], *, connection: str, faults: int) -> None:
        """Refuse an import with so many faults; `violations` are the first of them, by line."""
        sentence = f"The import for connection '{connection}' has {faults} faults, and nothing of it was taken."
        super().__init__(sentence, violations=violations, connection=connection, faults=faults)
