"""Transfers and stocking orders: what is promised of them, in memory and on Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.kit.network import attempt
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.objects import Change, Configured, Decision, Where
from weir_chassis.configuration.ports import Tenants
from weir_chassis.database import Database
from weir_pooling.domain.deeds import Item
from weir_pooling.domain.people import Actor
from weir_pooling.domain.transfers import Line, State, StockingOrder, Transfer
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling
from weir_pooling.store import postgres_pooling

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
ANN, HUB = Actor("ann", "ann"), Actor("hub", "ann")
NAIL = Item("acme", "NA'IL 😀", "W1", "L1", "BOX", "hub")
ASKED = Transfer("t1", "hub", "ann", State.REQUESTED, (Line(NAIL, 3),), HUB, NOON, under_way="RequestTransfer")
RETURNED = Transfer(
    "t2", "ann", "hub", State.RETURNED, (Line(NAIL, 10**9, 7), Line(NAIL._replace(lot=""), 1)), ANN, NOON, "W2", True,
    "Late.", "Wet.", "", HUB, NOON, ANN, "r1",
)  # fmt: skip
ELSEWHERE = Transfer(
    "t3", "hub2", "cid", State.CANCELLED, (Line(NAIL, 1),), ANN, NOON, settled_by=ANN, settle_time=NOON
)
SHELVED = StockingOrder("s1", "hub", "ward", (Line(NAIL, 3),), HUB, NOON, "Now.", under_way=True)
ALL = (ASKED, RETURNED, ELSEWHERE, SHELVED)


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


async def write(tenants: Tenants[Pooling], *objects: Configured, tenant: str, deleted: bool = False) -> None:
    """Store objects, or remove them, in one commit."""

    async def decide(_: Pooling) -> Decision[Configured]:
        return Decision(objects[0], tuple(Change(each, deleted) for each in objects))

    await tenants.once(attempt(tenant=tenant), decide)


async def test_what_is_written_is_read(tenants: Tenants[Pooling], tenant: str) -> None:
    """Transfers and stocking orders come back as they were written, to the microsecond, until they are removed; and so
    does their history."""
    await write(tenants, *ALL, tenant=tenant)
    ended = replace(ASKED, state=State.ACCEPTED, under_way="", settled_by=HUB, settle_time=NOON)
    await write(tenants, ended, tenant=tenant)
    await write(tenants, SHELVED, tenant=tenant, deleted=True)
    async with tenants.reading(tenant) as objects:
        assert await objects.select(Transfer) == [ended, RETURNED, ELSEWHERE]
        assert await objects.get(Transfer, ("t2",)) == RETURNED
        assert await objects.select(StockingOrder) == []
    history = await tenants.history(tenant, after=0, limit=10)
    assert [[each.object for each in commit.changes] for commit in history.commits] == [[*ALL], [ended], [SHELVED]]


async def test_transfers_are_found_by_their_sides(tenants: Tenants[Pooling], tenant: str) -> None:
    """Transfers are found by either side or by both, and by their state, newest first, page by page."""
    await write(tenants, *ALL, tenant=tenant)
    await write(tenants, replace(ASKED, transfer="t9"), tenant=f"{tenant} 2")
    north = frozenset({"hub", "ann", "bob"})
    cases: list[tuple[Where, list[Transfer]]] = [
        ({"side": "ann"}, [RETURNED, ASKED]),
        ({"side": "cid"}, [ELSEWHERE]),
        ({"side": "bob"}, []),
        ({"sender": north, "recipient": north}, [RETURNED, ASKED]),
        ({"sender": frozenset({"ann"}), "recipient": north, "side": "hub"}, [RETURNED]),
        ({"sender": frozenset(), "recipient": north}, []),
        ({"state": State.CANCELLED}, [ELSEWHERE]),
    ]
    async with tenants.reading(tenant) as objects:
        for where, found in cases:
            assert await objects.select(Transfer, where, descending=True) == found, where
        first = await objects.select(Transfer, limit=2, descending=True)
        rest = await objects.select(Transfer, after=first[-1].key, limit=2, descending=True)
        assert [*first, *rest] == [ELSEWHERE, RETURNED, ASKED]
        assert await objects.select(StockingOrder, {"hub": frozenset({"hub"}), "facility": "ward"}) == [SHELVED]


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (replace(ASKED, recipient="hub"), "transfers_check"),
        (replace(ASKED, state=State.ACCEPTED), "transfers_check"),
        (replace(ASKED, settled_by=ANN, settle_time=NOON), "transfers_check"),
        (replace(RETURNED, returned_by=None), "transfers_check"),
    ],
)
async def test_the_tables_hold_the_laws_too(database: FreshDatabase, tenant: str, wrong: Transfer, law: str) -> None:
    """Whatever the rules let through: nobody sends to himself; what is settled says by whom and when, and nothing else
    does."""
    async with on_postgres(database) as kept:
        with pytest.raises(Exception, match=law):
            await write(kept, wrong, tenant=tenant)
