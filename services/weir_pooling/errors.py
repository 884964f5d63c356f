"""Every reason for which pooling refuses a request."""

from __future__ import annotations

from weir_chassis.configuration.errors import InUse, Missing, Taken
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


class PoolNotFound(Missing):
    """No such pool."""

    reason = "POOL_NOT_FOUND"
    thing = "pool"


class PoolExists(Taken):
    """A pool of this identifier exists."""

    reason = "POOL_EXISTS"
    thing = "pool"


class UnderWay(Refusal):
    """Others keep asking about the same thing."""

    kind = Kind.RACED
    reason = "UNDER_WAY"

    def __init__(self, *, subject: str) -> None:
        """Refuse for now, because another request about `subject` has not ended yet."""
        super().__init__(f"Another request about {subject} is under way; ask again.", subject=subject)


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


class HubAccessOff(Refusal):
    """The switch of the pool is off, or the person is in none."""

    kind = Kind.UNMET
    reason = "HUB_ACCESS_OFF"

    def __init__(self, *, user: str, pool: str) -> None:
        """Refuse that hub stock of `pool`, empty for none, is used for `user`."""
        why = f"hub stock is not open to the members of pool '{pool}'" if pool else "that person is in no pool"
        super().__init__(f"Hub stock cannot be used for '{user}': {why}.", user=user, pool=pool)


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
