"""Dividing anew on request: each supply once, however often the request has to come, and every step told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.kit.dividers import SOFA, STEPS, TENANT, TV, Breaking, Stall, fair, put
from weir_allocation.claims import Claim
from weir_allocation.rebalance import Reason
from weir_allocation.stock import Product
from weir_chassis.errors import PeerAway, RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin, Revision, Vector
from weir_partitioning.handlers.dividing import Dividing, Step
from weir_partitioning.memory import MemoryEpochs, MemoryWishes
from weir_partitioning.ports import Claimed, Draft, Numbered, Progress, SupplyKey, Told, Where

ORIGIN = Origin("partitioning", "cluster", 1)
SKUS = (TV, SOFA)


class Newest:
    """A ledger of which only the newest revision is asked: `Claims`."""

    async def claimed(
        self, tenant: str, claims: Sequence[Claim], fresh: Vector
    ) -> tuple[Mapping[Claim, Claimed], Revision]:
        return {}, Revision("ledger", "books", 1, 0)


class Asked:
    """A stall, and who divides on request in it."""

    def __init__(self) -> None:
        """Two supplies that were never divided."""
        self.stall = Stall()
        epochs = self.stall.divided.epochs
        assert isinstance(epochs, MemoryEpochs)
        self.wishes = MemoryWishes(epochs)

    async def stocked(self) -> Asked:
        """With a policy for all, and units to divide."""
        await put(self.stall.divided, fair())
        for key in SKUS:
            self.stall.books.receive(key, 10)
        return self

    @property
    def dividing(self) -> Dividing:
        """Another process that answers."""
        stall = self.stall
        return Dividing(stall.rebalancer(), stall.books, Newest(), self.wishes, stall.divided.policies, ORIGIN)

    async def divide(self, products: Sequence[Product] | None = None, *, request_id: str = "one") -> list[Step]:
        """Every step of a request."""
        attempt = Attempt(TENANT, "/Rebalance", request_id, repr(products).encode())
        return await steps(self.dividing.divided(attempt, products))

    async def check(self, products: Sequence[Product] | None = None) -> list[Step]:
        """Every step of what would be."""
        return await steps(self.dividing.checked(TENANT, products))

    async def kept(self) -> list[Numbered]:
        """All epochs, oldest first."""
        return list(await self.stall.divided.epochs.past(TENANT, Where(), limit=99))[::-1]


async def steps(told: AsyncGenerator[Step, None]) -> list[Step]:
    """All that is told."""
    return [step async for step in told]


@pytest.fixture
async def asked() -> Asked:
    """Two supplies that were never divided."""
    return await Asked().stocked()


async def test_every_step_is_told(asked: Asked) -> None:
    """First how much there is to look at, then what came of each batch, then that it is done, and the newest epoch."""
    first, some, last = await asked.divide()
    assert first == Step(Progress(supplies=2))
    assert some.progress == Progress(supplies=2, seen=2, divided=2, moved=20, newest=2)
    assert list(some.epochs) == [replace(each, in_force=False) for each in await asked.kept()]
    assert last == Step(some.progress, done=True)
    assert [each.epoch.reason for each in await asked.kept()] == [Reason.FIRST, Reason.FIRST]
    assert asked.stall.books.left(TV) == {"till": 5, "web": 5}


async def test_what_would_not_move_stays(asked: Asked) -> None:
    """A supply that is divided as it would be is looked at and left alone; one of which a group has taken is evened
    out, for the reason that somebody asked."""
    await asked.divide()
    assert asked.stall.books.order(TV, "web", 3)
    told = await asked.divide(request_id="two")
    assert told[-1].progress == Progress(supplies=2, seen=2, divided=1, moved=2, newest=3)
    (*_, evened) = await asked.kept()
    assert (evened.supply, evened.epoch.reason, evened.in_force) == (TV, Reason.REQUEST, True)
    assert [share.balanced for share in evened.epoch.shares] in ([3, 4], [4, 3])


async def test_only_some_products(asked: Asked) -> None:
    """Where products are named only their supplies are looked at; one that nobody divides is none."""
    told = await asked.divide([SOFA.product, ("", "unknown")])
    assert told[-1].progress == Progress(supplies=1, seen=1, divided=1, moved=10, newest=1)
    assert [each.supply for each in await asked.kept()] == [SOFA]


async def test_a_check_changes_nothing(asked: Asked) -> None:
    """A check tells the epochs as they would be, which the request then makes; it keeps none and sets no ceiling."""
    checked = await asked.check()
    assert await asked.kept() == []
    assert asked.stall.books.ceilings == {}
    would = [draft.epoch for step in checked for draft in step.epochs]
    assert checked[-1] == Step(Progress(supplies=2, seen=2, divided=2, moved=20), done=True)
    await asked.divide()
    assert [each.epoch for each in await asked.kept()] == would
    assert (await asked.check())[-1].progress == Progress(supplies=2, seen=2, newest=2)


async def test_a_repetition_is_told_what_came_of_it(asked: Asked) -> None:
    """Once it was done, the same request tells its end again and does nothing, whatever happened since; under the same
    id another one is refused."""
    *_, last = await asked.divide()
    assert asked.stall.books.order(TV, "web", 4)
    assert await asked.divide() == [last]
    assert len(await asked.kept()) == 2
    with pytest.raises(RequestIdReused):
        await asked.divide([TV.product])


@pytest.mark.parametrize("step", STEPS, ids=" ".join)
async def test_a_repetition_goes_on(asked: Asked, step: tuple[str, str]) -> None:
    """Wherever a request breaks off, its repetition does what is left, makes no epoch twice, brings all into force, and
    tells of all as if it had come through."""
    asked.stall.faults[step] = PeerAway()
    with pytest.raises(PeerAway):
        await asked.divide()
    told = await asked.divide()
    assert told[-1].progress == Progress(supplies=2, seen=2, divided=2, moved=20, newest=2)
    assert [(each.number, each.in_force) for each in await asked.kept()] == [(1, True), (2, True)]
    assert [asked.stall.books.left(key) for key in SKUS] == [{"till": 5, "web": 5}] * 2
    assert sorted(each.number for each in numbered(told)) == [1, 2]


def numbered(told: Sequence[Step]) -> list[Numbered]:
    """The epochs of all steps."""
    return [each for step in told for each in step.epochs if isinstance(each, Numbered)]


async def test_what_others_divide_meanwhile_counts(asked: Asked) -> None:
    """A supply that somebody else divides between the judgement and the commit is divided, and told with his epoch."""
    stall, epochs = asked.stall, asked.stall.divided.epochs

    class Overtaken(Breaking):
        """Epochs of which another process makes one first."""

        async def add(self, tenant: str, drafts: Sequence[Draft]) -> Sequence[Numbered]:
            await stall.rebalancer().rebalanced(tenant, stall.books.told(TV))
            return await epochs.add(tenant, drafts)

    rebalancer = replace(stall.rebalancer(), epochs=Overtaken(epochs, {}))
    dividing = Dividing(rebalancer, stall.books, Newest(), asked.wishes, stall.divided.policies, ORIGIN)
    told = await steps(dividing.divided(Attempt(TENANT, "/Rebalance", "one", b""), None))
    assert told[-1].progress == Progress(supplies=2, seen=2, divided=2, moved=20, newest=2)
    assert [(each.number, each.supply) for each in numbered(told)] == [(1, TV), (2, SOFA)]


class OneByOne:
    """What there is to divide, each supply in a message of its own: `Supplies`."""

    def __init__(self, stall: Stall) -> None:
        """That of a stall."""
        self._books = stall.books
        self.open = 0

    async def counted(self, tenant: str, products: Sequence[Product] | None, fresh: Vector) -> int:
        return await self._books.counted(tenant, products, fresh)

    async def listed(
        self, tenant: str, products: Sequence[Product] | None, fresh: Vector
    ) -> AsyncGenerator[Sequence[Told], None]:
        self.open += 1
        try:
            for each in self._books.told():
                yield [each]
        finally:
            self.open -= 1

    def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
        return self._books.watched(tenant)


async def test_batches_are_told_in_their_order(asked: Asked) -> None:
    """However many batches are under way at a time, each is told once, in the order in which they were listed; whoever
    goes away in between leaves nothing running, and whoever comes again is told of all."""
    keys = [SupplyKey(("", f"{number}"), "home") for number in range(10)]
    for key in keys:
        asked.stall.books.receive(key, 2)
    stall, supplies = asked.stall, OneByOne(asked.stall)
    dividing = Dividing(stall.rebalancer(), supplies, Newest(), asked.wishes, stall.divided.policies, ORIGIN)
    attempt = Attempt(TENANT, "/Rebalance", "one", b"")
    broken = dividing.divided(attempt, None)
    for _ in range(3):
        await anext(broken)
    await broken.aclose()
    assert supplies.open == 0
    assert not [task for task in asyncio.all_tasks() if "Dividing." in repr(task)]  # of any test: one loop
    told = await steps(dividing.divided(attempt, None))
    assert [step.progress.seen for step in told] == [*range(13), 12]
    assert [each.supply for each in numbered(told)] == [*SKUS, *keys]
    assert told[-1].progress == Progress(supplies=12, seen=12, divided=12, moved=40, newest=12)
    assert all(each.in_force for each in await asked.kept())
