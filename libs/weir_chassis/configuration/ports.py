"""What the handlers need from the world: objects to read at one moment, and to change by one writer at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from weir_chassis.configuration.objects import Decision, History, Key, Outcome, T, Where
from weir_chassis.idempotency import Attempt

O_co = TypeVar("O_co", bound="Objects", covariant=True)


class Objects(Protocol):
    """One tenant's objects as they stand at one moment: what is read twice is the same."""

    @property
    def head(self) -> int:
        """Number of the newest revision; 0 before the first."""
        ...

    async def get(self, kind: type[T], key: Key) -> T | None:
        """The object of this kind and identifier; None if there is none."""
        ...

    async def select(
        self,
        kind: type[T],
        where: Where | None = None,
        *,
        after: Key = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[T]:
        """Objects of this kind that have what `where` asks for, in order of their identifiers (by code point), or
        against it, from the first one past `after` that way.
        """
        ...

    async def count(self, kind: type[T], where: Where) -> int:
        """How many objects of this kind there are that have what `where` asks for."""
        ...


class Tenants(Protocol[O_co]):
    """The objects of all tenants, walled from one another."""

    def reading(self, tenant: str) -> AbstractAsyncContextManager[O_co]:
        """The tenant's objects as they stand now. Raises DatabaseAway."""
        ...

    async def once(self, attempt: Attempt, decide: Callable[[O_co], Awaitable[Decision[T]]]) -> Outcome[T]:
        """Decide at the first arrival of a request, carry it out, and give the same outcome at every arrival.

        Nobody else changes the tenant's objects from what `decide` reads until what it decides is there; it may be
        asked again, from the beginning, where the first try was lost. Its changes become the next revision, all or
        none, and watchers are told; a decision without changes draws no revision and rests on the newest one. A
        definite refusal that it raises is an outcome too, another one leaves no trace. Raises RequestIdReused where the
        id stands for other contents, DatabaseAway.
        """
        ...

    async def history(self, tenant: str, *, after: int, limit: int) -> History:
        """The first commits after a revision, at most `limit`; none where that is gone, or is the head.

        Raises DatabaseAway.
        """
        ...

    async def forget(self, *, keep_seconds: float) -> int:
        """Give up the history that is older, of every tenant; returns how many commits. What is there stays there."""
        ...
