"""Runs over real gRPC and Postgres: begun once, carried out by one worker at a time, taken over from one that died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.kit.activity import Activity, ActivityCaller, Feed, activity
from tests.kit.calling import refusal
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.waiting import until
from weir_chassis.errors import DatabaseAway, Kind
from weir_sync.connectors.port import Away, Denied
from weir_sync.domain.connections import Role
from weir_sync.domain.feeds import Pull, Pulled
from weir_sync.errors import ACCIDENT
from weir_sync.ports.feeds import Progress
from weir_sync.ports.runs import Held, RunLost
from weir_sync.store.runs import PostgresRuns
from weir_sync.worker.runs import Pace, RunWorker

QUICK = Pace(look_seconds=0.02, hold_seconds=30.0, pause_seconds=0.01)


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Activity]:
    """A service on it, which carries out no runs by itself."""
    async with activity(database) as running:
        yield running


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant that nobody else has."""
    return str(request.node.name)


@pytest.fixture
def caller(service: Activity, tenant: str) -> ActivityCaller:
    """A caller of the tenant."""
    return service.caller(tenant)


@pytest.fixture
def runs(service: Activity) -> PostgresRuns:
    """The runs of the service."""
    return PostgresRuns(service.database)


@asynccontextmanager
async def working(service: Activity, tenant: str, feed: Any = None) -> AsyncIterator[None]:
    """A worker that carries out the runs of a tenant within the block."""

    async def tenants() -> list[str]:
        return [tenant]

    worker = RunWorker(tenants, PostgresRuns(service.database), feed or Feed(), QUICK)
    task = asyncio.create_task(worker.work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def taken(runs: PostgresRuns, tenant: str, holder: str = "me", *, hold_seconds: float = 30.0) -> list[Held]:
    """What there is to take."""
    return list(await runs.take(tenant, holder, hold_seconds=hold_seconds, limit=10))


async def begun(caller: ActivityCaller, **fields: Any) -> Any:
    """The runs of a request, as they were begun."""
    stream = caller.stream("RunSync", **fields)
    first = await stream.read()
    stream.cancel()
    return list(first.runs)


async def run(caller: ActivityCaller, name: str) -> Any:
    """A run as it is."""
    return (await caller.do("GetRun", run=name)).run


async def ended(caller: ActivityCaller, name: str) -> Any:
    """A run when it has ended."""
    return await when(caller, name, lambda found: bool(found.done))


async def when(caller: ActivityCaller, name: str, holds: Callable[[Any], bool]) -> Any:
    """A run as it is when something holds of it."""

    async def it_does() -> bool:
        return holds(await run(caller, name))

    await until(it_does)
    return await run(caller, name)


async def test_a_run_for_each_connection_whose_flows_are_on(caller: ActivityCaller) -> None:
    """Without names all are synchronised of which levels are told or stock is taken in; each of them by a run."""
    await caller.store("web")
    await caller.store("off", push_levels=False)
    await caller.warehouse("wms")
    found = await begun(caller, full=True)
    assert [(each.connection, each.full, each.trigger, each.done) for each in found] == [
        ("web", True, 5, False),
        ("wms", True, 5, False),
    ]
    assert [each.connection for each in await begun(caller, connections=["wms"])] == ["wms"]


async def test_nothing_to_do_is_done(caller: ActivityCaller) -> None:
    """Where nothing is connected the stream tells so and ends."""
    assert await caller.run() == []


async def test_a_request_begins_its_runs_once(caller: ActivityCaller) -> None:
    """The same request tells of the same runs, also after its connections are gone; another one under its id is
    refused."""
    await caller.store("web")
    first = await begun(caller, request_id="sync")
    assert await begun(caller, request_id="sync") == first
    await caller.do("DeleteConnection", connection="web")
    assert [each.run for each in await begun(caller, request_id="sync")] == [first[0].run]
    assert (await refused(caller, request_id="sync", full=True)).reason == "REQUEST_ID_REUSED"
    assert len((await caller.do("ListRuns")).runs) == 1


async def test_a_check_begins_nothing(caller: ActivityCaller) -> None:
    """What would be synchronised is told in runs without identifiers, and the request id is as free as before."""
    await caller.store("web")
    for _ in range(2):
        (checked,) = await caller.run(request_id="sync", full=True, validate_only=True)
        assert (checked.run, checked.connection, checked.full, checked.done) == ("", "web", True, False)
    assert list((await caller.do("ListRuns")).runs) == []
    assert len(await begun(caller, request_id="sync")) == 1
    assert (await refused(caller, connections=["nowhere"], validate_only=True)).reason == "CONNECTION_NOT_FOUND"


async def test_what_is_not_there_or_off_is_not_run(caller: ActivityCaller) -> None:
    """An unknown connection, one without flows, and everything while the master switch is off are refused."""
    await caller.store("web")
    await caller.store("off", push_levels=False)
    found = await refused(caller, connections=["web", "nowhere"])
    assert (found.kind, found.reason) == (Kind.UNKNOWN, "CONNECTION_NOT_FOUND")
    found = await refused(caller, connections=["web", "off"])
    assert (found.kind, found.reason, found.metadata["connection"]) == (Kind.UNMET, "SYNC_OFF", "off")
    await caller.do("SetMasterSwitch", on=False)
    found = await refused(caller)
    assert (found.kind, found.reason, found.metadata["connection"]) == (Kind.UNMET, "SYNC_OFF", "")
    assert (await caller.refused("GetRun", run="none")).reason == "RUN_NOT_FOUND"


async def refused(caller: ActivityCaller, **fields: Any) -> Any:
    """The refusal that a request to synchronise ends with."""
    return await refusal(caller.stream("RunSync", **fields).read())


async def test_a_warehouse_is_pulled(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A run of a warehouse takes in what it reports, and tells how far it has come; the stream tells it too."""
    await caller.warehouse("wms")
    feed = Feed([Pulled(10, 4, 1, 2), Pulled(10, 10, 1, 5)])
    async with working(service, tenant, feed):
        (found,) = await caller.run(connections=["wms"], full=True, store_skus=["B", "A"])
    assert (found.total, found.settled, found.failed, found.unchanged) == (10, 10, 1, 5)
    assert found.done
    assert found.error == ""
    assert feed.pulls == [Pull(tenant, "wms", found.run, True, frozenset({"A", "B"}))]


async def test_a_full_run_tells_every_level(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """All levels of a store fall due though they are as they were, each with a record that says why; what is told
    nothing is left alone. The run ends when something has become of each."""
    await caller.store("web")
    for number in range(5):
        await service.level(tenant, "web", f"S{number}", number, told=number)
    await service.level(tenant, "web", "denied", None, told=7)
    await service.level(tenant, "shop", "S1", 3, told=3)
    async with working(service, tenant):
        stream = caller.stream("RunSync", connections=["web"], full=True)
        name = (await stream.read()).runs[0].run
        found = await when(caller, name, lambda found: found.total == 5)
        assert (found.total, found.settled, found.unchanged, found.done) == (5, 0, 0, False)
        records = await caller.pages("ListRecords", "records", status=1)
        assert [(each.store_sku, each.before, each.after, each.trigger) for each in reversed(records)] == [
            (f"S{number}", number, number, 5) for number in range(5)
        ]
        assert await service.told(tenant, "web") == 5
        found = await ended(caller, name)
        assert (found.total, found.settled, found.failed, found.done) == (5, 5, 0, True)
        while not (await stream.read()).done:
            pass


async def test_a_smart_run_tells_what_differs(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Only levels fall due that the store was not told, or that failed; the others count as unchanged. What is kept
    back because it was sold there is no difference."""
    await caller.store("web")
    await service.level(tenant, "web", "same", 5, told=5)
    await service.level(tenant, "web", "kept back", 5, told=3, unreported=2)
    await service.level(tenant, "web", "other", 5, told=4)
    await service.level(tenant, "web", "failed", 5, told=5, status="FAILED", error="No.")
    before = await service.level(tenant, "web", "waiting", 5, status="PENDING")
    async with working(service, tenant):
        (one,) = await begun(caller)
        found = await when(caller, one.run, lambda found: found.total > 0)
        assert (found.total, found.settled, found.unchanged) == (5, 2, 2)
        await service.told(tenant, "web", status="FAILED", error="It burns.")
        found = await ended(caller, one.run)
    assert (found.settled, found.failed, found.error) == (5, 3, "")
    records = await caller.pages("ListRecords", "records", store_sku="waiting")
    assert [(each.record == str(before), each.status) for each in records] == [(False, 3), (True, 4)]


async def test_some_skus_alone(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Where SKUs are named only these are told; one of which no level is told counts as failed, and is named."""
    await caller.store("web")
    for sku in ("A", "B", "C"):
        await service.level(tenant, "web", sku, 5, told=5)
    async with working(service, tenant):
        (one,) = await begun(caller, full=True, store_skus=["C", "nothing", "A"])
        await when(caller, one.run, lambda found: found.total > 0)
        await service.told(tenant, "web")
        found = await ended(caller, one.run)
    assert (found.total, found.settled, found.failed) == (3, 3, 1)
    assert found.error == "No level is told of nothing."


async def test_a_store_without_levels_is_done_at_once(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A run that finds nothing to do ends."""
    await caller.store("web")
    async with working(service, tenant):
        (found,) = await caller.run(full=True)
    assert (found.total, found.done, found.error) == (0, True, "")


async def test_many_levels_are_marked_in_parts(
    service: Activity, caller: ActivityCaller, runs: PostgresRuns, tenant: str
) -> None:
    """Whoever dies in between leaves it to the next one, who goes on where it was: each level has one record."""
    await caller.store("web")
    for number in range(7):
        await service.level(tenant, "web", f"S{number}", number, told=number)
    (one,) = await begun(caller, full=True)
    (held,) = await taken(runs, tenant, "first", hold_seconds=0.0)
    assert await runs.mark(held, hold_seconds=0.0, limit=3)
    assert await runs.mark(held, hold_seconds=0.0, limit=3)
    (again,) = await taken(runs, tenant, "second")
    assert (again.tries, again.role) == (1, Role.STORE)
    with pytest.raises(RunLost):
        await runs.mark(held, hold_seconds=30.0, limit=3)
    assert not await runs.mark(again, hold_seconds=30.0, limit=3)
    assert (await run(caller, one.run)).total == 7
    assert len(await caller.pages("ListRecords", "records", status=1)) == 7
    await service.told(tenant, "web")
    await runs.settle(tenant)
    assert (await run(caller, one.run)).done


async def test_a_run_is_with_one_worker(
    service: Activity, caller: ActivityCaller, runs: PostgresRuns, tenant: str
) -> None:
    """A run that is held is nobody else's until the hold is over; a connection's runs come one after the other, those
    of others beside them."""
    await caller.warehouse("wms")
    await caller.warehouse("other")
    first, later = [(await begun(caller, connections=["wms"]))[0].run for _ in range(2)]
    (other,) = await begun(caller, connections=["other"])
    assert [each.run for each in await taken(runs, tenant)] == [first, other.run]
    assert await taken(runs, tenant, "another") == []
    async with service.writing(tenant) as driver:
        await driver.execute("UPDATE runs SET ended_at = now() WHERE run = $1", first)
    assert [each.run for each in await taken(runs, tenant, "another")] == [later]


async def test_a_worker_that_died_is_taken_over_from(
    service: Activity, caller: ActivityCaller, runs: PostgresRuns, tenant: str
) -> None:
    """When a hold is over another worker pulls under the same name, and the first one's word counts no more."""
    await caller.warehouse("wms")
    (one,) = await begun(caller)
    (held,) = await taken(runs, tenant, "first", hold_seconds=0.0)
    await runs.keep(held, hold_seconds=0.0, pulled=Pulled(9, 3))
    assert (await run(caller, one.run)).settled == 3
    feed = Feed()
    async with working(service, tenant, feed):
        assert (await ended(caller, one.run)).settled == 3
    with pytest.raises(RunLost):
        await runs.keep(held, hold_seconds=30.0, pulled=Pulled(9, 9))
    await runs.end(held, Pulled(9, 9), error="Late.")
    await runs.put_back(held, pause_seconds=0.0)
    assert [each.run for each in feed.pulls] == [one.run]
    assert (await run(caller, one.run)).error == ""


async def test_what_passes_is_tried_again(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A warehouse, or the ledger, that does not answer is asked again, eight times at most."""
    await caller.warehouse("wms")
    tried = Failing(Away("No answer."), DatabaseAway(), TimeoutError())
    async with working(service, tenant, tried):
        (found,) = await caller.run()
    assert (found.error, found.settled, len(tried.pulls)) == ("", 3, 4)
    always = Failing(*(Away(f"No answer, {number}.") for number in range(1, 20)))
    async with working(service, tenant, always):
        (found,) = await caller.run()
    assert (found.error, len(always.pulls)) == ("No answer, 8.", 8)


@pytest.mark.parametrize(
    ("fault", "told"), [(Denied("The key is wrong."), "The key is wrong."), (KeyError(), ACCIDENT)]
)
async def test_what_does_not_pass_is_given_up(
    service: Activity, caller: ActivityCaller, tenant: str, fault: Exception, told: str
) -> None:
    """What nobody can mend by trying again ends the run, and says why as far as that may be told."""
    await caller.warehouse("wms")
    feed = Failing(fault)
    async with working(service, tenant, feed):
        (found,) = await caller.run()
    assert (found.error, found.done, len(feed.pulls)) == (told, True, 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda caller: caller.do("DeleteConnection", connection="web"), "The connection is gone."),
        (lambda caller: caller.do("SetMasterSwitch", on=False), "The master switch was turned off."),
    ],
)
async def test_what_is_turned_off_is_given_up(
    service: Activity, caller: ActivityCaller, tenant: str, change: Callable[[ActivityCaller], Any], told: str
) -> None:
    """A run of a connection that is gone, or while nothing flows, does not wait for better times."""
    await caller.store("web")
    (one,) = await begun(caller)
    await change(caller)
    async with working(service, tenant):
        assert (await ended(caller, one.run)).error == told


async def test_a_worker_that_cannot_hold_on_gives_up(
    service: Activity, caller: ActivityCaller, runs: PostgresRuns, tenant: str
) -> None:
    """Whoever finds that his hold is over stops pulling; what became of the run is another's to say."""
    await caller.warehouse("wms")
    (one,) = await begun(caller)
    stalled = Stalled()
    async with working(service, tenant, stalled):
        await stalled.begun.wait()
        async with service.writing(tenant) as driver:
            await driver.execute("UPDATE runs SET held_by = 'another', held_until = now() + interval '1 hour'")
        stalled.go_on.set()
        await stalled.over.wait()
    assert not (await run(caller, one.run)).done


async def test_runs_come_by_pages_newest_first(caller: ActivityCaller) -> None:
    """Every run is on one page, whatever begins meanwhile; a connection's alone where it is named."""
    await caller.store("web")
    await caller.warehouse("wms")
    made = [(await begun(caller, connections=[name]))[0].run for name in ("web", "wms", "web", "web")]
    first = await caller.do("ListRuns", page_size=1)
    await begun(caller, connections=["web"])
    rest = await caller.do("ListRuns", page_size=10, page_token=first.next_page_token)
    assert [each.run for each in (*first.runs, *rest.runs)][1:] == made[2::-1]
    assert [each.run for each in await caller.pages("ListRuns", "runs", connection="wms", page_size=1)] == [made[1]]


async def test_old_runs_are_given_up(
    service: Activity, caller: ActivityCaller, runs: PostgresRuns, tenant: str
) -> None:
    """What ended long ago goes; what is under way stays, however old."""
    await caller.store("web")
    await caller.warehouse("wms")
    async with working(service, tenant):
        await caller.run(connections=["web"])
    (open_one,) = await begun(caller, connections=["wms"])
    await runs.forget(keep_seconds=3600)
    assert len((await caller.do("ListRuns")).runs) == 2
    await runs.forget(keep_seconds=0)
    assert [each.run for each in (await caller.do("ListRuns")).runs] == [open_one.run]


async def test_another_tenant_has_other_runs(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A run of another tenant is not there."""
    await caller.store("web")
    (one,) = await begun(caller)
    other = service.caller(f"{tenant} too")
    assert (await other.refused("GetRun", run=one.run)).reason == "RUN_NOT_FOUND"
    assert list((await other.do("ListRuns")).runs) == []
    assert await taken(PostgresRuns(service.database), f"{tenant} too") == []


class Failing(Feed):
    """Warehouses that fail so and so, one time after the other, and then report."""

    def __init__(self, *faults: Exception) -> None:
        """Fail by these."""
        super().__init__()
        self._faults = list(faults)

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        """Fail as long as there is a fault left."""
        if self._faults:
            self.pulls.append(pull)
            raise self._faults.pop(0)
        return await super().pull(pull, progress)


class Stalled(Feed):
    """A warehouse that is waited for."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        super().__init__()
        self.begun, self.go_on, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        """Wait, then tell how far it is."""
        self.begun.set()
        await self.go_on.wait()
        try:
            await progress(Pulled(1, 1))
        finally:
            self.over.set()
        return Pulled(2, 2)
