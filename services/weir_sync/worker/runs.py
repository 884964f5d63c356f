"""What carries out runs: it takes those that nobody is at, holds them while it works, and leaves them if it dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from weir_chassis.errors import Kind, Refusal
from weir_chassis.ids import new_id
from weir_sync.connectors.port import Away, ConnectorFailed, Throttled
from weir_sync.domain.connections import Role
from weir_sync.domain.feeds import Pull, Pulled
from weir_sync.errors import ACCIDENT
from weir_sync.ports.feeds import Feeds
from weir_sync.ports.runs import Held, RunLost, Runs

TRIES_MAX = 8
PAUSE_SECONDS_MAX = 300.0
LEVELS_MAX = 1000
"""Levels that are made due at once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done, and how much at once."""

    look_seconds: float = 0.5
    """How often runs are looked for."""
    hold_seconds: float = 30.0
    """How long a run is left to a worker that gives no sign of life."""
    pause_seconds: float = 1.0
    """The wait after the first try that failed; it doubles."""
    runs_max: int = 16
    """Runs that one process carries out at once."""

    def pause(self, tries: int) -> float:
        """The wait after so many tries, from 1: doubling, less by chance up to half."""
        longest = min(PAUSE_SECONDS_MAX, self.pause_seconds * 2.0 ** (tries - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads replicas, guards nothing


@dataclass
class RunWorker:
    """Carries out the runs of all tenants. Several processes may do so at once, each run is with one of them."""

    tenants: Callable[[], Awaitable[Sequence[str]]]
    """Every tenant there is."""
    runs: Runs
    feeds: Feeds
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        """Nothing is under way."""
        self._under_way: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        """Do so until cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self.pace.look_seconds)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _look(self) -> None:
        """Begin what there is to do, as far as there is room for it; what hinders one tenant hinders no other."""
        try:
            for tenant in await self.tenants():
                await self._look_after(tenant)
        except Exception as fault:
            _log(fault, "runs cannot be looked for now")

    async def _look_after(self, tenant: str) -> None:
        try:
            await self.runs.settle(tenant)
            await self._begin(tenant)
        except Exception as fault:
            _log(fault, "runs cannot be looked for now", tenant=tenant)

    async def _begin(self, tenant: str) -> None:
        room = self.pace.runs_max - len(self._under_way)
        if room <= 0:
            return
        holder = new_id()  # of its own each time: what this process lost and took again is two holds
        for held in await self.runs.take(tenant, holder, hold_seconds=self.pace.hold_seconds, limit=room):
            task = asyncio.create_task(self._carry_out(held))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _carry_out(self, held: Held) -> None:
        """Carry out a run, or put it back, or give it up; what goes wrong on the way is told in the run or logged."""
        try:
            if held.role is Role.STORE:
                await self._mark(held)
            else:
                await self.runs.end(held, await self._pull(held))
        except RunLost:
            log.warning("a run was taken over by another process", tenant=held.tenant, run=held.run)
        except Exception as fault:
            await self._failed(held, fault)

    async def _mark(self, held: Held) -> None:
        """Make the levels of a store due; the run ends by itself when something has become of each of them."""
        while await self.runs.mark(held, hold_seconds=self.pace.hold_seconds, limit=LEVELS_MAX):
            pass

    async def _pull(self, held: Held) -> Pulled:
        """Take in what a warehouse reports, holding on meanwhile; given up when the hold is lost."""
        hold_seconds = self.pace.hold_seconds

        async def progress(pulled: Pulled) -> None:
            await self.runs.keep(held, hold_seconds=hold_seconds, pulled=pulled)

        async def hold_on() -> None:
            while True:
                await asyncio.sleep(hold_seconds / 3)
                await self.runs.keep(held, hold_seconds=hold_seconds)

        wanted = Pull(held.tenant, held.connection, held.run, held.full, frozenset(held.store_skus))
        pulling, holding = asyncio.ensure_future(self.feeds.pull(wanted, progress)), asyncio.ensure_future(hold_on())
        try:
            await asyncio.wait([pulling, holding], return_when=asyncio.FIRST_COMPLETED)
            if not pulling.done():
                holding.result()  # which raises why we cannot hold on
            return await pulling
        finally:
            for task in (pulling, holding):
                task.cancel()
            await asyncio.gather(pulling, holding, return_exceptions=True)

    async def _failed(self, held: Held, fault: Exception) -> None:
        """Have it tried again where that may help, and else give it up."""
        tries = held.tries + 1
        try:
            if tries < TRIES_MAX and _passes(fault):
                pause = self.pace.pause(tries)
                if isinstance(fault, Throttled):
                    pause = max(pause, min(fault.retry_after_seconds, PAUSE_SECONDS_MAX))
                await self.runs.put_back(held, pause_seconds=pause)
            else:
                await self.runs.end(held, error=_told(fault))
        except Exception as another:
            _log(another, "a run cannot be put back now; it is taken up when its hold is over", tenant=held.tenant)
        if not isinstance(fault, (ConnectorFailed, Refusal)):
            log.error("a run failed", exc_info=fault, tenant=held.tenant, run=held.run)


def _passes(fault: Exception) -> bool:
    """Whether trying again may help."""
    if isinstance(fault, Refusal):
        return fault.kind in (Kind.AWAY, Kind.EXHAUSTED, Kind.RACED)
    return isinstance(fault, (Away, Throttled, TimeoutError))


def _told(fault: Exception) -> str:
    """What may be told of it."""
    return str(fault) if isinstance(fault, (ConnectorFailed, Refusal)) else ACCIDENT


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)
