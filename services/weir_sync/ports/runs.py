"""What the handlers and the worker of runs need from the world: runs, walled by tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_chassis.idempotency import Attempt
from weir_sync.domain.connections import Role
from weir_sync.domain.feeds import Pulled
from weir_sync.domain.runs import Run, Wish


class Place(NamedTuple):
    """Where a list by age stands: at what was made then, and of this identifier."""

    at: datetime
    name: str


class Held(NamedTuple):
    """A run that somebody carries out, as `holder`; nobody else does until the hold is over."""

    tenant: str
    run: str
    connection: str
    role: Role
    full: bool
    store_skus: tuple[str, ...]
    tries: int
    """How often it was begun before."""
    holder: str


class RunLost(Exception):
    """The hold was over, and somebody else may carry out the run: leave it."""


class Runs(Protocol):
    """The runs of all tenants. Every method raises DatabaseAway."""

    async def begin(self, attempt: Attempt, wish: Wish) -> Sequence[str]:
        """Begin a run for each connection that is wished for, in order of the connections: at the first arrival of a
        request, and the same ones at every one. Raises ConnectionNotFound, SyncOff, RequestIdReused.
        """
        ...

    async def wished(self, tenant: str, wish: Wish) -> Sequence[Run]:
        """The runs that would begin if the wish came now, without identifiers. Raises ConnectionNotFound, SyncOff."""
        ...

    async def named(self, tenant: str, runs: Collection[str]) -> Sequence[Run]:
        """Those of these runs that there are, in the order of their connections."""
        ...

    async def past(
        self, tenant: str, *, connection: str = "", before: Place | None = None, limit: int
    ) -> Sequence[Run]:
        """Runs, newest first, of a connection or else of all; those made before a place."""
        ...

    async def settle(self, tenant: str) -> None:
        """Give up runs of connections that are gone or off, and say how far those have come that only wait for what
        their levels will come to; those for which nothing is waited any more end.
        """
        ...

    async def take(self, tenant: str, holder: str, *, hold_seconds: float, limit: int) -> Sequence[Held]:
        """Hold runs that nobody holds and that are not finished with, oldest first, one of a connection at a time."""
        ...

    async def keep(self, held: Held, *, hold_seconds: float, pulled: Pulled | None = None) -> None:
        """Hold it for so long from now on; it has come as far as `pulled` says. Raises RunLost."""
        ...

    async def mark(self, held: Held, *, hold_seconds: float, limit: int) -> bool:
        """Make due the next levels of a store, up to `limit`, and hold on; whether there are more.

        A full run takes every level, another one those that differ from what the store was told; those of which nothing
        is to be told count as unchanged. Raises RunLost.
        """
        ...

    async def end(self, held: Held, pulled: Pulled | None = None, *, error: str = "") -> None:
        """It is over. Does nothing where the hold is."""
        ...

    async def put_back(self, held: Held, *, pause_seconds: float) -> None:
        """It is to be tried again, but not before. Does nothing where the hold is over."""
        ...

    async def forget(self, *, keep_seconds: float) -> int:
        """Give up runs that ended earlier, of every tenant; returns how many."""
        ...
