"""Alerts over real gRPC and Postgres: opened and closed once each, listed, watched and given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.kit.activity import Activity, ActivityCaller, activity
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.errors import Kind
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.store.alerts import PostgresAlerts, close_alerts, open_alerts

AWAY, FAILED = AlertKind.CONNECTION_AWAY, AlertKind.LEVEL_FAILED


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
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


async def opened(service: Activity, tenant: str, *concerns: Concern) -> None:
    """Open alerts in a transaction of their own."""
    async with service.writing(tenant) as driver:
        await open_alerts(driver, tenant, concerns)


async def closed(service: Activity, tenant: str, kind: AlertKind, connection: str, *subjects: str) -> None:
    """Close alerts in a transaction of their own."""
    async with service.writing(tenant) as driver:
        await close_alerts(driver, tenant, kind, connection, subjects or None)


def failed(subject: str, connection: str = "web") -> Concern:
    """A level that could not be told."""
    return Concern(FAILED, connection, subject, f"'{subject}' could not be told.")


async def listed(caller: ActivityCaller, **fields: Any) -> list[tuple[str, str, bool]]:
    """Connection, subject and whether it is open, of every alert, newest first."""
    found = await caller.pages("ListAlerts", "alerts", **fields)
    return [(each.connection, each.subject, not each.HasField("close_time")) for each in found]


async def test_an_alert_opens_once_and_closes_once(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """What is open already is not opened again, what is closed is not closed again, and opens anew."""
    await opened(service, tenant, failed("TV"))
    await opened(service, tenant, failed("TV"), failed("RADIO"))
    assert sorted(await listed(caller)) == [("web", "RADIO", True), ("web", "TV", True)]
    await closed(service, tenant, FAILED, "web", "TV")
    await closed(service, tenant, FAILED, "web", "TV")
    assert sorted(await listed(caller)) == [("web", "RADIO", True), ("web", "TV", False)]
    await opened(service, tenant, failed("TV"))
    assert sorted(await listed(caller)) == [("web", "RADIO", True), ("web", "TV", False), ("web", "TV", True)]
    assert await listed(caller, open_only=True) == [("web", "TV", True), ("web", "RADIO", True)]


async def test_one_concern_is_another(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Kind, connection and subject tell alerts apart; all of a kind at a connection close together."""
    await opened(
        service, tenant, failed("TV"), failed("RADIO"), failed("TV", "shop"), Concern(AWAY, "web", "", "Away.")
    )
    await closed(service, tenant, FAILED, "web")
    assert sorted(await listed(caller, open_only=True)) == [("shop", "TV", True), ("web", "", True)]
    assert len(await listed(caller, connection="web")) == 3


async def test_an_alert_is_as_its_concern_says(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Kind and sentence come as they were given, with the time it opened."""
    await opened(service, tenant, Concern(AlertKind.ORDER_SHORT, "web", "O-1", "3 of 5 'TV' are missing."))
    (found,) = (await caller.do("ListAlerts")).alerts
    assert (found.kind, found.subject, found.sentence) == (4, "O-1", "3 of 5 'TV' are missing.")
    assert found.HasField("open_time")


async def test_what_is_undone_opens_nothing(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """An alert is part of the transaction that it is opened in."""
    with pytest.raises(ZeroDivisionError):
        async with service.writing(tenant) as driver:
            await open_alerts(driver, tenant, [failed("TV")])
            raise ZeroDivisionError
    assert await listed(caller) == []


async def test_alerts_come_by_pages_newest_first(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Every alert is on one page, whatever opens meanwhile."""
    for number in range(5):
        await opened(service, tenant, failed(f"S{number}"))
    first = await caller.do("ListAlerts", page_size=2)
    await opened(service, tenant, failed("later"))
    rest = await caller.do("ListAlerts", page_size=10, page_token=first.next_page_token)
    assert [each.subject for each in (*first.alerts, *rest.alerts)] == ["S4", "S3", "S2", "S1", "S0"]


async def test_closing_by_hand(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """An alert is closed once, however often it is asked for; a check changes nothing; another answer is never given
    under the same request id."""
    await opened(service, tenant, failed("TV"))
    (alert,) = (await caller.do("ListAlerts")).alerts
    checked = await caller.do("CloseAlert", alert=alert.alert, validate_only=True)
    assert not checked.alert.HasField("close_time")
    first = await caller.do("CloseAlert", request_id="close", alert=alert.alert)
    assert first.alert.HasField("close_time")
    assert await caller.do("CloseAlert", request_id="close", alert=alert.alert) == first
    assert await caller.do("CloseAlert", alert=alert.alert) == first
    assert (await caller.refused("CloseAlert", request_id="close", alert="another")).reason == "REQUEST_ID_REUSED"
    refused = await caller.refused("CloseAlert", alert="another")
    assert (refused.kind, refused.reason) == (Kind.UNKNOWN, "SYNC_ALERT_NOT_FOUND")
    assert (await caller.refused("CloseAlert", alert="another", validate_only=True)).reason == "SYNC_ALERT_NOT_FOUND"


async def test_watching_tells_what_is_open_and_what_changes(
    service: Activity, caller: ActivityCaller, tenant: str
) -> None:
    """A watcher is told of what is open, then of each alert as it opens and closes, and not of other connections."""
    await opened(service, tenant, failed("TV"), failed("RADIO"), failed("LAMP", "shop"))
    await closed(service, tenant, FAILED, "web", "RADIO")
    watch = caller.stream("WatchAlerts", connection="web")
    told: list[tuple[str, bool]] = []

    async def come(count: int) -> None:
        while len(told) < count:
            told.extend((each.subject, each.HasField("close_time")) for each in (await watch.read()).alerts)

    await come(1)
    assert (await watch.read()).alerts == []  # the sign of life: the watch stands
    await opened(service, tenant, failed("PHONE"), failed("PHONE", "shop"))
    await come(2)
    await closed(service, tenant, FAILED, "web", "TV")
    await come(3)
    watch.cancel()
    assert told == [("TV", False), ("PHONE", False), ("TV", True)]


async def test_old_alerts_are_given_up(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """What closed long ago goes, what is open stays; what is open of a connection that is gone closes."""
    await caller.store("web")
    await opened(service, tenant, failed("TV"), failed("RADIO"), failed("LAMP", "gone"))
    await closed(service, tenant, FAILED, "web", "RADIO")
    kept = PostgresAlerts(service.database)
    await kept.forget(keep_seconds=3600)
    assert sorted(await listed(caller)) == [("gone", "LAMP", False), ("web", "RADIO", False), ("web", "TV", True)]
    await kept.forget(keep_seconds=0)
    assert await listed(caller) == [("web", "TV", True)]


async def test_another_tenant_has_other_alerts(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """What belongs to another tenant is not there: neither to be listed, nor closed, nor watched."""
    await opened(service, tenant, failed("TV"))
    (alert,) = (await caller.do("ListAlerts")).alerts
    other = service.caller(f"{tenant} too")
    assert await listed(other) == []
    assert (await other.refused("CloseAlert", alert=alert.alert)).reason == "SYNC_ALERT_NOT_FOUND"
    watch = other.stream("WatchAlerts")
    assert (await watch.read()).alerts == []
    watch.cancel()
