"""Epochs, demand and wishes in plain structures: what the ports promise, in the fewest words, for tests that need no
Postgres.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from weir_allocation.stock import Product
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.errors import RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_partitioning.domain import Policy
from weir_partitioning.ports import Begun, Counted, Draft, Numbered, Progress, Sold, Stretch, SupplyKey, Where


@dataclass(slots=True)
class _Kept:
    """What there is of one tenant; epochs by number, with when they were recorded."""

    head: int = 0
    forgotten: int = 0
    epochs: dict[int, tuple[Numbered, datetime]] = field(default_factory=dict)
    newest: dict[SupplyKey, int] = field(default_factory=dict)
    enforced: dict[SupplyKey, int] = field(default_factory=dict)
    looked: dict[SupplyKey, datetime] = field(default_factory=dict)

    def told(self, number: int) -> Numbered:
        """An epoch as it is now."""
        each = self.epochs[number][0]
        return replace(each, in_force=number <= self.enforced.get(each.supply, 0))

    def all(self, numbers: Iterable[int]) -> list[Numbered]:
        """Epochs as they are now, in order of their numbers."""
        return [self.told(number) for number in sorted(numbers)]


class MemoryEpochs:
    """The epochs of all tenants in this process: `Epochs`."""

    def __init__(self, policies: Tenants[Objects]) -> None:
        """No supply was ever divided; `policies` say how often they are to be."""
        self._policies = policies
        self._tenants: dict[str, _Kept] = defaultdict(_Kept)

    async def newest(self, tenant: str, supplies: Collection[SupplyKey]) -> Mapping[SupplyKey, Numbered]:
        kept = self._tenants[tenant]
        return {each: kept.told(kept.newest[each]) for each in supplies if each in kept.newest}

    async def add(self, tenant: str, drafts: Sequence[Draft]) -> Sequence[Numbered]:
        assert len({each.supply for each in drafts}) == len(drafts)
        kept, added, now = self._tenants[tenant], [], datetime.now(UTC)
        for draft in drafts:
            if kept.newest.get(draft.supply, 0) != draft.after:
                continue
            kept.head += 1
            added.append(Numbered(kept.head, draft.epoch, draft.books, cleared=draft.cleared))
            kept.epochs[kept.head] = added[-1], now
            kept.newest[draft.supply] = kept.head
            kept.looked[draft.supply] = draft.epoch.divided_at
        return added

    async def pending(self, tenant: str, *, limit: int) -> Sequence[Numbered]:
        kept = self._tenants[tenant]
        return [each for each in kept.all(kept.newest.values()) if not each.in_force][:limit]

    async def enforce(self, tenant: str, numbers: Collection[int]) -> None:
        kept = self._tenants[tenant]
        for each in kept.all(number for number in numbers if number in kept.epochs):
            kept.enforced[each.supply] = max(kept.enforced.get(each.supply, 0), each.number)

    async def due(self, tenant: str, now: datetime, *, limit: int) -> Sequence[SupplyKey]:
        async with self._policies.reading(tenant) as objects:
            policies = {each.policy: each for each in await objects.select(Policy) if not each.disabled}
        kept, waiting = self._tenants[tenant], []
        for supply, number in kept.newest.items():
            policy = policies.get(kept.told(number).epoch.policy)
            seconds = policy.rebalance_seconds if policy else None
            if seconds is not None and kept.looked[supply] <= now - timedelta(seconds=seconds):
                waiting.append((kept.looked[supply], supply))
        return [supply for _, supply in sorted(waiting)[:limit]]

    async def seen(self, tenant: str, supplies: Collection[SupplyKey], now: datetime) -> None:
        looked = self._tenants[tenant].looked
        looked.update({each: max(looked[each], now) for each in supplies if each in looked})

    async def standing(
        self, tenant: str, where: Where, *, start: SupplyKey | None = None, limit: int
    ) -> Sequence[Numbered]:
        kept = self._tenants[tenant]
        found = [kept.told(number) for supply, number in sorted(kept.newest.items()) if not start or supply >= start]
        return [each for each in found if each.epoch.shares and _meant(each, where)][:limit]

    async def past(self, tenant: str, where: Where, *, before: int | None = None, limit: int) -> Sequence[Numbered]:
        kept = self._tenants[tenant]
        found = [each for each in kept.all(kept.epochs)[::-1] if before is None or each.number < before]
        return [each for each in found if _meant(each, where)][:limit]

    async def stretch(self, tenant: str, *, after: int, limit: int) -> Stretch:
        kept = self._tenants[tenant]
        found = kept.all(number for number in kept.epochs if number > after)[:limit]
        return Stretch(kept.forgotten, kept.head, tuple(found) if after >= kept.forgotten else ())

    async def forget(self, *, keep_seconds: float) -> int:
        horizon, count = datetime.now(UTC) - timedelta(seconds=keep_seconds), 0
        for kept in self._tenants.values():
            oldest = max((number for number, (_, at) in kept.epochs.items() if at < horizon), default=0)
            gone = [each for each in kept.epochs if each <= oldest and each not in kept.newest.values()]
            for number in gone:
                del kept.epochs[number]
            kept.forgotten = max(kept.forgotten, *gone, 0)
            count += len(gone)
        return count


def _meant(each: Numbered, where: Where) -> bool:
    return (
        where.product in (None, each.epoch.product)
        and where.warehouse_group in ("", each.epoch.warehouse_group)
        and (not where.channel_group or where.channel_group in [share.channel_group for share in each.epoch.shares])
    )


class MemoryDemand:
    """What orders of all tenants were promised, in this process: `Demand`."""

    def __init__(self) -> None:
        """Nothing was ever counted."""
        self._counted: dict[str, Counted] = {}
        self._units: dict[str, Counter[tuple[Product, str, date]]] = defaultdict(Counter)
        self._groups: dict[str, Mapping[str, str]] = {}

    async def counted(self, tenant: str) -> Counted | None:
        return self._counted.get(tenant)

    async def count(self, tenant: str, sold: Sold, before: Counted | None, *, since: date) -> bool:
        if before is None:
            self._units[tenant].clear()
        elif self._counted.get(tenant) != before:
            return False
        for each in sold.sales:
            if each.day >= since:
                self._units[tenant][each.product, each.channel, each.day] += each.units
        oldest = datetime.now(UTC).date() - timedelta(days=364)
        for key in [key for key in self._units[tenant] if key[2] < oldest]:
            del self._units[tenant][key]
        self._counted[tenant] = Counted(since, sold.through)
        return True

    async def group(self, tenant: str, groups: Mapping[str, str]) -> None:
        self._groups[tenant] = groups

    async def demand(
        self, tenant: str, products: Collection[Product], since: date
    ) -> Mapping[Product, Mapping[str, int]]:
        found: dict[Product, Counter[str]] = defaultdict(Counter)
        for (product, channel, day), units in self._units[tenant].items():
            group = self._groups.get(tenant, {}).get(channel)
            if product in products and day >= since and group is not None:
                found[product][group] += units
        return found


class MemoryWishes:
    """The wishes of all tenants in this process: `Wishes`."""

    def __init__(self, epochs: MemoryEpochs) -> None:
        """Nobody wished anything; what is divided since a wish is in `epochs`."""
        self._epochs = epochs
        self._known: dict[tuple[str, str, str], tuple[bytes, Begun]] = {}

    async def begin(self, attempt: Attempt) -> Begun:
        head = (await self._epochs.stretch(attempt.tenant, after=0, limit=0)).head
        key = _named(attempt)
        again = key in self._known
        fingerprint, begun = self._known.setdefault(key, (attempt.fingerprint, Begun(head)))
        if fingerprint != attempt.fingerprint:
            raise RequestIdReused(attempt.request_id)
        return replace(begun, again=again)

    async def end(self, attempt: Attempt, progress: Progress) -> None:
        fingerprint, begun = self._known[_named(attempt)]
        self._known[_named(attempt)] = fingerprint, replace(begun, ended=progress)


def _named(attempt: Attempt) -> tuple[str, str, str]:
    return attempt.tenant, attempt.method, attempt.request_id
