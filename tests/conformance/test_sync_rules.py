"""The port `Tenants` with rules and limits of stores in it: the same in memory and on Postgres."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Configured, Named
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.configuration.priorities import Order, Place
from weir_chassis.database import Database
from weir_chassis.errors import Refusal
from weir_chassis.idempotency import Attempt
from weir_sync.domain.rules import KINDS, Product, Rounding, Rule, StoreLimits
from weir_sync.handlers import rules as handlers
from weir_sync.store import postgres_sync

Asked = tuple[Callable[[Objects, Any], Any], Any]

create_rule = partial(handlers.create_rule, most=4)
_numbers = itertools.count()

FULL = Rule(
    "full",
    ("amazon", "web"),
    "All there is",
    (Product("", "TV"), Product("acme", "ra'dio 😀")),
    ("W1", "W2"),
    threshold=5,
    rate_percent=0,
    constant=-(10**9),
    rounding=Rounding.NEAREST,
    priority_store="web",
    priority_quantity=10**9,
    disabled=True,
    priority=7,
)
PLAIN = Rule("plain", ("web",))


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Tenants[Objects]]:
    """The rules of a database, as the application's role."""
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


async def write(tenants: Tenants[Objects], tenant: str, decide: Any, wanted: Any, request_id: str = "") -> Any:
    """What comes of a request, with its revision; raises its refusal."""
    attempt = Attempt(tenant, "/test", request_id or f"request {next(_numbers)}", b"one")
    outcome = await tenants.once(attempt, lambda objects: decide(objects, wanted))
    return outcome.object, outcome.revision


async def all_of(tenants: Tenants[Objects], tenant: str) -> list[tuple[Configured, str]]:
    """Every object of a tenant, with its etag."""
    async with tenants.reading(tenant) as objects:
        return [(each, each.etag) for kind in KINDS for each in await objects.select(kind)]


async def test_what_is_written_is_read(tenants: Tenants[Objects], tenant: str) -> None:
    """Rules and limits come back as they were written, to the last field, until they are removed."""
    limits = StoreLimits("web", (Product("", "TV"),), (), 0)
    largest = StoreLimits("amazon", max_quantity=10**9)
    for decide, wanted in (
        (create_rule, FULL),
        (create_rule, PLAIN),
        (handlers.set_store_limits, limits),
        (handlers.set_store_limits, largest),
    ):
        await write(tenants, tenant, decide, wanted)
    placed = Rule("plain", ("web",), priority=8)
    assert await all_of(tenants, tenant) == [(FULL, "1"), (placed, "2"), (largest, "4"), (limits, "3")]
    await write(tenants, tenant, handlers.delete_rule, Named(Rule, ("full",)))
    await write(tenants, tenant, handlers.set_store_limits, StoreLimits("web"))
    assert await all_of(tenants, tenant) == [(placed, "2"), (largest, "4")]


async def test_a_new_order_is_one_outcome_and_one_commit(tenants: Tenants[Objects], tenant: str) -> None:
    """Priorities are swapped though no two may be equal, told alike at every arrival, and watched as whole rules."""
    await write(tenants, tenant, create_rule, FULL)
    await write(tenants, tenant, create_rule, PLAIN)
    order = (Order((Place("plain", 1, "3"), Place("full", 2, "3"))), 3)
    assert await write(tenants, tenant, handlers.reorder_rules, ["plain", "full"], "order") == order
    await write(tenants, tenant, handlers.reorder_rules, ["full", "plain"])
    assert await write(tenants, tenant, handlers.reorder_rules, ["plain", "full"], "order") == order
    swapped, back = (await tenants.history(tenant, after=2, limit=9)).commits
    assert [(each.object.key, each.object.etag) for each in swapped.changes] == [(("plain",), "3"), (("full",), "3")]
    assert [each.object for each in back.changes] == [
        replace(FULL, priority=1),
        replace(PLAIN, priority=2),
    ]


async def test_places_are_given_once_though_writers_race(tenants: Tenants[Objects], tenant: str) -> None:
    """Of several that ask for one priority one gets it; those that name none get one each, up to the limit."""
    asked = [Rule(name, ("s",), priority=5) for name in "abc"]
    ended = await asyncio.gather(*(write(tenants, tenant, create_rule, each) for each in asked), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["RulePriorityTaken", "RulePriorityTaken", "tuple"]
    asked = [Rule(name, ("s",)) for name in "defgh"]
    ended = await asyncio.gather(*(write(tenants, tenant, create_rule, each) for each in asked), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["RulesExhausted"] * 2 + ["tuple"] * 3
    async with tenants.reading(tenant) as objects:
        assert sorted(each.priority for each in await objects.select(Rule)) == [5, 6, 7, 8]


@pytest.mark.parametrize("seed", range(3))
async def test_both_come_to_the_same(database: FreshDatabase, seed: int) -> None:
    """Any sequence of requests has the same outcomes, refusals, objects and history on Postgres as in memory."""
    async with on_postgres(database) as kept:
        tenant = f"seed {seed}"
        told = [await played(each, tenant, seed) for each in (kept, MemoryTenants(MemoryObjects))]
    assert told[0] == told[1]
    kinds = {type(outcome[0]) if isinstance(outcome, tuple) else outcome["reason"] for outcome in told[0][0]}
    assert {Rule, StoreLimits, Order, "RULE_EXISTS", "RULE_NOT_FOUND", "RULE_PRIORITY_TAKEN", "ETAG_STALE"} <= kinds


async def played(tenants: Tenants[Objects], tenant: str, seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """All outcomes of a sequence of requests, what is there in the end, and what led there."""
    chance, outcomes = random.Random(seed), []
    for _ in range(250):
        decide, wanted = asked(chance)
        try:
            outcomes.append(await write(tenants, tenant, decide, wanted))
        except Refusal as refusal:
            outcomes.append(refusal.to_record())
    history = await tenants.history(tenant, after=0, limit=250)
    commits = [
        (each.revision, each.changes, [change.object.etag for change in each.changes]) for each in history.commits
    ]
    return outcomes, await all_of(tenants, tenant), commits


def asked(chance: random.Random) -> Asked:
    """A request on few enough rules and priorities that many meet."""
    names = ["a", "B c", "😀"]
    products = tuple(sorted(Product("", sku) for sku in chance.sample(["1", "2", "'"], chance.randrange(3))))
    etag = chance.choice(["", "", "", "1"])
    rule = Rule(chance.choice(names), ("s",), products=products, priority=chance.randrange(6), etag=etag)
    limits = StoreLimits(
        chance.choice(names), products, chance.choice([None, (), products]), chance.choice([None, 0]), etag=etag
    )
    requests: list[Asked] = [
        (create_rule, rule),
        (create_rule, rule),
        (handlers.update_rule, rule),
        (handlers.delete_rule, Named(Rule, rule.key, etag)),
        (handlers.reorder_rules, chance.sample(names, 3)),
        (handlers.reorder_rules, chance.sample(names, chance.randrange(1, 4))),
        (handlers.set_store_limits, limits),
    ]
    return chance.choice(requests)
