"""The caller as the suite sees it, and the metadata keys that say who it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from weir_chassis.errors import TokenInvalid

Metadata = Iterable[tuple[str, str | bytes]]

AUTHORIZATION = "authorization"
TENANT = "weir-tenant"
USER = "weir-user"


class Role(IntEnum):
    """What a principal may do; each role may do all that the ones before it may."""

    READER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3
    SERVICE = 4


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose proof held: acting for one tenant, under one role.

    `user` is the person whom a service names, on whose behalf it calls; empty where it names none, as for others.
    """

    tenant: str
    subject: str
    role: Role
    user: str = ""

    @property
    def person(self) -> str:
        """Who is answered: the person named, or the caller itself."""
        return self.user or self.subject

    @property
    def service(self) -> bool:
        """Whether this is another service of the suite, which may act for any tenant."""
        return self.role is Role.SERVICE


class Credentials(NamedTuple):
    """What a call says about its caller, unverified; None where it says nothing."""

    authorization: str | None
    tenant: str | None
    user: str | None = None


def credentials(metadata: Metadata) -> Credentials:
    """Read the proof out of a call's metadata; raises TokenInvalid if a key appears twice, because then it is unclear
    which counts."""
    said: dict[str, str] = {}
    for key, value in metadata:
        if key in (AUTHORIZATION, TENANT, USER):
            if key in said:
                raise TokenInvalid
            said[key] = value if isinstance(value, str) else value.decode("latin-1")
    return Credentials(said.get(AUTHORIZATION), said.get(TENANT), said.get(USER))
