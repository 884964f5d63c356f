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
