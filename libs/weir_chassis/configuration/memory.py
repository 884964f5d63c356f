"""Configuration in plain structures: what the ports promise, in the fewest words, for tests that need no Postgres."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from weir_chassis.configuration.objects import Commit, Configured, Decision, History, Key, Outcome, T, Where
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import Refusal, RequestIdReused
from weir_chassis.idempotency import Attempt

M = TypeVar("M", bound="MemoryObjects")


@dataclass(frozen=True)
class MemoryObjects:
    """One tenant's objects, by kind: `Objects`. A change makes others."""

    kept: Mapping[type[Configured], Mapping[Key, Configured]] = field(default_factory=dict)
    head: int = 0
    history: tuple[Commit, ...] = ()

    def changed(self: M, decision: Decision[T]) -> tuple[M, Outcome[T]]:
        """The objects after the changes, and what came of them."""
        if not decision.changes:
            return self, Outcome(decision.object, self.head)
        revision = self.head + 1
        done = stamped(decision, revision)
        kept = {kind: dict(them) for kind, them in self.kept.items()}
        for change in done.changes:
            them = kept.setdefault(type(change.object), {})
            if change.deleted:
                del them[change.object.key]
            else:
                them[change.object.key] = change.object
        told = tuple(each for each in done.changes if each.object.told)
        history = (*self.history, Commit(revision, datetime.now(UTC), told))
        return replace(self, kept=kept, head=revision, history=history), Outcome(done.object, revision)

    def all(self, kind: type[T]) -> Mapping[Key, T]:
        """Every object of a kind."""
        return cast(Mapping[Key, T], self.kept.get(kind, {}))

    async def get(self, kind: type[T], key: Key) -> T | None:
        return self.all(kind).get(key)

    async def select(
        self,
        kind: type[T],
        where: Where | None = None,
        *,
        after: Key = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[T]:
        asked = (where or {}).items()
        kept = sorted(self.all(kind).items(), reverse=descending)
        past = [each for key, each in kept if not after or (key < after if descending else key > after)]
        return [each for each in past if all(each.has(name, value) for name, value in asked)][:limit]

    async def count(self, kind: type[T], where: Where) -> int:
        return len(await self.select(kind, where))


class MemoryTenants(Generic[M]):
    """The objects of all tenants in this process: `Tenants`. Every outcome is kept."""

    def __init__(self, empty: Callable[[], M]) -> None:
        """No tenant has anything but what is `empty`."""
        self._tenants: dict[str, M] = defaultdict(empty)
        self._outcomes: dict[tuple[str, str, str], tuple[bytes, Outcome[Any] | Refusal]] = {}
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[M]:
        yield self._tenants[tenant]

    async def once(self, attempt: Attempt, decide: Callable[[M], Awaitable[Decision[T]]]) -> Outcome[T]:
        name = (attempt.tenant, attempt.method, attempt.request_id)
        async with self._writing:
            if name not in self._outcomes:
                self._outcomes[name] = (attempt.fingerprint, await self._decided(attempt.tenant, decide))
        fingerprint, outcome = self._outcomes[name]
        if fingerprint != attempt.fingerprint:
            raise RequestIdReused(attempt.request_id)
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def _decided(self, tenant: str, decide: Callable[[M], Awaitable[Decision[T]]]) -> Outcome[T] | Refusal:
        try:
            decision = await decide(self._tenants[tenant])
        except Refusal as refusal:
            if not refusal.kind.definite:
                raise
            return refusal
        self._tenants[tenant], outcome = self._tenants[tenant].changed(decision)
        return outcome

    async def history(self, tenant: str, *, after: int, limit: int) -> History:
        objects = self._tenants[tenant]
        oldest = objects.history[0].revision - 1 if objects.history else objects.head
        commits = tuple(each for each in objects.history if after < each.revision <= after + limit)
        return History(oldest, objects.head, commits if after >= oldest else ())

    async def forget(self, *, keep_seconds: float) -> int:
        horizon, count = datetime.now(UTC) - timedelta(seconds=keep_seconds), 0
        for tenant, objects in self._tenants.items():
            kept = tuple(each for each in objects.history if each.recorded_at >= horizon)
            count += len(objects.history) - len(kept)
            self._tenants[tenant] = replace(objects, history=kept)
        return count
