"""The caller as the suite sees it, and the two metadata keys that say who it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from weir_chassis.errors import TokenInvalid

Metadata = Iterable[tuple[str, str | bytes]]

AUTHORIZATION = "authorization"
TENANT = "weir-tenant"


class Role(IntEnum):
    """What a principal may do; each role may do all that the ones before it may."""

    READER = 1
    OPERATOR = 2
    ADMINISTRATOR = 3
    SERVICE = 4


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose proof held: acting for one tenant, under one role."""

    tenant: str
    subject: str
    role: Role

    @property
    def service(self) -> bool:
        """Whether this is another service of the suite, which may act for any tenant."""
        return self.role is Role.SERVICE


class Credentials(NamedTuple):
    """What a call says about its caller, unverified; None where it says nothing."""

    authorization: str | None
    tenant: str | None


def credentials(metadata: Metadata) -> Credentials:
    """Read the proof out of a call's metadata; raises TokenInvalid if a key appears twice, because then it is unclear
    which counts."""
    authorization: str | None = None
    tenant: str | None = None
    for key, value in metadata:
        if key == AUTHORIZATION:
            if authorization is not None:
                raise TokenInvalid
            authorization = value if isinstance(value, str) else value.decode("latin-1")
        elif key == TENANT:
            if tenant is not None:
                raise TokenInvalid
            tenant = value if isinstance(value, str) else value.decode("latin-1")
    return Credentials(authorization, tenant)
