"""How it stands with the other ends of connections: small rows of their own, and no part of what is configured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from weir_sync.domain.health import Abilities, Breaker, Health


class Healths(Protocol):
    """How it stands with the connections of all tenants. Writing of one that is gone does nothing.

    Every method raises DatabaseAway.
    """

    async def health(self, tenant: str, connections: Collection[str]) -> Mapping[str, Health]:
        """How it stands with those of these connections of which anything is known."""
        ...

    async def set_breaker(self, tenant: str, connection: str, breaker: Breaker) -> None:
        """Say how a breaker stands; `since` changes where its state does. While it is open, so is an alert."""
        ...

    async def set_abilities(self, tenant: str, connection: str, abilities: Abilities) -> None:
        """Say what a store can do."""
        ...

    async def reported(self, tenant: str, connection: str, at: datetime) -> None:
        """A warehouse has reported; an earlier moment than is known changes nothing."""
        ...

    async def set_late(self, tenant: str, connection: str, *, late: bool) -> None:
        """Say whether a warehouse is late."""
        ...
