"""One outcome for each request id: recalled, refused when reused, kept over kills, forgotten in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.kit.postgres import FreshDatabase, PostgresForTests, server
from tests.kit.shelf import SCHEMA, VERSIONS
from weir_chassis.database import Database, draw, retrying
from weir_chassis.errors import DatabaseAway, EtagStale, Kind, Malformed, Refusal, RequestIdReused, Violation
from weir_chassis.idempotency import (
    Attempt,
    Outcome,
    fingerprint,
    once,
    outcome_of,
    outcome_text,
    purge,
    recall,
    record,
)

ADD = text("INSERT INTO shelves VALUES (:tenant, :shelf, 1)")
SHELVES = text("SELECT count(*) FROM shelves")


class ShelfTaken(Refusal):
    """There is such a shelf already."""

    kind = Kind.TAKEN
    reason = "SHELF_TAKEN"

    def __init__(self, shelf: str) -> None:
        super().__init__(f"There is a shelf '{shelf}'.", shelf=shelf)


@pytest.fixture(scope="module")
def fresh(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this module."""
    with postgres.fresh(SCHEMA, versions=VERSIONS) as made:
        yield made


@pytest.fixture
async def database(fresh: FreshDatabase) -> AsyncIterator[Database]:
    """The shelf service's database, emptied for each test."""
    owner = await asyncpg.connect(fresh.owner_url)
    await owner.execute("TRUNCATE weir_shelf.shelves, weir_shelf.requests, weir_shelf.tenants")
    await owner.close()
    opened = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
    yield opened
    await opened.close()


class AddShelf:
    """The work of a request: one shelf more; counts how often it was really done."""

    def __init__(self, shelf: str = "one", *, tenant: str = "a", refusal: Exception | None = None) -> None:
        """Raise `refusal`, if any, after the row was written."""
        self.shelf, self.tenant, self.refusal, self.done = shelf, tenant, refusal, 0

    async def __call__(self, connection: AsyncConnection) -> Outcome:
        self.done += 1
        await connection.execute(ADD, {"tenant": self.tenant, "shelf": self.shelf})
        if self.refusal is not None:
            raise self.refusal
        return Outcome({"shelf": self.shelf}, await draw(connection, self.tenant))


def attempt(request_id: str = "r-1", *, tenant: str = "a", method: str = "AddShelf", content: str = "one") -> Attempt:
    """One arrival of a request."""
    return Attempt(tenant, method, request_id, fingerprint(StringValue(value=content)))


async def shelves(database: Database, tenant: str = "a") -> int:
    """How many shelves the tenant has."""
    async with database.reading(tenant) as connection:
        number: int = (await connection.execute(SHELVES)).scalar_one()
        return number


async def test_a_repeated_request_has_the_first_outcome(database: Database) -> None:
    """The work is done once; answer and revision are the same every time."""
    work = AddShelf()
    first = await once(database, attempt(), work)
    assert first == Outcome({"shelf": "one"}, 1)
    assert await once(database, attempt(), work) == first
    assert (work.done, await shelves(database)) == (1, 1)


async def test_other_contents_under_the_same_id_are_refused(database: Database) -> None:
    """Also where the first outcome was a refusal; nothing is changed by it."""
    await once(database, attempt(), AddShelf())
    with pytest.raises(RequestIdReused):
        await once(database, attempt(content="two"), AddShelf("two"))
    with pytest.raises(ShelfTaken):
        await once(database, attempt("r-2"), AddShelf("three", refusal=ShelfTaken("three")))
    with pytest.raises(RequestIdReused):
        await once(database, attempt("r-2", content="two"), AddShelf("two"))
    assert await shelves(database) == 1


async def test_ids_are_unique_within_tenant_and_method(database: Database) -> None:
    """Another tenant or another method with the same id is another request."""
    await once(database, attempt(), AddShelf())
    await once(database, attempt(method="MakeShelf"), AddShelf("two"))
    await once(database, attempt(tenant="b"), AddShelf(tenant="b"))
    assert (await shelves(database, "a"), await shelves(database, "b")) == (2, 1)


async def test_a_definite_refusal_is_kept_and_its_work_undone(database: Database) -> None:
    """The refusal is the outcome for ever, though the world has changed; what was written before it is gone."""
    refused = AddShelf(refusal=ShelfTaken("one"))
    with pytest.raises(ShelfTaken) as first:
        await once(database, attempt(), refused)
    assert await shelves(database) == 0
    with pytest.raises(Refusal) as again:
        await once(database, attempt(), AddShelf())
    assert again.value.to_record() == first.value.to_record()
    assert (refused.done, await shelves(database)) == (1, 0)


@pytest.mark.parametrize("passing", [EtagStale(current="4"), Malformed([Violation("a", "Required.")]), KeyError("bug")])
async def test_what_may_pass_is_not_kept(database: Database, passing: Exception) -> None:
    """After a lost race, a malformed request or an accident the same id may succeed."""
    with pytest.raises(type(passing)):
        await once(database, attempt(), AddShelf(refusal=passing))
    assert await shelves(database) == 0
    assert (await once(database, attempt(), AddShelf())).revision == 1


async def test_arrivals_at_once_do_the_work_once(database: Database, fresh: FreshDatabase) -> None:
    """Twenty arrivals over two processes: one does the work, all get its outcome."""
    other = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
    work = AddShelf()
    outcomes = await asyncio.gather(*(once(where, attempt(), work) for where in [database, other] * 10))
    assert outcomes == [Outcome({"shelf": "one"}, 1)] * 20
    assert (work.done, await shelves(database)) == (1, 1)
    await other.close()


async def test_without_a_lock_the_key_of_the_table_decides(database: Database) -> None:
    """Two transactions that both recall nothing: the second one's insert fails, is done again, and recalls."""
    met = asyncio.Barrier(2)
    done = 0

    async def arrive() -> Outcome:
        nonlocal done
        async with database.tenant("a") as connection:
            known = await recall(connection, attempt())
            if known is not None:
                return known
            done += 1
            if done <= 2:
                await met.wait()
            outcome = Outcome({"number": done}, 1)
            await record(connection, attempt(), outcome)
        return outcome

    first, second = await asyncio.gather(retrying(arrive), retrying(arrive))
    assert first == second
    assert done == 2


async def test_the_outcome_survives_a_kill(postgres: PostgresForTests) -> None:
    """The server dies right after the commit, before the answer: the repeated request finds its outcome."""
    with server() as own, PostgresForTests(own).fresh(SCHEMA, versions=VERSIONS) as fresh:
        database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=fresh.settings(SCHEMA))
        work = AddShelf()
        first = await once(database, attempt(), work)
        await asyncio.to_thread(own.kill)
        with pytest.raises(DatabaseAway):
            await database.tenants()
        await asyncio.to_thread(own.start)
        assert await once(database, attempt(), work) == first
        assert work.done == 1
        await database.close()


async def test_old_outcomes_are_forgotten(database: Database) -> None:
    """By the database's clock, for every tenant; younger ones stay."""
    for tenant in ("a", "b"):
        await once(database, attempt("old", tenant=tenant), AddShelf("old", tenant=tenant))
        await once(database, attempt("new", tenant=tenant), AddShelf("new", tenant=tenant))
        async with database.tenant(tenant) as connection:
            await connection.execute(
                text("UPDATE requests SET recorded_at = now() - interval '2 days' WHERE request_id = 'old'")
            )
    assert await purge(database, keep_seconds=3 * 86_400) == 0
    assert await purge(database, keep_seconds=86_400) == 2
    again = AddShelf("again")
    assert (await once(database, attempt("new"), again)).revision == 2
    assert again.done == 0
    await once(database, attempt("old"), again)
    assert again.done == 1


def test_outcomes_read_back() -> None:
    """Answers of any plain shape, and refusals, come back as they went."""
    for answer in (None, "text", 7, [1, "a"], {"a": {"b": [None, True]}}, "quote ' \" \\ 日本"):
        assert outcome_of(outcome_text(Outcome(answer, 3)), 3) == Outcome(answer, 3)
    told = outcome_of(outcome_text(Outcome(refusal=ShelfTaken("one"))), None)
    assert told.refusal is not None
    assert told.refusal.to_record() == ShelfTaken("one").to_record()
    with pytest.raises(AssertionError):
        outcome_text(Outcome(refusal=EtagStale(current="1")))


def test_fingerprints_tell_contents_apart() -> None:
    """Equal contents have equal fingerprints whatever the order of a map; others differ."""
    one, two = Struct(), Struct()
    one.update({"a": 1, "b": 2})
    two.update({"b": 2})
    assert fingerprint(one) != fingerprint(two)
    two.update({"a": 1})
    assert fingerprint(one) == fingerprint(two)
    assert len(fingerprint(one)) == 16
