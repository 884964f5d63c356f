"""The port `Tenants` with policies in it: the same in memory and on Postgres."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import History, Named
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.priorities import Order, Place
from weir_chassis.database import Database
from weir_chassis.errors import Refusal, RequestIdReused
from weir_chassis.idempotency import Attempt
from weir_partitioning.domain import Mode, Part, Policy, Product, Strategy
from weir_partitioning.handlers import policies as handlers
from weir_partitioning.store import postgres_policies

create_policy = partial(handlers.create_policy, most=4)

EQUAL = Policy("equal", Strategy.EQUAL_DIVISION, priority=1)
FULL = [
    replace(EQUAL, products=(Product("", "TV"), Product("acme", "ra'dio 😀")), disabled=True, display_name="Ω"),
    Policy("held", Strategy.SAFETY_STOCK, parts=(Part("a", weight=10**6, cap=0),), buffer_units=10**9, priority=2),
    Policy("ranked", Strategy.RANKED, parts=(Part("b", 1, percent=60, minimum=10**9), Part("a", 2)), priority=3),
    Policy("fixed", Strategy.FIXED, parts=(Part("a", 10**6, quantity=10**9, cap=10**9),), priority=10**6, enforce=True),
]
MOVING = replace(
    EQUAL,
    strategy=Strategy.DEMAND,
    mode=Mode.BALANCED,
    parts=(Part("a", weight=10**6, protected_percent=100),),
    threshold_percent=100,
    hysteresis_units=10**9,
    rebalance_seconds=60.5,
    demand_days=365,
    damping_percent=99,
)
"""Every field of a policy, at its ends."""

_numbers = itertools.count()


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Tenants[Objects]]:
    """The policies of a database, as the application's role."""
    name = "weir_partitioning"
    opened = await Database.open(database.url(name), schema=name, settings=database.settings(name))
    try:
        yield postgres_policies(opened)
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


async def write(
    tenants: Tenants[Objects], tenant: str, decide: Any, wanted: Any, request_id: str = "", fingerprint: bytes = b"one"
) -> Any:
    """What comes of a request, with its revision; raises its refusal."""
    attempt = Attempt(tenant, "/test", request_id or f"request {next(_numbers)}", fingerprint)
    outcome = await tenants.once(attempt, lambda objects: decide(objects, wanted))
    return outcome.object, outcome.revision


async def all_of(tenants: Tenants[Objects], tenant: str) -> list[tuple[Policy, str]]:
    """Every policy of a tenant, with its etag."""
    async with tenants.reading(tenant) as objects:
        return [(each, each.etag) for each in await objects.select(Policy)]


async def test_what_is_written_is_read(tenants: Tenants[Objects], tenant: str) -> None:
    """Policies come back as they were written, to the last field, until they are removed; so does their history."""
    for policy in FULL:
        await write(tenants, tenant, create_policy, policy)
    assert await all_of(tenants, tenant) == [(FULL[0], "1"), (FULL[3], "4"), (FULL[1], "2"), (FULL[2], "3")]
    await write(tenants, tenant, handlers.update_policy, MOVING)
    await write(tenants, tenant, handlers.delete_policy, Named(Policy, ("held",)))
    assert await all_of(tenants, tenant) == [(MOVING, "5"), (FULL[3], "4"), (FULL[2], "3")]
    commits = (await tenants.history(tenant, after=0, limit=9)).commits
    assert [change.object for commit in commits for change in commit.changes] == [*FULL, MOVING, FULL[1]]
    assert [change.deleted for commit in commits for change in commit.changes] == [False] * 5 + [True]


async def test_a_request_id_has_one_outcome(tenants: Tenants[Objects], tenant: str) -> None:
    """A second arrival gets the first outcome without being decided; with other contents it is refused."""
    first = await write(tenants, tenant, create_policy, FULL[0], "once")
    await write(tenants, tenant, handlers.delete_policy, Named(Policy, FULL[0].key))
    assert await write(tenants, tenant, create_policy, FULL[0], "once") == first
    with pytest.raises(RequestIdReused):
        await write(tenants, tenant, create_policy, FULL[0], "once", b"two")


async def test_a_new_order_is_one_outcome_and_one_commit(tenants: Tenants[Objects], tenant: str) -> None:
    """Priorities are swapped though no two may be equal, told alike at every arrival, and watched as whole policies."""
    for policy in FULL[:2]:
        await write(tenants, tenant, create_policy, policy)
    order = (Order((Place("held", 1, "3"), Place("equal", 2, "3"))), 3)
    assert await write(tenants, tenant, handlers.reorder_policies, ["held", "equal"], "order") == order
    await write(tenants, tenant, handlers.reorder_policies, ["equal", "held"])
    assert await write(tenants, tenant, handlers.reorder_policies, ["held", "equal"], "order") == order
    swapped, back = (await tenants.history(tenant, after=2, limit=9)).commits
    assert [each.object for each in swapped.changes] == [replace(FULL[1], priority=1), replace(FULL[0], priority=2)]
    assert [each.object.etag for each in (*swapped.changes, *back.changes)] == ["3", "3", "4", "4"]


async def test_places_are_given_once_though_writers_race(tenants: Tenants[Objects], tenant: str) -> None:
    """Of several that ask for one priority one gets it; those that name none get one each, up to the limit."""
    asked = [replace(EQUAL, policy=name, priority=5) for name in "abc"]
    ended = await asyncio.gather(
        *(write(tenants, tenant, create_policy, each) for each in asked), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in ended) == ["PolicyPriorityTaken", "PolicyPriorityTaken", "tuple"]
    asked = [replace(EQUAL, policy=name, priority=0) for name in "defgh"]
    ended = await asyncio.gather(
        *(write(tenants, tenant, create_policy, each) for each in asked), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in ended) == ["PoliciesExhausted"] * 2 + ["tuple"] * 3
    assert sorted(each.priority for each, _ in await all_of(tenants, tenant)) == [5, 6, 7, 8]


async def test_tenants_are_walled(tenants: Tenants[Objects], tenant: str) -> None:
    """Each tenant has its own policies, priorities, revisions, request ids and history."""
    other = f"not {tenant}"
    await write(tenants, tenant, create_policy, EQUAL, "one")
    assert await all_of(tenants, other) == []
    assert (await tenants.history(other, after=0, limit=9)) == History(0, 0, ())
    theirs = replace(EQUAL, display_name="of the other")
    assert await write(tenants, other, create_policy, theirs, "one") == (theirs, 1)
    assert await all_of(tenants, tenant) == [(EQUAL, "1")]


@pytest.mark.parametrize("seed", range(3))
async def test_both_come_to_the_same(database: FreshDatabase, seed: int) -> None:
    """Any sequence of requests has the same outcomes, refusals, policies and history on Postgres as in memory."""
    async with on_postgres(database) as kept:
        told = [await played(each, f"seed {seed}", seed) for each in (kept, MemoryTenants(MemoryObjects))]
    assert told[0] == told[1]
    ends = {type(each[0]) if isinstance(each, tuple) else each["reason"] for each in told[0][0]}
    assert {Policy, Order, "POLICY_EXISTS", "POLICY_NOT_FOUND", "POLICY_PRIORITY_TAKEN", "ETAG_STALE"} <= ends


async def played(tenants: Tenants[Objects], tenant: str, seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """All outcomes of a sequence of requests, what is there in the end, and what led there; priorities are unique."""
    chance, outcomes = random.Random(seed), []
    for _ in range(200):
        decide, wanted = asked(chance)
        try:
            outcomes.append(await write(tenants, tenant, decide, wanted))
        except Refusal as refusal:
            outcomes.append(refusal.to_record())
    there = await all_of(tenants, tenant)
    assert len({each.priority for each, _ in there}) == len(there)
    history = (await tenants.history(tenant, after=0, limit=200)).commits
    return outcomes, there, [(each.revision, each.changes) for each in history]


def asked(chance: random.Random) -> tuple[Any, Any]:
    """A request on few enough policies and priorities that many meet."""
    names = ["a", "B c", "😀"]
    parts = tuple(Part(name, weight=chance.randrange(2)) for name in sorted(chance.sample(names, chance.randrange(3))))
    etag = chance.choice(["", "", "", "1"])
    name, priority, disabled = chance.choice(names), chance.randrange(6), chance.random() < 0.5
    wanted = Policy(name, Strategy.WEIGHTED, parts=parts, priority=priority, disabled=disabled, etag=etag)
    return chance.choice(
        [
            (create_policy, wanted),
            (create_policy, wanted),
            (handlers.update_policy, wanted),
            (handlers.delete_policy, Named(Policy, wanted.key, etag)),
            (handlers.reorder_policies, chance.sample(names, 3)),
            (handlers.reorder_policies, chance.sample(names, chance.randrange(1, 4))),
        ]
    )
