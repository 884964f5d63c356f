"""Dividing anew on request: every supply that is meant is looked at once, however often the request has to come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from weir_allocation.stock import Product
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin, Vector
from weir_partitioning.ports import Begun, Claims, Draft, Numbered, Progress, Supplies, SupplyKey, Told, Wishes
from weir_partitioning.rebalancing import Rebalancer

BATCHES_MAX = 3
"""Batches of one request that are under way at a time."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far it has come, and the epochs that were made on the way since the step before."""

    progress: Progress
    epochs: Sequence[Numbered | Draft] = ()
    done: bool = False


class Dividing:
    """Divides supplies anew for whoever asks."""

    def __init__(
        self,
        rebalancer: Rebalancer,
        supplies: Supplies,
        claims: Claims,
        wishes: Wishes,
        policies: Tenants[Objects],
        origin: Origin,
    ) -> None:
        """Divide `supplies` by `policies`, whose revisions are of `origin`; `claims` know how far the books are."""
        self._rebalancer = rebalancer
        self._supplies = supplies
        self._claims = claims
        self._wishes = wishes
        self._policies = policies
        self._origin = origin

    async def checked(self, tenant: str, products: Sequence[Product] | None) -> AsyncGenerator[Step, None]:
        """What would be divided anew, and how; nothing changes. Raises PeerAway."""
        fresh = await self._fresh(tenant)
        head = (await self._rebalancer.epochs.stretch(tenant, after=0, limit=0)).head
        progress = Progress(supplies=await self._supplies.counted(tenant, products, fresh), newest=head)
        yield Step(progress)
        listed = self._supplies.listed(tenant, products, fresh)
        async with aclosing(listed):
            async for told in listed:
                drafts = await self._rebalancer.judged(tenant, told, asked=True)
                progress = _further(progress, told, drafts)
                yield Step(progress, drafts)
        yield Step(replace(progress, supplies=progress.seen), done=True)

    async def divided(self, attempt: Attempt, products: Sequence[Product] | None) -> AsyncGenerator[Step, None]:
        """Divide anew what there is reason to, some at a time.

        A repetition leaves alone what was divided since the request came first, and tells of it as if it had done so;
        once all is done it tells what came of it. Raises PeerAway; what was divided until then is.
        """
        begun = await self._wishes.begin(attempt)
        if begun.ended is not None:
            yield Step(begun.ended, done=True)
            return
        tenant = attempt.tenant
        fresh = await self._fresh(tenant)
        progress = Progress(supplies=await self._supplies.counted(tenant, products, fresh), newest=begun.after)
        yield Step(progress)
        await self._rebalancer.settle(tenant)
        batches = self._batches(tenant, self._supplies.listed(tenant, products, fresh), begun)
        async with aclosing(batches):
            async for told, epochs in batches:
                progress = _further(progress, told, epochs)
                yield Step(progress, epochs)
        progress = replace(progress, supplies=progress.seen)
        await self._wishes.end(attempt, progress)
        yield Step(progress, done=True)

    async def _batches(
        self, tenant: str, listed: AsyncGenerator[Sequence[Told], None], begun: Begun
    ) -> AsyncGenerator[tuple[Sequence[Told], Sequence[Numbered]], None]:
        """What came of each batch, in their order; others are judged while one waits for the ledger."""
        under_way: deque[tuple[Sequence[Told], asyncio.Task[Sequence[Numbered]]]] = deque()
        try:
            async with aclosing(listed):
                async for told in listed:
                    under_way.append((told, asyncio.create_task(self._made(tenant, told, begun))))
                    if len(under_way) == BATCHES_MAX:
                        yield under_way[0][0], await under_way[0][1]
                        under_way.popleft()
            while under_way:
                yield under_way[0][0], await under_way[0][1]
                under_way.popleft()
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

    async def _made(self, tenant: str, told: Sequence[Told], begun: Begun) -> Sequence[Numbered]:
        """The epochs of these supplies since the wish came, whoever made them, when all that have to be divided are."""
        known = await self._since(tenant, [each.key for each in told], begun) if begun.again else {}
        left = [each for each in told if each.key not in known]
        made = {each.supply: each for each in (await self._rebalancer.rebalanced(tenant, left, asked=True)).made}
        others = await self._since(tenant, [each.key for each in left if each.key not in made], begun)
        return sorted([*known.values(), *made.values(), *others.values()], key=lambda each: each.number)

    async def _since(self, tenant: str, supplies: Sequence[SupplyKey], begun: Begun) -> Mapping[SupplyKey, Numbered]:
        """The newest epochs of those supplies that were divided since the wish came."""
        newest = await self._rebalancer.epochs.newest(tenant, supplies) if supplies else {}
        return {supply: each for supply, each in newest.items() if each.number > begun.after}

    async def _fresh(self, tenant: str) -> Vector:
        """The policies and the books as they are now: what was decided and ordered before the request counts."""
        _, books = await self._claims.claimed(tenant, (), {})
        async with self._policies.reading(tenant) as objects:
            policies = self._origin.revision(objects.head)
        return {books.context: books, policies.context: policies}


def _further(progress: Progress, told: Sequence[Told], epochs: Sequence[Numbered | Draft]) -> Progress:
    seen = progress.seen + len(told)
    return Progress(
        max(progress.supplies, seen),
        seen,
        progress.divided + len(epochs),
        progress.moved + sum(each.epoch.moved for each in epochs),
        max([progress.newest, *(each.number for each in epochs if isinstance(each, Numbered))]),
    )
