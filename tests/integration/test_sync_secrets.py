"""Secrets over gRPC and Postgres: set and used, never told; sealed anew when keys change."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.connections import ConnectionCaller, Connections, connections, key_line, store
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rules import Caller as RuleCaller
from weir_chassis.database import Database
from weir_chassis.errors import Kind
from weir_sync.connectors.port import Denied
from weir_sync.secrets import KeyFile
from weir_sync.store.secrets import PostgresResealing
from weir_sync.worker.resealing import BATCH, reseal

CANARY = "c4n4ry-token"


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one key."""
    (tmp_path / "keys").write_text(key_line("first"))
    return tmp_path / "keys"


@pytest.fixture
async def service(database: FreshDatabase, file: Path) -> AsyncIterator[Connections]:
    """A service on the database with that file."""
    async with connections(database, key_file=file) as running:
        yield running


@pytest.fixture
def caller(service: Connections, request: pytest.FixtureRequest) -> ConnectionCaller:
    """A caller of a tenant that nobody else has."""
    return service.caller(request.node.name)


def add_key(file: Path) -> str:
    """Put a new key at the end of a file; what there was before."""
    before = file.read_text()
    file.write_text(before + key_line("second"))
    return before


def drop_keys(file: Path, before: str) -> None:
    """Leave only what was added to a file."""
    file.write_text(file.read_text().removeprefix(before))


def other_key(file: Path) -> None:
    """Leave only a key that nobody had."""
    file.write_text(key_line("other"))


async def dump(database: FreshDatabase) -> str:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute("SET search_path TO weir_sync")
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'weir_sync' ORDER BY 1")
        rows = []
        for (table,) in tables:
            found = await connection.fetch(f'SELECT t::text AS row FROM "{table}" t')
            rows += [f"{table}: {row['row']}" for row in found]
        return "\n".join(rows)
    finally:
        await connection.close()


def everywhere(secret: str) -> list[str]:
    """The forms in which a secret might lie about."""
    raw = secret.encode()
    return [secret, base64.b64encode(raw).decode()[:12], raw.hex(), secret.encode("utf-16-le").hex()]


async def test_no_secret_is_told_or_kept_as_it_is(
    caller: ConnectionCaller,
    service: Connections,
    database: FreshDatabase,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whoever reads answers, refusals, the stream of changes, log lines or every table finds no secret, nor what a
    digest without a key would give of it away.
    """
    told: list[Any] = [await caller.store(push_levels=True)]
    told += [await caller.do("SetSecret", connection="web", name="token", value=CANARY) for _ in range(2)]
    told.append(await caller.refused("SetSecret", connection="web", name="pin", value=CANARY))
    told.append(await caller.refused("SetSecret", connection="web", name="no such", value=CANARY))
    told.append(await caller.refused("SetSecret", connection="nowhere", name="token", value=CANARY))
    told.append(await caller.refused("SetSecret", connection="", name="\n", value=CANARY, request_id=""))
    told.append(await caller.refused("CreateConnection", connection=store("two", settings={"token": CANARY})))
    service.elsewhere.fault = Denied(f"Unknown: {CANARY}, {base64.b64encode(CANARY.encode()).decode()}")
    told.append(await caller.do("TestConnection", connection="web"))
    service.elsewhere.fault = None
    told.append(await caller.do("TestConnection", connection="web"))
    told += [await caller.do(method) for method in ("ListConnections", "ListSchedules")]
    told.append(await caller.do("GetConnection", connection="web"))
    watch = RuleCaller(service.channel, (("weir-tenant", request.node.name),)).stream("WatchRules")
    told.append(await watch.read())
    watch.cancel()
    assert service.elsewhere.made[0][0].token == CANARY  # and yet it is there
    rows = await dump(database)
    assert "secrets: " in rows
    written = capfd.readouterr()
    texts = [str(each.to_record()) if hasattr(each, "to_record") else str(each) for each in told]
    for form in everywhere(CANARY):
        assert not [text for text in texts if form in text]
        assert form not in rows
        assert form not in written.out + written.err


async def test_a_secret_is_write_only(caller: ConnectionCaller, service: Connections) -> None:
    """It is named once it is set, is another when it is set again, which its connection shows by its etag, and is gone
    when it is removed.
    """
    await caller.store()
    for value, names, etag in ((CANARY, ["token"], "2"), ("other", ["token"], "3"), ("", [], "4"), ("", [], "4")):
        done = await caller.do("SetSecret", connection="web", name="token", value=value)
        assert (list(done.connection.secret_names), done.connection.etag) == (names, etag)
        await caller.do("TestConnection", connection="web")
    assert [settings.token for settings, _ in service.elsewhere.made] == [CANARY, "other"]


async def test_names_and_values_are_judged_by_the_connector(caller: ConnectionCaller) -> None:
    """A secret that the kind does not have, or cannot read, is refused before it is kept."""
    await caller.store()
    for name, value, sentence in (
        ("key", "x", "No such secret."),
        ("pin", "four", "Give a whole number from 1000 to 9999."),
    ):
        told = await caller.refused("SetSecret", connection="web", name=name, value=value)
        assert (told.reason, told.metadata) == ("SETTINGS_INVALID", {"connection": "web", "kind": "SHOPIFY"})
        assert [(each.field, each.description) for each in told.violations] == [("value", sentence)]


async def test_a_request_comes_to_one_thing(caller: ConnectionCaller, file: Path) -> None:
    """Asked again it answers what it answered, by another key too; with another value it is refused."""
    await caller.store()
    asked = {"connection": "web", "name": "token", "value": CANARY, "request_id": "same"}
    first = await caller.do("SetSecret", **asked)
    add_key(file)
    assert await caller.do("SetSecret", **asked) == first
    told = await caller.refused("SetSecret", **{**asked, "value": "other"})
    assert told.reason == "REQUEST_ID_REUSED"


async def test_a_value_has_a_size(caller: ConnectionCaller) -> None:
    """As many characters as it may have are kept, lines and all; one more is refused."""
    await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value="ä\n" * 8192)
    told = await caller.refused("SetSecret", connection="web", name="token", value="x" * 16_385)
    assert (told.kind, [each.field for each in told.violations]) == (Kind.MALFORMED, ["value"])


async def test_without_a_key_no_secret_is_set(database: FreshDatabase, file: Path) -> None:
    """It is refused, and may be asked again under the same identifier once there is a key; what needs none goes on."""
    async with connections(database) as service:
        caller = service.caller("keyless")
        await caller.store()
        asked = {"connection": "web", "name": "token", "value": CANARY, "request_id": "same"}
        told = await caller.refused("SetSecret", **asked)
        assert (told.kind, told.reason) == (Kind.UNMET, "SECRET_KEY_MISSING")
        assert told.metadata == {"connection": "web", "secret": "token"}
        assert (await caller.refused("SetSecret", **{**asked, "connection": "nowhere"})).reason == (
            "CONNECTION_NOT_FOUND"
        )
        await caller.do("SetSecret", connection="web", name="token")
    async with connections(database, key_file=file) as service:
        await service.caller("keyless").do("SetSecret", **asked)
    async with connections(database) as service:
        tested = await service.caller("keyless").do("TestConnection", connection="web")
        assert tested.error == "There are secrets, and this installation was given no key to open them with."
        await service.caller("keyless").do("SetSecret", connection="web", name="token")


async def test_secrets_are_sealed_anew_by_the_newest_key(
    service: Connections, caller: ConnectionCaller, database: FreshDatabase, file: Path, request: pytest.FixtureRequest
) -> None:
    """After a new key all are sealed by it, more than fit into one batch too, and still what they were: the old key can
    go. One that is set meanwhile is left as it is.
    """
    tenant = request.node.name
    for number in range(3):
        await caller.store(f"web {number}")
        await caller.do("SetSecret", connection=f"web {number}", name="token", value=f"{CANARY} {number}")
    old = add_key(file)
    keys = KeyFile(file).keys()
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        kept = PostgresResealing(opened)
        before = await kept.stale(tenant, keys.newest, after=(), limit=BATCH)
        assert [each.key_id for each in before] == ["first"] * 3
        await caller.do("SetSecret", connection="web 0", name="token", value="another")
        assert not await kept.reseal(tenant, before[0], before[0])
        assert await reseal(kept, tenant, keys) == (2, 0)
        assert await reseal(kept, tenant, keys) == (0, 0)
    finally:
        await opened.close()
    drop_keys(file, old)
    for number in range(3):
        await caller.do("TestConnection", connection=f"web {number}")
    assert [settings.token for settings, _ in service.elsewhere.made] == ["another", f"{CANARY} 1", f"{CANARY} 2"]


async def test_a_secret_whose_key_is_gone_is_told(
    caller: ConnectionCaller, database: FreshDatabase, file: Path, request: pytest.FixtureRequest
) -> None:
    """It is named with its key, stands in nobody's way, and can be set anew."""
    await caller.store()
    await caller.do("SetSecret", connection="web", name="token", value=CANARY)
    other_key(file)
    tested = await caller.do("TestConnection", connection="web")
    assert tested.error == "The secret 'token' was sealed by the key 'first', which is gone."
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        assert await reseal(PostgresResealing(opened), request.node.name, KeyFile(file).keys()) == (0, 1)
    finally:
        await opened.close()
    await caller.do("SetSecret", connection="web", name="token", value=CANARY)
    assert (await caller.do("TestConnection", connection="web")).works


async def test_a_sealed_secret_holds_for_its_place_alone(
    caller: ConnectionCaller, service: Connections, database: FreshDatabase
) -> None:
    """Who can write to the database cannot have the secret of one connection used for another, say of an address of
    his own.
    """
    await caller.store("theirs")
    await caller.store("mine")
    for name in ("theirs", "mine"):
        await caller.do("SetSecret", connection=name, name="token", value=f"{CANARY} of {name}")
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "UPDATE weir_sync.secrets m SET sealed = s.sealed FROM weir_sync.secrets s"
            " WHERE m.connection = 'mine' AND s.connection = 'theirs'"
        )
    finally:
        await connection.close()
    tested = await caller.do("TestConnection", connection="mine")
    assert (tested.works, tested.error) == (False, "The secret 'token' is not as it was sealed.")
    assert service.elsewhere.made == []


def test_a_leak_would_be_noticed() -> None:
    """The control: what lies about in any of its forms is found."""
    for form in everywhere(CANARY):
        assert form in f"row: {form}, {os.urandom(3).hex()}"
