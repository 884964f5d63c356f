"""What opens and closes alerts: the ledger, as it goes on.

Each tenant that has par levels is followed for itself. What the ledger touches of them is counted anew, and so is what
is asked for anew; the count opens and closes alerts, whatever happened meanwhile. Nothing is kept in memory but what is
to be counted: after a break all is, from the books as they are then.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Commit
from weir_chassis.errors import Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_chassis.revisions import Revision
from weir_chassis.watch import Batch, Fenced, Wakeups, follow
from weir_pooling.domain.alerts import ParLevel
from weir_pooling.handlers import alerts
from weir_pooling.ports import Pooling, Tallies

SKUS_MAX = 100
"""Products that are counted together."""
JUDGING = "alerts"
"""The method under which it is kept what came of a count."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done."""

    gather_seconds: float = 0.1
    """How long what is touched is gathered before it is counted."""
    look_seconds: float = 1.0
    """How often tenants are looked for that have par levels."""
    patience_seconds: float = 5.0
    """The longest wait before what failed is tried again."""

    def patience(self, failures: int) -> float:
        """The wait after so many failures in a row, from 1: doubling, less by chance up to half."""
        longest = min(self.patience_seconds, 0.1 * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads replicas, guards nothing


class Shelf(NamedTuple):
    """Some products of an owner in somebody's custody."""

    custodian: str
    owner: str
    skus: tuple[str, ...]


class Due:
    """The par levels of a tenant, and of which of them the units are to be counted."""

    def __init__(self) -> None:
        """None yet."""
        self._levels: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._due: dict[tuple[str, str], dict[str, None]] = {}
        self.come = asyncio.Event()

    def __bool__(self) -> bool:
        """Whether there are any par levels."""
        return bool(self._levels)

    def note(self, change: Change) -> None:
        """Take up a par level that changed, or forget it."""
        if not isinstance(level := change.object, ParLevel):
            return
        product = level.custodian, level.owner, level.sku
        if not change.deleted:
            self._levels[product].add(level.location)
            self.touch(*product)
        elif product in self._levels:
            self._levels[product].discard(level.location)
            if not self._levels[product]:
                del self._levels[product]

    def touch(self, custodian: str, owner: str, sku: str) -> None:
        """These units may have changed; nothing to do where nobody asked for them."""
        if (custodian, owner, sku) in self._levels:
            self._due.setdefault((custodian, owner), {})[sku] = None
            self.come.set()

    def touch_all(self) -> None:
        """Any of them may have changed."""
        for product in self._levels:
            self.touch(*product)

    def take(self) -> Shelf | None:
        """Up to 100 products that lie together, those first that were touched first; None when nothing is left."""
        if not self._due:
            self.come.clear()
            return None
        (custodian, owner), waiting = next(iter(self._due.items()))
        skus = tuple(sku for sku, _ in zip(waiting, range(SKUS_MAX), strict=False))
        for sku in skus:
            del waiting[sku]
        if not waiting:
            del self._due[custodian, owner]
        return Shelf(custodian, owner, skus)


class _Following:
    """What is done for one tenant; `books` is the newest revision of the ledger that was heard of, `counted` whether
    anything was counted since it was begun."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.due = Due()
        self.books: Revision | None = None
        self.begun = asyncio.Event()
        self.counted = False


@dataclass(frozen=True, slots=True)
class AlertWorker:
    """Opens and closes the alerts of all tenants. Several processes may do so at once."""

    heads: Callable[[], Awaitable[Mapping[str, int]]]
    """The number of the newest revision of every tenant."""
    handlers: Handlers[Pooling]
    tallies: Tallies
    wakeups: Wakeups
    pace: Pace = Pace()

    async def work(self) -> None:
        """Do so until cancelled."""
        followed: dict[str, asyncio.Task[None]] = {}
        known: dict[str, int] = {}
        try:
            while True:
                try:
                    await self._look(followed, known)
                except Exception as fault:
                    _log(fault, "par levels cannot be looked for now")
                await asyncio.sleep(self.pace.look_seconds)
        finally:
            for task in followed.values():
                task.cancel()
            await asyncio.gather(*followed.values(), return_exceptions=True)

    async def _look(self, followed: dict[str, asyncio.Task[None]], known: dict[str, int]) -> None:
        """Begin to follow tenants that have par levels; `known` are the heads at which they were looked at last."""
        for tenant, head in (await self.heads()).items():
            if tenant in followed and followed[tenant].done():
                del followed[tenant]
            if tenant in followed or known.get(tenant) == head:
                continue
            async with self.handlers.reading(tenant, {}) as (objects, _):
                any_level = await objects.select(ParLevel, limit=1)
            known[tenant] = head
            if any_level:
                followed[tenant] = asyncio.create_task(self._follow(tenant), name=f"alerts of {tenant}")

    async def _follow(self, tenant: str) -> None:
        """Follow a tenant until it has no par levels any more; after a failure from the beginning."""
        failures = 0
        while True:
            following = _Following(tenant)
            try:
                async with self.handlers.reading(tenant, {}) as (objects, revision):
                    levels = await objects.select(ParLevel)
                for level in levels:
                    following.due.note(Change(level))
                if not following.due:
                    return
                await _first(
                    self._read_levels(following, revision.number), self._read_books(following), self._judge(following)
                )
            except Exception as fault:
                failures = 1 if following.counted else failures + 1
                _log(fault, "par levels cannot be followed now", tenant=tenant)
                await asyncio.sleep(self.pace.patience(failures))

    async def _read_levels(self, following: _Following, after: int) -> None:
        """Take up what is asked for anew; ends when nothing is asked for any more."""

        async def read(after: int) -> Batch[Commit | None]:
            batch = await self.handlers.changes(following.tenant, after)
            return Batch(batch.messages, batch.through, batch.more)

        with self.wakeups.bell(following.tenant) as bell:
            commits = follow(read, after=after, bell=bell, heartbeat=lambda _: None)
            async with aclosing(commits):
                async for commit in commits:
                    for change in commit.changes if commit is not None else ():
                        following.due.note(change)
                    if not following.due:
                        return

    async def _read_books(self, following: _Following) -> None:
        """Gather what the ledger touches; where its history is gone, all is to be counted."""
        while True:
            start = await self.tallies.head(following.tenant)
            following.books = start
            following.due.touch_all()
            following.begun.set()
            try:
                async with aclosing(self.tallies.touched(following.tenant, start)) as touched:
                    async for through, products in touched:
                        following.books = through
                        for product in products:
                            following.due.touch(*product)
            except Fenced:
                log.info("books are others, or went on too far: all is counted anew", tenant=following.tenant)

    async def _judge(self, following: _Following) -> None:
        """Count what is gathered, and open and close alerts by it."""
        await following.begun.wait()
        while True:
            await following.due.come.wait()
            await asyncio.sleep(self.pace.gather_seconds)
            while (shelf := following.due.take()) is not None:
                assert following.books is not None
                tally = await self.tallies.tally(following.tenant, *shelf, fresh=following.books)
                async with self.handlers.reading(following.tenant, {}) as (objects, _):
                    decision = await alerts.judge(objects, tally)
                if decision.changes:
                    attempt = Attempt(following.tenant, JUDGING, new_id(), b"")
                    await self.handlers.write(attempt, alerts.judge, tally)
                following.counted = True


async def _first(*doing: Coroutine[Any, Any, None]) -> None:
    """Do several things until the first ends; raises what went wrong with it."""
    tasks = [asyncio.create_task(each) for each in doing]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)
