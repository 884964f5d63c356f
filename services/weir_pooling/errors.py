"""Every reason for which pooling refuses a request."""

from __future__ import annotations

from weir_chassis.configuration.errors import InUse, Missing, Taken
from weir_chassis.configuration.priorities import Exhausted
from weir_chassis.errors import Kind, Refusal


class AuthorityInsufficient(Refusal):
    """Who calls may not do this for that person."""

    kind = Kind.FORBIDDEN
    reason = "AUTHORITY_INSUFFICIENT"

    def __init__(self, *, user: str, acting_for: str, action: str) -> None:
        """Refuse that `user` does `action` for another person."""
        super().__init__(
            f"'{user}' may not do this ({action}) for '{acting_for}'.", user=user, acting_for=acting_for, action=action
        )


class UserNotFound(Missing):
    """No such person whom the caller may name."""

    reason = "USER_NOT_FOUND"
    thing = "user"


class UserExists(Taken):
    """A person of this identifier exists."""

    reason = "USER_EXISTS"
    thing = "user"


class UserInUse(InUse):
    """Something rests on the person."""

    reason = "USER_IN_USE"
    thing = "user"


class UserRoleOther(Refusal):
    """The person does not have the role that is needed."""

    kind = Kind.UNMET
    reason = "USER_ROLE"

    def __init__(self, *, user: str, role: str, required: str) -> None:
        """Refuse a person who has `role` for a place that only `required` can have."""
        super().__init__(f"'{user}' is {role}, not {required}.", user=user, role=role, required=required)


class UserPooled(Refusal):
    """The person is in another pool, or its hub."""

    kind = Kind.TAKEN
    reason = "USER_POOLED"

    def __init__(self, *, user: str, pool: str) -> None:
        """Refuse a second pool for a person who is in `pool`."""
        super().__init__(f"'{user}' is in the pool '{pool}' already.", user=user, pool=pool)


class ChannelTaken(Refusal):
    """Another person sells through the channel."""

    kind = Kind.TAKEN
    reason = "CHANNEL_TAKEN"

    def __init__(self, *, channel: str, user: str) -> None:
        """Refuse a channel through which `user` sells."""
        super().__init__(f"'{user}' sells through the channel '{channel}' already.", channel=channel, user=user)


class PoolNotFound(Missing):
    """No such pool."""

    reason = "POOL_NOT_FOUND"
    thing = "pool"


class PoolExists(Taken):
    """A pool of this identifier exists."""

    reason = "POOL_EXISTS"
    thing = "pool"


class HubAccessOff(Refusal):
    """The switch of the pool is off, or the person is in none."""

    kind = Kind.UNMET
    reason = "HUB_ACCESS_OFF"

    def __init__(self, *, user: str, pool: str) -> None:
        """Refuse the hub's stock to a person; `pool` is empty where he is in none."""
        sentence = f"The hub of the pool '{pool}' shares its stock with nobody." if pool else f"'{user}' is in no pool."
        super().__init__(sentence, user=user, pool=pool)


class UnderWay(Refusal):
    """Others keep asking about the same thing."""

    kind = Kind.RACED
    reason = "UNDER_WAY"

    def __init__(self, *, subject: str) -> None:
        """Refuse for now, because another request about `subject` has not ended yet."""
        super().__init__(f"Another request about {subject} is under way; ask again.", subject=subject)


class TransferNotFound(Missing):
    """No such transfer that the caller may see."""

    reason = "TRANSFER_NOT_FOUND"
    thing = "transfer"


class TransferState(Refusal):
    """The transfer is in another state than is needed."""

    kind = Kind.UNMET
    reason = "TRANSFER_STATE"

    def __init__(self, *, transfer: str, state: str, required: str) -> None:
        """Refuse what only a transfer in state `required` allows."""
        super().__init__(
            f"The transfer '{transfer}' is {state}, not {required}.", transfer=transfer, state=state, required=required
        )


class TransferLineNotFound(Refusal):
    """The transfer has no such line."""

    kind = Kind.UNKNOWN
    reason = "TRANSFER_LINE_NOT_FOUND"

    def __init__(self, *, transfer: str, line: int) -> None:
        """Refuse for want of `line`."""
        super().__init__(f"The transfer '{transfer}' has no line {line}.", transfer=transfer, line=line)


class TransferLineExceeded(Refusal):
    """More units than are left of a line."""

    kind = Kind.UNMET
    reason = "TRANSFER_LINE_EXCEEDED"

    def __init__(self, *, transfer: str, line: int, requested: int, left: int) -> None:
        """Refuse to take `requested` units out of a line of which so many are `left`."""
        super().__init__(
            f"{requested} units cannot be taken out of line {line} of '{transfer}': {left} are left.",
            transfer=transfer,
            line=line,
            requested=requested,
            left=left,
        )


class StockingOrderNotFound(Missing):
    """No such stocking order that the caller may see."""

    reason = "STOCKING_ORDER_NOT_FOUND"
    thing = "stocking order"


class LocationKind(Refusal):
    """The location is of another kind than is needed."""

    kind = Kind.UNMET
    reason = "LOCATION_KIND"

    def __init__(self, *, location: str, kind: str, required: str) -> None:
        """Refuse a location of this `kind` where only a `required` one will do."""
        super().__init__(
            f"The location '{location}' is a {kind}, not a {required}.", location=location, kind=kind, required=required
        )


class CaseNotFound(Missing):
    """No such case that the caller may see."""

    reason = "CASE_NOT_FOUND"
    thing = "case"


class CaseClosed(Refusal):
    """The case is closed."""

    kind = Kind.UNMET
    reason = "CASE_CLOSED"

    def __init__(self, *, case: str) -> None:
        """Refuse to change `case` until it is opened again."""
        super().__init__(f"The case '{case}' is closed: open it again first.", case=case)


class UsageNotFound(Refusal):
    """Nothing in the case was marked under the identifier."""

    kind = Kind.UNKNOWN
    reason = "USAGE_NOT_FOUND"

    def __init__(self, *, usage: str, case: str) -> None:
        """Refuse for want of `usage` in `case`."""
        super().__init__(f"Nothing was marked as '{usage}' in case '{case}'.", usage=usage, case=case)


class UsageExceeded(Refusal):
    """More units than are marked."""

    kind = Kind.UNMET
    reason = "USAGE_EXCEEDED"

    def __init__(self, *, usage: str, requested: int, marked: int) -> None:
        """Refuse to take `requested` units back where `marked` are."""
        super().__init__(
            f"{requested} units of '{usage}' cannot be taken back: {marked} are marked.",
            usage=usage,
            requested=requested,
            marked=marked,
        )


class ParLevelNotFound(Missing):
    """No such par level that the caller may see."""

    reason = "PAR_LEVEL_NOT_FOUND"
    thing = "par level"


class ParLevelsExhausted(Exhausted):
    """There are as many par levels of the person as this installation allows."""

    reason = "PAR_LEVELS_EXHAUSTED"
    things = "par levels of this person"


class NotificationNotFound(Missing):
    """No such notification of the person."""

    reason = "NOTIFICATION_NOT_FOUND"
    thing = "notification"
