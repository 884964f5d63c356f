"""What divides supplies unasked: whom it follows, what it gathers, and what it does where others fail or are faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.kit.dividers import NOW, SOFA, TENANT, TV, Breaking, Stall, fair, put
from tests.kit.waiting import until
from weir_allocation.rebalance import Reason, Supply
from weir_chassis.errors import DatabaseAway, PeerAway
from weir_chassis.revisions import Revision
from weir_chassis.settings import load
from weir_chassis.watch import Fenced
from weir_partitioning import worker as module
from weir_partitioning.app import Settings
from weir_partitioning.domain import Strategy
from weir_partitioning.memory import MemoryDemand
from weir_partitioning.ports import Counted, Sale, Sold, SupplyKey, Told
from weir_partitioning.rebalancing import BATCH_MAX, Rebalanced
from weir_partitioning.worker import Pace, Touched, Worker, count

QUICK = Pace(
    gather_seconds=0.0,
    look_seconds=0.01,
    schedule_seconds=0.01,
    settle_seconds=0.05,
    demand_seconds=3600.0,
    patience_seconds=0.01,
)
TODAY = NOW.date()
WEB = {"web": "web", "till": "till"}


@dataclass
class Ledger:
    """A ledger that remembers what was sold, by revision, and sharing beside it: `Sales`."""

    sales: list[Sale] = field(default_factory=list)
    """The first at revision 1, and so on."""
    cluster: str = "books"
    oldest: int = 0
    at_once: int = 2
    groups_told: dict[str, str] = field(default_factory=lambda: dict(WEB))
    asked: list[tuple[int | None, datetime]] = field(default_factory=list)
    before_answer: Callable[[], Any] | None = None

    async def sold(self, tenant: str, after: Revision | None, since: datetime) -> Sold:
        assert tenant == TENANT
        self.asked.append((None if after is None else after.number, since))
        if after is not None and after.cluster != self.cluster:
            raise Fenced("REVISION_FOREIGN", "Other books.")
        begin = self.oldest if after is None else after.number
        if begin < self.oldest:
            raise Fenced("REVISION_COMPACTED", "Gone.")
        if self.before_answer is not None:
            hook, self.before_answer = self.before_answer, None
            await hook()
        end = min(begin + self.at_once, len(self.sales))
        found = [each for each in self.sales[begin:end] if each.day >= since.date()]
        return Sold(found, Revision("ledger", self.cluster, 1, end), end < len(self.sales))

    async def groups(self, tenant: str) -> dict[str, str]:
        return self.groups_told


def sale(units: int, channel: str = "web", *, ago: int = 0) -> Sale:
    """Units that were promised some days ago."""
    return Sale(("", "TV"), units, channel, TODAY - timedelta(days=ago))


def worker(stall: Stall, pace: Pace = QUICK, sales: Any = None, supplies: Any = None) -> Worker:
    """Somebody who divides the supplies of a stall."""

    async def heads() -> dict[str, int]:
        async with stall.divided.policies.reading(TENANT) as objects:
            return {TENANT: objects.head, "nobody": 1}

    return Worker(heads, stall.rebalancer(), supplies or stall.books, sales or Ledger(), pace)


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    """They work for the block."""
    tasks = [asyncio.create_task(each.work()) for each in workers]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def stall() -> Stall:
    """A stall with goods that are divided at an instant."""
    made = Stall()
    await put(made.divided, fair())
    for key in (TV, SOFA):
        made.books.receive(key, 100)
    return made


def half(stall: Stall, key: SupplyKey = TV, units: int = 50) -> Callable[[], bool]:
    """Whether both groups have that many left."""
    return lambda: stall.books.left(key) == {"till": units, "web": units}


def told(number: int, units: int = 1) -> Told:
    """A supply that is told of."""
    supply = Supply(("", f"{number:05}"), "home", units, ("web",))
    return Told(supply, Revision("ledger", "books", 1, 1))


async def taken(touched: Touched) -> list[tuple[str, int]]:
    """What is taken: which product, and how many units were told of last."""
    several = await touched.take(gather_seconds=0.0)
    return [(each.supply.product[1], each.supply.units) for each in several]


async def test_supplies_are_taken_in_the_order_of_their_first_touch() -> None:
    """What changes all the time does not go before what changed before it, and is taken as it was told last."""
    touched = Touched()
    await touched.put([told(2), told(1)])
    await touched.put([told(3), told(2, 7)])
    assert await taken(touched) == [("00002", 7), ("00001", 1), ("00003", 1)]
    assert len(touched) == 0


async def test_a_batch_is_so_large_and_no_larger() -> None:
    """A thousand are taken at once, the others next; nothing waits to be gathered where there are as many."""
    touched = Touched()
    await touched.put([told(number) for number in range(BATCH_MAX + 5)])
    async with asyncio.timeout(5):
        assert len(await touched.take(gather_seconds=3600)) == BATCH_MAX
    assert await taken(touched) == [(f"{BATCH_MAX + number:05}", 1) for number in range(5)]


async def test_what_happens_is_gathered() -> None:
    """What is told within the moment after the first touch is taken with it, once."""
    touched = Touched()
    await touched.put([told(1)])
    taking = asyncio.create_task(touched.take(gather_seconds=0.2))
    await asyncio.sleep(0)
    for units in range(2, 9):
        await touched.put([told(1, units)])
    assert [each.supply.units for each in await taking] == [8]


async def test_what_was_taken_may_come_back() -> None:
    """What comes back goes behind the others, and not before anything newer that was told of it."""
    touched = Touched()
    await touched.put([told(1), told(2)])
    several = await touched.take(gather_seconds=0.0)
    await touched.put([told(3), told(2, 9)])
    touched.again(several)
    touched.again([])
    assert await taken(touched) == [("00003", 1), ("00002", 9), ("00001", 1)]


async def test_there_is_room_for_so_many_and_no_more() -> None:
    """Who adds to what is full waits until something is taken."""
    touched = Touched(most=2)
    await touched.put([told(1), told(2)])
    adding = asyncio.create_task(touched.put([told(3)]))
    await asyncio.sleep(0)
    assert (len(touched), adding.done()) == (2, False)
    assert len(await taken(touched)) == 2
    await adding
    assert await taken(touched) == [("00003", 1)]


def test_patience_grows_and_ends() -> None:
    """Waits double from a tenth of a second to the longest, less by chance up to half."""
    pace = Pace(patience_seconds=5.0)
    for failures, longest in ((1, 0.1), (2, 0.2), (6, 3.2), (7, 5.0), (10_000, 5.0)):
        assert longest / 2 <= pace.patience(failures) <= longest


async def test_what_there_is_is_divided_and_kept_so(stall: Stall) -> None:
    """From the first look on supplies are divided, and divided anew as they are spent or grow."""
    async with working(worker(stall)):
        await until(half(stall))
        await until(half(stall, SOFA))
        assert stall.books.order(TV, "web", 45)
        await until(lambda: sum(stall.books.left(TV).values()) == 55 and min(stall.books.left(TV).values()) >= 27)
        stall.books.receive(SOFA, 20)
        await until(half(stall, SOFA, 60))
    assert [each.epoch.reason for each in await stall.epochs()] == [Reason.FIRST, Reason.THRESHOLD]
    assert [each.epoch.reason for each in await stall.epochs(SOFA)] == [Reason.FIRST, Reason.SUPPLY]


async def test_tenants_are_followed_while_they_have_something_to_divide(stall: Stall) -> None:
    """A tenant is followed once a policy divides at an instant, until the last share of it is dissolved; and again."""
    await put(stall.divided, fair(), deleted=True)
    async with working(worker(stall)):
        await put(stall.divided, fair())
        await until(half(stall))
        await put(stall.divided, fair(), deleted=True)
        stall.books.receive(TV, 2)
        stall.books.receive(SOFA, 2)
        await until(lambda: stall.books.watchers == 0)
        assert (stall.books.left(TV), stall.books.left(SOFA)) == ({}, {})
        await put(stall.divided, fair())
        await until(half(stall, SOFA, 51))
    assert stall.books.watchers == 0


async def test_shares_that_come_late_are_dissolved(stall: Stall) -> None:
    """Where another process divides by a policy that has gone meanwhile, its shares are found and dissolved."""
    drafts = await stall.rebalancer().judged(TENANT, stall.books.told(TV))
    await put(stall.divided, fair(), deleted=True)
    made, looks = worker(stall, replace(QUICK, anew_seconds=0.05)), 0

    async def looking() -> Any:
        nonlocal looks
        looks += 1
        return await made.heads()

    async with working(replace(made, heads=looking)):
        await until(lambda: looks > 1)
        assert stall.books.watchers == 0
        await stall.rebalancer().divided(TENANT, drafts)
        await until(lambda: bool(stall.books.ceilings) and stall.books.left(TV) == {})
    assert [each.epoch.reason for each in await stall.epochs()] == [Reason.FIRST, Reason.DISSOLVED]


async def test_what_was_kept_before_is_brought_into_force(stall: Stall) -> None:
    """Epochs that a process kept before it died come into force, also where no policy divides any more."""
    stall.away(("put", "before"))
    with pytest.raises(PeerAway):
        await stall.rebalancer().rebalanced(TENANT, stall.books.told(TV))
    await put(stall.divided, fair(), deleted=True)
    async with working(worker(stall, supplies=Silent())):
        await until(half(stall))


async def test_what_another_process_left_is_brought_into_force(stall: Stall) -> None:
    """Whoever works looks for epochs that others kept and did not bring into force."""
    async with working(worker(stall, supplies=Silent())):
        stall.away(("put", "before"))
        with pytest.raises(PeerAway):
            await stall.rebalancer().rebalanced(TENANT, stall.books.told(TV))
        await until(half(stall))


@pytest.mark.parametrize("step", [("newest", "before"), ("add", "after"), ("put", "after"), ("enforce", "before")])
async def test_what_failed_is_tried_again(stall: Stall, step: tuple[str, str]) -> None:
    """Whatever is away, supplies are divided once it is back."""
    stall.away(step)
    async with working(worker(stall)):
        await until(half(stall))
        await until(half(stall, SOFA))
        assert not stall.faults
    assert len(await stall.epochs()) == len(await stall.epochs(SOFA)) == 1


async def test_an_accident_is_no_end(stall: Stall, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody foresaw is logged with its story, and tried again."""
    stall.faults["add", "before"] = ZeroDivisionError("nobody foresaw this")
    async with working(worker(stall)):
        await until(half(stall))
    assert "nobody foresaw this" in capsys.readouterr().out


async def test_heads_that_cannot_be_read_are_read_again(stall: Stall) -> None:
    """While the database is away nothing is begun; then it is."""
    made = worker(stall)
    heads, faults = made.heads, [DatabaseAway(), DatabaseAway()]

    async def failing() -> Any:
        if faults:
            raise faults.pop()
        return await heads()

    async with working(replace(made, heads=failing)):
        await until(half(stall))


async def test_a_watch_that_ends_is_begun_anew(stall: Stall) -> None:
    """Where the aggregator refuses, or ends a watch, it is watched again, and all is told again."""

    class Ending:
        def __init__(self) -> None:
            self.begun = 0

        async def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
            self.begun += 1
            if self.begun == 1:
                raise PeerAway
            yield stall.books.told(TV)
            if self.begun == 2:
                return
            await asyncio.Event().wait()

    ending = Ending()
    async with working(worker(stall, supplies=ending)):
        await until(lambda: ending.begun == 3)
        await until(half(stall))


async def test_two_workers_divide_as_one(stall: Stall) -> None:
    """Two who follow the same tenant make one epoch of one state, however often it changes."""
    async with working(worker(stall), worker(stall)):
        await until(half(stall))
        for _ in range(20):
            stall.books.receive(TV, 10)
            await asyncio.sleep(0.005)
        await until(half(stall, TV, 150))
        await until(half(stall, SOFA))
    epochs = await stall.epochs()
    assert [each.epoch.reason for each in epochs[1:]] == [Reason.SUPPLY] * (len(epochs) - 1)
    supplies = [each.epoch.supply for each in epochs]
    assert supplies == sorted(set(supplies))
    assert len(await stall.epochs(SOFA)) == 1


async def test_what_was_lost_is_looked_at_again(stall: Stall) -> None:
    """A supply that another worker was first to divide is judged again, without being told of again."""
    made, looks = worker(stall), []

    class Losing:
        def __init__(self, rebalancer: Any) -> None:
            self._rebalancer = rebalancer

        def __getattr__(self, name: str) -> Any:
            return getattr(self._rebalancer, name)

        async def rebalanced(self, tenant: str, told: Sequence[Told]) -> Rebalanced:
            looks.append([each.key for each in told])
            return Rebalanced((), list(told)[:1] if len(looks) == 1 else ())

    losing: Any = Losing(made.rebalancer)
    async with working(replace(made, rebalancer=losing)):
        await until(lambda: len(looks) > 1)
    assert looks[:2] == [[TV, SOFA], [TV]]


async def test_one_batch_is_judged_while_another_waits(stall: Stall) -> None:
    """What is touched while a batch waits for the ledger is judged meanwhile; what goes wrong stays with its batch."""
    made, waiting, looks = worker(stall), asyncio.Event(), []

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(made.rebalancer, name)

        async def rebalanced(self, tenant: str, told: Sequence[Told]) -> Rebalanced:
            looks.append([each.key for each in told])
            if len(looks) == 1:
                await waiting.wait()
                raise PeerAway
            return await made.rebalancer.rebalanced(tenant, told)

    slow: Any = Slow()
    async with working(replace(made, rebalancer=slow)):
        await until(lambda: len(looks) == 1)
        stall.books.receive(SOFA, 20)
        await until(half(stall, SOFA, 60))
        waiting.set()
        await until(half(stall))
    assert looks[:2] == [[TV, SOFA], [SOFA]]
    assert len(await stall.epochs(SOFA)) == 1


async def test_time_is_over(stall: Stall) -> None:
    """Supplies that are to be divided every so often are asked for when their time is over, and looked at once."""
    await put(stall.divided, fair(rebalance_seconds=60.0, threshold_percent=0))
    async with working(worker(stall)):
        await until(half(stall))
        await until(half(stall, SOFA))
        stall.books.order(TV, "web", 20)
        assert stall.books.asked == []
        stall.now = NOW + timedelta(seconds=61)
        await until(half(stall, TV, 40))
        # The television may be looked at for its order first, and is not asked for again then.
        await until(lambda: stall.books.asked in ([[("", "SOFA"), ("", "TV")]], [[("", "SOFA")]]))
    assert [each.epoch.reason for each in await stall.epochs()] == [Reason.FIRST, Reason.SCHEDULE]
    assert len(await stall.epochs(SOFA)) == 1
    assert await stall.divided.epochs.due(TENANT, stall.now, limit=10) == []


async def test_a_supply_that_is_told_of_no_more_does_not_hold_up_those_whose_time_is_over(stall: Stall) -> None:
    """What the aggregator does not know any more has its time before it again, as what nothing moves in has."""
    await put(stall.divided, fair(rebalance_seconds=60.0))
    async with working(worker(stall)):
        await until(half(stall, SOFA))
    stall.now = NOW + timedelta(seconds=61)
    del stall.books.units[TV]
    async with working(worker(stall)):
        await until(lambda: bool(stall.books.asked))
        asked = stall.books.asked
        await until(lambda: len(asked) == 1)
    assert await stall.divided.epochs.due(TENANT, stall.now, limit=10) == []


async def test_a_schedule_that_cannot_be_kept_is_kept_later(
    stall: Stall, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where supplies cannot be listed, they are due as before, and looked at once they can."""
    await put(stall.divided, fair(rebalance_seconds=60.0))
    async with working(worker(stall)):
        await until(half(stall, SOFA))
    stall.now = NOW + timedelta(seconds=61)
    listed, faults = stall.books.listed, [PeerAway(), PeerAway()]

    async def failing(*arguments: Any) -> AsyncGenerator[Sequence[Told], None]:
        if faults:
            raise faults.pop()
        async for each in listed(*arguments):
            yield each

    monkeypatch.setattr(stall.books, "listed", failing)
    async with working(worker(stall)):
        await until(lambda: bool(stall.books.asked))
    assert "supplies whose time is over cannot be divided now" in capsys.readouterr().out


async def test_shares_by_demand_wait_for_the_first_count(stall: Stall) -> None:
    """Demand is counted before anything is divided by it, then every so often."""
    by_demand = fair(strategy=Strategy.DEMAND, demand_days=7, damping_percent=0)
    await put(stall.divided, by_demand)
    ledger = Ledger([sale(30, ago=2), sale(10, "till"), sale(99, ago=7)])
    async with working(worker(stall, replace(QUICK, demand_seconds=0.02), ledger)):
        await until(lambda: stall.books.left(TV) == {"till": 25, "web": 75})
        ledger.sales.append(sale(5))
        await until(lambda: ledger.asked[-1][0] == 4)
        assert await stall.divided.demand.demand(TENANT, [TV.product], TODAY) == {TV.product: {"web": 5, "till": 10}}


async def test_shares_by_demand_do_not_wait_for_ever(stall: Stall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first count takes too long, or fails, shares are weighed by what is known."""
    monkeypatch.setattr(module, "FIRST_COUNT_SECONDS", 0.01)
    await put(stall.divided, fair(strategy=Strategy.DEMAND, demand_days=7))
    ledger = Ledger([sale(30)])
    ledger.before_answer = asyncio.Event().wait
    async with working(worker(stall, sales=ledger)):
        await until(half(stall))


class Silent:
    """An aggregator that tells nothing: `Supplies`."""

    async def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
        await asyncio.Event().wait()
        yield []


async def counted(demand: MemoryDemand) -> dict[str, int]:
    """What is counted of the product, by group, from the first day on."""
    found = await demand.demand(TENANT, [TV.product], date(2020, 1, 1))
    return dict(found.get(TV.product, {}))


async def test_counting_goes_on_where_it_ended() -> None:
    """The first count begins so many days back, at midnight; each further one after the last."""
    demand, ledger = MemoryDemand(), Ledger([sale(1, ago=7), sale(2, ago=6), sale(3), sale(4, "till"), sale(5, "?")])
    await count(demand, ledger, TENANT, 7, NOW)
    begin = datetime.combine(TODAY - timedelta(days=6), datetime.min.time(), UTC)
    assert ledger.asked == [(None, begin), (2, begin), (4, begin)]
    assert await counted(demand) == {"web": 5, "till": 4}
    ledger.sales.append(sale(6))
    await count(demand, ledger, TENANT, 7, NOW + timedelta(days=1))
    assert ledger.asked[3:] == [(5, begin)]
    assert await counted(demand) == {"web": 11, "till": 4}


async def test_a_longer_time_begins_anew() -> None:
    """Where days count that lie before the first counted one, all are counted again; where fewer do, none is."""
    demand, ledger = MemoryDemand(), Ledger([sale(1, ago=20), sale(2, ago=6), sale(3)], at_once=9)
    for days, units in ((7, 5), (30, 6), (7, 6)):
        await count(demand, ledger, TENANT, days, NOW)
        assert await counted(demand) == {"web": units}
    assert [after for after, _ in ledger.asked] == [None, None, 3]


async def test_history_that_was_given_up_is_counted_no_more() -> None:
    """Counting goes on from the oldest that the ledger keeps; what was counted stays."""
    demand, ledger = MemoryDemand(), Ledger([sale(1), sale(2)])
    await count(demand, ledger, TENANT, 7, NOW)
    ledger.sales += [sale(4), sale(8), sale(16)]
    ledger.oldest = 3
    await count(demand, ledger, TENANT, 7, NOW)
    assert await counted(demand) == {"web": 1 + 2 + 8 + 16}


async def test_other_books_are_counted_anew() -> None:
    """What was counted from other books, or from those before a restoration, is forgotten."""
    demand, ledger = MemoryDemand(), Ledger([sale(1), sale(2)])
    await count(demand, ledger, TENANT, 7, NOW)
    await count(demand, Ledger([sale(4)], cluster="others"), TENANT, 7, NOW)
    assert await counted(demand) == {"web": 4}


async def test_books_that_tell_nothing_are_no_reason_to_ask_for_ever() -> None:
    """A ledger that cannot even begin is heard."""

    class Never(Ledger):
        async def sold(self, tenant: str, after: Revision | None, since: datetime) -> Sold:
            raise Fenced("REVISION_AHEAD", "No.")

    with pytest.raises(Fenced):
        await count(MemoryDemand(), Never(), TENANT, 7, NOW)


async def test_two_count_each_unit_once() -> None:
    """Who finds that somebody else has counted goes on from there."""
    demand, ledger = MemoryDemand(), Ledger([sale(1), sale(2), sale(4)])
    await count(demand, ledger, TENANT, 7, NOW)
    ledger.sales += [sale(8), sale(16), sale(32)]

    async def other() -> None:
        await count(demand, Ledger(ledger.sales, at_once=1), TENANT, 7, NOW)

    ledger.before_answer = other
    await count(demand, ledger, TENANT, 7, NOW)
    assert await counted(demand) == {"web": 63}
    mark = await demand.counted(TENANT)
    assert mark == Counted(TODAY - timedelta(days=6), Revision("ledger", "books", 1, 6))


async def test_counting_broken_off_counts_nothing_twice() -> None:
    """Before or after the commit of a stretch: the next count goes on from what was committed."""
    for step in (("count", "before"), ("count", "after"), ("group", "after"), ("counted", "before")):
        demand, ledger = MemoryDemand(), Ledger([sale(1), sale(2), sale(4)])
        breaking: Any = Breaking(demand, {step: DatabaseAway()})
        with pytest.raises(DatabaseAway):
            await count(breaking, ledger, TENANT, 7, NOW)
        await count(breaking, ledger, TENANT, 7, NOW)
        assert await counted(demand) == {"web": 7}


def test_settings_of_an_empty_environment() -> None:
    """Nothing need be set: port 7103 on loopback, the peers beside it, and supplies are divided."""
    settings = load(Settings, {})
    assert str(settings.server.listen) == "127.0.0.1:7103"
    assert (settings.ledger_target, settings.sharing_target) == ("127.0.0.1:7101", "127.0.0.1:7102")
    assert settings.aggregator_target == "127.0.0.1:7100"
    assert (settings.rebalances, settings.rebalance_seconds, settings.demand_seconds) == (True, 0.1, 60.0)
