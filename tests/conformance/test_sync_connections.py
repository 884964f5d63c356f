"""The port `Tenants` with connections, secrets, schedules and the switch in it: the same in memory and on Postgres."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.kit.connections import Elsewhere
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Configured, Decision, Named
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.rules import written
from weir_chassis.database import Database
from weir_chassis.errors import Refusal
from weir_chassis.idempotency import Attempt
from weir_sync.connectors.making import Making
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
from weir_sync.handlers import connections as handlers
from weir_sync.handlers.connections import Connecting, KeptSecrets, SecretWish
from weir_sync.secrets import Keys, Place
from weir_sync.store import postgres_sync
from weir_sync.urls import Guard

Asked = tuple[Callable[[Objects, Any], Any], Any]

KINDS: tuple[type[Configured], ...] = (Connection, Secret, Schedule, MasterSwitch, LateFeed)
KEYS = Keys({"one": os.urandom(32)})
_numbers = itertools.count()

STORE = Connection(
    "shop",
    Role.STORE,
    ConnectorKind.SHOPIFY,
    "Shop 😀",
    {"address": "https://shop.example", "batch_max": "7"},
    channel="ch'annel",
    push_levels=True,
    take_orders=True,
)
WAREHOUSE = Connection(
    "wms",
    Role.WAREHOUSE,
    ConnectorKind.TRYTON,
    settings={"address": "https://wms.example"},
    facilities=(Facility("A", "W1"), Facility("😀", "W2")),
    pull_stock=True,
    feed=FeedTerms(True, LeftOut.ALL, True, "acme"),
    late_after_seconds=2_592_000,
    late_buffer_percent=100,
)


def connecting(tenants: Tenants[Objects]) -> Connecting:
    """What answers requests, for three connections at most."""
    return Connecting(Making(Elsewhere().sorts, KeptSecrets(tenants, lambda: KEYS), Guard()), 3)


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Tenants[Objects]]:
    """What a database keeps, as the application's role."""
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        yield postgres_sync(opened)
    finally:
        await opened.close()


@pytest.fixture(params=["memory", "postgres"])
async def tenants(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Tenants[Objects]]:
    """Each implementation."""
    if request.param == "memory":
        yield MemoryTenants(MemoryObjects)
        return
    async with on_postgres(database) as kept:
        yield kept


async def write(tenants: Tenants[Objects], tenant: str, decide: Any, wanted: Any) -> Any:
    """What comes of a request, with its revision; raises its refusal."""
    attempt = Attempt(tenant, "/test", f"request {next(_numbers)}", b"one")
    outcome = await tenants.once(attempt, lambda objects: decide(objects, wanted))
    return outcome.object, outcome.revision


async def put(objects: Objects, wanted: Configured) -> Decision[Configured]:
    """Have an object there that no request puts there."""
    return written(wanted, await objects.get(type(wanted), wanted.key))


async def all_of(tenants: Tenants[Objects], tenant: str) -> list[tuple[Any, str]]:
    """Every object of a tenant, with its etag; of a secret what it was before it was sealed."""
    async with tenants.reading(tenant) as objects:
        found = [each for kind in KINDS for each in await objects.select(kind)]
    opened = await KeptSecrets(tenants, lambda: KEYS).secrets(tenant, "shop")
    return [((each.key, opened.get(each.name)) if isinstance(each, Secret) else each, each.etag) for each in found]


async def test_what_is_written_is_read(tenants: Tenants[Objects], tenant: str) -> None:
    """All that is configured comes back as it was written, to the last field."""
    answering = connecting(tenants)
    schedule = Schedule("shop", "nightly", True, 0, "0 3 * * *", "Europe/Berlin", True)
    late = LateFeed("W1", "wms", 100)
    for decide, wanted in (
        (answering.create_connection, STORE),
        (answering.create_connection, WAREHOUSE),
        (handlers.set_schedule, schedule),
        (handlers.set_master_switch, MasterSwitch(on=False)),
        (put, late),
    ):
        assert (await write(tenants, tenant, decide, wanted))[0] == wanted
    assert await all_of(tenants, tenant) == [
        (STORE, "1"),
        (WAREHOUSE, "2"),
        (schedule, "3"),
        (MasterSwitch(on=False), "4"),
        (late, "5"),
    ]


async def test_what_rests_on_a_connection_goes_with_it(tenants: Tenants[Objects], tenant: str) -> None:
    """Its secrets, schedules and late feeds are gone in the same commit, which tells of all but the secrets."""
    answering = connecting(tenants)
    schedule, late = Schedule("shop", "often", interval_seconds=60), LateFeed("W1", "shop", 5)
    await write(tenants, tenant, answering.create_connection, STORE)
    await write(tenants, tenant, answering.set_secret, SecretWish(Place(tenant, "shop", "token"), "canary", KEYS))
    await write(tenants, tenant, handlers.set_schedule, schedule)
    await write(tenants, tenant, put, late)
    gone, revision = await write(tenants, tenant, handlers.delete_connection, Named(Connection, ("shop",)))
    assert (gone.connection, revision) == ("shop", 5)
    assert await all_of(tenants, tenant) == []
    (last,) = (await tenants.history(tenant, after=4, limit=9)).commits
    assert [(each.object.key, each.deleted) for each in last.changes] == [
        (("W1",), True),
        (("shop", "often"), True),
        (("shop",), True),
    ]


async def test_no_change_tells_a_secret(tenants: Tenants[Objects], tenant: str) -> None:
    """The stream of changes says that a secret was set, each time, and nothing of what it is."""
    answering = connecting(tenants)
    await write(tenants, tenant, answering.create_connection, STORE)
    place = Place(tenant, "shop", "token")
    for value in ("canary", "canary", ""):
        await write(tenants, tenant, answering.set_secret, SecretWish(place, value, KEYS))
    history = await tenants.history(tenant, after=1, limit=9)
    assert [[(type(each.object), each.object.etag) for each in commit.changes] for commit in history.commits] == [
        [(Connection, "2")],
        [(Connection, "3")],
        [(Connection, "4")],
    ]
    assert "canary" not in str(history)


@pytest.mark.parametrize("seed", range(2))
async def test_both_come_to_the_same(database: FreshDatabase, seed: int) -> None:
    """Any sequence of requests has the same outcomes, refusals, objects and history on Postgres as in memory."""
    async with on_postgres(database) as kept:
        tenant = f"seed {seed}"
        told = [await played(each, tenant, seed) for each in (kept, MemoryTenants(MemoryObjects))]
    assert told[0] == told[1]
    reasons = {outcome["reason"] for outcome in told[0][0] if isinstance(outcome, dict)}
    assert {"CONNECTION_EXISTS", "CONNECTION_NOT_FOUND", "CHANNEL_CONNECTED", "CONNECTION_ROLE"} <= reasons
    assert {"SETTINGS_INVALID", "SCHEDULE_NOT_FOUND", "ETAG_STALE", "CONNECTIONS_EXHAUSTED"} <= reasons


async def played(tenants: Tenants[Objects], tenant: str, seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """All outcomes of a sequence of requests, what is there in the end, and what led there."""
    chance, outcomes, answering = random.Random(seed), [], connecting(tenants)
    for _ in range(250):
        decide, wanted = asked(chance, tenant, answering)
        try:
            outcomes.append(await write(tenants, tenant, decide, wanted))
        except Refusal as refusal:
            outcomes.append(refusal.to_record())
    history = await tenants.history(tenant, after=0, limit=250)
    commits = [
        (each.revision, each.changes, [change.object.etag for change in each.changes]) for each in history.commits
    ]
    return outcomes, await all_of(tenants, tenant), commits


def asked(chance: random.Random, tenant: str, answering: Connecting) -> Asked:
    """A request on few enough connections and channels that many meet."""
    name, etag = chance.choice(["shop", "b", "C c", "😀"]), chance.choice(["", "", "", "1"])
    role = chance.choice([Role.STORE, Role.STORE, Role.WAREHOUSE])
    connection = Connection(
        name,
        role,
        ConnectorKind.SHOPIFY if role is Role.STORE else ConnectorKind.TRYTON,
        settings={"address": chance.choice(["https://one.example", "https://two.example", "https://10.0.0.1"])},
        channel=chance.choice(["a", "b", "c"]) if role is Role.STORE else "",
        etag=etag,
    )
    schedule = Schedule(name, chance.choice(["x", "y"]), interval_seconds=chance.choice([60, 90]), etag=etag)
    secret = SecretWish(Place(tenant, name, chance.choice(["token", "pin"])), chance.choice(["1234", "5678", ""]), KEYS)
    requests: list[Asked] = [
        (answering.create_connection, connection),
        (answering.create_connection, connection),
        (answering.update_connection, connection),
        (answering.set_secret, secret),
        (handlers.delete_connection, Named(Connection, connection.key, etag)),
        (handlers.set_schedule, schedule),
        (handlers.delete_schedule, Named(Schedule, schedule.key, etag)),
        (handlers.set_master_switch, MasterSwitch(on=chance.choice([True, False]))),
    ]
    return chance.choice(requests)
