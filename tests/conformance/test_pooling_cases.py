"""Cases, what was used in them and what was said: what is promised of them, in memory and on Postgres."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.kit.network import attempt
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.objects import Change, Configured, Decision, Key
from weir_chassis.configuration.ports import Tenants
from weir_chassis.database import Database
from weir_pooling.domain.cases import Case, CaseKind, CaseState, Comment, Period, Usage, Usages, UsageSum
from weir_pooling.domain.people import Actor
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling
from weir_pooling.store import postgres_pooling

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
ANN, HUB = Actor("ann", "ann"), Actor("hub", "ann")
OPEN = Case("c1", CaseKind.LOAN, "ann", HUB, NOON, "Surgery 😀", "St. Mary", "S-1")
CLOSED = Case("c2", CaseKind.CASE, "ann", ANN, NOON, state=CaseState.CLOSED, closed_by=HUB, close_time=NOON)
USED = Usage("c1", "u1", "ann", "acme", "NA'IL", "W1", "L1", "BOX", "hub", 10**9, HUB, NOON, 3, under_way=True)
SAID = Comment("c1", "w1", "ann", "See @bob and @hub.", "ann", NOON, ("bob", "hub"))
ALL = (OPEN, CLOSED, USED, SAID)


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_pooling") as fresh:
        yield fresh


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Tenants[Pooling]]:
    """What a database keeps, as the application's role."""
    settings = database.settings("weir_pooling")
    opened = await Database.open(database.url("weir_pooling"), schema="weir_pooling", settings=settings)
    try:
        yield postgres_pooling(opened)
    finally:
        await opened.close()


@pytest.fixture(params=["memory", "postgres"])
async def tenants(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Tenants[Pooling]]:
    """Each implementation."""
    if request.param == "memory":
        yield memory_pooling()
        return
    async with on_postgres(database) as kept:
        yield kept


async def write(tenants: Tenants[Pooling], *objects: Configured, tenant: str) -> None:
    """Store objects in one commit."""

    async def decide(_: Pooling) -> Decision[Configured]:
        return Decision(objects[0], tuple(map(Change, objects)))

    await tenants.once(attempt(tenant=tenant), decide)


async def test_what_is_written_is_read(tenants: Tenants[Pooling], tenant: str) -> None:
    """All of a case comes back as it was written, to the microsecond, also once it was opened again, and so it is told
    to those who follow."""
    await write(tenants, *ALL, tenant=tenant)
    again = replace(CLOSED, state=CaseState.OPEN, closed_by=None, close_time=None)
    await write(tenants, again, replace(USED, unmarked=10**9, under_way=False), tenant=tenant)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(Case) == [OPEN, again]
        assert await objects.select(Usage) == [replace(USED, unmarked=10**9, under_way=False)]
        assert await objects.select(Comment) == [SAID]
    history = await tenants.history(tenant, after=0, limit=1)
    assert [each.object for each in history.commits[0].changes] == list(ALL)


async def test_the_answer_of_a_mark_is_kept(tenants: Tenants[Pooling], tenant: str) -> None:
    """What a mark came to is answered alike at every arrival, with the version of each usage."""
    await write(tenants, OPEN, tenant=tenant)
    asked = attempt(tenant=tenant)

    async def decide(_: Pooling) -> Decision[Usages]:
        return Decision(Usages((USED,)), (Change(USED),))

    outcomes = [await tenants.once(asked, decide) for _ in range(2)]
    assert outcomes[0] == outcomes[1]
    assert [each.etag for each in outcomes[1].object.usages] == ["2"]


async def test_cases_are_found_by_what_they_have(tenants: Tenants[Pooling], tenant: str) -> None:
    """Of any of several persons, of a kind, in a state, at a facility; usages by their case and by several of their own
    identifiers; the newest first."""
    other = Case("c3", CaseKind.CASE, "cid", Actor("cid", "cid"), NOON)
    usages = [replace(USED, case=case, usage=f"u{number}") for case in ("c1", "c2") for number in range(3)]
    await write(tenants, OPEN, CLOSED, other, *usages, tenant=tenant)
    async with tenants.reading(tenant) as objects:
        mine = {"user": frozenset({"ann", "nobody"})}
        assert await objects.select(Case, mine, descending=True) == [CLOSED, OPEN]
        assert await objects.select(Case, {**mine, "kind": CaseKind.LOAN}) == [OPEN]
        assert await objects.select(Case, {"state": CaseState.CLOSED}) == [CLOSED]
        assert await objects.select(Case, {"facility": "St. Mary"}) == [OPEN]
        newest = await objects.select(Usage, mine, after=("c2", "u1"), limit=2, descending=True)
        assert [each.key for each in newest] == [("c2", "u0"), ("c1", "u2")]
        named = await objects.select(Usage, {"case": "c2", "usage": frozenset({"u0", "u2", "u9"})})
        assert [each.key for each in named] == [("c2", "u0"), ("c2", "u2")]


@pytest.mark.parametrize("seed", range(3))
async def test_both_count_alike(database: FreshDatabase, seed: int) -> None:
    """Any usages are summed up alike on Postgres and in memory, for any time, custodian and person, whole and page by
    page; and every unit that is still marked is counted once."""
    chance = random.Random(seed)
    kinds = list(CaseKind)
    cases = [Case(f"c{n}", chance.choice(kinds[:2]), chance.choice(("ann", "bob", "cid")), ANN, NOON) for n in range(8)]
    usages = [drawn(chance, chance.choice(cases), number) for number in range(120)]
    asked = [wanted(chance) for _ in range(12)]
    memory = memory_pooling()
    async with on_postgres(database) as kept:
        for tenants in (memory, kept):
            await write(tenants, *cases, *usages, tenant=f"seed {seed}")
        for period, persons in asked:
            whole = await summed(memory, f"seed {seed}", period, persons)
            assert await summed(kept, f"seed {seed}", period, persons) == whole
            assert await summed(kept, f"seed {seed}", period, persons, size=2) == whole
            meant = [each for each in usages if period.has(each)]
            mine = [each for each in meant if persons is None or {each.user, each.custodian} & persons]
            assert sum(each.quantity for each in whole) == sum(each.marked for each in mine)
            assert all(each.quantity > 0 for each in whole)


def drawn(chance: random.Random, case: Case, number: int) -> Usage:
    """A usage in a case, one of few kinds of goods, at one of few moments."""
    quantity = chance.randint(1, 4)
    return Usage(
        case.case,
        f"u{number:03}",
        case.user,
        chance.choice(("", "Acme", "acme")),
        chance.choice(("NAIL", "SAW")),
        chance.choice(("W1", "W2")),
        chance.choice(("", "L1")),
        "EACH",
        chance.choice((case.user, "hub", "Hub")),
        quantity,
        ANN,
        NOON + timedelta(minutes=chance.randint(0, 9)),
        chance.randint(0, quantity),
    )


def wanted(chance: random.Random) -> tuple[Period, frozenset[str] | None]:
    """Something to ask for, and for whom."""
    begin = NOON + timedelta(minutes=chance.randint(-1, 5))
    end = chance.choice((None, begin + timedelta(minutes=chance.randint(1, 9))))
    persons = chance.choice((None, frozenset({"ann"}), frozenset({"hub", "bob"}), frozenset()))
    return Period(begin, end, chance.choice(("", "", "hub")), chance.choice(("", "", "ann"))), persons


async def summed(
    tenants: Tenants[Pooling], tenant: str, period: Period, persons: frozenset[str] | None, size: int = 1000
) -> list[UsageSum]:
    """All sums, read in pages of so many."""
    found: list[UsageSum] = []
    after: Key = ()
    async with tenants.reading(tenant) as objects:
        while page := await objects.used(period, persons, after=after, limit=size):
            found += page
            after = page[-1].key
    return found


@pytest.mark.parametrize(
    ("objects", "key"),
    [
        ((OPEN, replace(USED, case="c9")), "usages_tenant_case_fkey"),
        ((OPEN, replace(SAID, case="c9")), "comments_tenant_case_fkey"),
        ((OPEN, replace(USED, quantity=0, unmarked=0)), "usages_quantity_check"),
        ((OPEN, replace(USED, unmarked=10**9 + 1)), "usages_check"),
        ((replace(CLOSED, closed_by=None),), "cases_check"),
        ((replace(OPEN, close_time=NOON),), "cases_check"),
    ],
)
async def test_the_tables_hold_the_laws_too(
    database: FreshDatabase, tenant: str, objects: tuple[Configured, ...], key: str
) -> None:
    """Whatever the rules let through: nothing is used or said in no case, no more is unmarked than was marked, and what
    is closed, and nothing else, was closed by somebody."""
    async with on_postgres(database) as kept:
        with pytest.raises(Exception, match=key):
            await write(kept, *objects, tenant=tenant)
