"""What of goods is on its way: what is promised of it, in memory and on Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.kit.network import attempt
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.configuration.ports import Tenants
from weir_chassis.database import Database
from weir_pooling.domain.deeds import Condition, Item
from weir_pooling.domain.people import Actor
from weir_pooling.domain.transfers import Line, State, Transfer
from weir_pooling.domain.views import Going
from weir_pooling.memory import memory_pooling
from weir_pooling.ports import Pooling
from weir_pooling.store import postgres_pooling

NAIL = Item('o"ws', "NÄ'IL 😀", "W\\1", "L1", "EACH", "hub")
SAW = NAIL._replace(sku="SAW")
HELD = NAIL._replace(condition=Condition.HOLD)
NOON, HUB = datetime(2026, 11, 22, 12, tzinfo=UTC), Actor("hub", "hub")
ONE = Transfer("t1", "hub", "ann", State.PENDING, (Line(NAIL, 5, 2), Line(SAW, 10**9)), HUB, NOON)


def in_state(state: State) -> Transfer:
    """The same transfer as it would stand in another state."""
    settled = state is not State.REQUESTED
    returned_by = HUB if state is State.RETURNED else None
    return replace(
        ONE, transfer=state, state=state, settled_by=HUB if settled else None, settle_time=NOON if settled else None,
        returned_by=returned_by,
    )  # fmt: skip


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_pooling") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def tenants(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Tenants[Pooling]]:
    """Each implementation."""
    if request.param == "memory":
        yield memory_pooling()
        return
    settings = database.settings("weir_pooling")
    opened = await Database.open(database.url("weir_pooling"), schema="weir_pooling", settings=settings)
    try:
        yield postgres_pooling(opened)
    finally:
        await opened.close()


async def test_what_is_on_its_way(tenants: Tenants[Pooling], tenant: str) -> None:
    """Units of transfers that are pending are told by stock item, less what was taken out of them, and of these those
    that go to the viewer; of others, and of other stock items, nothing is."""
    transfers = [
        ONE,
        replace(ONE, transfer="t2", lines=(Line(NAIL, 4),)),
        replace(ONE, transfer="t3", recipient="bob", lines=(Line(NAIL, 7), Line(HELD, 1, 1))),
        *(in_state(each) for each in State if each is not State.PENDING),
    ]

    async def decide(_: Pooling) -> Decision[Transfer]:
        return Decision(ONE, tuple(map(Change, transfers)))

    await tenants.once(attempt(tenant=tenant), decide)
    async with tenants.reading(tenant) as objects:
        assert await objects.going([NAIL, HELD], "ann") == {NAIL: Going(14, 7)}
        assert await objects.going([SAW, NAIL], "hub") == {SAW: Going(10**9, 0), NAIL: Going(14, 0)}
        assert await objects.going([NAIL._replace(custodian="ann"), NAIL._replace(lot="L2")], "ann") == {}
    async with tenants.reading(f"{tenant} elsewhere") as objects:
        assert await objects.going([NAIL], "ann") == {}
