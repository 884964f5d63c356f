"""Who may do what to whose rules: tenants are walled from one another, and roles are held."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.calling import refusal
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rules import Caller, Rules, rules
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Rules]:
    """A service on it."""
    async with rules(database) as running:
        yield running


# Every rpc that takes an identifier of something there.
NAMING: list[tuple[str, dict[str, Any]]] = [
    ("GetRule", {"rule": "theirs"}),
    ("UpdateRule", {"rule": {"rule": "theirs", "stores": ["s"]}}),
    ("DeleteRule", {"rule": "theirs"}),
    ("ReorderRules", {"rules": ["mine", "theirs"]}),
]


def renamed(value: Any) -> Any:
    """The same fields, naming what is nowhere."""
    if isinstance(value, dict):
        return {name: renamed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return "nobody" if value == "theirs" else value


async def test_what_is_anothers_is_as_good_as_absent(service: Rules) -> None:
    """Whatever rpc names it: another's rule cannot be told from one that is nowhere, nor another's limits from none."""
    owner, spy = service.caller("walled"), service.caller("spy")
    await owner.create("theirs", priority=5)
    await owner.do("SetStoreLimits", store_limits={"store": "s", "max_quantity": 1})
    await spy.create("mine")
    before = await owner.export()
    for method, fields in NAMING:
        there = str((await spy.refused(method, **fields)).to_record())
        nowhere = str((await spy.refused(method, **renamed(fields))).to_record())
        assert there.replace("theirs", "nobody") == nowhere, method
    assert not (await spy.do("GetStoreLimits", store="s")).store_limits.HasField("max_quantity")
    assert (await spy.create("same place", priority=5)).priority == 5
    assert await owner.export() == before


async def test_each_tenant_sees_only_its_own(service: Rules) -> None:
    """Lists, exports and watches of a tenant hold nothing of another, and its revisions are its own."""
    full, empty = service.caller("full"), service.caller("empty")
    await full.create("rule")
    await full.do("SetStoreLimits", store_limits={"store": "s", "max_quantity": 1})
    for method, field in (("ListRules", "rules"), ("ListStoreLimits", "store_limits")):
        answer = await empty.do(method)
        assert (len(getattr(answer, field)), answer.revision.number) == (0, 0)
    revision, state = await empty.export()
    assert (revision.number, state) == (0, {})
    call = empty.stream("WatchRules")
    assert (await call.read()).through.number == 0
    call.cancel()
    head = (await full.do("ListRules")).revision
    assert (await empty.refused("ListRules", freshness={"at_least": [head]})).reason == "REVISION_AHEAD"


async def test_two_tenants_may_use_the_same_names(service: Rules) -> None:
    """Identifiers, priorities, stores and request ids of tenants do not meet."""
    for tenant in ("one", "two"):
        caller = service.caller(tenant)
        made = await caller.do("CreateRule", rule={"rule": "r", "stores": ["s"], "priority": 1}, request_id="same")
        assert made.revision.number == 1
        limits = {"store": "s", "max_quantity": 1}
        assert (await caller.do("SetStoreLimits", store_limits=limits, request_id="same")).revision.number == 2


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE rules SET priority = 1 WHERE rule = 'b'", "rules_tenant_priority_key"),
        ("UPDATE rules SET priority = 0 WHERE rule = 'b'", "rules_priority_check"),
        ("UPDATE rules SET stores = '[]' WHERE rule = 'b'", "rules_stores_check"),
        ("UPDATE rules SET priority_store = 'elsewhere' WHERE rule = 'b'", "violates check constraint"),
        ("UPDATE rules SET priority_quantity = 1 WHERE rule = 'b'", "violates check constraint"),
        ("UPDATE rules SET rate_percent = 1001 WHERE rule = 'b'", "rules_rate_percent_check"),
        ("UPDATE rules SET rounding = 'AWAY' WHERE rule = 'b'", "rules_rounding_check"),
        ("UPDATE store_limits SET max_quantity = NULL", "violates check constraint"),
        ("UPDATE store_limits SET max_quantity = -1", "store_limits_max_quantity_check"),
    ],
)
async def test_the_tables_hold_the_laws_by_themselves(
    service: Rules, database: FreshDatabase, statement: str, fault: str
) -> None:
    """What the service would never write, Postgres does not keep: the second wall behind the rules."""
    caller = service.caller("kept")
    before = await caller.export()
    if not before[1]:
        await caller.create("a")
        await caller.create("b")
        await caller.do("SetStoreLimits", store_limits={"store": "s", "max_quantity": 1})
        before = await caller.export()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=fault):
        async with as_application(database, "kept") as connection:
            await connection.execute(statement)
    assert await caller.export() == before


async def test_a_new_order_passes_through_equal_priorities(service: Rules, database: FreshDatabase) -> None:
    """Two rules may have one priority while a commit is under way, and not at its end."""
    caller = service.caller("swapping")
    await caller.create("a")
    await caller.create("b")
    async with as_application(database, "swapping") as connection:
        await connection.execute("UPDATE rules SET priority = 2 WHERE rule = 'a'")
        await connection.execute("UPDATE rules SET priority = 1 WHERE rule = 'b'")
    assert await caller.order() == [("b", 1), ("a", 2)]


async def test_row_level_security_alone_holds(service: Rules, database: FreshDatabase) -> None:
    """Without any filter of the application nothing of another tenant is read, changed, removed or written."""
    caller = service.caller("victim")
    await caller.create("theirs")
    await caller.do("SetStoreLimits", store_limits={"store": "s", "max_quantity": 1})
    before = await caller.export()
    async with as_application(database, "thief") as connection:
        for table in ("rules", "store_limits", "changes", "requests"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"
        assert await connection.execute("UPDATE rules SET priority = 9") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with as_application(database, "thief") as connection:
            await connection.execute("INSERT INTO store_limits VALUES ('victim', 't', '[]', NULL, 1, 1)")
    assert await caller.export() == before


@pytest.mark.parametrize("role", ["READER", "OPERATOR", "ADMINISTRATOR"])
async def test_only_administrators_write(database: FreshDatabase, tmp_path: Path, role: str) -> None:
    """Readers and operators read, export and watch; only administrators change rules and limits."""
    signer = Signer()
    keys = write_key_set(tmp_path / "keys.json", signer)
    auth = AuthSettings(jwks=str(keys), issuer=ISSUER, audience=AUDIENCE)
    writes: list[tuple[str, dict[str, Any]]] = [
        ("CreateRule", {"rule": {"rule": role, "stores": ["s"]}}),
        ("UpdateRule", {"rule": {"rule": role, "stores": ["t"]}}),
        ("ReorderRules", {"rules": [role]}),
        ("DeleteRule", {"rule": role}),
        ("SetStoreLimits", {"store_limits": {"store": "s"}}),
    ]
    async with rules(database, auth=auth) as service:
        caller = service.caller(metadata=bearer(signer.token(tenant="roles", role=role)))
        await caller.do("ListRules")
        await caller.do("GetStoreLimits", store="s")
        await caller.export()
        watch = caller.stream("WatchRules")
        await watch.read()
        watch.cancel()
        for method, fields in writes:
            if role == "ADMINISTRATOR":
                await caller.do(method, **fields)
            else:
                told = await caller.refused(method, **fields)
                assert (told.kind, told.reason) == (Kind.FORBIDDEN, "ROLE_INSUFFICIENT")
        told = await refusal(Caller(service.channel).do("ListRules"))
        assert (told.kind, told.reason) == (Kind.UNAUTHENTICATED, "TOKEN_MISSING")


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
