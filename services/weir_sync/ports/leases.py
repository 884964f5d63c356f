"""Who does what alone: leases, by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

FOLLOW = "follow"
"""The lease of whoever takes over the levels of a tenant."""
_PUSH = "push "


class Lease(NamedTuple):
    """What somebody does alone. `fence` is higher than that of every holder before, `until` a moment of the clock of
    the process (`time.monotonic`) before which nobody else holds it.
    """

    tenant: str
    name: str
    fence: int
    until: float


class LeaseLost(Exception):
    """Somebody else may hold the lease: nothing was done."""


class Leases(Protocol):
    """The leases of all tenants. Every method raises DatabaseAway."""

    async def present(self, tenant: str, holder: str, *, seconds: float) -> int:
        """Say that a holder is there for so long from now; how many are."""
        ...

    async def take(
        self, tenant: str, names: Collection[str], holder: str, *, seconds: float, limit: int
    ) -> Sequence[Lease]:
        """Hold up to `limit` of these that nobody holds, whoever that was before."""
        ...

    async def keep(self, tenant: str, leases: Collection[Lease], *, seconds: float) -> Sequence[Lease]:
        """Hold these for so long from now; those that are lost are left out."""
        ...

    async def give_up(self, tenant: str, leases: Collection[Lease]) -> None:
        """Let others have them at once."""
        ...


def push(connection: str) -> str:
    """The lease of whoever tells a store its levels."""
    return f"{_PUSH}{connection}"


def pushed(name: str) -> str:
    """The store that such a lease is for."""
    return name.removeprefix(_PUSH)
