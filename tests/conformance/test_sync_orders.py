"""The port `Orders`: the same in memory and on Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from tests.kit.listings import SHOP, in_memory, on_postgres
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.store_orders import World, key, sold, world
from weir_chassis.database import Database
from weir_chassis.errors import Refusal, RequestIdReused
from weir_sync.connectors.port import SoldOrder
from weir_sync.domain.orders import OrderState, Point, Promised, StoreOrder
from weir_sync.errors import StoreOrderChanged
from weir_sync.memory.orders import MemoryOrders
from weir_sync.store.orders import PostgresOrders

DONE = Promised("reservation", {}, Point("c", 1, 7))


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@pytest.fixture(params=["memory", "postgres"])
async def here(request: pytest.FixtureRequest, database: FreshDatabase, tenant: str) -> AsyncIterator[World]:
    """Each implementation."""
    if request.param == "memory":
        yield await world(in_memory(), MemoryOrders(), tenant=tenant)
        return
    settings = database.settings("weir_sync")
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=settings)
    try:
        async with on_postgres(database) as kept:
            yield await world(kept, PostgresOrders(opened), tenant=tenant)
    finally:
        await opened.close()


async def reported(here: World, tenant: str, order: SoldOrder, hold_seconds: float = 0) -> StoreOrder:
    """Write a report down, and do nothing more."""
    wanted = await here.desk.wanted(tenant, SHOP.connection, order)
    return await here.orders.report(tenant, wanted, hold_seconds=hold_seconds)


async def test_an_order_is_kept_as_it_was_reported(here: World, tenant: str) -> None:
    """What is written down is what is read, and a further report changes nothing of it."""
    order = sold("#1", ("A", 2), ("B", 1), ("A", 1))
    wanted = await here.desk.wanted(tenant, SHOP.connection, order)
    first = await here.orders.report(tenant, wanted, hold_seconds=0)
    same = {"place": first.place, "reported_at": first.reported_at}
    assert first == replace(wanted, **same)  # type: ignore[arg-type]
    assert await reported(here, tenant, order) == first
    assert await here.orders.get(tenant, key("#1")) == first
    assert await here.orders.get("another tenant", key("#1")) is None
    with pytest.raises(StoreOrderChanged):
        await reported(here, tenant, sold("#1", ("A", 4)))


async def test_orders_are_held_by_one(here: World, tenant: str) -> None:
    """Who takes an order has it to himself until the hold is over; what is settled nobody takes."""
    for name in ("#1", "#2", "#3"):
        await reported(here, tenant, sold(name, ("A", 1)))
    first = await here.orders.take(tenant, hold_seconds=60, limit=2)
    rest = await here.orders.take(tenant, hold_seconds=0, limit=9)
    assert [*first, *rest] == [key(name) for name in ("#1", "#2", "#3")]
    assert await here.orders.take(tenant, hold_seconds=60, limit=9) == [key("#3")]
    tried = await here.orders.trying(tenant, key("#1"), hold_seconds=60)
    assert tried is not None
    assert (tried.tries, tried.tried_at is not None) == (1, True)
    done = await here.orders.promised(tenant, key("#1"), DONE, hold_seconds=60)
    assert (done.state, done.settled_at) == (OrderState.PROMISED, DONE.revision)
    assert await here.orders.trying(tenant, key("#1"), hold_seconds=0) is None
    again = await here.orders.promised(tenant, key("#1"), DONE._replace(reservation="another"), hold_seconds=60)
    assert again.reservation == "reservation"


async def test_what_failed_is_left_alone_for_a_while(here: World, tenant: str) -> None:
    """The error is kept until it works, and nobody takes the order before the pause is over."""
    await reported(here, tenant, sold("#1", ("A", 1)))
    terms = {"error": "Not now.", "concern": None, "channel": ""}
    await here.orders.failed(tenant, key("#1"), pause_seconds=60, **terms)  # type: ignore[arg-type]
    assert await here.orders.take(tenant, hold_seconds=0, limit=9) == []
    await here.orders.failed(tenant, key("#1"), pause_seconds=0, **{**terms, "channel": "other"})  # type: ignore[arg-type]
    assert await here.orders.take(tenant, hold_seconds=0, limit=9) == [key("#1")]
    found = await here.orders.get(tenant, key("#1"))
    assert found is not None
    assert (found.error, found.channel) == ("Not now.", "other")
    assert (await here.orders.promised(tenant, key("#1"), DONE, hold_seconds=0)).error == ""


async def test_a_cancelled_order_is_due_until_it_is_released(here: World, tenant: str) -> None:
    """What was never tried is cancelled at once; what was tried is promised and given up."""
    await reported(here, tenant, sold("#1", ("A", 1)))
    at_once = await reported(here, tenant, sold("#1", ("A", 1), cancelled=True))
    assert at_once.state is OrderState.CANCELLED
    assert await here.orders.take(tenant, hold_seconds=0, limit=9) == []
    await reported(here, tenant, sold("#2", ("A", 1)))
    await here.orders.trying(tenant, key("#2"), hold_seconds=60)
    later = await reported(here, tenant, sold("#2", ("A", 1), cancelled=True))
    assert (later.state, later.promises, later.releases) == (OrderState.REPORTED, True, True)
    assert await here.orders.take(tenant, hold_seconds=0, limit=9) == [key("#2")]
    done = await here.orders.promised(tenant, key("#2"), DONE, hold_seconds=0)
    assert (done.cancelled, done.due) == (True, True)
    gone = await here.orders.released(tenant, key("#2"), Point("c", 1, 8))
    assert (gone.state, gone.settled_at) == (OrderState.CANCELLED, Point("c", 1, 8))
    assert await here.orders.take(tenant, hold_seconds=0, limit=9) == []


async def test_what_is_short_is_found_until_it_is_covered(here: World, tenant: str) -> None:
    """Orders that are short are given by place, with what is missing of each line, until that has come."""
    for name in ("#1", "#2"):
        await reported(here, tenant, sold(name, ("A", 3), ("B", 1)))
        done = DONE._replace(short={0: 2}) if name == "#2" else DONE
        await here.orders.promised(tenant, key(name), done, hold_seconds=0)
    [found] = await here.orders.short(tenant, after=0, limit=9)
    assert (found.key, [line.short for line in found.lines]) == (key("#2"), [2, 0])
    assert await here.orders.short(tenant, after=found.place, limit=9) == []
    await here.orders.covered(tenant, [key("#1"), key("#2")])
    assert await here.orders.short(tenant, after=0, limit=9) == []
    covered = await here.orders.get(tenant, key("#2"))
    assert covered is not None
    assert (covered.state, covered.lines[0].short) == (OrderState.PROMISED, 2)


async def test_orders_come_in_pages(here: World, tenant: str) -> None:
    """Newest first, before a place, of a connection and in a state."""
    for name in ("#1", "#2", "#3"):
        await reported(here, tenant, sold(name, ("A", 1), cancelled=name == "#2"))
    first = await here.orders.page(tenant, before=None, limit=2)
    rest = await here.orders.page(tenant, before=first[-1].place, limit=2)
    assert [each.key.store_order for each in (*first, *rest)] == ["#3", "#2", "#1"]
    cancelled = await here.orders.page(tenant, state=OrderState.CANCELLED, before=None, limit=9)
    assert [each.key for each in cancelled] == [key("#2")]
    assert await here.orders.page(tenant, connection="other", before=None, limit=9) == []


async def test_a_request_has_one_outcome(here: World, tenant: str) -> None:
    """The same request is one report, another one under its id is refused, and so is a refusal again."""
    order = sold("#1", ("A", 1))
    first = await here.report(order, "one", tenant=tenant)
    assert await here.report(order, "one", tenant=tenant) == first
    assert here.books.asked == 1
    with pytest.raises(RequestIdReused):
        await here.report(sold("#2", ("A", 1)), "one", tenant=tenant)
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            await here.report(sold("#1", ("A", 2)), "two", tenant=tenant)
        assert refused.value.reason == StoreOrderChanged.reason
