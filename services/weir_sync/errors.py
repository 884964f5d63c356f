"""Every reason for which sync refuses a request."""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.errors import Missing, Taken
from weir_chassis.configuration.priorities import Exhausted, OrderIncomplete, PriorityTaken, TooLarge
from weir_chassis.errors import Kind, Refusal, Violation

ACCIDENT = "It failed for a reason that is in the log of the service."
"""What is said of work that nobody waits for, where it failed by a fault of ours."""


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


class ConnectionsExhausted(Exhausted):
    """There are as many connections as there may be."""

    reason = "CONNECTIONS_EXHAUSTED"
    things = "connections"


class ConnectionOfRole(Refusal):
    """The connection is of the other role."""

    kind = Kind.UNMET
    reason = "CONNECTION_ROLE"

    def __init__(self, *, connection: str, role: str, required: str) -> None:
        """Refuse what only a connection of role `required` can do or be."""
        super().__init__(
            f"The connection '{connection}' is of role {role}; this needs {required}.",
            connection=connection,
            role=role,
            required=required,
        )


class SettingsInvalid(Refusal):
    """The connector cannot work with what it is given."""

    kind = Kind.UNMET
    reason = "SETTINGS_INVALID"

    def __init__(self, violations: Sequence[Violation], *, connection: str, connector: str) -> None:
        """Refuse settings or a secret, each with what is wrong with it, and never with what it is."""
        assert violations
        super().__init__(
            f"A connector of kind {connector} cannot work with this for the connection '{connection}'.",
            violations=violations,
            connection=connection,
            kind=connector,
        )


class ChannelConnected(Refusal):
    """Another connection tells the levels of the channel."""

    kind = Kind.TAKEN
    reason = "CHANNEL_CONNECTED"

    def __init__(self, *, channel: str, connection: str) -> None:
        """Refuse a second connection for `channel`, which `connection` is the one of."""
        super().__init__(
            f"The connection '{connection}' tells the levels of channel '{channel}' already.",
            channel=channel,
            connection=connection,
        )


class SecretKeyMissing(Refusal):
    """There is no key to keep secrets with."""

    kind = Kind.UNMET
    reason = "SECRET_KEY_MISSING"

    def __init__(self, *, connection: str, secret: str) -> None:
        """Refuse to keep the secret of this name."""
        super().__init__(
            f"The secret '{secret}' of connection '{connection}' cannot be kept: this installation was given no key.",
            connection=connection,
            secret=secret,
        )


class SchedulesExhausted(Refusal):
    """A connection has as many schedules as it may."""

    kind = Kind.EXHAUSTED
    reason = "SCHEDULES_EXHAUSTED"

    def __init__(self, *, connection: str, limit: int) -> None:
        """Refuse one more than `limit`."""
        super().__init__(
            f"The connection '{connection}' has {limit} schedules, as many as it may.",
            connection=connection,
            limit=limit,
        )


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


class SyncOff(Refusal):
    """The master switch is off, or a run has nothing to do for the connection."""

    kind = Kind.UNMET
    reason = "SYNC_OFF"

    def __init__(self, connection: str = "") -> None:
        """Refuse because of a connection; of none: because of the switch."""
        flow = f"Neither levels nor stock flow over the connection '{connection}'."
        super().__init__(flow if connection else "The master switch is off.", connection=connection)


class RunNotFound(Refusal):
    """No such run."""

    kind = Kind.UNKNOWN
    reason = "RUN_NOT_FOUND"

    def __init__(self, run: str) -> None:
        """Refuse for want of a run."""
        super().__init__(f"There is no run '{run}'.", run=run)


class RecordNotFound(Refusal):
    """No such sync record."""

    kind = Kind.UNKNOWN
    reason = "RECORD_NOT_FOUND"

    def __init__(self, record: str) -> None:
        """Refuse for want of a record."""
        super().__init__(f"There is no sync record '{record}'.", record=record)


class RecordNotFailed(Refusal):
    """The sync record has not failed."""

    kind = Kind.UNMET
    reason = "RECORD_STATUS"

    def __init__(self, record: str, *, status: str) -> None:
        """Refuse to try again what stands otherwise."""
        super().__init__(f"The sync record '{record}' is {status}, not FAILED.", record=record, status=status)


class SyncAlertNotFound(Refusal):
    """No such alert."""

    kind = Kind.UNKNOWN
    reason = "SYNC_ALERT_NOT_FOUND"

    def __init__(self, alert: str) -> None:
        """Refuse for want of an alert."""
        super().__init__(f"There is no alert '{alert}'.", alert=alert)


class StoreOrderNotFound(Refusal):
    """No such order was reported."""

    kind = Kind.UNKNOWN
    reason = "STORE_ORDER_NOT_FOUND"

    def __init__(self, *, connection: str, store_order: str) -> None:
        """Refuse for want of an order of a store."""
        super().__init__(
            f"No order '{store_order}' of '{connection}' was reported.", connection=connection, store_order=store_order
        )


class StoreOrderChanged(Refusal):
    """The order was reported with other lines."""

    kind = Kind.UNMET
    reason = "STORE_ORDER_CHANGED"

    def __init__(self, *, connection: str, store_order: str) -> None:
        """Refuse lines that are not those of the first report."""
        super().__init__(
            f"The order '{store_order}' of '{connection}' was reported with other lines before.",
            connection=connection,
            store_order=store_order,
        )
