"""Connections over real gRPC and Postgres: what every rpc answers, what it refuses, and that it does each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.connections import ABILITIES, ConnectionCaller, Connections, connections, key_line, store, warehouse
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.waiting import until
from weir.sync.v1 import connection_pb2
from weir_chassis import policy
from weir_chassis.errors import Kind
from weir_sync.connectors.port import Away
from weir_sync.handlers.testing import AT_ONCE_MAX
from weir_sync.servicer import POLICIES


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase, tmp_path: Path) -> AsyncIterator[Connections]:
    """A service on it, of four connections at most."""
    file = tmp_path / "keys"
    file.write_text(key_line("first"))
    async with connections(database, key_file=file, connections_max=4) as running:
        yield running


@pytest.fixture
def caller(service: Connections, request: pytest.FixtureRequest) -> ConnectionCaller:
    """A caller of a tenant that nobody else has."""
    return service.caller(request.node.name)


def test_every_method_has_its_access(service: Connections) -> None:
    """The policies name every method of the service and no other."""
    named = {method: access for each in POLICIES for method, access in each.items()}
    assert policy.faults([each.service for each in service.server.registrations], named) == []


async def test_a_store_is_kept_as_it_was_said(caller: ConnectionCaller) -> None:
    """Every field comes back; what the service sets by itself is what it is."""
    asked = store(
        display_name="Web shop",
        settings={"address": "https://shop.example", "batch_max": "7"},
        push_levels=True,
        take_orders=True,
    )
    made = await caller.do("CreateConnection", connection={**asked, "secret_names": ["x"], "etag": "9"})
    assert made.connection == connection_pb2.Connection(**{**asked, "etag": "1", "health": {}})
    found = await caller.do("GetConnection", connection="web")
    assert (found.connection, found.revision) == (made.connection, made.revision)


async def test_a_warehouse_is_kept_as_it_was_said(caller: ConnectionCaller) -> None:
    """Every field comes back, facilities in order, and what its figures mean spelt out."""
    asked = warehouse(
        facilities=[{"facility": "B", "location": "W2"}, {"facility": "A", "location": "W1"}],
        pull_stock=True,
        feed={"on_hand": True, "absent_is_zero": True, "owner": "acme"},
        late_after_duration={"seconds": 90},
        late_buffer_percent=25,
    )
    made = await caller.warehouse(**asked)
    expected = connection_pb2.Connection(**{**asked, "etag": "1", "health": {}})
    expected.facilities.sort(key=lambda each: each.facility)
    expected.feed.left_out = connection_pb2.LEFT_OUT_HANDED_OVER
    assert made == expected


async def test_settings_are_judged_by_the_connector(caller: ConnectionCaller) -> None:
    """Whatever the connector cannot work with is named, all at once, with the setting it is about and not its value."""
    settings = {"batch_max": "many", "colour": "red", "token": "canary"}
    told = await caller.refused("CreateConnection", connection=store(settings=settings))
    assert (told.kind, told.reason) == (Kind.UNMET, "SETTINGS_INVALID")
    assert told.metadata == {"connection": "web", "kind": "SHOPIFY"}
    assert [(each.field, each.description) for each in told.violations] == [
        ("connection.settings[batch_max]", "Give a whole number from 1 to 250."),
        ("connection.settings[address]", "Required. Where it answers."),
        ("connection.settings[colour]", "No such setting."),
        ("connection.settings[token]", "A secret: set it as one."),
    ]
    assert "canary" not in str(told.to_record())


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (store(kind=4), "This installation has no connector of this kind."),
        (store(kind=8), "No store is of this kind."),
        (warehouse(kind=1), "No warehouse is of this kind."),
    ],
)
async def test_a_kind_without_a_connector_is_refused(
    caller: ConnectionCaller, wanted: dict[str, Any], sentence: str
) -> None:
    """What nobody can talk to is no connection: a kind that is not there, or is not of the role."""
    told = await caller.refused("CreateConnection", connection=wanted)
    assert told.reason == "SETTINGS_INVALID"
    assert [(each.field, each.description) for each in told.violations] == [("connection.kind", sentence)]


@pytest.mark.parametrize(
    "address",
    ["http://shop.example", "https://127.0.0.1", "https://localhost", "https://10.0.0.1", "https://[::ffff:10.0.0.1]"],
)
async def test_an_address_that_is_not_safe_is_refused(caller: ConnectionCaller, address: str) -> None:
    """Nobody makes sync talk to this machine or its networks, nor without https."""
    told = await caller.refused("CreateConnection", connection=store(settings={"address": address}))
    assert [each.field for each in told.violations] == ["connection.settings[address]"]


async def test_a_connection_is_replaced_but_for_what_never_changes(caller: ConnectionCaller) -> None:
    """All of it but identifier, role, kind and secrets; to another version than was read nothing happens."""
    made = await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value="canary")
    wanted = store(display_name="Shop", settings={"address": "https://other.example"}, channel="other")
    done = (await caller.do("UpdateConnection", connection=wanted)).connection
    expected = connection_pb2.Connection(**{**wanted, "secret_names": ["token"], "etag": "3", "health": {}})
    assert done == expected
    told = await caller.refused("UpdateConnection", connection={**wanted, "etag": made.etag})
    assert (told.reason, told.metadata) == ("ETAG_STALE", {"current": "3"})
    told = await caller.refused("UpdateConnection", connection=warehouse("web"))
    assert (told.reason, told.metadata["role"]) == ("CONNECTION_ROLE", "STORE")
    told = await caller.refused("UpdateConnection", connection={**wanted, "kind": 2})
    assert [(each.field, each.description) for each in told.violations] == [
        ("connection.kind", "It never changes, and is SHOPIFY.")
    ]
    assert (await caller.do("UpdateConnection", connection=wanted)).revision.number == 3


async def test_a_channel_is_told_over_one_connection(caller: ConnectionCaller) -> None:
    """A second store of the same channel is refused, whether it is new or comes to it; its own it may keep."""
    await caller.store("one", channel="shared")
    told = await caller.refused("CreateConnection", connection=store("two", channel="shared"))
    assert (told.kind, told.reason) == (Kind.TAKEN, "CHANNEL_CONNECTED")
    assert told.metadata == {"channel": "shared", "connection": "one"}
    await caller.store("two")
    assert (await caller.refused("UpdateConnection", connection=store("two", channel="shared"))).reason == (
        "CHANNEL_CONNECTED"
    )
    await caller.do("UpdateConnection", connection=store("one", channel="shared", display_name="One"))


async def test_there_are_as_many_as_there_may_be(caller: ConnectionCaller) -> None:
    """The fifth of four is refused, and has room once another is gone; a name is not used twice."""
    for name in "abcd":
        await caller.store(name)
    told = await caller.refused("CreateConnection", connection=store("e"))
    assert (told.kind, told.reason, told.metadata) == (Kind.EXHAUSTED, "CONNECTIONS_EXHAUSTED", {"limit": "4"})
    assert (await caller.refused("CreateConnection", connection=store("a"))).reason == "CONNECTION_EXISTS"
    await caller.do("DeleteConnection", connection="a")
    await caller.store("e")


async def test_lists_come_in_pages_and_by_role(caller: ConnectionCaller) -> None:
    """Every connection once, by identifier, over pages of any size; of a role those that have it."""
    for name in ("b", "d"):
        await caller.store(name)
    for name in ("a", "c"):
        await caller.warehouse(name)
    seen: list[str] = []
    token = ""
    while token or not seen:
        page = await caller.do("ListConnections", page_size=3, page_token=token)
        seen += [each.connection for each in page.connections]
        token = page.next_page_token
    assert seen == ["a", "b", "c", "d"]
    warehouses = await caller.do("ListConnections", role=2)
    assert [each.connection for each in warehouses.connections] == ["a", "c"]
    assert (await caller.refused("ListConnections", role=9)).reason == "REQUEST_MALFORMED"


async def test_what_is_of_a_connection_goes_with_it(caller: ConnectionCaller) -> None:
    """Secrets and schedules are gone with their connection, and do not come back with one of its name."""
    await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value="canary")
    await caller.do("SetSchedule", schedule={"connection": "web", "schedule": "s", "sync_interval": {"seconds": 60}})
    assert (await caller.refused("DeleteConnection", connection="web", etag="1")).reason == "ETAG_STALE"
    await caller.do("DeleteConnection", connection="web", etag="2")
    for method in ("GetConnection", "DeleteConnection"):
        assert (await caller.refused(method, connection="web")).reason == "CONNECTION_NOT_FOUND"
    assert not (await caller.store()).secret_names
    assert not (await caller.do("ListSchedules")).schedules


async def test_a_check_changes_nothing(caller: ConnectionCaller) -> None:
    """What is only checked answers what would happen, uses up no identifier of a request, and is not there."""
    made = await caller.do("CreateConnection", connection=store(), validate_only=True, request_id="same")
    assert (made.connection.connection, made.revision.number) == ("web", 0)
    assert (await caller.refused("GetConnection", connection="web")).reason == "CONNECTION_NOT_FOUND"
    await caller.do("CreateConnection", connection=store(), request_id="same")
    checked = await caller.do("SetSecret", connection="web", name="token", value="canary", validate_only=True)
    assert list(checked.connection.secret_names) == ["token"]
    assert not (await caller.do("GetConnection", connection="web")).connection.secret_names


async def test_the_master_switch_is_on_until_it_is_switched_off(caller: ConnectionCaller) -> None:
    """It is turned either way, and to what it is already nothing changes."""
    assert (await caller.do("GetMasterSwitch")).on
    for on, revision in ((True, 0), (False, 1), (False, 1), (True, 2)):
        done = await caller.do("SetMasterSwitch", on=on)
        assert (done.on, done.revision.number) == (on, revision)
        assert (await caller.do("GetMasterSwitch")).on is on


async def test_a_store_that_answers_works(caller: ConnectionCaller, service: Connections) -> None:
    """A test tells what it can do, which is kept and shown from then on; its connector is given up."""
    await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value="canary")
    tested = await caller.do("TestConnection", connection="web")
    assert (tested.works, tested.error, tested.abilities.name) == (True, "", ABILITIES.name)
    shown = (await caller.do("GetConnection", connection="web")).connection.abilities
    assert (shown, shown.batch_max, shown.reads_back) == (tested.abilities, 50, True)
    (settings, reach), *none = service.elsewhere.made
    assert (settings.token, settings.pin, settings.address, none) == ("canary", 1234, "https://shop.example", [])
    assert (reach.connection.connection, service.elsewhere.closed) == ("web", 1)


async def test_a_warehouse_tells_its_facilities(caller: ConnectionCaller) -> None:
    """A test of a warehouse tells which facilities it reports."""
    await caller.warehouse()
    await caller.do("SetSecret", connection="wms", name="token", value="canary")
    assert list((await caller.do("TestConnection", connection="wms")).facilities) == ["North", "South"]


async def test_what_does_not_work_is_told_in_a_sentence(caller: ConnectionCaller, service: Connections) -> None:
    """A secret that is missing, a system that fails, and one that tells our own secret back: told, but for the
    secret.
    """
    await caller.store()
    tested = await caller.do("TestConnection", connection="web")
    assert (tested.works, tested.error) == (False, "token: Required. What it lets us in by.")
    await caller.do("SetSecret", connection="web", name="token", value="canary")
    service.elsewhere.fault = Away("The shop says: unknown token 'canary'.")
    tested = await caller.do("TestConnection", connection="web")
    assert (tested.works, tested.error) == (False, "The shop says: unknown token '***'.")
    assert not (await caller.do("GetConnection", connection="web")).connection.HasField("abilities")
    assert (await caller.refused("TestConnection", connection="nowhere")).reason == "CONNECTION_NOT_FOUND"


async def test_so_many_tests_at_once(caller: ConnectionCaller, service: Connections) -> None:
    """One more than there may be is refused at once, and is let in when others have ended."""
    await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value="canary")
    service.elsewhere.silent = asyncio.Event()
    asked = [asyncio.create_task(caller.do("TestConnection", connection="web")) for _ in range(AT_ONCE_MAX)]
    await until(lambda: len(service.elsewhere.made) == AT_ONCE_MAX)
    assert (await caller.refused("TestConnection", connection="web")).reason == "OVERLOADED"
    service.elsewhere.silent.set()
    assert all([(await each).works for each in asked])
    assert (await caller.do("TestConnection", connection="web")).works


async def test_schedules_are_kept_by_connection(caller: ConnectionCaller) -> None:
    """A schedule is added, replaced and removed; it says when it is due next unless it is disabled."""
    await caller.store()
    await caller.warehouse()
    often: dict[str, Any] = {"connection": "web", "schedule": "often", "sync_interval": {"seconds": 900}}
    nightly = {"connection": "wms", "schedule": "nightly", "cron": "0 3 * * *", "time_zone": "Europe/Berlin"}
    made = (await caller.do("SetSchedule", schedule={**often, "full": True})).schedule
    assert (made.full, made.sync_interval.seconds, made.HasField("next_time")) == (True, 900, True)
    await caller.do("SetSchedule", schedule={**nightly, "disabled": True})
    listed = (await caller.do("ListSchedules")).schedules
    assert [(each.connection, each.schedule, each.HasField("next_time")) for each in listed] == [
        ("web", "often", True),
        ("wms", "nightly", False),
    ]
    changed = (await caller.do("SetSchedule", schedule={**often, "etag": made.etag})).schedule
    assert not changed.full
    told = await caller.refused("SetSchedule", schedule={**often, "etag": made.etag})
    assert told.reason == "ETAG_STALE"
    (only,) = (await caller.do("ListSchedules", connection="wms")).schedules
    assert (only.cron, only.time_zone, only.disabled) == ("0 3 * * *", "Europe/Berlin", True)
    await caller.do("DeleteSchedule", connection="web", schedule="often")
    told = await caller.refused("DeleteSchedule", connection="web", schedule="often")
    assert (told.reason, told.metadata) == ("SCHEDULE_NOT_FOUND", {"connection": "web", "schedule": "often"})


async def test_a_connection_has_twenty_schedules_at_most(caller: ConnectionCaller) -> None:
    """The next one is refused, one that is there can be replaced, and only where there is the connection."""
    await caller.store()
    schedules = [{"connection": "web", "schedule": f"{number}", "cron": "* * * * *"} for number in range(21)]
    for each in schedules[:20]:
        await caller.do("SetSchedule", schedule=each)
    told = await caller.refused("SetSchedule", schedule=schedules[20])
    assert (told.reason, told.metadata) == ("SCHEDULES_EXHAUSTED", {"connection": "web", "limit": "20"})
    await caller.do("SetSchedule", schedule={**schedules[0], "full": True})
    told = await caller.refused("SetSchedule", schedule={**schedules[0], "connection": "nowhere"})
    assert told.reason == "CONNECTION_NOT_FOUND"
    page = await caller.do("ListSchedules", page_size=15)
    rest = await caller.do("ListSchedules", page_size=15, page_token=page.next_page_token)
    names = [each.schedule for each in (*page.schedules, *rest.schedules)]
    assert (names, rest.next_page_token) == (sorted(map(str, range(20))), "")
