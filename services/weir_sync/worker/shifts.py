"""Who tells which store: of several processes each takes some of the work of a tenant, by leases, for as long as it is
heard of.

    Shifts(heads, tenants, leases, wakeups, follower.covers, follower.follow, pusher.push)

Work is begun when its lease is taken and ended when that is lost or nobody wants it any more. Nothing is remembered
from one to the next.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.errors import Refusal
from weir_chassis.ids import new_id
from weir_chassis.watch import Wakeups
from weir_sync.domain.connections import Connection, MasterSwitch, Role
from weir_sync.domain.rules import Rule
from weir_sync.ports.leases import FOLLOW, Lease, LeaseLost, Leases, push

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done."""

    lease_seconds: float = 30.0
    """How long work is left to a process that is not heard of."""
    look_seconds: float = 1.0
    """How often tenants are looked for whose configuration has changed."""
    patience_seconds: float = 5.0
    """The longest wait before work that failed is begun again."""

    def patience(self, failures: int) -> float:
        """The wait after so many failures in a row, from 1: doubling, less by chance up to half."""
        longest = min(self.patience_seconds, 0.1 * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads replicas, guards nothing


@dataclass(frozen=True, slots=True)
class Configuration:
    """What bears on the levels of a tenant's stores, at a revision: those that are told any, by connection; whether
    anything flows; the rules that are not disabled, in the order in which they are tried.
    """

    head: int
    stores: Mapping[str, Connection]
    on: bool
    rules: tuple[Rule, ...]


class Shift:
    """Work of one tenant that this process does, as long as it holds the lease."""

    def __init__(self, lease: Lease, configuration: Configuration) -> None:
        """It does now, and this is configured."""
        self.lease = lease
        self.configuration = configuration
        self.changed = asyncio.Event()
        """The configuration is another than it was; whoever looks clears it."""

    @property
    def tenant(self) -> str:
        """Whose work it is."""
        return self.lease.tenant

    @property
    def left_seconds(self) -> float:
        """How long nobody else holds the lease, whatever happens."""
        return self.lease.until - time.monotonic()

    def configure(self, configuration: Configuration) -> None:
        """This is configured now."""
        if configuration.head != self.configuration.head:
            self.configuration = configuration
            self.changed.set()


Work = Callable[[Shift], Awaitable[None]]
"""Does what a lease is for, until cancelled; whatever it raises, it is begun again after a while."""


@dataclass
class Shifts:
    """Divides the work of all tenants among processes."""

    heads: Callable[[], Awaitable[Mapping[str, int]]]
    """The number of the newest revision of every tenant."""
    tenants: Tenants[Objects]
    leases: Leases
    wakeups: Wakeups
    covers: Callable[[str], Awaitable[bool]]
    """Whether levels of any store of a tenant are kept as those that it is told: they are given up by who follows."""
    follow: Work
    push: Work
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        """Nothing is done yet."""
        self._holder = new_id()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def work(self) -> None:
        """Do so until cancelled: a tenant is looked after from when it has a store that is told levels until the last
        such store was given up."""
        known: dict[str, int] = {}
        try:
            while True:
                try:
                    await self._look(known)
                except Exception as fault:
                    failed(fault, "tenants cannot be looked at now")
                await asyncio.sleep(self.pace.look_seconds)
        finally:
            await _end(self._tasks.values())

    async def _look(self, known: dict[str, int]) -> None:
        for tenant, head in (await self.heads()).items():
            if known.get(tenant) == head or (tenant in self._tasks and not self._tasks[tenant].done()):
                continue
            if (await configuration(self.tenants, tenant)).stores or await self.covers(tenant):
                self._tasks[tenant] = asyncio.create_task(self._look_after(tenant), name=f"levels of {tenant}")
            known[tenant] = head

    async def _look_after(self, tenant: str) -> None:
        """Divide the work of a tenant with other processes, until there is none."""
        mine = _Mine(tenant)
        failures = 0
        with self.wakeups.bell(tenant) as bell:
            try:
                while True:
                    bell.mute()
                    try:
                        if not await self._divide(mine):
                            return
                        failures = 0
                    except Exception as fault:
                        failed(fault, "work cannot be divided now", tenant=tenant)
                        failures += 1
                        await asyncio.sleep(self.pace.patience(failures))
                    await bell.rung(mine.keep_at - time.monotonic())
            finally:
                await _end(task for _, task in mine.doing.values())
                await self.leases.give_up(tenant, [shift.lease for shift, _ in mine.doing.values()])

    async def _divide(self, mine: _Mine) -> bool:
        """Keep what this process does, leave what is too much or not wanted, take what nobody does; False where nothing
        is wanted.
        """
        mine.configuration = now = await configuration(self.tenants, mine.tenant, mine.configuration)
        for shift, _ in mine.doing.values():
            shift.configure(now)
        if time.monotonic() >= mine.keep_at:
            mine.keep_at = time.monotonic() + self.pace.lease_seconds / 4
            await self._keep(mine)
        wanted = [FOLLOW, *map(push, now.stores)] if now.stores or await self.covers(mine.tenant) else []
        fair = -(-len(wanted) // max(1, mine.processes))
        left = [name for name in mine.doing if name not in wanted]
        left += [name for name in mine.doing if name in wanted][fair:]
        await self._leave(mine, left)
        free = [name for name in wanted if name not in mine.doing]
        room = fair - len(mine.doing)
        if free and room > 0:
            seconds = self.pace.lease_seconds
            for lease in await self.leases.take(mine.tenant, free, self._holder, seconds=seconds, limit=room):
                shift = Shift(lease, now)
                mine.doing[lease.name] = shift, asyncio.create_task(self._do(shift), name=f"{lease.name} {mine.tenant}")
        return bool(wanted)

    async def _keep(self, mine: _Mine) -> None:
        """Hold what this process does for longer; what is lost ends at once."""
        seconds = self.pace.lease_seconds
        mine.processes = await self.leases.present(mine.tenant, self._holder, seconds=seconds)
        held = [shift.lease for shift, _ in mine.doing.values()]
        kept = {lease.name: lease for lease in await self.leases.keep(mine.tenant, held, seconds=seconds)}
        for name, (shift, task) in list(mine.doing.items()):
            if name in kept:
                shift.lease = kept[name]
            else:
                del mine.doing[name]
                await _end([task])

    async def _leave(self, mine: _Mine, names: Sequence[str]) -> None:
        """End what is too much, and let others have it."""
        left = [mine.doing[name] for name in names]
        await _end(task for _, task in left)
        await self.leases.give_up(mine.tenant, [shift.lease for shift, _ in left])
        for name in names:
            del mine.doing[name]

    async def _do(self, shift: Shift) -> None:
        """Do what the lease is for; after a failure anew, until it is lost."""
        work, failures = self.follow if shift.lease.name == FOLLOW else self.push, 0
        while True:
            began = time.monotonic()
            try:
                await work(shift)
            except LeaseLost:
                log.warning("work was taken over by another process", tenant=shift.tenant, lease=shift.lease.name)
                return
            except Exception as fault:
                failed(fault, "work failed, and is begun again", tenant=shift.tenant, lease=shift.lease.name)
            failures = 1 if time.monotonic() > began + self.pace.lease_seconds else failures + 1
            await asyncio.sleep(self.pace.patience(failures))


class _Mine:
    """What this process does for a tenant, by lease; of how many, as far as is known, and when to say so again."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.doing: dict[str, tuple[Shift, asyncio.Task[None]]] = {}
        self.processes = 1
        self.keep_at = 0.0
        self.configuration: Configuration | None = None


async def configuration(tenants: Tenants[Objects], tenant: str, known: Configuration | None = None) -> Configuration:
    """What is configured now; that which is `known`, where nothing was since."""
    async with tenants.reading(tenant) as objects:
        if known is not None and known.head == objects.head:
            return known
        stores = await objects.select(Connection, {"role": Role.STORE})
        switch = await objects.get(MasterSwitch, MasterSwitch().key)
        rules = await objects.select(Rule)
        head = objects.head
    told = {each.connection: each for each in stores if each.push_levels}
    tried = sorted((each for each in rules if not each.disabled), key=lambda each: each.priority)
    return Configuration(head, told, switch is None or switch.on, tuple(tried))


def failed(fault: Exception, said: str, **more: str) -> None:
    """Log it: what a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them, and wait until they are done."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
