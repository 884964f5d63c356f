"""What divides supplies unasked: what happens to them, and time.

Each tenant that has something to divide is followed for itself. What the aggregator tells of its supplies is gathered
for a moment, then judged, some at a time in the order in which they were touched first, so that none waits for another
that changes all the time; tenants take turns. Nothing is kept in memory but what was told and not judged yet, and of
that only so much: then no more is read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import structlog

from weir_chassis.errors import Refusal
from weir_chassis.watch import Fenced
from weir_partitioning.ports import Counted, Demand, Sales, Sold, Supplies, SupplyKey, Told, Where
from weir_partitioning.rebalancing import BATCH_MAX, Rebalancer, Standing

TOUCHED_MAX = 5 * BATCH_MAX
"""Supplies of a tenant that wait to be judged, before no more are read."""
BATCHES_MAX = 2
"""Batches of all tenants that are judged at a time: one while another waits for the ledger."""
FIRST_COUNT_SECONDS = 5.0
"""How long shares by demand wait for the first count of it: what is weighed without it is so for a day."""
COMPACTED = "REVISION_COMPACTED"

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done."""

    gather_seconds: float = 0.1
    """How long what happens to a supply is gathered before it is judged."""
    look_seconds: float = 1.0
    """How often changed policies are looked for."""
    anew_seconds: float = 600.0
    """How often all tenants are looked at: another process may have divided by a policy that was about to go."""
    schedule_seconds: float = 5.0
    """How often supplies are looked for whose time is over."""
    settle_seconds: float = 10.0
    """How often epochs are looked for that somebody else kept and did not bring into force."""
    demand_seconds: float = 60.0
    """How often demand is counted."""
    patience_seconds: float = 5.0
    """The longest wait before what failed is tried again."""

    def patience(self, failures: int) -> float:
        """The wait after so many failures in a row, from 1: doubling, less by chance up to half."""
        longest = min(self.patience_seconds, 0.1 * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads replicas, guards nothing


class Touched:
    """Supplies that are to be judged, in the order in which they were touched first, as they were told last."""

    def __init__(self, most: int = TOUCHED_MAX) -> None:
        """None yet; once there are `most` nobody may add to them."""
        self._most = most
        self._told: dict[SupplyKey, tuple[float, Told]] = {}
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._taking = asyncio.Lock()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._told)

    async def put(self, told: Sequence[Told]) -> None:
        """Add some, or what is told of them now, once there is room."""
        while len(self._told) >= self._most:
            self._room.clear()
            await self._room.wait()
        now = _clock()
        for each in told:
            first, _ = self._told.get(each.key, (now, each))
            self._told[each.key] = first, each
        if told:
            self._come.set()

    def again(self, told: Sequence[Told]) -> None:
        """Add some that were taken, where nothing newer is told of them."""
        now = _clock()
        for each in told:
            self._told.setdefault(each.key, (now, each))
        if told:
            self._come.set()

    async def take(self, *, gather_seconds: float) -> list[Told]:
        """Up to 1000 of them, one at least, once the first was touched that long ago. Several may wait for some."""
        async with self._taking:
            await self._come.wait()
            first, _ = next(iter(self._told.values()))
            if len(self._told) < BATCH_MAX:
                await asyncio.sleep(first + gather_seconds - _clock())
            keys = [key for key, _ in zip(self._told, range(BATCH_MAX), strict=False)]
            taken = [self._told.pop(key)[1] for key in keys]
            if not self._told:
                self._come.clear()
        self._room.set()
        return taken


class _Following:
    """What is done for one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.touched = Touched()
        self.failed, self.settled = asyncio.Event(), asyncio.Event()
        """Something may be left half done; nothing was, when it was looked for last."""
        self.counted = asyncio.Event()
        """Demand is, or is waited for no longer."""
        self.changed = asyncio.Event()
        """What policies ask for is not what it was."""
        self.scheduled, self.demand_days = False, 0

    def note(self, standing: Standing) -> None:
        """Policies ask for this now."""
        if standing.demand_days != self.demand_days:
            self.changed.set()
        self.scheduled, self.demand_days = standing.scheduled, standing.demand_days


_Followed = dict[str, tuple[_Following, asyncio.Task[None]]]
"""What is done for tenants, by tenant."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Divides the supplies of all tenants anew whenever there is reason to."""

    heads: Callable[[], Awaitable[Mapping[str, int]]]
    """The number of the newest revision of every tenant."""
    rebalancer: Rebalancer
    supplies: Supplies
    sales: Sales
    pace: Pace = Pace()

    async def work(self) -> None:
        """Do so until cancelled. Several processes may do so at once."""
        gate = asyncio.Semaphore(BATCHES_MAX)
        followed: _Followed = {}
        known: dict[str, int] = {}
        anew = _clock() + self.pace.anew_seconds
        try:
            while True:
                if _clock() > anew:
                    known.clear()
                    anew = _clock() + self.pace.anew_seconds
                await _whatever_happens(self._look(followed, known, gate), "policies cannot be looked at now")
                await asyncio.sleep(self.pace.look_seconds)
        finally:
            tasks = [task for _, task in followed.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, followed: _Followed, known: dict[str, int], gate: asyncio.Semaphore) -> None:
        """Follow tenants from when they have something to divide until they have nothing any more; `known` are the
        heads of those of which that is clear until they change.
        """
        for tenant, head in (await self.heads()).items():
            if known.get(tenant) != head:
                wanted = self._concerns(tenant, followed, gate)
                if await _whatever_happens(wanted, "policies cannot be looked at now", tenant=tenant):
                    known[tenant] = head

    async def _concerns(self, tenant: str, followed: _Followed, gate: asyncio.Semaphore) -> bool:
        """Begin or end to follow a tenant; False where only time will tell."""
        epochs = self.rebalancer.epochs
        standing = await self.rebalancer.policies.standing(tenant)
        divides = bool(standing.dividing)
        left = not divides and bool(
            await epochs.standing(tenant, Where(), limit=1) or await epochs.pending(tenant, limit=1)
        )
        if (divides or left) and tenant not in followed:
            following = _Following(tenant)
            followed[tenant] = following, asyncio.create_task(self._follow(following, gate), name=f"divide {tenant}")
        if divides or left:
            followed[tenant][0].note(standing)
        elif tenant in followed:
            _, task = followed.pop(tenant)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return not left

    async def _follow(self, following: _Following, gate: asyncio.Semaphore) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._settle(following))
            tasks.create_task(self._read(following))
            for _ in range(BATCHES_MAX):
                tasks.create_task(self._judge(following, gate))
            tasks.create_task(self._schedule(following, gate))
            tasks.create_task(self._count(following))

    async def _settle(self, following: _Following) -> None:
        """Settle what was left: at first, after each failure, and every so often, for others fail, too."""
        failures = 0
        while True:
            following.failed.clear()
            try:
                await self.rebalancer.settle(following.tenant)
            except Exception as fault:
                _log(fault, "epochs cannot be brought into force now", tenant=following.tenant)
                failures += 1
                await asyncio.sleep(self.pace.patience(failures))
            else:
                failures = 0
                following.settled.set()
                await _set(following.failed, self.pace.settle_seconds)

    async def _read(self, following: _Following) -> None:
        """Gather what the aggregator tells of supplies."""
        failures = 0
        while True:
            try:
                async with aclosing(self.supplies.watched(following.tenant)) as watched:
                    async for told in watched:
                        failures = 0
                        await following.touched.put(told)
            except Exception as fault:
                _log(fault, "supplies cannot be followed now", tenant=following.tenant)
            failures += 1
            await asyncio.sleep(self.pace.patience(failures))

    async def _judge(self, following: _Following, gate: asyncio.Semaphore) -> None:
        """Judge what is gathered; after a failure once what it left is settled."""
        failures, touched = 0, following.touched
        while True:
            await following.settled.wait()
            batch = await touched.take(gather_seconds=self.pace.gather_seconds)
            try:
                await self._first_count(following)
                async with gate:
                    done = await self.rebalancer.rebalanced(following.tenant, batch)
                touched.again(done.lost)
                if done.made:
                    log.debug("supplies divided", tenant=following.tenant, looked_at=len(batch), made=len(done.made))
            except Exception as fault:
                _log(fault, "supplies cannot be divided now", tenant=following.tenant)
                touched.again(batch)
                following.settled.clear()
                following.failed.set()
                failures += 1
                await asyncio.sleep(self.pace.patience(failures))
            else:
                failures = 0

    async def _schedule(self, following: _Following, gate: asyncio.Semaphore) -> None:
        """Judge supplies whose time is over."""
        said = "supplies whose time is over cannot be divided now"
        while True:
            due = following.scheduled
            if not due or not await _whatever_happens(self._divide_due(following, gate), said, tenant=following.tenant):
                await asyncio.sleep(self.pace.schedule_seconds)

    async def _divide_due(self, following: _Following, gate: asyncio.Semaphore) -> bool:
        """Judge some supplies whose time is over; False where there is none."""
        rebalancer, tenant = self.rebalancer, following.tenant
        due = set(await rebalancer.epochs.due(tenant, rebalancer.clock(), limit=BATCH_MAX))
        if not due:
            return False
        made: set[SupplyKey] = set()
        products = sorted({key.product for key in due})
        async with aclosing(self.supplies.listed(tenant, products, {})) as listed:
            async for several in listed:
                async with gate:
                    done = await rebalancer.rebalanced(tenant, [each for each in several if each.key in due])
                made.update(each.supply for each in done.made)
                following.touched.again(done.lost)
        await rebalancer.looked_at(tenant, sorted(due - made))
        return True

    async def _count(self, following: _Following) -> None:
        """Count demand every so often while a policy divides by it."""
        tenant = following.tenant
        while True:
            following.changed.clear()
            if days := following.demand_days:
                counting = count(self.rebalancer.demand, self.sales, tenant, days, self.rebalancer.clock())
                await _whatever_happens(counting, "demand cannot be counted now", tenant=tenant)
                following.counted.set()
            await _set(following.changed, self.pace.demand_seconds)

    async def _first_count(self, following: _Following) -> None:
        """Wait for the first count of demand, where a policy divides by it, but not for long."""
        if following.counted.is_set():
            return
        following.note(await self.rebalancer.policies.standing(following.tenant))
        if following.demand_days:
            await _set(following.counted, FIRST_COUNT_SECONDS)
            following.counted.set()


async def count(demand: Demand, sales: Sales, tenant: str, days: int, now: datetime) -> None:
    """Count what orders were promised up to now, each unit once: from where the last count ended, or from that many
    days back where none went back as far. History that the ledger gave up meanwhile is not counted any more.

    Raises DatabaseAway, PeerAway.
    """
    since = now.date() - timedelta(days=days - 1)
    await demand.group(tenant, await sales.groups(tenant))
    counted = await demand.counted(tenant)
    if counted is not None and since < counted.since:
        counted = None
    more = True
    while more:
        try:
            sold = await _sold(sales, tenant, counted, since)
        except Fenced:
            if counted is None:
                raise
            counted = None  # other books, of which nothing was counted
            continue
        begun = since if counted is None else counted.since
        if await demand.count(tenant, sold, counted, since=begun):
            counted, more = Counted(begun, sold.through), sold.more
        else:
            counted = await demand.counted(tenant)


async def _sold(sales: Sales, tenant: str, counted: Counted | None, since: date) -> Sold:
    """What follows what was counted, or what is left of it; raises Fenced where it was counted from other books."""
    if counted is None:
        return await sales.sold(tenant, None, _midnight(since))
    try:
        return await sales.sold(tenant, counted.through, _midnight(counted.since))
    except Fenced as fence:
        if fence.reason != COMPACTED:
            raise
    return await sales.sold(tenant, None, _midnight(counted.since))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


async def _set(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _whatever_happens(work: Awaitable[T], said: str, **more: str) -> T | None:
    """What comes of it; None where it fails, which is logged."""
    try:
        return await work
    except Exception as fault:
        _log(fault, said, **more)
        return None


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)


def _clock() -> float:
    return asyncio.get_running_loop().time()
