"""What is done for every request, whatever it is about: recall, decide, record; read at one moment; tell what changed.

A service has one function for each request that changes something: it reads what bears on the request and hands it to
its rule. `Handlers.write` has each of them done once, between the recall of its request id and the record of its
outcome.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from weir_chassis.configuration.objects import Commit, Configured, Decision, Key, Named, T, Where
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.rules import existing
from weir_chassis.errors import RevisionCompacted
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin, Revision, Vector, check, check_one
from weir_chassis.watch import Batch

COMMITS_MAX = 10
"""Commits read at once for a watcher: a slow one holds no more."""

O = TypeVar("O", bound=Objects)  # noqa: E741 -- the objects of a service
W = TypeVar("W")

Decide = Callable[[O, W], Awaitable[Decision[T]]]
"""Reads what bears on a request and decides it; raises its refusal."""


class Handlers(Generic[O]):
    """Answers every request of a service, for the tenant it is told.

    Every answer rests on a revision; `fresh` holds those a read must include, and raises RevisionForeign or
    RevisionAhead where one was not drawn here.
    """

    def __init__(self, tenants: Tenants[O], origin: Origin, kinds: Sequence[type[Configured]]) -> None:
        """Answer from `tenants`, whose revisions are drawn at `origin`; `kinds` are those that exports and watches
        tell, each after those it refers to.
        """
        self._tenants = tenants
        self.kinds = tuple(kinds)
        self.origin = origin

    async def write(self, attempt: Attempt, decide: Decide[O, W, T], wanted: W) -> tuple[T, Revision]:
        """What the request comes to, carried out once however often it arrives; raises the refusal it ended with."""
        outcome = await self._tenants.once(attempt, lambda objects: decide(objects, wanted))
        return outcome.object, self.origin.revision(outcome.revision)

    async def check(self, tenant: str, decide: Decide[O, W, T], wanted: W) -> tuple[T, Revision]:
        """What the request would come to if it came now; changes nothing and uses up no request id."""
        async with self.reading(tenant, {}) as (objects, revision):
            return (await decide(objects, wanted)).object, revision

    async def get(
        self, tenant: str, kind: type[T], key: Key, fresh: Vector, *, default: T | None = None
    ) -> tuple[T, Revision]:
        """One object; where there is none `default`, or else raises the kind's `missing`."""
        async with self.reading(tenant, fresh) as (objects, revision):
            return existing(kind, key, await objects.get(kind, key) or default), revision

    async def select(
        self, tenant: str, kind: type[T], where: Where, fresh: Vector, *, after: Key, limit: int
    ) -> tuple[list[T], Revision]:
        """Objects as `Objects.select` gives them."""
        async with self.reading(tenant, fresh) as (objects, revision):
            return await objects.select(kind, where, after=after, limit=limit), revision

    async def export(self, tenant: str, fresh: Vector) -> tuple[list[Configured], Revision]:
        """Every object of the kinds that are told, each after those it refers to.

        Configuration fits in memory: it is read at once, so that no slow reader holds a snapshot open.
        """
        async with self.reading(tenant, fresh) as (objects, revision):
            return [each for kind in self.kinds for each in await objects.select(kind)], revision

    async def watch_start(self, tenant: str, after: Revision | None) -> int:
        """The revision to watch from: `after`, or the oldest kept. Raises RevisionForeign, RevisionAhead."""
        if after is None:
            return (await self._tenants.history(tenant, after=0, limit=0)).oldest
        async with self._tenants.reading(tenant) as objects:
            check_one(after, self.origin, objects.head, field="after")
        return after.number

    async def changes(self, tenant: str, after: int) -> Batch[Commit]:
        """The next commits after a revision; raises RevisionCompacted if that is no longer kept."""
        history = await self._tenants.history(tenant, after=after, limit=COMMITS_MAX)
        if after < history.oldest:
            raise RevisionCompacted(context=self.origin.context, number=after, oldest_kept=history.oldest)
        through = history.commits[-1].revision if history.commits else after
        return Batch(history.commits, through, more=through < history.head)

    @asynccontextmanager
    async def reading(self, tenant: str, fresh: Vector) -> AsyncIterator[tuple[O, Revision]]:
        """The tenant's objects at one moment, and the revision of it."""
        async with self._tenants.reading(tenant) as objects:
            check(fresh, self.origin, objects.head)
            yield objects, self.origin.revision(objects.head)


async def found(objects: Objects, named: Named[T]) -> T:
    """The object that a request names; raises the kind's `missing`, EtagStale."""
    return existing(named.kind, named.key, await objects.get(named.kind, named.key), etag=named.etag)
