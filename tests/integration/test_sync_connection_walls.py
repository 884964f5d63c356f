"""Who may do what to whose connections; what the tables hold by themselves; and how it stands with each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.connections import ABILITIES, ConnectionCaller, Connections, connections, key_line, store, warehouse
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir.sync.v1 import connection_pb2
from weir_chassis.database import Database
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings
from weir_sync.domain.health import Breaker, BreakerState, Health
from weir_sync.store.health import PostgresHealths

SCHEDULE = {"connection": "theirs", "schedule": "theirs", "cron": "0 3 * * *"}
TABLES = ("connections", "schedules", "secrets", "connection_health", "master_switches")


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of one key."""
    made = tmp_path_factory.mktemp("secrets") / "keys"
    made.write_text(key_line("first"))
    return made


@pytest.fixture(scope="module")
async def service(database: FreshDatabase, file: Path) -> AsyncIterator[Connections]:
    """A service on the database."""
    async with connections(database, key_file=file) as running:
        yield running


async def filled(caller: ConnectionCaller) -> ConnectionCaller:
    """A tenant that has one of everything, each called `theirs`."""
    await caller.store("theirs")
    await caller.do("SetSecret", connection="theirs", name="token", value="canary")
    await caller.do("TestConnection", connection="theirs")
    await caller.do("SetSchedule", schedule=SCHEDULE)
    await caller.do("SetMasterSwitch", on=False)
    return caller


async def seen(caller: ConnectionCaller) -> list[Any]:
    """All that a tenant is told it has."""
    listed = await caller.do("ListConnections"), await caller.do("ListSchedules"), await caller.do("GetMasterSwitch")
    return [listed[0].connections, listed[1].schedules, listed[2].on]


# Every rpc that takes an identifier of something there.
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("GetConnection", {"connection": "theirs"}),
    ("UpdateConnection", {"connection": store("theirs")}),
    ("DeleteConnection", {"connection": "theirs"}),
    ("SetSecret", {"connection": "theirs", "name": "token", "value": "mine"}),
    ("TestConnection", {"connection": "theirs"}),
    ("SetSchedule", {"schedule": SCHEDULE}),
    ("DeleteSchedule", {"connection": "theirs", "schedule": "theirs"}),
]


def renamed(value: Any) -> Any:
    """The same fields, naming what is nowhere."""
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    return value.replace("theirs", "nobody") if isinstance(value, str) else value


async def test_what_is_anothers_is_as_good_as_absent(service: Connections) -> None:
    """Whatever rpc names it: another's connection cannot be told from one that is nowhere, nor is his channel taken."""
    owner, spy = await filled(service.caller("walled")), service.caller("spy")
    before = await seen(owner)
    for method, fields in NAMING:
        there = str((await spy.refused(method, **fields)).to_record())
        nowhere = str((await spy.refused(method, **renamed(fields))).to_record())
        assert there.replace("theirs", "nobody") == nowhere, method
    assert await seen(spy) == [[], [], True]
    await spy.store("mine", channel="channel of theirs")
    assert await seen(owner) == before


async def test_row_level_security_alone_holds(service: Connections, database: FreshDatabase) -> None:
    """Without any filter of the application nothing of another tenant is read, changed, removed or written."""
    owner = await filled(service.caller("victim"))
    before = await seen(owner)
    async with as_application(database, "thief") as connection:
        for table in TABLES:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"
        assert await connection.execute("UPDATE secrets SET sealed = 'x'") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with as_application(database, "thief") as connection:
            await connection.execute("INSERT INTO secrets VALUES ('victim', 'theirs', 'pin', 'k', 's', 1)")
    assert await seen(owner) == before


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE connections SET channel = ''", "connections_check"),
        ("UPDATE connections SET pull_stock = true", "connections_check"),
        ("UPDATE connections SET late_buffer_percent = 101", "connections_late_buffer_percent_check"),
        ("UPDATE connections SET channel = 'channel of theirs' WHERE connection = 'other'", "connections_by_channel"),
        ("UPDATE schedules SET interval_seconds = 60", "schedules_check"),
        ("UPDATE schedules SET cron = '', interval_seconds = 59", "schedules_interval_seconds_check"),
        ("UPDATE schedules SET connection = 'nowhere'", "violates foreign key constraint"),
        ("UPDATE secrets SET connection = 'nowhere'", "secrets_tenant_connection_fkey"),
        ("UPDATE connection_health SET state = 'BROKEN', since_at = now()", "connection_health_state_check"),
        ("UPDATE connection_health SET state = 'OPEN'", "connection_health_check"),
    ],
)
async def test_the_tables_hold_the_laws_by_themselves(
    service: Connections, database: FreshDatabase, statement: str, fault: str
) -> None:
    """What the service would never write, Postgres does not keep: the second wall behind the rules."""
    caller = service.caller("kept")
    if not (await seen(caller))[0]:
        await filled(caller)
        await caller.store("other")
    before = await seen(caller)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=fault):
        async with as_application(database, "kept") as connection:
            await connection.execute(statement)
    assert await seen(caller) == before


@pytest.mark.parametrize("role", ["READER", "OPERATOR", "ADMINISTRATOR"])
async def test_only_administrators_write(database: FreshDatabase, file: Path, tmp_path: Path, role: str) -> None:
    """Readers look, operators have others asked as well; only administrators change anything."""
    signer = Signer()
    auth = AuthSettings(jwks=str(write_key_set(tmp_path / "keys.json", signer)), issuer=ISSUER, audience=AUDIENCE)
    schedule = {"connection": role, "schedule": "s", "cron": "0 3 * * *"}
    writes: list[tuple[str, dict[str, Any]]] = [
        ("CreateConnection", {"connection": store(role)}),
        ("UpdateConnection", {"connection": store(role, display_name="Web")}),
        ("SetSecret", {"connection": role, "name": "token", "value": "canary"}),
        ("SetSchedule", {"schedule": schedule}),
        ("DeleteSchedule", {"connection": role, "schedule": "s"}),
        ("DeleteConnection", {"connection": role}),
        ("SetMasterSwitch", {"on": True}),
    ]
    async with connections(database, key_file=file, auth=auth) as service:
        caller = service.caller(metadata=bearer(signer.token(tenant="roles", role=role)))
        assert await seen(caller) == [[], [], True]
        told = await caller.refused("TestConnection", connection="nowhere")
        assert told.reason == ("ROLE_INSUFFICIENT" if role == "READER" else "CONNECTION_NOT_FOUND")
        for method, fields in writes:
            if role == "ADMINISTRATOR":
                await caller.do(method, **fields)
            else:
                refused = await caller.refused(method, **fields)
                assert (refused.kind, refused.reason) == (Kind.FORBIDDEN, "ROLE_INSUFFICIENT")


async def test_how_it_stands_is_kept_and_shown(service: Connections, database: FreshDatabase) -> None:
    """Each part by itself: the breaker with since when, the last report, whether it is late, what it can do."""
    caller = service.caller("health")
    await caller.store("web")
    await caller.warehouse("wms")
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    async with opened(database) as healths:
        assert await healths.health("health", ["web", "wms"]) == {}
        await healths.set_abilities("health", "web", ABILITIES)
        await healths.set_breaker("health", "web", Breaker(BreakerState.CLOSED))
        first = (await healths.health("health", ["web"]))["web"].since
        await healths.set_breaker("health", "web", Breaker(BreakerState.CLOSED, 1, None, "No answer."))
        kept = (await healths.health("health", ["web"]))["web"]
        assert (kept.since, kept.breaker) == (first, Breaker(BreakerState.CLOSED, 1, None, "No answer."))
        assert kept.abilities == ABILITIES
        await healths.set_breaker("health", "web", Breaker(BreakerState.OPEN, 5, moment, "No answer."))
        kept = (await healths.health("health", ["web", "wms"]))["web"]
        assert kept.since is not None
        assert first is not None
        assert kept.since > first
        for at in (moment, moment + timedelta(seconds=1), moment):
            await healths.reported("health", "wms", at)
        await healths.set_late("health", "wms", late=True)
        assert (await healths.health("health", ["wms"]))["wms"] == Health(
            reported_at=moment + timedelta(seconds=1), late=True
        )
    web, wms = (await caller.do("ListConnections")).connections
    assert (web.health.state, web.health.failures, web.health.error) == (
        connection_pb2.ConnectionHealth.STATE_OPEN,
        5,
        "No answer.",
    )
    assert (web.health.retry_time.seconds, web.abilities.name) == (int(moment.timestamp()), ABILITIES.name)
    assert (wms.health.late, wms.health.report_time.seconds) == (True, int(moment.timestamp()) + 1)
    assert (await caller.do("UpdateConnection", connection=warehouse())).connection.health == wms.health


async def test_nothing_is_kept_of_what_is_not_there(service: Connections, database: FreshDatabase) -> None:
    """A connection that is gone, or another tenant's, has no health, whoever still talks to it."""
    caller = service.caller("gone")
    await caller.store("web")
    async with opened(database) as healths:
        await healths.set_late("gone", "web", late=True)
        await caller.do("DeleteConnection", connection="web")
        for tenant in ("gone", "another"):
            await healths.set_breaker(tenant, "web", Breaker(BreakerState.CLOSED))
            await healths.set_abilities(tenant, "web", ABILITIES)
            await healths.reported(tenant, "web", datetime.now(UTC))
            await healths.set_late(tenant, "web", late=True)
            assert await healths.health(tenant, ["web"]) == {}


@asynccontextmanager
async def opened(database: FreshDatabase) -> AsyncIterator[PostgresHealths]:
    """How it stands with the connections of a database, as the application's role."""
    found = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        yield PostgresHealths(found)
    finally:
        await found.close()


@asynccontextmanager
async def as_application(database: FreshDatabase, tenant: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction of the application's role for `tenant`, committed at the end of the block."""
    connection = await asyncpg.connect(database.url("weir_sync"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('search_path', 'weir_sync', true)")
            await connection.execute("SELECT set_config('weir.tenant', $1, true)", tenant)
            yield connection
    finally:
        await connection.close()
