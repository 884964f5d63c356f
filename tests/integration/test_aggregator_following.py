"""The aggregator through outages, restarts, rebuilds and many tenants: behind at worst, never wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.kit.calling import refusal
from tests.kit.connecting import connect
from tests.kit.ledger import RECEIVE, item, ledger, movement
from tests.kit.market import SCHEMAS, Market, golden, market
from tests.kit.past import spread
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from weir_chassis.errors import Kind
from weir_chassis.settings import AuthSettings, ClientSettings
from weir_ledger.store.compaction import compact

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

BIKE: dict[str, Any] = {"product": {"sku": "BIKE"}, "channel": "shop-eu"}


@pytest.fixture
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database with the schemas of all contexts."""
    with postgres.fresh(*SCHEMAS) as fresh:
        yield fresh


async def health(services: Market) -> int:
    """What the aggregator says of itself."""
    async with connect(services.aggregator.address) as channel:
        stub: Any = HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
        return int(answer.status)


async def serving(services: Market) -> None:
    """Wait until the aggregator is healthy."""
    async with connect(services.aggregator.address) as channel:
        stub: Any = HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        async for answer in watch:
            if answer.status == SERVING:
                break
        watch.cancel()


async def test_healthy_only_when_caught_up(database: FreshDatabase) -> None:
    """Without all it follows it is NOT_SERVING and says NOT_CAUGHT_UP; it keeps trying until they are there."""
    async with market(database) as services:
        caller = services.caller()
        made = await golden(caller)
        for service in reversed(services.services):
            await service.end()
        await services.aggregator.begin()
        assert await health(services) == NOT_SERVING
        refused = await caller.refused("GetAvailability", seconds=0.5, **BIKE)
        assert (refused.kind, refused.reason) == (Kind.AWAY, "NOT_CAUGHT_UP")
        for service in (services.ledger, services.pooling, services.sync, services.sharing, services.partitioning):
            assert await health(services) == NOT_SERVING
            await service.begin()
        await serving(services)
        assert await caller.level("BIKE", "shop-eu", *made) == 180
        await caller.close()


async def test_killed_it_rebuilds(database: FreshDatabase) -> None:
    """It has no truth of its own: begun again it knows all that happened meanwhile, by export and by watch."""
    async with market(database) as services:
        caller = services.caller()
        made = await golden(caller)
        assert await caller.level("BIKE", "shop-eu", *made) == 180
        await services.aggregator.end()
        reserved = await caller.reserve("BIKE", "FR", 30)
        await services.aggregator.begin()
        await serving(services)
        assert await caller.level("BIKE", "shop-eu", reserved, made[1]) == 150
        assert await caller.level("BIKE", "shop-eu", await caller.reserve("BIKE", "FR", 1), made[1]) == 149
        await caller.close()


async def test_a_context_that_goes_away_leaves_it_answering_at_its_mark(database: FreshDatabase) -> None:
    """Stale but honest: it stays healthy, names the revisions it rests on, and catches up afterwards."""
    async with market(database) as services:
        caller = services.caller()
        made = await golden(caller)
        assert await caller.level("BIKE", "shop-eu", *made) == 180
        await services.ledger.end()
        answer = await caller.do("GetAvailability", **BIKE)
        assert (answer.level, list(answer.revisions)[:2]) == (180, list(made))
        assert await health(services) == SERVING
        added = await caller.write("CreateGroupLink", group_link={"warehouse_group": "us", "channel_group": "shop-eu"})
        assert await caller.level("BIKE", "shop-eu", made[0], added) == 260
        await services.ledger.begin()
        assert await caller.level("BIKE", "shop-eu", await caller.reserve("BIKE", "US", 10), added) == 250
        await caller.close()


async def test_a_restored_ledger_is_exported_anew(database: FreshDatabase) -> None:
    """Its epoch was raised: the watch is fenced, the books are read again, revisions of before are refused."""
    async with market(database) as services:
        caller = services.caller()
        before = await golden(caller)
        assert await caller.level("BIKE", "shop-eu", *before) == 180
        await services.ledger.end()
        connection = await asyncpg.connect(database.owner_url)
        await connection.execute("UPDATE weir_ledger.cluster SET epoch = epoch + 1")
        await connection.close()
        await services.ledger.begin()
        reserved = await caller.reserve("BIKE", "FR", 3)
        assert reserved.epoch == before[0].epoch + 1
        assert await caller.level("BIKE", "shop-eu", reserved, before[1]) == 177
        refused = await caller.refused("GetAvailability", freshness={"at_least": [before[0]]}, **BIKE)
        assert refused.reason == "REVISION_FOREIGN"
        await caller.close()


async def test_a_compacted_ledger_is_exported_anew(database: FreshDatabase) -> None:
    """What it missed of the books was put away before it could read on: the watch is refused, the books are read again,
    and it goes on from there."""
    async with market(database) as services:
        caller = services.caller()
        booked, linked = await golden(caller)
        assert await caller.level("BIKE", "shop-eu", booked, linked) == 180
        await services.ledger.end()
        async with ledger(database) as other:
            elsewhere = other.caller("acme")
            missed = await elsewhere.record(movement(RECEIVE, item("BIKE", "FR"), 7))
            owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "weir_ledger"})
            try:
                await spread(owner, "acme", 30, ended_days=65)
            finally:
                await owner.close()
            before = datetime.now(UTC).replace(day=1) - timedelta(days=1)
            assert await compact(database.owner_url, before) == [("acme", missed.revision.number)]
            refused = await refusal(elsewhere.watched(missed.revision.number, after=booked))
            assert refused.reason == "REVISION_COMPACTED"
        await services.ledger.begin()
        assert await caller.level("BIKE", "shop-eu", missed.revision, linked) == 187
        reserved = await caller.reserve("BIKE", "FR", 3)
        assert reserved.number == missed.revision.number + 1
        assert await caller.level("BIKE", "shop-eu", reserved, linked) == 184
        await caller.close()


async def test_no_more_tenants_than_it_may_hold(database: FreshDatabase) -> None:
    """One tenant too many is refused with the limit; those it holds are answered."""
    async with market(database, tenants_max=2) as services:
        first, second, third = (services.caller(tenant) for tenant in ("acme", "second", "third"))
        assert (await first.refused("GetAvailability", **BIKE)).reason == "CHANNEL_NOT_FOUND"
        assert (await second.refused("GetAvailability", **BIKE)).reason == "CHANNEL_NOT_FOUND"
        refused = await third.refused("GetAvailability", **BIKE)
        assert (refused.kind, refused.reason, refused.metadata) == (
            Kind.EXHAUSTED,
            "TENANTS_EXHAUSTED",
            {"limit": "2"},
        )
        assert (await second.refused("GetAvailability", **BIKE)).reason == "CHANNEL_NOT_FOUND"
        for caller in (first, second, third):
            await caller.close()


async def test_it_acts_for_each_tenant_with_its_own_token(database: FreshDatabase, tmp_path: Path) -> None:
    """With tokens on: a reader of a tenant sees that tenant; nobody enters without one."""
    signer = Signer()
    auth = AuthSettings(jwks=str(write_key_set(tmp_path / "keys.json", signer)), issuer=ISSUER, audience=AUDIENCE)
    token_file = tmp_path / "token"
    token_file.write_text(signer.token(tenant=None, role="SERVICE"))
    async with market(database, auth=auth, client=ClientSettings(token_file=token_file)) as services:
        owner = services.caller(metadata=bearer(signer.token(role="ADMINISTRATOR")))
        made = await golden(owner)
        reader = services.caller(metadata=bearer(signer.token(role="READER")))
        assert await reader.level("BIKE", "shop-eu", *made) == 180
        other = services.caller(metadata=bearer(signer.token(tenant="other", role="READER")))
        assert (await other.refused("GetAvailability", **BIKE)).reason == "CHANNEL_NOT_FOUND"
        stranger = services.caller(metadata=())
        assert (await stranger.refused("GetAvailability", **BIKE)).reason == "TOKEN_MISSING"
        for caller in (owner, reader, other, stranger):
            await caller.close()
