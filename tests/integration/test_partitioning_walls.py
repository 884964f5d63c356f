"""Who may do what to whose policies: tenants are walled from one another, roles are held, and tables hold the laws."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.kit.calling import refusal
from tests.kit.dividing import epoch, kept, on_postgres
from tests.kit.partitioning import EQUAL, Caller, Partitioning, partitioning
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir.partitioning.v1 import policy_pb2 as pb
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Partitioning]:
    """A service on it."""
    async with partitioning(database) as running:
        yield running


@asynccontextmanager
async def as_application(database: FreshDatabase, tenant: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction of the application's role for a tenant, committed at the end of the block."""
    connection = await asyncpg.connect(database.url("weir_partitioning"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('search_path', 'weir_partitioning', true)")
            await connection.execute("SELECT set_config('weir.tenant', $1, true)", tenant)
            yield connection
    finally:
        await connection.close()


async def test_what_is_anothers_is_as_good_as_absent(service: Partitioning) -> None:
    """Whatever rpc names it: another tenant's policy cannot be told from one that is nowhere."""
    owner, spy = service.caller("walled"), service.caller("spy")
    await owner.create("theirs", priority=5)
    await spy.create("mine")
    before = await owner.export()

    def naming(name: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            ("GetPolicy", {"policy": name}),
            ("UpdatePolicy", {"policy": {"policy": name, "strategy": EQUAL}}),
            ("DeletePolicy", {"policy": name}),
            ("ReorderPolicies", {"policies": ["mine", name]}),
        ]

    for (method, there), (_, nowhere) in zip(naming("theirs"), naming("nobody"), strict=True):
        told = [str((await spy.refused(method, **fields)).to_record()) for fields in (there, nowhere)]
        assert told[0].replace("theirs", "nobody") == told[1], method
    assert (await spy.create("same place", priority=5)).priority == 5
    assert await owner.export() == before


async def test_each_tenant_sees_only_its_own(service: Partitioning) -> None:
    """Lists, exports and watches of a tenant hold nothing of another, and its revisions are its own."""
    full, empty = service.caller("full"), service.caller("empty")
    await full.create("theirs")
    answer = await empty.do("ListPolicies")
    assert (list(answer.policies), answer.revision.number) == ([], 0)
    revision, state = await empty.export()
    assert (revision.number, state) == (0, {})
    call = empty.stream("WatchPartitioning")
    assert (await call.read()).through.number == 0
    call.cancel()
    head = (await full.do("ListPolicies")).revision
    assert (await empty.refused("ListPolicies", freshness={"at_least": [head]})).reason == "REVISION_AHEAD"


async def test_two_tenants_may_use_the_same_names(service: Partitioning) -> None:
    """Identifiers, priorities and request ids of tenants do not meet."""
    asked = {"policy": {"policy": "p", "strategy": EQUAL, "priority": 1}, "request_id": "same"}
    for tenant in ("one", "two"):
        assert (await service.caller(tenant).do("CreatePolicy", **asked)).revision.number == 1


async def test_row_level_security_alone_holds(service: Partitioning, database: FreshDatabase) -> None:
    """Without any filter of the application nothing of another tenant is read, changed, removed or written."""
    caller = service.caller("victim")
    await caller.create("theirs")
    async with on_postgres(database) as divided:
        await kept(divided.epochs, "victim", epoch())
    before = await caller.export(), await caller.do("ListEpochs")
    async with as_application(database, "thief") as connection:
        for table in ("policies", "changes", "requests", "epochs", "supplies", "epoch_heads"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"
        assert await connection.execute("UPDATE policies SET priority = 9") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with as_application(database, "thief") as connection:
            await connection.execute("INSERT INTO changes VALUES ('victim', 9, 0, '', false)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        async with as_application(database, "thief") as connection:
            await connection.execute("INSERT INTO epoch_heads VALUES ('another victim', 9)")
    assert (await caller.export(), await caller.do("ListEpochs")) == before


BROKEN = [
    "priority = 1",
    "priority = 0",
    "priority = 1000001",
    "strategy = 'GUESS'",
    "mode = 'SOMETIMES'",
    "mode = 'BALANCED'",
    "mode = 'BALANCED', threshold_percent = 20",
    "mode = 'BALANCED', threshold_percent = 101, hysteresis_units = 1",
    "mode = 'BALANCED', threshold_percent = 20, hysteresis_units = -1",
    "mode = 'BALANCED', threshold_percent = 20, hysteresis_units = 1, enforce = true",
    "mode = 'BALANCED', threshold_percent = 20, hysteresis_units = 1, rebalance_seconds = 59",
    "mode = 'BALANCED', threshold_percent = 20, hysteresis_units = 1, demand_days = 30, damping_percent = 50",
    "threshold_percent = 20",
    "hysteresis_units = 1",
    "rebalance_seconds = 60",
    "strategy = 'DEMAND', parts = '[]', demand_days = 30, damping_percent = 50",
    """parts = '[{"channel_group": "g", "protected_percent": 1}]'""",
    "products = '{}'",
    "parts = '{}'",
    "parts = '[]'",
    "strategy = 'FIXED'",
    "strategy = 'WEIGHTED'",
    "buffer_units = 1",
    "buffer_percent = 1",
    "strategy = 'SAFETY_STOCK', parts = '[]', buffer_units = 1, buffer_percent = 1",
    "strategy = 'SAFETY_STOCK', parts = '[]', buffer_percent = 101",
    """parts = '[{"channel_group": "g", "percent": 101}]'""",
    """parts = '[{"channel_group": "g", "rank": -1}]'""",
    """parts = '[{"channel_group": "g", "weight": 1}]'""",
    """parts = '[{"channel_group": "g", "quantity": 1}]'""",
]
"""Changes of the second policy, a RANKED one of 40 %, that break a law."""


BROKEN_EPOCHS = [
    "UPDATE epochs SET epoch = 0",
    "UPDATE epochs SET reason = 'BOREDOM'",
    "UPDATE epochs SET reason = 'DISSOLVED'",
    "UPDATE epochs SET reason = 'DISSOLVED', policy = ''",
    "UPDATE epochs SET policy = ''",
    "UPDATE epochs SET supply = -1",
    "UPDATE epochs SET held_back = supply + 1",
    "UPDATE epochs SET held_back = -1",
    "UPDATE epochs SET scale = 0",
    "UPDATE epochs SET moved = -1",
    "UPDATE epochs SET shares = '{}'",
    "UPDATE epochs SET cleared = '{}'",
    "UPDATE epochs SET ledger_revision = -1",
    "UPDATE supplies SET epoch = 0",
    "UPDATE supplies SET enforced = epoch + 1",
    "UPDATE epoch_heads SET epoch = -1",
    "UPDATE epoch_heads SET forgotten = epoch + 1",
    "INSERT INTO epochs SELECT * FROM epochs",
    "INSERT INTO supplies SELECT * FROM supplies",
    "INSERT INTO epoch_heads SELECT * FROM epoch_heads",
]
"""What breaks a law of epochs."""


async def test_the_tables_of_epochs_hold_theirs(service: Partitioning, database: FreshDatabase) -> None:
    """No epoch gives away what there is not, is dissolved and shared at once or without a reason, or has the number of
    another."""
    async with on_postgres(database) as divided:
        await kept(divided.epochs, "dealt", epoch())
    before = await service.caller("dealt").do("ListEpochs")
    for broken in BROKEN_EPOCHS:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with as_application(database, "dealt") as connection:
                await connection.execute(broken)
    assert await service.caller("dealt").do("ListEpochs") == before


async def test_the_tables_hold_the_laws_by_themselves(service: Partitioning, database: FreshDatabase) -> None:
    """What the service would never write, Postgres does not keep: the second wall behind the rules."""
    caller = service.caller("kept")
    await caller.create("a")
    await caller.create("b", strategy=pb.STRATEGY_RANKED, parts=[{"channel_group": "g", "percent": 40, "minimum": 1}])
    before = await caller.export()
    for broken in BROKEN:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with as_application(database, "kept") as connection:
                await connection.execute(f"UPDATE policies SET {broken} WHERE policy = 'b'")
    assert await caller.export() == before


async def test_a_new_order_passes_through_equal_priorities(service: Partitioning, database: FreshDatabase) -> None:
    """Two policies may have one priority while a commit is under way, and not at its end."""
    caller = service.caller("swapping")
    await caller.create("a", "b")
    async with as_application(database, "swapping") as connection:
        await connection.execute("UPDATE policies SET priority = 2 WHERE policy = 'a'")
        await connection.execute("UPDATE policies SET priority = 1 WHERE policy = 'b'")
    assert await caller.order() == [("b", 1), ("a", 2)]


@pytest.mark.parametrize("role", ["READER", "OPERATOR", "ADMINISTRATOR"])
async def test_only_administrators_write(database: FreshDatabase, tmp_path: Path, role: str) -> None:
    """Readers and operators read, export and watch, operators may have supplies divided anew, and only administrators
    change policies."""
    signer = Signer()
    keys = write_key_set(tmp_path / "keys.json", signer)
    auth = AuthSettings(jwks=str(keys), issuer=ISSUER, audience=AUDIENCE)
    writes: list[tuple[str, dict[str, Any]]] = [
        ("CreatePolicy", {"policy": {"policy": role, "strategy": EQUAL}}),
        ("UpdatePolicy", {"policy": {"policy": role, "strategy": EQUAL, "disabled": True}}),
        ("ReorderPolicies", {"policies": [role]}),
        ("DeletePolicy", {"policy": role}),
    ]
    async with partitioning(database, auth=auth) as service:
        caller = service.caller(metadata=bearer(signer.token(tenant="roles", role=role)))
        await caller.do("ListPolicies")
        await caller.export()
        for rpc in ("WatchPartitioning", "WatchEpochs"):
            watch = caller.stream(rpc)
            await watch.read()
            watch.cancel()
        await caller.do("ListEpochs")
        told = await refusal(caller.stream("Rebalance").read())
        assert told.reason == ("ROLE_INSUFFICIENT" if role == "READER" else "PEER_AWAY")
        for method, fields in writes:
            if role == "ADMINISTRATOR":
                await caller.do(method, **fields)
            else:
                told = await caller.refused(method, **fields)
                assert (told.kind, told.reason) == (Kind.FORBIDDEN, "ROLE_INSUFFICIENT")
        told = await refusal(Caller(service.channel).do("ListPolicies"))
        assert (told.kind, told.reason) == (Kind.UNAUTHENTICATED, "TOKEN_MISSING")
