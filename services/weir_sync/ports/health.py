"""How it stands with the other ends of connections: small rows of their own, and no part of what is configured."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_sync.connectors.port import Abilities


class BreakerState(enum.StrEnum):
    """State of the breaker that stands before a connection."""

    CLOSED = "CLOSED"
    """It answers."""
    OPEN = "OPEN"
    """It is left alone for a while."""
    HALF_OPEN = "HALF_OPEN"
    """One request is on its way to see whether it answers again."""


class Breaker(NamedTuple):
    """A breaker as it stands: failures in a row, when it is tried again (None unless open), and what failed last, for
    people and without secrets.
    """

    state: BreakerState
    failures: int = 0
    retry_at: datetime | None = None
    error: str = ""


class Health(NamedTuple):
    """How it stands with a connection.

    `breaker` is None where it was never asked, `since` is when it came into its state; `reported_at` is when a
    warehouse reported last, None for never; `abilities` are what a store said it can do, None for nothing yet.
    """

    breaker: Breaker | None = None
    since: datetime | None = None
    reported_at: datetime | None = None
    late: bool = False
    abilities: Abilities | None = None


class Tested(NamedTuple):
    """What came of asking the other end whether it answers: why it does not, as far as it may be told, empty where it
    does; of a store what it can do, of a warehouse facilities that it reports.
    """

    milliseconds: int
    error: str = ""
    abilities: Abilities | None = None
    facilities: tuple[str, ...] = ()


class Healths(Protocol):
    """How it stands with the connections of all tenants. Writing of one that is gone does nothing.

    Every method raises DatabaseAway.
    """

    async def health(self, tenant: str, connections: Collection[str]) -> Mapping[str, Health]:
        """How it stands with those of these connections of which anything is known."""
        ...

    async def set_breaker(self, tenant: str, connection: str, breaker: Breaker) -> None:
        """Say how a breaker stands; `since` changes where its state does."""
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
