"""The worker of alerts: from what there is, whatever breaks in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.kit.ledger import eventually
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.errors import PeerAway
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_chassis.revisions import Origin, Revision
from weir_chassis.watch import Fenced, Wakeups
from weir_pooling.domain.alerts import Alert, AlertState, ParLevel, Point, Tally
from weir_pooling.domain.people import KINDS
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling, Touched
from weir_pooling.worker.alerts import SKUS_MAX, AlertWorker, Due, Pace

NAIL = ParLevel("rep", "", "", "NAIL", 5)
PACE = Pace(gather_seconds=0, look_seconds=0.01, patience_seconds=0.02)


class Shelves:
    """A ledger of one tenant, as far as it is counted and followed: `Tallies`."""

    def __init__(self, **units: int) -> None:
        """Units of the representative's products."""
        self.units = units
        self.number, self.epoch = 1, 1
        self.counted: list[str] = []
        self.failures = 0
        self.fenced = False
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
        self.handlers: Handlers[Pooling] = Handlers(memory_pooling(), Origin("pooling", "here", 1), KINDS)
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


OPEN, CLOSED = AlertState.OPEN.value, AlertState.CLOSED.value


async def test_the_ledger_goes_on() -> None:
    """An alert opens when the units fall below the par level, stays one while they fall, and closes once it is met."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        house.shelves.lie(NAIL=1)
        house.shelves.lie(NAIL=6)
        await house.until(NAIL=[CLOSED])
        house.shelves.lie(NAIL=0)
        await house.until(NAIL=[CLOSED, OPEN])


async def test_what_is_asked_for_anew_is_counted() -> None:
    """The first par level of a tenant, a further one and a higher one are counted without the ledger doing anything;
    the last one that goes ends it, and another one later begins it again."""
    house = House(Shelves(NAIL=5, SCREW=0))
    async with house.working():
        await house.put(replace(NAIL, sku="SCREW", par=1))
        await house.until(SCREW=[OPEN])
        await house.put(NAIL)
        await house.put(replace(NAIL, par=6))
        await house.until(SCREW=[OPEN], NAIL=[OPEN])
        await house.write(Change(replace(NAIL, par=6), deleted=True))
        await house.write(Change(replace(NAIL, sku="SCREW", par=1), deleted=True))
        house.shelves.lie(NAIL=9, SCREW=9)
        await house.put(replace(NAIL, par=6))
        await house.until(SCREW=[OPEN], NAIL=[CLOSED])


async def test_what_nobody_asked_for_is_not_counted() -> None:
    """Of a thousand commits about other products none is counted."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        for _ in range(1000):
            house.shelves.lie(SCREW=1)
        house.shelves.lie(NAIL=5)
        await house.until(NAIL=[CLOSED])
    assert set(house.shelves.counted) == {"NAIL"}


async def test_a_restart_loses_nothing_and_opens_nothing_twice() -> None:
    """What happened while nobody worked shows in the alerts once somebody does; what did not change stays as it is."""
    house = House(Shelves(NAIL=0, SCREW=0, BOLT=5))
    await house.put(NAIL, replace(NAIL, sku="SCREW"), replace(NAIL, sku="BOLT"))
    async with house.working():
        await house.until(NAIL=[OPEN], SCREW=[OPEN])
    house.shelves.lie(tell=False, SCREW=9, BOLT=4)
    for _ in range(2):
        async with house.working():
            await house.counts(3)
            await house.until(NAIL=[OPEN], SCREW=[CLOSED], BOLT=[OPEN])
    assert (await house.heads())["acme"] == 3


async def test_two_workers_open_one_alert() -> None:
    """Two processes that follow the same books do not open an alert each."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working(), house.working():
        await house.counts(2)
        for units in (0, 1, 2):
            house.shelves.lie(NAIL=units)
            await house.counts(2)
        assert await house.alerts() == {"NAIL": [OPEN]}


@pytest.mark.parametrize("fault", [Fenced("REVISION_COMPACTED", "gone"), PeerAway(), RuntimeError("a mistake")])
async def test_where_following_breaks_all_is_counted_anew(fault: Exception) -> None:
    """Where history is gone, the ledger is away or something else is wrong, nothing that happened meanwhile is lost."""
    house = House(Shelves(NAIL=5))
    await house.put(NAIL)
    async with house.working():
        house.shelves.lie(NAIL=4)
        await house.until(NAIL=[OPEN])
        house.shelves.failures = 3
        house.shelves.lie(tell=False, NAIL=5)
        house.shelves.breaks(fault)
        await house.until(NAIL=[CLOSED])


async def test_books_of_another_epoch_are_counted() -> None:
    """After a restore of the ledger its revisions begin lower; what is counted then holds."""
    house = House(Shelves(NAIL=0))
    house.shelves.number = 50
    await house.put(NAIL)
    async with house.working():
        await house.until(NAIL=[OPEN])
        house.shelves.epoch, house.shelves.number = 2, 7
        house.shelves.lie(tell=False, NAIL=5)
        house.shelves.breaks(Fenced("REVISION_FOREIGN", "others"))
        await house.until(NAIL=[CLOSED])


def test_what_lies_together_is_counted_together() -> None:
    """Products of one custody and owner are taken up to 100 at a time, in the order in which they were touched, each
    once; those of others after them."""
    due = Due()
    names = [f"{number:03}" for number in range(SKUS_MAX + 1)]
    for sku in names:
        due.note(Change(replace(NAIL, sku=sku)))
    due.note(Change(replace(NAIL, custodian="hub", sku="000")))
    due.touch("rep", "", "005")
    taken = [due.take(), due.take(), due.take()]
    assert [each and (each.custodian, list(each.skus)) for each in taken] == [
        ("rep", names[:-1]),
        ("rep", names[-1:]),
        ("hub", ["000"]),
    ]
    assert due.take() is None
    assert not due.come.is_set()


def test_a_product_is_counted_while_one_place_of_it_is_asked_for() -> None:
    """Of two par levels of one product the first that goes leaves it counted, the second does not."""
    due = Due()
    for location in ("", "car"):
        due.note(Change(replace(NAIL, location=location)))
    due.note(Change(NAIL, deleted=True))
    assert due.take() is not None
    due.touch("rep", "", "NAIL")
    assert due.take() is not None
    due.note(Change(replace(NAIL, location="car"), deleted=True))
    due.touch("rep", "", "NAIL")
    assert (due.take(), bool(due)) == (None, False)
