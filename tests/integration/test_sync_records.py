"""Records over real gRPC and Postgres: listed whole by every filter, watched from now on, sent again, given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.activity import Activity, ActivityCaller, activity
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.errors import Kind
from weir_sync.domain.records import RecordQuery, RecordStatus, Trigger
from weir_sync.ports.records import RecordPlace
from weir_sync.store.activity import PostgresRecords, page

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PENDING, SUCCEEDED, FAILED, SKIPPED = 1, 2, 3, 4


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def service(database: FreshDatabase) -> AsyncIterator[Activity]:
    """A service on it."""
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


async def listed(caller: ActivityCaller, **fields: Any) -> list[int]:
    """The numbers of all records of a list."""
    return [int(each.record) for each in await caller.pages("ListRecords", "records", **fields)]


async def test_records_are_found_by_what_they_have(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Each filter leaves what has what it names, and all of them together; newest first by when it fell due."""
    made = {}
    for number, (name, connection, sku, status, trigger) in enumerate(
        [
            ("a", "web", "TV", "SUCCEEDED", "CHANGE"),
            ("b", "web", "RADIO", "FAILED", "REQUEST"),
            ("c", "shop", "TV", "PENDING", "CHANGE"),
            ("d", "web", "TV", "FAILED", "CHANGE"),
            ("e", "shop", "RADIO", "SKIPPED", "SCHEDULE"),
        ]
    ):
        at = NOON + timedelta(minutes=number)
        made[await service.record(tenant, connection, sku, status=status, trigger=trigger, at=at)] = name

    async def found(**fields: Any) -> str:
        return "".join(made[each] for each in await listed(caller, page_size=2, **fields))

    assert await found() == "edcba"
    assert await found(connection="web") == "dba"
    assert await found(store_sku="TV") == "dca"
    assert await found(status=FAILED) == "db"
    assert await found(status=SUCCEEDED) == "a"
    assert await found(trigger=4) == "e"
    assert await found(trigger=1) == "dca"
    assert await found(from_time=NOON + timedelta(minutes=1)) == "edcb"
    assert await found(until_time=NOON + timedelta(minutes=1)) == "a"
    assert await found(connection="web", store_sku="TV", status=FAILED, trigger=1, from_time=NOON) == "d"
    assert await found(connection="nowhere") == ""


async def test_a_record_says_all(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Every field of a record is told."""
    number = await service.level(tenant, "web", "TV", 7, status="FAILED", error="No such SKU.")
    (found,) = (await caller.do("ListRecords")).records
    assert (found.record, found.connection, found.store_sku, found.product.sku) == (str(number), "web", "TV", "TV")
    assert (found.trigger, found.reason, found.after, found.status) == (1, "ledger 7", 7, FAILED)
    assert (found.error, found.tries, found.rule) == ("No such SKU.", 0, "")
    assert not found.HasField("before")
    assert not found.HasField("send_time")
    assert found.HasField("end_time")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    size=st.integers(1, 5),
    newer=st.lists(st.integers(0, 6), max_size=6),
)
async def test_every_record_is_on_one_page(
    service: Activity, tenant: str, ages: list[int], size: int, newer: list[int]
) -> None:
    """Whatever falls due, or ends, while somebody turns pages, each record that was there at first is shown once, in
    order; also where many fell due at the same moment."""
    mine, web = f"{tenant} {ages} {size} {newer}", "web"
    records = PostgresRecords(service.database)
    first = {await service.record(mine, web, "S", status="PENDING", at=NOON + timedelta(minutes=age)) for age in ages}
    pages = service.caller(mine)
    shown, token, left = [], "", list(newer)
    while True:
        answer = await pages.do("ListRecords", page_size=size, page_token=token)
        shown += [int(each.record) for each in answer.records]
        token = answer.next_page_token
        if not token:
            break
        if left:
            await service.record(mine, web, "S", at=NOON + timedelta(minutes=left.pop()))
        await service.told(mine, web)
    assert len(shown) == len(set(shown))
    assert first <= set(shown)
    whole = await records.past(mine, RecordQuery(), limit=1000)
    order = [each.record for each in whole]
    assert [each for each in order if each in set(shown)] == shown


async def test_watching_from_now_on(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A watcher is told of each record as it begins and ends, of those before not, nor of other connections."""
    await service.level(tenant, "web", "before", 1)
    watch = caller.stream("WatchRecords", connection="web")
    assert (await watch.read()).records == []
    one = await service.level(tenant, "web", "TV", 5, status="PENDING")
    await service.level(tenant, "shop", "TV", 5, status="PENDING")
    told: list[tuple[int, int]] = []

    async def come(count: int) -> None:
        while len(told) < count:
            told.extend((int(each.record), each.status) for each in (await watch.read()).records)

    await come(1)
    await service.told(tenant, "web")
    await come(2)
    watch.cancel()
    assert told == [(one, PENDING), (one, SUCCEEDED)]


async def test_a_long_transaction_hides_nothing(service: Activity, tenant: str) -> None:
    """What is committed late is told late, but told; what is committed meanwhile does not wait for it; and nothing is
    told twice."""
    records = PostgresRecords(service.database)
    mark = await records.now(tenant)

    async def news() -> list[str]:
        nonlocal mark
        found: list[str] = []
        more = True
        while more:
            told = await records.since(tenant, mark, limit=2)
            found += [each.store_sku for each in told.things]
            mark, more = told.mark, told.more
        return found

    async with service.writing(tenant) as slow:
        await slow.execute(
            "INSERT INTO records (tenant, record, connection, store_sku, owner, sku, trigger, reason, after, rule)"
            " VALUES ($1, next_record(), 'web', 'slow', '', 'slow', 'CHANGE', '', 1, '')",
            tenant,
        )
        for number in range(5):
            await service.record(tenant, "web", f"quick {number}")
        assert await news() == [f"quick {number}" for number in range(5)]
        assert await news() == []
    assert await news() == ["slow"]
    assert await news() == []


async def test_many_watchers_miss_nothing(service: Activity, tenant: str) -> None:
    """However writers overlap, a watcher who reads all the time is told of every record that came."""
    records = PostgresRecords(service.database)
    mark = await records.now(tenant)
    told: list[int] = []
    done = asyncio.Event()

    async def watch() -> None:
        nonlocal mark
        last = more = False
        while not last or more:
            last = done.is_set() if not more else last  # a window that was begun by then may end before
            found = await records.since(tenant, mark, limit=3)
            told.extend(each.record for each in found.things)
            mark, more = found.mark, found.more

    async def write(writer: int) -> list[int]:
        return [await service.record(tenant, "web", f"{writer} {number}") for number in range(10)]

    watching = asyncio.create_task(watch())
    made = await asyncio.gather(*map(write, range(3)))
    done.set()
    await watching
    assert sorted(told) == sorted(number for each in made for number in each)


async def test_failed_ones_are_sent_again(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """What is asked for falls due with the level of now, once however often it is asked; the old record stays as it
    is."""
    failed = await service.level(tenant, "web", "TV", 5, status="FAILED", error="No.")
    other = await service.level(tenant, "web", "RADIO", 6, status="FAILED", error="No.")
    async with service.writing(tenant) as driver:
        await driver.execute("UPDATE levels SET level = 9 WHERE tenant = $1 AND store_sku = 'TV'", tenant)
    assert (await caller.do("RetryRecords", records=[str(failed)], validate_only=True)).retried == 1
    assert await listed(caller, status=PENDING) == []
    for _ in range(2):
        assert (await caller.do("RetryRecords", request_id="again", records=[str(failed)])).retried == 1
    (again,) = await caller.pages("ListRecords", "records", status=PENDING)
    assert (again.store_sku, again.after, again.trigger, int(again.record) > other) == ("TV", 9, 6, True)
    assert await listed(caller, status=FAILED) == [other, failed]
    reused = await caller.refused("RetryRecords", request_id="again", records=[str(other)])
    assert reused.reason == "REQUEST_ID_REUSED"


async def test_all_that_failed_is_sent_again(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Without names every SKU is sent again whose level was given up, of a connection or of all; what succeeded, and
    what is told nothing any more, is not."""
    for connection in ("web", "shop"):
        await service.level(tenant, connection, "TV", 5, status="FAILED", error="No.")
        await service.level(tenant, connection, "RADIO", 5, told=5)
        await service.level(tenant, connection, "denied", None, status="FAILED", error="No.")
    assert (await caller.do("RetryRecords", connection="web", validate_only=True)).retried == 1
    assert (await caller.do("RetryRecords", connection="web")).retried == 1
    assert (await caller.do("RetryRecords")).retried == 1
    assert (await caller.do("RetryRecords")).retried == 0
    assert len(await listed(caller, status=PENDING)) == 2


async def test_what_cannot_be_sent_again(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """A record that is not there, or of another connection or tenant, and one that has not failed, is refused; then
    nothing is sent."""
    failed = str(await service.level(tenant, "web", "TV", 5, status="FAILED", error="No."))
    fine = str(await service.level(tenant, "web", "RADIO", 5, told=5))
    unknown = [str(int(fine) + 1000), "no number", "0", "9" * 40, f" {failed}"[1:] + "x"]
    for name in unknown:
        refused = await caller.refused("RetryRecords", records=[failed, name])
        assert (refused.kind, refused.reason, refused.metadata["record"]) == (Kind.UNKNOWN, "RECORD_NOT_FOUND", name)
    assert (await caller.refused("RetryRecords", records=[failed], connection="shop")).reason == "RECORD_NOT_FOUND"
    other = service.caller(f"{tenant} too")
    assert (await other.refused("RetryRecords", records=[failed])).reason == "RECORD_NOT_FOUND"
    refused = await caller.refused("RetryRecords", records=[failed, fine])
    assert (refused.kind, refused.reason, refused.metadata["status"]) == (Kind.UNMET, "RECORD_STATUS", "SUCCEEDED")
    assert await listed(caller, status=PENDING) == []
    assert await listed(other) == []


async def test_old_records_are_given_up(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """What ended long ago goes, many at a time; what has not ended stays, however old."""
    await caller.store("web")
    old = datetime.now(UTC) - timedelta(days=31)
    pending = await service.record(tenant, "web", "TV", status="PENDING", at=old)
    for _ in range(3):
        await service.record(tenant, "web", "TV", at=old)
    new = await service.record(tenant, "web", "TV")
    await PostgresRecords(service.database).forget(keep_seconds=30 * 86_400)
    assert await listed(caller) == [new, pending]


@pytest.mark.parametrize(
    "query",
    [
        RecordQuery(),
        RecordQuery(connection="web"),
        RecordQuery(store_sku="TV"),
        RecordQuery(connection="web", store_sku="TV"),
        RecordQuery(status=RecordStatus.FAILED),
        RecordQuery(trigger=Trigger.REQUEST),
        RecordQuery(since=NOON, until=NOON + timedelta(days=1)),
    ],
    ids=str,
)
async def test_a_page_is_found_along_an_index(service: Activity, query: RecordQuery) -> None:
    """No page is sorted: whatever is asked for, an index has it in order, so that a page costs what is on it."""
    statement, values = page("plans", query, before=RecordPlace(NOON + timedelta(hours=1), 7), limit=100)
    async with service.database.driving("plans") as driver:
        plan = "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {statement}", *values))
    assert "Index Scan" in plan, plan
    assert "Sort" not in plan, plan
