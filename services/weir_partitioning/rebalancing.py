"""Some supplies at a time: each is judged by what there is now, and where that gives reason to is divided anew.

An epoch is kept first, whole or not at all, and only if it is judged after the newest of its supply; then the ledger is
told its ceilings; then it is in force. Wherever that ends, it can be taken up: an epoch that is kept comes into force,
and one that is not was never there. Whoever does the same at the same time does no harm: of two epochs of one state
the second is not kept, and a ceiling that was told twice is told once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from weir_allocation.policy import Policy, Strategy
from weir_allocation.rebalance import judge
from weir_allocation.stock import Product
from weir_chassis.configuration.ports import Objects, Tenants
from weir_partitioning import domain
from weir_partitioning.ports import Ceilings, Demand, Draft, Epochs, Numbered, SupplyKey, Told

BATCH_MAX = 1000
"""Supplies that are judged together."""
STRIDE = 100
"""Supplies that are judged before others have their turn in this process."""
TENANTS_MAX = 100
"""Tenants whose policies are kept in memory."""

_Marked = tuple[Policy, str]
"""A policy, and the mark of the way it divides."""

log = structlog.get_logger(__name__)


class Standing:
    """The policies of a tenant that divide at an instant, and what each of them is for."""

    def __init__(self, policies: Sequence[domain.Policy]) -> None:
        """Of all policies, in any order."""
        self._named: dict[Product, _Marked | None] = {}
        self._others: _Marked | None = None
        dividing = []
        for each in sorted((each for each in policies if not each.disabled), key=lambda each: each.priority):
            found = (each.dividing(), each.mark) if each.mode is domain.Mode.BALANCED else None
            if found is not None:
                dividing.append(found[0])
            for product in each.products:
                self._named.setdefault((product.owner, product.sku), found)
            if not each.products:
                self._others = found
                break
        self.dividing: Sequence[Policy] = dividing

    def policy(self, product: Product) -> tuple[Policy | None, str]:
        """What divides a product at an instant, and the mark of its way to; None and no mark where nothing does."""
        return self._named.get(product, self._others) or (None, "")

    @property
    def scheduled(self) -> bool:
        """Whether one is to divide at least every so often."""
        return any(policy.rebalance_seconds for policy in self.dividing)

    @property
    def demand_days(self) -> int:
        """Days whose orders count for one of them; 0 where none divides by demand."""
        return max((each.demand_days for each in self.dividing if each.strategy is Strategy.DEMAND), default=0)


class Policies:
    """The policies of tenants, as they stand; read again when they have changed."""

    def __init__(self, tenants: Tenants[Objects]) -> None:
        """Read from `tenants`."""
        self._tenants = tenants
        self._known: dict[str, tuple[int, Standing]] = {}

    async def standing(self, tenant: str) -> Standing:
        """Those of a tenant; raises DatabaseAway."""
        async with self._tenants.reading(tenant) as objects:
            known = self._known.pop(tenant, None)
            if known is None or known[0] != objects.head:
                known = objects.head, Standing(await objects.select(domain.Policy))
        self._known[tenant] = known
        if len(self._known) > TENANTS_MAX:
            del self._known[next(iter(self._known))]
        return known[1]


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """What came of some supplies."""

    made: Sequence[Numbered]
    """Epochs that are in force now."""
    lost: Sequence[Told]
    """Supplies that somebody else divided meanwhile: they are to be looked at again."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Rebalancer:
    """All that it takes to divide supplies anew."""

    epochs: Epochs
    policies: Policies
    ceilings: Ceilings
    demand: Demand
    clock: Callable[[], datetime] = _now

    async def rebalanced(self, tenant: str, told: Sequence[Told], *, asked: bool = False) -> Rebalanced:
        """Judge up to 1000 supplies, each once, and divide those anew that there is reason to; with `asked` also where
        somebody's wish is the only one.

        Raises DatabaseAway, and PeerAway or what the ledger refuses: then epochs may be kept that are not in force,
        which `settle` sees to.
        """
        drafts = await self.judged(tenant, told, asked=asked)
        made = await self.divided(tenant, drafts)
        kept = {each.supply for each in made}
        lost = {each.supply for each in drafts} - kept
        return Rebalanced(made, [each for each in told if each.key in lost])

    async def judged(self, tenant: str, told: Sequence[Told], *, asked: bool = False) -> list[Draft]:
        """The epochs that would be made of up to 1000 supplies, each once, in the order they are told."""
        assert len(told) <= BATCH_MAX
        standing = await self.policies.standing(tenant)
        newest = await self.epochs.newest(tenant, [each.key for each in told])
        demand = await self._demand(tenant, standing, {each.supply.product for each in told})
        now = self.clock()
        drafts: list[Draft] = []
        for place, each in enumerate(told):
            if place % STRIDE == 0:
                await asyncio.sleep(0)
            draft = _draft(standing, each, newest.get(each.key), now, demand.get(each.supply.product, {}), asked=asked)
            if draft is not None:
                drafts.append(draft)
        return drafts

    async def divided(self, tenant: str, drafts: Sequence[Draft]) -> Sequence[Numbered]:
        """Keep up to 1000 epochs, each of another supply, and bring them into force; those that are kept."""
        if not drafts:
            return ()
        made = await self.epochs.add(tenant, drafts)
        await self._enforced(tenant, made)
        return made

    async def settle(self, tenant: str) -> int:
        """Bring all epochs into force that are kept and are not; how many there were. Raises as `rebalanced` does."""
        count = 0
        while pending := await self.epochs.pending(tenant, limit=BATCH_MAX):
            await self._enforced(tenant, pending)
            count += len(pending)
        return count

    async def looked_at(self, tenant: str, supplies: Collection[SupplyKey]) -> None:
        """These were judged now, as their policies want them to be every so often."""
        if supplies:
            await self.epochs.seen(tenant, supplies, self.clock())

    async def _enforced(self, tenant: str, epochs: Sequence[Numbered]) -> None:
        if epochs:
            await self.ceilings.put(tenant, epochs)
            await self.epochs.enforce(tenant, [each.number for each in epochs])

    async def _demand(
        self, tenant: str, standing: Standing, products: Collection[Product]
    ) -> Mapping[Product, Mapping[str, int]]:
        """What orders were promised of those products that are divided by demand, each in the days that count."""
        by_days: dict[int, list[Product]] = defaultdict(list)
        if standing.demand_days:
            for product in sorted(products):
                policy, _ = standing.policy(product)
                if policy is not None and policy.strategy is Strategy.DEMAND:
                    by_days[policy.demand_days].append(product)
        today = self.clock().date()
        demand: dict[Product, Mapping[str, int]] = {}
        for days, several in by_days.items():
            demand.update(await self.demand.demand(tenant, several, today - timedelta(days=days - 1)))
        return demand


def _draft(
    standing: Standing, told: Told, newest: Numbered | None, now: datetime, demand: Mapping[str, int], *, asked: bool
) -> Draft | None:
    """The epoch that a supply is to have; None where it is well as it is, or what is told of it is older than its
    newest epoch and so explains nothing.
    """
    policy, mark = standing.policy(told.supply.product)
    if policy is None and newest is None:
        return None
    if newest is not None and newest.books.origin == told.books.origin and newest.books.number > told.books.number:
        return None
    before = None if newest is None else newest.epoch
    try:
        epoch = judge(policy, told.supply, before, now, demand, policy_mark=mark, asked=asked)
    except Exception:  # a mistake of ours about one supply is no reason to leave all others alone
        log.exception(
            "supply cannot be judged", sku=told.supply.product[1], warehouse_group=told.supply.warehouse_group
        )
        return None
    return None if epoch is None else Draft(epoch, told.books, newest)
