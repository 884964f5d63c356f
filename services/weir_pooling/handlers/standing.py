"""Who calls, as far as authority goes."""

from __future__ import annotations

from dataclasses import dataclass

from weir_chassis import call
from weir_chassis.auth import Role
from weir_chassis.configuration.ports import Objects
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import Pool, User, UserRole
from weir_pooling.errors import AuthorityInsufficient


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; `trusted` where his token says ADMINISTRATOR or SERVICE, and names nobody else."""

    user: str
    trusted: bool


def caller() -> Caller:
    """Who makes the current call."""
    principal = call.current().principal
    return Caller(principal.person, principal.role >= Role.ADMINISTRATOR and not principal.user)


async def standing(objects: Objects, calling: Caller) -> Standing:
    """What the caller may see and do; raises AuthorityInsufficient where he is nobody here."""
    user = await objects.get(User, (calling.user,))
    if user is None:
        if not calling.trusted:
            raise AuthorityInsufficient(user=calling.user, acting_for=calling.user, action="anything")
        return Standing(calling.user, UserRole.ADMINISTRATOR)
    return Standing(user.user, user.role, await pool_of(objects, user.user))


async def pool_of(objects: Objects, user: str) -> Pool | None:
    """The pool that a person is in, as its hub or as a member."""
    found = await objects.select(Pool, {"person": user}, limit=1)
    return found[0] if found else None
