"""Who promises to orders that wait: what is asked of the ledger, when, and what becomes of refusals and faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from tests.kit.projections import LEDGER, books, channel, count, group, link, load_balances, load_configuration, loaded
from tests.kit.waiting import until
from weir_aggregator.domain import Promise, Recorded, Replan, Shortfall, Waiting
from weir_aggregator.errors import PlanNotRecorded, PlanOvertaken
from weir_aggregator.ports import Answered
from weir_aggregator.projection import Patience, Projection, Tenants
from weir_aggregator.worker import promising, replanning
from weir_allocation.fulfilment.model import Line, Wish
from weir_allocation.fulfilment.terms import terms
from weir_allocation.stock import StockItem
from weir_chassis import call
from weir_chassis.errors import PeerAway
from weir_chassis.revisions import Revision

BIKE = ("", "BIKE")
AT_ONCE = Patience(least_seconds=0.0, most_seconds=0.0)
NEVER = Patience(least_seconds=3600.0, most_seconds=3600.0)


@dataclass
class Ledger:
    """A ledger that promises whatever it is asked for, a few at a time, and tells the projection; or fails as told."""

    projection: Projection
    most: int = 2
    faults: list[Exception] = field(default_factory=list)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    """Reasons why each demand is refused, one after the other."""
    tells: bool = True
    asked: list[list[str]] = field(default_factory=list)
    number: int = 1
    promised: int = 0

    def commit(self, *changes: object) -> Revision:
        """Commit, and tell the projection."""
        self.number += 1
        self.projection.apply_balances(books(self.number, *changes))  # type: ignore[arg-type]
        return LEDGER.revision(self.number)

    def wait(self, *names: str) -> None:
        """Let demands of one bike each wait."""
        configuration = self.projection.configuration
        agreed = terms(configuration, configuration.network.channels["shop"], [BIKE])
        recorded = Recorded(Wish((Line(BIKE, 1),), whole=False), "shop", agreed)
        self.commit(*(Waiting(name, 1, (1,), recorded) for name in names))

    def stock(self, units: int) -> None:
        """Let so many bikes be there beside those that are promised."""
        self.commit(count("BIKE", "A", self.promised + units, self.promised))

    async def promise(self, tenant: str, promises: Iterable[Promise], planned: Revision) -> Answered:
        assert (tenant, planned) == ("acme", LEDGER.revision(self.number))
        several = [each.waiting for each in islice(promises, self.most)]
        self.asked.append(several)
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        answers = {each: self.refusals[each].pop(0) if self.refusals.get(each) else None for each in several}
        made = [each for each, reason in answers.items() if reason is None]
        self.promised += len(made)
        there = self.projection.holdings([BIKE])[BIKE][0].on_hand
        told = count("BIKE", "A", there, self.promised), *(Waiting(each, 1, (0,), None) for each in made)
        if made and self.tells:
            self.commit(*told)
        elif made:
            asyncio.get_running_loop().call_later(0.05, self.commit, *told)
            return Answered(answers, LEDGER.revision(self.number + 1))
        return Answered(answers, LEDGER.revision(self.number))

    async def shortfalls(self, tenant: str) -> Sequence[Shortfall]:
        return ()


@asynccontextmanager
async def worker(patience: Patience = AT_ONCE) -> AsyncIterator[Ledger]:
    """A ledger whose waiting orders are promised what comes, within the block."""
    projection = loaded(changes=[group("w", "A"), channel("shop"), link("w", "shop")])
    ledger = Ledger(projection)
    task = asyncio.create_task(promising(projection, "acme", ledger, patience))
    try:
        yield ledger
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def quiet(ledger: Ledger) -> int:
    """How often the ledger was asked, once it is asked no more; fails where that never ends."""
    for _ in range(1000):
        before = len(ledger.asked)
        for _ in range(50):
            await asyncio.sleep(0)
        if len(ledger.asked) == before:
            return before
    pytest.fail("it is asked for ever")


async def test_promises_in_order_some_at_a_time() -> None:
    """Those who came first are promised first, as many as one request takes; then the next, until nothing is left."""
    async with worker() as ledger:
        ledger.wait("a", "b", "c", "d", "e")
        assert await quiet(ledger) == 0
        ledger.stock(4)
        await until(lambda: ledger.promised == 4)
        assert await quiet(ledger) == 2
        assert ledger.asked == [["a", "b"], ["c", "d"]]
        ledger.stock(9)
        await until(lambda: ledger.promised == 5)
        assert await quiet(ledger) == 3


async def test_nothing_is_asked_twice_before_its_answer_is_seen() -> None:
    """The ledger has promised, and the projection is behind: it is waited for."""
    async with worker() as ledger:
        ledger.tells = False
        ledger.wait("a", "b", "c")
        ledger.stock(3)
        await until(lambda: len(ledger.asked) == 2)
        assert ledger.asked == [["a", "b"], ["c"]]


@pytest.mark.parametrize("fault", [PeerAway(), RuntimeError("a bug")])
async def test_a_ledger_that_is_away_is_asked_again(fault: Exception) -> None:
    """After a pause, as long as it takes; what was asked is asked again."""
    async with worker() as ledger:
        ledger.faults = [fault] * 3
        ledger.wait("a")
        ledger.stock(1)
        await until(lambda: ledger.promised == 1)
        assert ledger.asked == [["a"]] * 4


async def test_a_fault_of_ours_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where promises could not even be made it goes on afterwards."""
    async with worker() as ledger:
        failing = [RuntimeError("a bug")] * 3
        made = ledger.projection.promises

        def promises() -> Iterator[Promise]:
            if failing:
                raise failing.pop()
            return made()

        monkeypatch.setattr(ledger.projection, "promises", promises)
        ledger.wait("a")
        ledger.stock(1)
        await until(lambda: ledger.promised == 1)


async def test_it_is_no_hot_loop_while_the_ledger_is_away() -> None:
    """It waits as its patience says, whatever the projection does meanwhile."""
    async with worker(NEVER) as ledger:
        ledger.faults = [PeerAway()]
        ledger.wait("a")
        for units in range(1, 9):
            ledger.stock(units)
            await quiet(ledger)
        assert ledger.asked == [["a"]]


@pytest.mark.parametrize("reason", ["INSUFFICIENT_STOCK", "OPEN_RESERVATIONS_EXHAUSTED"])
async def test_what_is_refused_is_left_alone_for_a_while(reason: str) -> None:
    """Others go on; nothing is tried again at once, however often the projection moves on."""
    async with worker(NEVER) as ledger:
        ledger.refusals = {"a": [reason] * 9}
        ledger.wait("a", "b", "c")
        ledger.stock(3)
        await until(lambda: ledger.promised == 2)
        for units in range(2, 9):
            ledger.stock(units)
        assert await quiet(ledger) == 2
        assert ledger.asked == [["a", "b"], ["c"]]


async def test_what_is_refused_is_tried_again() -> None:
    """Once its pause is over, until it is promised; also where the projection stands still."""
    async with worker(Patience(0.01, 0.02)) as ledger:
        ledger.refusals = {"a": ["INSUFFICIENT_STOCK"] * 3}
        ledger.wait("a")
        ledger.stock(1)
        await until(lambda: ledger.promised == 1)
        assert ledger.asked == [["a"]] * 4
        assert await quiet(ledger) == 4


async def test_a_demand_that_goes_while_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for it any more, and nobody waits for it in a loop once its pause is over."""
    async with worker(Patience(0.05, 0.1)) as ledger:
        ledger.refusals = {"a": ["WAITING_STATE"] * 99}
        ledger.wait("a")
        ledger.stock(1)
        await until(lambda: bool(ledger.asked))
        ledger.commit(Waiting("a", 1, (0,), None))
        looked = 0

        def promises() -> Iterator[Promise]:
            nonlocal looked
            looked += 1
            return iter(())

        asked = len(ledger.asked)
        monkeypatch.setattr(ledger.projection, "promises", promises)
        await asyncio.sleep(0.3)  # longer than any pause
        assert len(ledger.asked) == asked
        assert looked < 10


class Short:
    """A ledger that is short of things, and what is planned again because of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is short."""
        self.tenants = Tenants(_nobody, tenants_max=1, log_bytes_max=1 << 20)
        self.short: list[Shortfall] = []
        self.faults: list[Exception] = []
        self.listed = 0
        self.replanned: list[str] = []
        self.outcomes: dict[str, list[Exception]] = {}
        monkeypatch.setattr("weir_aggregator.worker.replanned", self._replanned)

    def falls(self, units: int, *reservations: str) -> None:
        """So many units are short now, which hits these; the projection is told."""
        self.short = [Shortfall(StockItem("", "BIKE", "A"), units, 1, reservations)] if units else []
        self.tenants.projection("acme").shortfalls += 1
        self.tenants.projection("acme").turn(self.tenants.projection("acme").today + timedelta(days=1))

    async def shortfalls(self, tenant: str) -> Sequence[Shortfall]:
        self.listed += 1
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop()
        return self.short

    async def promise(self, tenant: str, promises: Iterable[Promise], planned: Revision) -> Answered:
        raise AssertionError

    async def _replanned(self, tenants: Tenants, promises: object, asked: Replan, fresh_as: object) -> object:
        assert call.tenant() == "acme"
        self.replanned.append(asked.reservation)
        if self.outcomes.get(asked.reservation):
            raise self.outcomes[asked.reservation].pop(0)
        return object()


async def _nobody(projection: Projection, tenant: str) -> None:
    load_balances(projection, LEDGER.revision(1), ())
    load_configuration(projection)


@asynccontextmanager
async def mended(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Short]:
    """Shortfalls that are planned again within the block."""
    short = Short(monkeypatch)
    promises: Any = None
    task = asyncio.create_task(replanning(short.tenants, "acme", short, promises, AT_ONCE))
    try:
        await until(lambda: bool(short.listed))
        yield short
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await short.tenants.close()


async def test_once_for_each_change_of_a_shortfall(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nothing could be done about is left alone until the shortfall is another; one that is over and comes again
    is a new one.
    """
    async with mended(monkeypatch) as short:
        short.falls(3, "new", "old")
        await until(lambda: short.replanned == ["new", "old"])
        for listed in range(short.listed, short.listed + 3):
            short.falls(3, "new", "old")
            await until(lambda: short.listed > listed)  # noqa: B023  # it is awaited here
        assert short.replanned == ["new", "old"]
        short.falls(2, "old")
        await until(lambda: short.replanned == ["new", "old", "old"])
        short.falls(0)
        listed = short.listed
        await until(lambda: short.listed >= listed)
        assert len(short.replanned) == 3


async def test_what_is_away_or_overtaken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the ledger could not be asked what is short; the others of the shortfall are not kept from theirs."""
    async with mended(monkeypatch) as short:
        short.outcomes = {"first": [PlanOvertaken(plans=16), PeerAway()]}
        short.faults = [PeerAway(), RuntimeError("a bug")]
        short.falls(3, "first", "second")
        await until(lambda: short.replanned.count("first") == 3)
        assert short.replanned[:2] == ["first", "second"]


@pytest.mark.parametrize("fault", [PlanNotRecorded("mine"), RuntimeError("a bug")])
async def test_what_cannot_be_helped_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """A reservation that does not say how it was planned, or that meets a bug of ours; others have their turn."""
    async with mended(monkeypatch) as short:
        short.outcomes = {"mine": [fault] * 9}
        short.falls(3, "mine", "other")
        await until(lambda: short.replanned == ["mine", "other"])
        listed = short.listed
        short.falls(3, "mine", "other")
        await until(lambda: short.listed > listed)
        assert short.replanned == ["mine", "other"]
