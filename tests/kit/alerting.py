"""A house that keeps par levels, and a ledger beside it that breaks where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from tests.kit.ledger import eventually
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.errors import PeerAway
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_chassis.revisions import Origin, Revision
from weir_chassis.watch import Wakeups
from weir_pooling.domain import alerts as rules
from weir_pooling.domain.alerts import Alert, AlertState, ParLevel, Point, Tally
from weir_pooling.domain.people import KINDS
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling, Touched
from weir_pooling.worker.alerts import AlertWorker, Pace

NAIL = ParLevel("rep", "", "", "NAIL", 5)
PACE = Pace(gather_seconds=0, look_seconds=0.01, patience_seconds=0.02)


class Shelves:
    """A ledger of one tenant, as far as it is counted and followed: `Tallies`."""

    def __init__(self, **units: int) -> None:
        """Units of the representative's products; `known` is how many there were at each revision."""
        self.units = units
        self.number, self.epoch = 1, 1
        self.counted: list[str] = []
        self.failures = 0
        self.known = {self.number: dict(units)}
        self._followers: list[asyncio.Queue[Touched | Exception]] = []

    @property
    def revision(self) -> Revision:
        """The newest."""
        return Revision("ledger", "books", self.epoch, self.number)

    async def head(self, tenant: str) -> Revision:
        self._fail()
        return self.revision

    async def tally(self, tenant: str, custodian: str, owner: str, skus: Sequence[str], *, fresh: Revision) -> Tally:
        self._fail()
        assert self.revision.includes(fresh)
        self.counted.extend(skus)
        available = {(sku, "W1"): self.units.get(sku, 0) for sku in skus}
        return Tally(custodian, owner, tuple(skus), available, Point("books", self.epoch, self.number))

    async def touched(self, tenant: str, after: Revision) -> AsyncGenerator[Touched, None]:
        queue: asyncio.Queue[Touched | Exception] = asyncio.Queue()
        self._followers.append(queue)
        try:
            while True:
                told = await queue.get()
                if isinstance(told, Exception):
                    raise told
                yield told
        finally:
            self._followers.remove(queue)

    def lie(self, *, tell: bool = True, **units: int) -> None:
        """There are so many now, in one commit."""
        self.units |= units
        self.number += 1
        self.known[self.number] = dict(self.units)
        if tell:
            self._tell(Touched(self.revision, [("rep", "", sku) for sku in units]))

    def breaks(self, fault: Exception) -> None:
        """Who follows is told no more."""
        self._tell(fault)

    def _tell(self, told: Touched | Exception) -> None:
        for each in self._followers:
            each.put_nowait(told)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise PeerAway


class House:
    """What pooling keeps, and what follows a ledger for it."""

    def __init__(self, shelves: Shelves) -> None:
        """Nothing is kept yet."""
        self.shelves = shelves
        self.tenants = memory_pooling()
        self.handlers: Handlers[Pooling] = Handlers(self.tenants, Origin("pooling", "here", 1), KINDS)
        self.wakeups = Wakeups()

    async def write(self, *changes: Change) -> None:
        """Write changes down as they are."""

        async def all_of_them(_: Any, wanted: Any) -> Decision[Any]:
            return Decision(changes[0].object, changes)

        await self.handlers.write(Attempt("acme", "write", new_id(), b""), all_of_them, None)
        self.wakeups.wake("acme")

    async def put(self, *objects: Configured) -> None:
        """Write objects down as they are."""
        await self.write(*map(Change, objects))

    async def forget(self, level: ParLevel) -> None:
        """Want a par level no more."""

        async def decide(objects: Pooling, _: Any) -> Decision[ParLevel]:
            opened = await objects.select(Alert, {"sku": level.sku, "state": AlertState.OPEN})
            return rules.delete_par_level(level, opened, datetime.now(UTC))

        await self.handlers.write(Attempt("acme", "forget", new_id(), b""), decide, None)
        self.wakeups.wake("acme")

    async def heads(self) -> dict[str, int]:
        """The newest revision of the tenant."""
        async with self.handlers.reading("acme", {}) as (objects, _):
            return {"acme": objects.head}

    async def alerts(self) -> dict[str, list[str]]:
        """States of the alerts of each product, oldest first."""
        found: dict[str, list[str]] = {}
        async with self.handlers.reading("acme", {}) as (objects, _):
            for each in sorted(await objects.select(Alert), key=lambda each: each.open_time):
                found.setdefault(each.sku, []).append(each.state.value)
        return found

    async def until(self, **states: list[str]) -> None:
        """Wait until there are these alerts."""

        async def there() -> bool:
            return await self.alerts() == states

        await eventually(there)

    async def counts(self, products: int) -> None:
        """Wait until so many more were counted."""
        before = len(self.shelves.counted)

        async def done() -> bool:
            return len(self.shelves.counted) >= before + products

        await eventually(done)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker, within the block."""
        worker = AlertWorker(self.heads, self.handlers, self.shelves, self.wakeups, PACE)
        task = asyncio.create_task(worker.work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
