"""What becomes of requests about connections, and what their messages may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from weir.sync.v1 import connection_pb2 as pb
from weir.sync.v1 import connection_service_pb2 as service_pb
from weir_chassis import call
from weir_chassis.auth import Principal
from weir_chassis.auth import Role as CallerRole
from weir_chassis.errors import EtagStale, Malformed, Violation
from weir_sync.domain import connecting as rules
from weir_sync.domain import health
from weir_sync.domain.connections import (
    Connection,
    ConnectorKind,
    Facility,
    FeedTerms,
    LateFeed,
    LeftOut,
    MasterSwitch,
    Role,
    Schedule,
    Secret,
)
from weir_sync.domain.health import Abilities, Breaker, BreakerState, Health
from weir_sync.errors import (
    ChannelConnected,
    ConnectionExists,
    ConnectionNotFound,
    ConnectionOfRole,
    ConnectionsExhausted,
    SchedulesExhausted,
    SettingsInvalid,
)
from weir_sync.wire import connections as wire

WEB = Connection("web", Role.STORE, ConnectorKind.SHOPIFY, channel="web", secret_names=("pin",), etag="3")
OTHER = replace(WEB, connection="other")
TOKEN = Secret("web", "token", "one", "sealed")
OFTEN = Schedule("web", "often", interval_seconds=60, etag="4")
BAD = [Violation("connection.settings[address]", "Required.")]


def create(wanted: Connection = WEB, current: Connection | None = None, **given: Any) -> Any:
    """What becomes of a request to add a connection."""
    others: dict[str, Any] = {"faults": (), "teller": None, "count": 0, "most": 2, **given}
    return rules.create_connection(wanted, current, **others).object


def update(wanted: Connection, current: Connection | None = WEB, **given: Any) -> Any:
    """What becomes of a request to replace one."""
    others: dict[str, Any] = {"faults": (), "teller": None, **given}
    return rules.update_connection(wanted, current, **others)


def test_a_connection_is_added_where_nothing_stands_against_it() -> None:
    """Its name and channel are free, its settings do, and there is room; what stands against it is told in this
    order.
    """
    assert create(count=1) == WEB
    with pytest.raises(ConnectionExists):
        create(current=WEB, faults=BAD, teller=OTHER, count=2)
    with pytest.raises(SettingsInvalid) as refused:
        create(faults=BAD, teller=OTHER, count=2)
    assert refused.value.violations == tuple(BAD)
    with pytest.raises(ChannelConnected) as connected:
        create(teller=OTHER, count=2)
    assert connected.value.metadata == {"channel": "web", "connection": "other"}
    with pytest.raises(ConnectionsExhausted):
        create(count=2)


def test_a_connection_is_replaced_but_for_what_never_changes() -> None:
    """Role and kind stay, its secrets too; its own channel stands against nothing."""
    wanted = replace(WEB, display_name="Web", secret_names=(), etag="")
    assert update(wanted, teller=WEB).object == replace(WEB, display_name="Web")
    assert update(replace(WEB, secret_names=()), teller=WEB).changes == ()
    with pytest.raises(ConnectionNotFound):
        update(wanted, None)
    with pytest.raises(EtagStale):
        update(replace(wanted, etag="2"), faults=BAD)
    with pytest.raises(ConnectionOfRole):
        update(replace(wanted, role=Role.WAREHOUSE, channel=""), faults=BAD)
    with pytest.raises(SettingsInvalid, match="kind MEDUSA") as refused:
        update(replace(wanted, kind=ConnectorKind.MEDUSA), faults=BAD)
    assert [each.field for each in refused.value.violations] == ["connection.kind"]
    with pytest.raises(SettingsInvalid):
        update(wanted, faults=BAD)
    with pytest.raises(ChannelConnected):
        update(wanted, teller=OTHER)


def test_what_rests_on_a_connection_goes_before_it() -> None:
    """In the order given, and the connection last."""
    late = LateFeed("W1", "web", 5)
    done = rules.delete_connection(WEB, resting=(late, OFTEN, TOKEN))
    assert [(each.object, each.deleted) for each in done.changes] == [
        (late, True),
        (OFTEN, True),
        (TOKEN, True),
        (WEB, True),
    ]


def test_each_secret_makes_another_version() -> None:
    """Set for the first time or again, its connection changes with it; one that is not there is not removed."""
    done = rules.set_secret(WEB, TOKEN)
    assert (done.object.secret_names, [each.object for each in done.changes]) == (
        ("pin", "token"),
        [done.object, TOKEN],
    )
    again = rules.set_secret(done.object, TOKEN)
    assert (again.object, len(again.changes)) == (done.object, 2)
    gone = rules.remove_secret(done.object, TOKEN)
    assert (gone.object.secret_names, [each.deleted for each in gone.changes]) == (("pin",), [False, True])
    assert rules.remove_secret(WEB, None).changes == ()


def test_schedules_have_an_end() -> None:
    """The twenty-first is refused, one of the twenty is replaced."""
    assert rules.set_schedule(replace(OFTEN, etag=""), None, count=19).object == OFTEN
    with pytest.raises(SchedulesExhausted):
        rules.set_schedule(replace(OFTEN, etag=""), None, count=20)
    assert rules.set_schedule(replace(OFTEN, full=True), OFTEN, count=20).object.full
    with pytest.raises(EtagStale):
        rules.set_schedule(replace(OFTEN, etag="3"), OFTEN, count=20)


@pytest.mark.parametrize(
    ("on", "current", "changes"),
    [(True, None, 0), (False, None, 1), (False, MasterSwitch(on=False), 0), (True, MasterSwitch(on=False), 1)],
)
def test_the_switch_is_turned_where_it_stands_otherwise(on: bool, current: MasterSwitch | None, changes: int) -> None:
    """Nobody having touched it is on."""
    done = rules.set_master_switch(MasterSwitch(on=on), current)
    assert (done.object.on, len(done.changes)) == (on, changes)


@pytest.fixture(autouse=True)
def answering() -> Iterator[None]:
    """Requests are read within a call."""
    with call.acting(call.Call("/test", Principal("acme", "somebody", CallerRole.ADMINISTRATOR))):
        yield


def read(**fields: Any) -> Connection:
    """The connection of these fields, as it would be created."""
    asked = service_pb.CreateConnectionRequest(request_id="one", connection=pb.Connection(**fields))
    return wire.connection(asked)[1]


def read_store(**fields: Any) -> Connection:
    """The store of these fields."""
    return read(**{"connection": "web", "role": 1, "kind": 1, "channel": "web", **fields})


def read_warehouse(**fields: Any) -> Connection:
    """The warehouse of these fields."""
    return read(**{"connection": "wms", "role": 2, "kind": 8, **fields})


def read_schedule(**fields: Any) -> Schedule:
    """The schedule of these fields."""
    asked = service_pb.SetScheduleRequest(
        request_id="one", schedule=pb.Schedule(**{"connection": "web", "schedule": "s", **fields})
    )
    return wire.schedule(asked)[1]


def bad(reading: Any, **fields: Any) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(Malformed) as refused:
        reading(**fields)
    return [each.field.partition(".")[2] for each in refused.value.violations]


def test_what_is_not_said_has_its_default() -> None:
    """Nothing flows, no warehouse is ever late, figures are of available units but for those handed over."""
    assert read_store() == Connection("web", Role.STORE, ConnectorKind.SHOPIFY, channel="web")
    assert read_warehouse() == Connection("wms", Role.WAREHOUSE, ConnectorKind.TRYTON)
    assert read_warehouse().feed == FeedTerms(False, LeftOut.HANDED_OVER, False, "")


def test_facilities_are_put_in_order() -> None:
    """By their names, each once; several may be one location."""
    facilities = [{"facility": each, "location": "W"} for each in "ba"]
    assert read_warehouse(facilities=facilities).facilities == (Facility("a", "W"), Facility("b", "W"))
    assert bad(read_warehouse, facilities=facilities[:1] * 2) == ["facilities[1]"]


def test_what_only_the_other_role_has_is_refused() -> None:
    """A store has no facilities, a warehouse is told no levels: each such field is named."""
    of_warehouses = {
        "facilities": [{"facility": "a", "location": "W"}],
        "pull_stock": True,
        "feed": {},
        "late_after_duration": {"seconds": 60},
        "late_buffer_percent": 1,
    }
    assert bad(read_store, **of_warehouses) == list(of_warehouses)
    of_stores = {"channel": "web", "push_levels": True, "take_orders": True}
    assert bad(read_warehouse, **of_stores) == list(of_stores)
    assert bad(read_store, channel="") == ["channel"]


def test_settings_may_have_lines() -> None:
    """A setting is any text, such as certificates, but for what cannot be kept."""
    settings = {"tls_ca": "-----BEGIN\r\n\tEND-----\n", " 😀": "", "x": "y" * 4096}
    assert bad(read_store, settings=settings) == ["settings"]
    del settings[" 😀"]
    assert read_store(settings=settings).settings == settings
    assert bad(read_store, settings={"x": "y" * 4097, "z": "\0"}) == ["settings[x]", "settings[z]"]
    assert bad(read_store, settings={str(each): "" for each in range(101)}) == ["settings"]


def test_a_schedule_is_due_in_one_way() -> None:
    """Every so often or by the clock, whose zone stands beside it alone; one of both is required."""
    assert read_schedule(sync_interval={"seconds": 90, "nanos": 5}).interval_seconds == 90
    assert read_schedule(cron="0 3 * * *", time_zone="Europe/Berlin").time_zone == "Europe/Berlin"
    assert bad(read_schedule) == ["sync_interval"]
    assert bad(read_schedule, sync_interval={"seconds": 59}) == ["sync_interval"]
    assert bad(read_schedule, sync_interval={"seconds": 60}, time_zone="UTC") == ["time_zone"]
    assert bad(read_schedule, cron="never", time_zone="Nowhere") == ["cron", "time_zone"]
    assert bad(read_schedule, cron="") == ["cron", "cron"]


@pytest.mark.parametrize("kind", ConnectorKind)
def test_every_kind_can_be_asked_for(kind: ConnectorKind) -> None:
    """Each by its name, and it is told so again."""
    value = pb.ConnectorKind.Value(f"CONNECTOR_KIND_{kind}")
    found = read_store(kind=value)
    assert (found.kind, wire.to_connection(found, Health()).kind) == (kind, value)


def test_how_it_stands_is_told() -> None:
    """The breaker, when it is tried again, the last report; of what nobody knows nothing."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    breaker = Breaker(BreakerState.OPEN, 5, moment, "No answer.")
    told = wire.to_health(Health(breaker, moment, moment, late=True))
    assert (told.state, told.failures, told.error) == (pb.ConnectionHealth.STATE_OPEN, 5, "No answer.")
    assert {told.since_time.seconds, told.retry_time.seconds, told.report_time.seconds} == {int(moment.timestamp())}
    assert (told.late, wire.to_health(Health())) == (True, pb.ConnectionHealth())


def test_what_came_of_a_test_is_told() -> None:
    """It works where there is no error, and says what it can do."""
    told = wire.to_tested(health.Tested(7, abilities=Abilities("Shop", 50, 2, 3, compare_and_set=True, fenced=True)))
    assert (told.works, told.milliseconds, told.abilities.batch_max, told.abilities.burst) == (True, 7, 50, 3)
    assert (told.abilities.compare_and_set, told.abilities.reads_back, told.abilities.fenced) == (True, False, True)
    assert not wire.to_tested(health.Tested(7, "No.")).works
