"""What tells a store its levels: takes what is due, sends it, and writes down what became of it.

One process does so for a store. Several requests may be on their way at once, never two with the same SKU. A request
is only sent while the lease is ours for longer than it may take, so that nobody tells the store anything newer before
it has ended. What is on its way when this process dies is taken by the next one as being in doubt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog

from weir_chassis.watch import Bell, Wakeups
from weir_sync.connectors.port import (
    Abilities,
    Away,
    ConnectorFailed,
    Connectors,
    Denied,
    Level,
    ShownLevel,
    StoreConnector,
    Throttled,
)
from weir_sync.domain import pushing
from weir_sync.domain.connections import Connection
from weir_sync.domain.health import Breaker, BreakerState
from weir_sync.domain.pacing import Bucket, Circuit, waited
from weir_sync.domain.pushing import Decided, Standing, Terms
from weir_sync.errors import ACCIDENT
from weir_sync.ports.health import Healths
from weir_sync.ports.leases import pushed
from weir_sync.ports.levels import Pushes, bell
from weir_sync.worker.outcomes import UNKNOWN_SKU, level, settled, shown
from weir_sync.worker.shifts import Shift, failed

LEAST_SECONDS = 0.02
"""The shortest wait for what is due soon."""
LEASE_LOOK_SECONDS = 0.05
"""How often a lease is looked at that is about to be renewed."""

Fate = Callable[[Standing, datetime], Decided]
"""What becomes of a SKU in flight, at a moment."""
T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done, and how much at once."""

    request_seconds: float = 10.0
    """The longest that a request may take."""
    gather_seconds: float = 0.005
    """How long what falls due is gathered after nothing was."""
    look_seconds: float = 5.0
    """How often is looked for what is due where nobody says that anything is."""
    check_seconds: float = 5.0
    """How seldom levels are read back while others are due all the time."""
    requests_max: int = 4
    """Requests of a store that are on their way at once."""
    levels_max: int = 500
    """Levels in one of them, where the store takes more."""


@dataclass(frozen=True, slots=True)
class Pusher:
    """Tells a store its levels."""

    pushes: Pushes
    connectors: Connectors
    healths: Healths
    wakeups: Wakeups
    pace: Pace = field(default_factory=Pace)

    async def push(self, shift: Shift) -> None:
        """Do so until cancelled, whenever anything flows."""
        circuit = Circuit()
        while True:
            shift.changed.clear()
            configured = shift.configuration
            connection = configured.stores.get(pushed(shift.lease.name))
            if await self.pushes.reclaim(shift.lease):
                log.info("what was on its way is in doubt", tenant=shift.tenant, lease=shift.lease.name)
            if connection is None or not configured.on:
                await shift.changed.wait()
                continue
            talk = _Talk(self, shift, connection, circuit)
            talking = asyncio.create_task(talk.talk())
            try:
                await self._meanwhile(talking, shift, connection)
            finally:
                talking.cancel()
                await asyncio.gather(talking, return_exceptions=True)
            circuit = talk.circuit

    async def _meanwhile(self, talking: asyncio.Task[None], shift: Shift, connection: Connection) -> None:
        """Wait until the connection is another, or nothing flows any more; raises what goes wrong with the talk."""
        changing = asyncio.create_task(_another(shift, connection))
        try:
            await asyncio.wait([talking, changing], return_when=asyncio.FIRST_COMPLETED)
            if talking.done():
                talking.result()
        finally:
            changing.cancel()


async def _another(shift: Shift, connection: Connection) -> None:
    """Wait until another connection is configured; its etag changes with its secrets, too."""
    while True:
        await shift.changed.wait()
        shift.changed.clear()
        now = shift.configuration.stores.get(connection.connection)
        if now is None or now.etag != connection.etag or not shift.configuration.on:
            shift.changed.set()
            return


class _Talk:
    """What is said to a store as long as it is configured as it is."""

    def __init__(self, pusher: Pusher, shift: Shift, connection: Connection, circuit: Circuit) -> None:
        self._pushes, self._healths, self._pace = pusher.pushes, pusher.healths, pusher.pace
        self._connectors, self._wakeups = pusher.connectors, pusher.wakeups
        self._shift, self._connection = shift, connection
        self.circuit = circuit
        self._terms = Terms(compare_and_set=False, reads_back=False, protects=connection.take_orders)
        self._bucket = Bucket(1.0, 1.0, 1.0, _clock())
        self._size = self._size_max = 1
        self._resume_at = 0.0
        """Until then the store asked to be left alone."""
        self._checked_at, self._checking = 0.0, False
        self._telling = asyncio.Lock()  # how the breaker stands is told in the order in which it came to
        self._sending: set[asyncio.Task[None]] = set()
        self._more = False  # more may be due than the last request could take
        self._rung = Bell()
        """Rings where something falls due: others ring it, and whoever settles what was on its way."""

    async def talk(self) -> None:
        """Do so until cancelled; as soon as it answers, after whatever went wrong."""
        while True:
            await self._ready()
            try:
                async with self._connectors.store(self._shift.tenant, self._connection) as store:
                    abilities = await self._asked(store.describe())
                    await self._answered()
                    await self._healths.set_abilities(self._shift.tenant, self._connection.connection, abilities)
                    self._able(abilities)
                    await self._serve(store)
            except ConnectorFailed as fault:
                await self._failed(fault)

    def _able(self, abilities: Abilities) -> None:
        self._terms = self._terms._replace(compare_and_set=abilities.compare_and_set, reads_back=abilities.reads_back)
        rate, burst = max(1, abilities.requests_per_second), max(1, abilities.burst)
        self._bucket = Bucket(rate, burst, burst, _clock())
        self._size = self._size_max = max(1, min(abilities.batch_max, self._pace.levels_max))

    async def _serve(self, store: StoreConnector) -> None:
        """Send what is due, and read back what is to be; raises what is no matter of the store."""
        try:
            async with asyncio.TaskGroup() as tasks:
                with self._wakeups.bell(bell(self._shift.tenant)) as self._rung:
                    while True:
                        await self._ready()
                        self._rung.mute()
                        begun = await self._next(store, tasks)
                        if self._left_alone_seconds > 0 or (begun and (self._more or not self.circuit.closed)):
                            continue
                        if not self.circuit.closed:
                            await self._probe(store)
                        elif await self._rung.rung(await self._idle_seconds()):
                            await asyncio.sleep(self._pace.gather_seconds)
        except ExceptionGroup as faults:
            raise faults.exceptions[0] from faults

    async def _next(self, store: StoreConnector, tasks: asyncio.TaskGroup) -> bool:
        """Begin the next request; False where there is none to be made."""
        pushes, lease, size = self._pushes, self._shift.lease, self._size
        now = datetime.now(UTC)

        def decide(standing: Standing) -> Decided:
            return pushing.begun(standing, lease.fence, self._terms, now)

        async def send() -> bool:
            due = await pushes.take(lease, limit=size, decide=decide)
            self._more = len(due) == size
            return bool(due) and self._begin(tasks, self._send(store, due))

        checking = not self._checking and _clock() >= self._checked_at + self._pace.check_seconds
        if not checking and await send():
            return True
        if not self._checking:
            self._checked_at = _clock()
            if looked := await pushes.to_check(lease, limit=size):
                self._checking = self._more = True
                return self._begin(tasks, self._check(store, looked))
        return checking and await send()

    def _begin(self, tasks: asyncio.TaskGroup, request: Coroutine[Any, Any, None]) -> bool:
        """Have a request on its way; True."""
        self._bucket = self._bucket.spent(_clock())
        task = tasks.create_task(request)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return True

    async def _probe(self, store: StoreConnector) -> None:
        """See whether the store answers again, where there is nothing to be said to it."""
        try:
            await self._asked(store.describe())
            await self._answered()
        except ConnectorFailed as fault:
            await self._failed(fault)

    async def _ready(self) -> None:
        """Wait until a request may be made."""
        while True:
            wait = max(self._left_alone_seconds, self._bucket.wait(_clock()))
            if wait > 0:
                await asyncio.sleep(wait)
            elif len(self._sending) >= (self._pace.requests_max if self.circuit.closed else 1):
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            elif not self._safe:
                await asyncio.sleep(LEASE_LOOK_SECONDS)
            else:
                break
        if not self.circuit.closed:
            await self._keep_breaker(BreakerState.HALF_OPEN)

    async def _idle_seconds(self) -> float:
        """How long nothing is due, unless the bell rings."""
        if self._checking:
            return self._pace.look_seconds
        due_at = await self._pushes.next_at(self._shift.lease)
        if due_at is None:
            return self._pace.look_seconds
        return min(self._pace.look_seconds, max(LEAST_SECONDS, (due_at - datetime.now(UTC)).total_seconds()))

    @property
    def _left_alone_seconds(self) -> float:
        """How long nothing is to be sent, because the store failed, or asked for it."""
        return max(self.circuit.wait(_clock()), self._resume_at - _clock())

    @property
    def _safe(self) -> bool:
        """Whether the lease is ours for longer than a request may take."""
        return self._shift.left_seconds > self._pace.request_seconds

    async def _send(self, store: StoreConnector, due: Sequence[Standing]) -> None:
        """Tell the store levels, those of which it has to be asked first once it was."""
        ready = [each for each in due if not each.unsent]
        if unread := [each for each in due if each.unsent]:
            ready += await self._read(store, unread)
        if not ready:
            return
        levels = [level(each, self._terms) for each in ready]
        numbers = {each.store_sku: each.sent_number for each in ready}
        fate = await self._applied(store, levels)
        now = datetime.now(UTC)

        def decide(standing: Standing) -> Decided | None:
            if standing.sent_number != numbers[standing.store_sku]:
                return None
            return fate(standing, now)

        await self._settle(list(numbers), decide)

    async def _read(self, store: StoreConnector, unread: Sequence[Standing]) -> Sequence[Standing]:
        """What the store shows is taken account of; returns what is being sent after that."""
        store_skus = [each.store_sku for each in unread]
        told: Mapping[str, ShownLevel] = {}
        error = ""
        try:
            told = {each.store_sku: each for each in await self._asked(store.read(store_skus))}
            await self._answered()
        except ConnectorFailed as fault:
            await self._failed(fault)
            error = str(fault)
        now = datetime.now(UTC)

        def decide(standing: Standing) -> Decided:
            read = told.get(standing.store_sku)
            if read is None or standing.level is None:
                return pushing.put_back(standing, now, error=error)
            if read.quantity is None:
                return pushing.refused(standing, error=UNKNOWN_SKU)
            known = pushing.seen(standing, shown(read.quantity, read), self._terms, now)
            return pushing.intended(known, now)

        return [each for each in await self._settle(store_skus, decide) if each.fence is not None]

    async def _applied(self, store: StoreConnector, levels: Sequence[Level]) -> Fate:
        """What becomes of levels that are sent now."""
        alone = len(levels) == 1 and self.circuit.closed
        if not self._safe or self._left_alone_seconds > 0:  # it failed while these were taken
            return lambda standing, now: pushing.postponed(standing, now)
        try:
            outcomes = await self._asked(store.apply(levels))
        except (Throttled, Denied) as fault:
            await self._failed(fault)
            error = str(fault)
            return lambda standing, now: pushing.postponed(standing, now, error=error)
        except ConnectorFailed as fault:
            await self._failed(fault)
            self._size = max(1, self._size // 2)
            error = str(fault)
            if alone:
                return lambda standing, now: pushing.failed(standing, now, _chance(), error=error, doubtful=True)
            return lambda standing, now: pushing.unheard(standing, now, error=error)
        await self._answered()
        self._size = min(self._size_max, self._size * 2)
        by_sku = {each.store_sku: each for each in outcomes}
        return lambda standing, now: settled(standing, by_sku.get(standing.store_sku), self._terms, now, _chance())

    async def _check(self, store: StoreConnector, looked: Sequence[Standing]) -> None:
        """Read levels back."""
        asked = {each.store_sku: each for each in looked}
        try:
            told = {each.store_sku: each for each in await self._asked(store.read(list(asked)))}
            await self._answered()
        except ConnectorFailed as fault:
            await self._failed(fault)
            return
        finally:
            self._checking = False
            self._rung.ring()
        now = datetime.now(UTC)

        def decide(standing: Standing) -> Decided | None:
            read = told.get(standing.store_sku)
            if read is None or standing != asked[standing.store_sku]:
                return None  # something has happened since: what was read says nothing
            if read.quantity is None:
                return pushing.vanished(standing, error=UNKNOWN_SKU)
            return pushing.checked(standing, shown(read.quantity, read), self._terms, now)

        await self._settle(list(asked), decide)

    async def _settle(
        self, store_skus: Sequence[str], decide: Callable[[Standing], Decided | None]
    ) -> Sequence[Standing]:
        """Write down what became of SKUs; returns them. What is soon to be told or read again is waited for."""
        settled = await self._pushes.settle(self._shift.lease, store_skus, decide)
        soon = datetime.now(UTC) + timedelta(seconds=self._pace.look_seconds)
        if any(each.due_before(soon) for each in settled):
            self._rung.ring()
        return [each.standing for each in settled]

    async def _asked(self, request: Awaitable[T]) -> T:
        """What the store answers. Raises ConnectorFailed, Away also where it takes too long, or the connector fails."""
        try:
            async with asyncio.timeout(self._pace.request_seconds):
                return await request
        except ConnectorFailed:
            raise
        except TimeoutError as fault:
            raise Away(f"There was no answer within {self._pace.request_seconds:g} seconds.") from fault
        except Exception as fault:
            failed(fault, "a connector failed", tenant=self._shift.tenant, connection=self._connection.connection)
            raise Away(ACCIDENT) from fault

    async def _answered(self) -> None:
        if self.circuit != Circuit():
            self.circuit = Circuit()
            await self._keep_breaker(BreakerState.CLOSED)

    async def _failed(self, fault: ConnectorFailed) -> None:
        """The store did not do what was asked; one that asks for time answers all the same."""
        if isinstance(fault, Throttled):
            self._resume_at = _clock() + waited(fault.retry_after_seconds)
            await self._answered()
            return
        self.circuit = self.circuit.failed(_clock(), _chance(), at_once=isinstance(fault, Denied))
        state = BreakerState.CLOSED if self.circuit.closed else BreakerState.OPEN
        await self._keep_breaker(state, str(fault))

    async def _keep_breaker(self, state: BreakerState, error: str = "") -> None:
        wait = self.circuit.wait(_clock())
        retry_at = datetime.now(UTC) + timedelta(seconds=wait) if state is BreakerState.OPEN else None
        breaker = Breaker(state, self.circuit.failures, retry_at, error)
        async with self._telling:
            await self._healths.set_breaker(self._shift.tenant, self._connection.connection, breaker)


def _chance() -> float:
    return random.random()  # noqa: S311  # spreads retries, guards nothing


def _clock() -> float:
    return asyncio.get_running_loop().time()
