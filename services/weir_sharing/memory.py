"""The networks in plain structures: what the ports promise, in the fewest words, for tests that need no Postgres."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from weir_chassis.errors import Refusal, RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_sharing.domain import (
    KINDS,
    Bundle,
    Commit,
    Decision,
    History,
    Key,
    LocationSetting,
    NetworkObject,
    Outcome,
    Policy,
    Product,
    T,
    WarehouseGroup,
    Where,
    stamped,
)
from weir_sharing.ports import Network

Objects = dict[type[NetworkObject], dict[Key, NetworkObject]]


@dataclass
class MemoryNetwork:
    """One tenant's network; a change makes another one."""

    objects: Objects = field(default_factory=lambda: {kind: {} for kind in KINDS})
    head: int = 0
    history: tuple[Commit, ...] = ()

    def changed(self, decision: Decision[T]) -> tuple[MemoryNetwork, Outcome[T]]:
        """The network after the changes, and what came of them."""
        if not decision.changes:
            return self, Outcome(decision.object, self.head)
        revision = self.head + 1
        done = stamped(decision, revision)
        objects = {kind: dict(them) for kind, them in self.objects.items()}
        for change in done.changes:
            if change.deleted:
                del objects[type(change.object)][change.object.key]
            else:
                objects[type(change.object)][change.object.key] = change.object
        history = (*self.history, Commit(revision, datetime.now(UTC), done.changes))
        return MemoryNetwork(objects, revision, history), Outcome(done.object, revision)

    async def get(self, kind: type[T], key: Key) -> T | None:
        return self._all(kind).get(key)

    async def select(
        self, kind: type[T], where: Where | None = None, *, after: Key = (), limit: int | None = None
    ) -> list[T]:
        found = [each for key, each in sorted(self._all(kind).items()) if key > after and _is(each, where or {})]
        return found[:limit]

    async def homes(self, locations: Collection[str]) -> Mapping[str, str]:
        groups = self._all(WarehouseGroup).values()
        return {each: group.warehouse_group for group in groups for each in group.locations if each in locations}

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        settings = self._all(LocationSetting).values()
        return {each.location for each in settings if each.policy is Policy.FIXED and each.location in locations}

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        return {each.product for each in self._all(Bundle).values() if each.product in products}

    def _all(self, kind: type[T]) -> dict[Key, T]:
        return cast(dict[Key, T], self.objects[kind])


class MemoryNetworks:
    """The networks of all tenants in this process: `Networks`. Every outcome is kept."""

    def __init__(self) -> None:
        """No tenant has anything."""
        self._networks: dict[str, MemoryNetwork] = defaultdict(MemoryNetwork)
        self._outcomes: dict[tuple[str, str, str], tuple[bytes, Outcome[Any] | Refusal]] = {}
        self._writing = asyncio.Lock()

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[MemoryNetwork]:
        yield self._networks[tenant]

    async def once(self, attempt: Attempt, decide: Callable[[Network], Awaitable[Decision[T]]]) -> Outcome[T]:
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

    async def _decided(self, tenant: str, decide: Callable[[Network], Awaitable[Decision[T]]]) -> Outcome[T] | Refusal:
        try:
            decision = await decide(self._networks[tenant])
        except Refusal as refusal:
            if not refusal.kind.definite:
                raise
            return refusal
        self._networks[tenant], outcome = self._networks[tenant].changed(decision)
        return outcome

    async def history(self, tenant: str, *, after: int, limit: int) -> History:
        network = self._networks[tenant]
        oldest = network.history[0].revision - 1 if network.history else network.head
        commits = tuple(each for each in network.history if after < each.revision <= after + limit)
        return History(oldest, network.head, commits if after >= oldest else ())

    async def forget(self, *, keep_seconds: float) -> int:
        horizon, count = datetime.now(UTC) - timedelta(seconds=keep_seconds), 0
        for tenant, network in self._networks.items():
            kept = tuple(each for each in network.history if each.recorded_at >= horizon)
            count += len(network.history) - len(kept)
            self._networks[tenant] = replace(network, history=kept)
        return count


def _is(each: NetworkObject, where: Where) -> bool:
    match each:
        case WarehouseGroup(locations=locations) if "location" in where:
            return where["location"] in locations
        case Bundle(components=components) if "component" in where:
            return where["component"] in {component.product for component in components}
    return all(getattr(each, name) == value for name, value in where.items())
