"""What takes over levels from the aggregator: which SKUs of which stores they are, and which of them fall due.

One process does so for a tenant. It goes on from the mark that it kept, so that nothing is missed whenever it dies;
taking over a level again does nothing. A store that is covered anew is told everything, from a list of its own, while
the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from weir_chassis.errors import Refusal
from weir_chassis.revisions import Revision
from weir_chassis.watch import Wakeups
from weir_sync.domain.listings import Carried, StoreSku
from weir_sync.domain.records import Trigger
from weir_sync.domain.rules import Product
from weir_sync.domain.telling import Cause, Rulebook, cause, earlier
from weir_sync.ports.levels import UNTOLD, Covered, Levels, Source, Table, Told, bell
from weir_sync.ports.listings import Listings
from weir_sync.worker.shifts import Shift, failed

WAITING_MAX = 8
"""Messages that wait to be taken over, before no more are read."""
TOUCHES_MAX = 1000
"""SKUs that are looked up together where listings changed."""
LISTED = Cause(Trigger.COVERED, "listing")
STORE = Cause(Trigger.COVERED, "store")
CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done."""

    look_seconds: float = 5.0
    """How often listings are looked at where nobody says that they changed."""
    missing_seconds: float = 2.0
    """How often a channel is looked for that there is not, or a service that is away."""
    first_seconds: float = 0.1
    """How long levels are waited for at least, whatever else there is to look at."""
    forgive_seconds: float = 60.0
    """How often units are looked for that were seen sold long ago."""
    keep_seconds: float = 86_400.0
    """How long these are kept back."""
    covers_max: int = 4
    """Stores that are covered at a time."""


@dataclass(frozen=True, slots=True)
class Follower:
    """Takes over the levels of a tenant."""

    levels: Levels
    listings: Listings
    source: Source
    wakeups: Wakeups
    pace: Pace = field(default_factory=Pace)

    async def covers(self, tenant: str) -> bool:
        """Whether any store of the tenant is covered, though it may not be told levels any more."""
        return bool((await self.levels.following(tenant)).covered)

    async def follow(self, shift: Shift) -> None:
        """Do so until cancelled, for the stores that are configured."""
        standing = await self.levels.following(shift.tenant)
        following = _Following(self, shift, standing.through, dict(standing.covered))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._forgive(shift))
                tasks.create_task(following.follow(tasks))
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from faults

    async def _forgive(self, shift: Shift) -> None:
        while True:
            while await self.levels.forgive(shift.lease, keep_seconds=self.pace.keep_seconds):
                self.wakeups.wake(bell(shift.tenant))
            await asyncio.sleep(self.pace.forgive_seconds)


class _Following:
    """How far it has come."""

    def __init__(
        self, follower: Follower, shift: Shift, through: tuple[Revision, ...], covered: dict[str, Covered]
    ) -> None:
        self._levels, self._listings, self._source = follower.levels, follower.listings, follower.source
        self._wakeups, self._pace = follower.wakeups, follower.pace
        self._shift = shift
        self._through = through
        self._told: tuple[Revision, ...] = ()
        """Up to where stores that were covered meanwhile were told, if any were."""
        self._covered = covered
        self._covering: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(follower.pace.covers_max)
        self._writing = asyncio.Lock()
        """Of two that tell of a SKU that has no level yet, the later one has to see the record of the other."""
        self._turn = asyncio.Event()
        """Something else than the next message is to be looked at."""

    async def follow(self, tasks: asyncio.TaskGroup) -> None:
        """Follow the stores that are covered; look at what is configured and at listings whenever these change."""
        tasks.create_task(self._watch_configuration())
        tasks.create_task(self._watch_listings())
        while True:
            self._turn.clear()
            await self._look(tasks)
            await self._take_up_listings()
            await self._read()

    async def _watch_configuration(self) -> None:
        while True:
            await self._shift.changed.wait()
            self._shift.changed.clear()
            self._turn.set()

    async def _watch_listings(self) -> None:
        with self._wakeups.bell(self._shift.tenant) as rung:
            while True:
                rung.mute()
                if await self._listings.touched(self._shift.tenant, limit=1):
                    self._turn.set()
                await rung.rung(self._pace.look_seconds)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to cover stores that are not, and leave those that are not told levels any more."""
        stores = self._shift.configuration.stores
        wanted = {name: Covered(each.channel, each.take_orders) for name, each in stores.items()}
        for name in [name for name in self._covering if name not in wanted]:
            self._covering.pop(name).cancel()
        gone = [name for name in self._covered if name not in wanted]
        await self._uncover(gone)
        for name, covered in wanted.items():
            if self._covered.get(name) != covered and name not in self._covering:
                self._covering[name] = tasks.create_task(self._cover(name, covered))

    async def _uncover(self, connections: Sequence[str]) -> None:
        await self._levels.uncover(self._shift.lease, connections)
        for name in connections:
            del self._covered[name]

    async def _cover(self, connection: str, covered: Covered) -> None:
        """Take over all levels of a store; again after a while where that cannot be."""
        before = self._covered.get(connection)
        try:
            async with self._room:
                told = self._through
                if before is None or before.channel != covered.channel:
                    told = await self._take_over_all(connection, covered.channel, all_due=before is None)
                await self._levels.cover(self._shift.lease, connection, covered)
                self._covered[connection] = covered
                self._told = earlier(self._told or told, told)
        except Refusal as fault:
            failed(fault, "a store cannot be covered now", tenant=self._shift.tenant, connection=connection)
            await asyncio.sleep(self._pace.missing_seconds)
        self._covering.pop(connection, None)
        self._turn.set()

    async def _take_over_all(self, connection: str, channel: str, *, all_due: bool) -> tuple[Revision, ...]:
        """Take over all levels of a channel; answers up to where they were told."""
        told: tuple[Revision, ...] = ()
        async with aclosing(self._source.watched(self._shift.tenant, [channel], ())) as tables:
            async for table in tables:
                first = () if self._through else table.through
                await self._tell(_cells([table], {channel: connection}), STORE, through=first, all_due=all_due)
                self._through = self._through or table.through
                told = table.through
                if table.complete_end:
                    break
        after = ""
        while unknown := await self._levels.unlevelled(self._shift.tenant, connection, after=after, limit=TOUCHES_MAX):
            await self._look_up(connection, channel, unknown)
            after = unknown[-1]
        return told

    async def _take_up_listings(self) -> None:
        """Set right the levels of SKUs that may be other products, some at a time."""
        touches = await self._listings.touched(self._shift.tenant, limit=TOUCHES_MAX)
        stores = self._shift.configuration.stores
        by_store: dict[str, list[str]] = {}
        for each in touches:
            by_store.setdefault(each.connection, []).append(each.store_sku)
        for connection, store_skus in by_store.items():
            if connection in stores:
                await self._look_up(connection, stores[connection].channel, store_skus)
        await self._listings.settle(self._shift.tenant, touches)
        if len(touches) == TOUCHES_MAX:
            self._turn.set()

    async def _look_up(self, connection: str, channel: str, store_skus: Sequence[str]) -> None:
        """Take over the levels of some SKUs of a store as they are now; where the channel is no more, of none."""
        tenant, asked = self._shift.tenant, [StoreSku(connection, each) for each in store_skus]
        found = await self._listings.products(tenant, asked)
        levels: dict[Product, int] = {}
        if products := sorted(set(found.values())):
            try:
                table = await self._source.now(tenant, products, [channel], self._through)
            except Refusal as fault:
                if fault.reason != CHANNEL_NOT_FOUND:
                    raise
                return
            levels = dict(zip(table.products, table.levels, strict=True))
        rules = Rulebook(self._shift.configuration.rules)
        told = [
            Told(connection, each.store_sku, product, level, rules.rule(product, channel))
            for each in asked
            for product in [found.get(each, Product("", each.store_sku))]
            for level in [levels.get(product, UNTOLD) if each in found else UNTOLD]
        ]
        await self._put(told, LISTED)

    async def _read(self) -> None:
        """Take over what is told of the stores that are covered, until there is something else to look at; what is told
        at once in any case.
        """
        stores = {covered.channel: name for name, covered in self._covered.items()}
        if not stores:
            await self._turn.wait()
            return
        arriving: asyncio.Queue[Table] = asyncio.Queue(WAITING_MAX)
        after, self._told = earlier(self._told or self._through, self._through), ()
        reading = asyncio.create_task(self._arrive(sorted(stores), after, arriving))
        turning = asyncio.create_task(self._turn.wait())
        taking = asyncio.create_task(arriving.get())
        try:
            first = True
            while first or not turning.done():
                waited = {reading, taking} if first else {reading, taking, turning}
                timeout = self._pace.first_seconds if first else None
                await asyncio.wait(waited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    await self._take_over([taking.result(), *_rest(arriving)], stores)
                    taking = asyncio.create_task(arriving.get())
                if reading.done():
                    reading.result()
                first = False
        except Refusal as fault:
            await self._refused(fault, stores)
        finally:
            for task in (reading, turning, taking):
                task.cancel()
            await asyncio.gather(reading, turning, taking, return_exceptions=True)

    async def _arrive(self, channels: Sequence[str], after: Sequence[Revision], arriving: asyncio.Queue[Table]) -> None:
        async with aclosing(self._source.watched(self._shift.tenant, channels, after)) as tables:
            async for table in tables:
                await arriving.put(table)

    async def _refused(self, fault: Refusal, stores: Mapping[str, str]) -> None:
        """A store whose channel is no more is covered anew once that is there again; all else is tried again."""
        failed(fault, "levels cannot be followed now", tenant=self._shift.tenant)
        channel = fault.metadata.get("channel", "")
        if fault.reason == CHANNEL_NOT_FOUND and channel in stores:
            await self._uncover([stores[channel]])
        else:
            await asyncio.sleep(self._pace.missing_seconds)

    async def _take_over(self, tables: Sequence[Table], stores: Mapping[str, str]) -> None:
        through = next((each.through for each in reversed(tables) if each.through), ())
        why = cause(self._through, through)
        await self._tell(_cells(tables, stores), why, through=through)
        self._through = through or self._through

    async def _tell(
        self,
        cells: Mapping[Carried, tuple[str, int]],
        why: Cause,
        *,
        through: Sequence[Revision] = (),
        all_due: bool = False,
    ) -> None:
        """Take over the channel and level of products in stores."""
        rules = Rulebook(self._shift.configuration.rules)
        named = await self._listings.store_skus(self._shift.tenant, cells) if cells else {}
        told = [
            Told(carried.connection, store_sku, carried.product, level, rules.rule(carried.product, channel))
            for carried, (channel, level) in cells.items()
            for store_sku in named.get(carried, ())
        ]
        await self._put(told, why, through=through, all_due=all_due)

    async def _put(
        self, told: Sequence[Told], why: Cause, *, through: Sequence[Revision] = (), all_due: bool = False
    ) -> None:
        if not told and tuple(through) in ((), self._through):
            return
        async with self._writing:
            due = await self._levels.tell(self._shift.lease, told, why, through=through, all_due=all_due)
        if due:
            self._wakeups.wake(bell(self._shift.tenant))


def _cells(tables: Iterable[Table], stores: Mapping[str, str]) -> dict[Carried, tuple[str, int]]:
    """The newest level of each product in each store that is among those of the channels."""
    cells: dict[Carried, tuple[str, int]] = {}
    for table in tables:
        columns = [
            (place, channel, stores[channel]) for place, channel in enumerate(table.channels) if channel in stores
        ]
        for row, product in enumerate(table.products):
            first = row * len(table.channels)
            for place, channel, connection in columns:
                cells[Carried(connection, product)] = channel, table.levels[first + place]
    return cells


def _rest(arriving: asyncio.Queue[Table]) -> list[Table]:
    """What else has arrived."""
    return [arriving.get_nowait() for _ in range(arriving.qsize())]
