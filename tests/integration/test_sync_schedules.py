"""Schedules over real gRPC and Postgres: they begin runs when they are due, and what was missed once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kit.activity import Activity, ActivityCaller, activity
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.waiting import until
from weir_sync.store.schedules import PostgresSchedules
from weir_sync.worker.periods import scheduling


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def service(database: FreshDatabase) -> AsyncIterator[Activity]:
    """A service on it, which begins nothing by itself."""
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
def schedules(service: Activity) -> PostgresSchedules:
    """The schedules of the service."""
    return PostgresSchedules(service.database)


async def scheduled(caller: ActivityCaller, name: str = "often", connection: str = "web", **fields: Any) -> None:
    """A schedule, every quarter of an hour unless it says when."""
    when = {} if "cron" in fields else {"sync_interval": {"seconds": 900}}
    await caller.do("SetSchedule", schedule={"connection": connection, "schedule": name, **when, **fields})


async def wait_till_due(service: Activity, tenant: str, *, ago: timedelta = timedelta(0)) -> None:
    """Let time go by until all is due that ever is, and longer by so much."""
    async with service.writing(tenant) as driver:
        await driver.execute(
            "UPDATE schedule_times SET next_time = now() - $1::interval WHERE next_time IS NOT NULL", ago
        )


async def runs(caller: ActivityCaller) -> list[tuple[str, bool, int]]:
    """Connection, whether it takes everything, and trigger of every run."""
    found = await caller.pages("ListRuns", "runs")
    return sorted((each.connection, each.full, each.trigger) for each in found)


async def end_all(service: Activity, tenant: str) -> None:
    """All runs come to their end."""
    async with service.writing(tenant) as driver:
        await driver.execute("UPDATE runs SET ended_at = now() WHERE ended_at IS NULL")


async def next_time(caller: ActivityCaller, name: str = "often") -> datetime | None:
    """When a schedule is due next, as it is told."""
    (found,) = [each for each in (await caller.do("ListSchedules")).schedules if each.schedule == name]
    return found.next_time.ToDatetime(UTC) if found.HasField("next_time") else None


async def test_what_is_due_begins_a_run(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """A schedule is first due after its interval; then a run begins, and it is due again an interval later."""
    await caller.store("web")
    await scheduled(caller, full=True)
    first = await next_time(caller)
    assert await schedules.begin_due(tenant) == 0
    kept = await next_time(caller)
    assert first is not None
    assert kept is not None
    assert abs(kept - datetime.now(UTC) - timedelta(minutes=15)) < timedelta(minutes=5)
    await wait_till_due(service, tenant)
    assert await schedules.begin_due(tenant) == 1
    assert await runs(caller) == [("web", True, 4)]
    assert await schedules.begin_due(tenant) == 0
    later = await next_time(caller)
    assert later is not None
    assert later > datetime.now(UTC)


async def test_missed_times_are_made_up_once(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """However long nobody looked, one run begins, and the beat goes on as it was."""
    await caller.store("web")
    await scheduled(caller)
    await schedules.begin_due(tenant)
    await wait_till_due(service, tenant, ago=timedelta(days=2, minutes=5))
    assert await schedules.begin_due(tenant) == 1
    assert await schedules.begin_due(tenant) == 0
    assert len(await runs(caller)) == 1
    due = await next_time(caller)
    assert due is not None
    assert timedelta(0) < due - datetime.now(UTC) < timedelta(minutes=10, seconds=1)


async def test_runs_do_not_pile_up(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """While a run of a schedule is under way none begins that would do no more; a full one does more than a smart
    one."""
    await caller.store("web")
    await scheduled(caller)
    await scheduled(caller, "nightly", cron="0 3 * * *", time_zone="Europe/Berlin", full=True)
    await schedules.begin_due(tenant)
    for _ in range(3):
        await wait_till_due(service, tenant)
        assert await schedules.begin_due(tenant) == 2
    assert await runs(caller) == [("web", False, 4), ("web", True, 4)]
    await end_all(service, tenant)
    await wait_till_due(service, tenant)
    await schedules.begin_due(tenant)
    assert len(await runs(caller)) == 4


async def test_what_is_off_begins_nothing(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """A schedule that is disabled is never due; where the flows or the switch are off its times go by, and are not
    made up."""
    await caller.store("web")
    await caller.store("off", push_levels=False)
    await scheduled(caller, "disabled", disabled=True)
    await scheduled(caller, "of nothing", "off")
    await schedules.begin_due(tenant)
    assert await next_time(caller, "disabled") is None
    await wait_till_due(service, tenant)
    await scheduled(caller)
    await schedules.begin_due(tenant)
    await caller.do("SetMasterSwitch", on=False)
    await wait_till_due(service, tenant)
    await schedules.begin_due(tenant)
    await caller.do("SetMasterSwitch", on=True)
    await schedules.begin_due(tenant)
    assert await runs(caller) == []


async def test_a_change_is_heeded(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """A schedule that is changed is due as it is now; one that is gone, or whose connection is, never."""
    await caller.store("web")
    await scheduled(caller)
    await schedules.begin_due(tenant)
    await wait_till_due(service, tenant)
    await scheduled(caller, sync_interval={"seconds": 86_400})
    due = await next_time(caller)
    assert due is not None
    assert due > datetime.now(UTC) + timedelta(hours=23)
    assert await schedules.begin_due(tenant) == 0
    kept = await next_time(caller)
    assert kept is not None
    assert abs(kept - due) < timedelta(minutes=5)
    await wait_till_due(service, tenant)
    await caller.do("DeleteSchedule", connection="web", schedule="often")
    assert await schedules.begin_due(tenant) == 0
    assert await runs(caller) == []


async def test_several_processes_begin_a_run_once(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """Whoever looks at the same time, a schedule that is due begins one run."""
    await caller.store("web")
    for number in range(5):
        await scheduled(caller, f"S{number}", cron=f"{number} 3 * * *", full=True)
    await schedules.begin_due(tenant)
    await wait_till_due(service, tenant)
    counts = await asyncio.gather(*(schedules.begin_due(tenant) for _ in range(4)))
    assert sum(counts) == 5


async def test_it_is_looked_for_all_the_time(
    service: Activity, caller: ActivityCaller, schedules: PostgresSchedules, tenant: str
) -> None:
    """The worker begins what is due, and goes on when the database was away for a while."""
    await caller.store("web")
    await scheduled(caller)
    await schedules.begin_due(tenant)
    await wait_till_due(service, tenant)
    asked = 0

    async def tenants() -> list[str]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise OSError
        return [tenant]

    looking = asyncio.create_task(scheduling(tenants, schedules, look_seconds=0.01))

    async def begun() -> bool:
        return bool(await runs(caller))

    await until(begun)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert await runs(caller) == [("web", False, 4)]
