"""Both views over real gRPC, Postgres and a real ledger: what stores are told, and what warehouses reported beside what
the ledger has.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.activity import Activity, ActivityCaller, activity
from tests.kit.ledger import RECEIVE, Caller, Ledger, item, ledger, movement
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir.common.v1 import stock_pb2
from weir_chassis.client import Peer
from weir_sync.peers.counting import PeerCounting
from weir_sync.store.views import PostgresViews
from weir_sync.worker.periods import end

PENDING, SUCCEEDED, FAILED = 1, 2, 3
LINE = """
INSERT INTO stock_lines
    (tenant, connection, sku, facility, lot, uom, quantity, reported_at, pull, location, owner, product, fault)
VALUES ($1, 'wms', $2, $3, $4, 'EACH', $5, now(), 1, $6, '', $7, $8)
"""
ORDER = """
INSERT INTO store_orders (tenant, connection, store_order, name, channel, rule, cancelled, state, reservation,
    ledger_cluster, ledger_epoch, ledger_revision)
VALUES ($1, 'web', $2, $2, 'channel of web', '', false, $3, $4, $5, $6, $7)
"""
ORDER_LINE = """
INSERT INTO store_order_lines (tenant, connection, store_order, line, store_sku, owner, sku, quantity)
VALUES ($1, 'web', $2, 1, $3, '', $3, $4)
"""


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests."""
    with postgres.fresh("weir_sync", "weir_ledger") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def books(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """A ledger on it."""
    async with ledger(database) as running:
        yield running


@pytest.fixture(scope="module")
async def service(database: FreshDatabase, books: Ledger) -> AsyncIterator[Activity]:
    """A sync service on it."""
    async with activity(database, ledger_target=books.server.address) as running:
        yield running


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant that nobody else has."""
    return str(request.node.name)


@pytest.fixture
def caller(service: Activity, tenant: str) -> ActivityCaller:
    """A caller of the tenant."""
    return service.caller(tenant)


@pytest.fixture
def stock(books: Ledger, tenant: str) -> Caller:
    """A caller of the ledger."""
    return books.caller(tenant)


async def skus(caller: ActivityCaller, **fields: Any) -> list[str]:
    """What is in the channel view."""
    rows = await caller.pages("ListChannelRows", "rows", page_size=2, **fields)
    return [f"{each.connection} {each.store_sku}" for each in rows]


async def reported(service: Activity, tenant: str, *lines: tuple[str, str, str, int, str, str, str]) -> None:
    """Lines as a feed would have kept them: SKU, facility, lot, units, location, product and fault."""
    async with service.writing(tenant) as driver:
        await driver.execute("INSERT INTO feeds (tenant, connection) VALUES ($1, 'wms') ON CONFLICT DO NOTHING", tenant)
        for line in lines:
            await driver.execute(LINE, tenant, *line)


async def test_a_listing_is_shown_as_it_stands(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Level, what was told and when, what became of it, and what was sold: each as it is."""
    await service.level(tenant, "web", "TV", 5, told=3, status="FAILED", error="No such SKU.", unreported=2)
    await service.level(tenant, "web", "new", 7, status="PENDING")
    new, row = (await caller.do("ListChannelRows")).rows[::-1]
    assert (row.connection, row.store_sku, row.product.sku, row.level, row.told) == ("web", "TV", "TV", 5, 3)
    assert (row.status, row.error, row.unreported, row.reserved, row.verified) == (FAILED, "No such SKU.", 2, 0, False)
    assert row.HasField("tell_time")
    assert (new.level, new.status, new.HasField("told"), new.HasField("tell_time")) == (7, PENDING, False, False)


async def test_listings_are_found_by_what_they_have(service: Activity, caller: ActivityCaller, tenant: str) -> None:
    """Each filter leaves what has what it names, in order of connection and SKU; what is told nothing is no row."""
    await service.level(tenant, "web", "A", 5, told=5)
    await service.level(tenant, "web", "B", 5, told=4, status="PENDING")
    await service.level(tenant, "web", "C", 5, told=5, status="FAILED")
    await service.level(tenant, "shop", "A", 5, told=5)
    await service.level(tenant, "shop", "kept back", 5, told=3, unreported=2, status="PENDING")
    await service.level(tenant, "web", "denied", None, told=5)
    assert await skus(caller) == ["shop A", "shop kept back", "web A", "web B", "web C"]
    assert await skus(caller, connection="web") == ["web A", "web B", "web C"]
    assert await skus(caller, status=FAILED) == ["web C"]
    assert await skus(caller, status=SUCCEEDED, connection="web") == ["web A"]
    assert await skus(caller, product={"sku": "A"}) == ["shop A", "web A"]
    assert await skus(caller, differing=True) == ["web B"]
    assert await skus(service.caller(f"{tenant} too")) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.sets(st.integers(0, 30), min_size=1, max_size=10),
    later=st.sets(st.integers(0, 30), max_size=10),
    size=st.integers(1, 4),
)
async def test_every_listing_is_on_one_page(
    service: Activity, tenant: str, first: set[int], later: set[int], size: int
) -> None:
    """Whatever is listed while somebody turns pages, each row that was there at first is shown once, in order."""
    mine = f"{tenant} {sorted(first)} {sorted(later)} {size}"
    for number in first:
        await service.level(mine, "web", f"{number:02}", 1, told=1)
    pages, shown, token, left = service.caller(mine), [], "", sorted(later - first)
    while True:
        page = await pages.do("ListChannelRows", page_size=size, page_token=token)
        shown += [int(each.store_sku) for each in page.rows]
        token = page.next_page_token
        if not token:
            break
        if left:
            await service.level(mine, "web", f"{left.pop():02}", 1, told=1)
    assert shown == sorted(set(shown))
    assert first <= set(shown)


async def test_what_open_orders_hold_is_reserved(
    service: Activity, books: Ledger, caller: ActivityCaller, stock: Caller, tenant: str
) -> None:
    """Units of a store's orders are reserved until nothing of the order is promised any more, as the ledger says; an
    order that the ledger was not asked about since is left alone."""
    await caller.store("web")
    await service.level(tenant, "web", "TV", 5, told=5)
    await stock.place("W1")
    await stock.receive("TV", 100)
    ours = {"channel": "channel of web"}
    gone, kept = [await stock.confirmed(("TV", quantity), order="O", **ours) for quantity in (2, 3)]
    head = await stock.head()
    async with service.writing(tenant) as driver:
        for name, state, reservation, revision, quantity in (
            ("gone", "PROMISED", gone.reservation, head.number, 2),
            ("kept", "SHORT", kept.reservation, head.number, 3),
            ("later", "PROMISED", "of nobody yet", head.number + 1000, 10),
            ("cancelled", "CANCELLED", "", None, 100),
            ("reported", "REPORTED", "", None, 20),
        ):
            where = (None, None) if revision is None else (head.cluster, head.epoch)
            await driver.execute(ORDER, tenant, name, state, reservation, *where, revision)
            await driver.execute(ORDER_LINE, tenant, name, "TV", quantity)

    async def reserved() -> int:
        (row,) = (await caller.do("ListChannelRows")).rows
        return int(row.reserved)

    assert await reserved() == 2 + 3 + 10 + 20
    await ended(service, books, tenant)
    assert await reserved() == 2 + 3 + 10 + 20
    await stock.do("Release", reservation=gone.reservation)
    await ended(service, books, tenant)
    assert await reserved() == 3 + 10 + 20
    await stock.do("Fulfil", reservation=kept.reservation)
    await ended(service, books, tenant)
    assert await reserved() == 10 + 20


async def ended(service: Activity, books: Ledger, tenant: str) -> None:
    """Find out which orders came to an end."""
    async with Peer(books.server.address) as peer:
        await end(tenant, PostgresViews(service.database), PeerCounting(peer))


async def test_a_line_stands_beside_what_the_ledger_has(
    service: Activity, caller: ActivityCaller, stock: Caller, tenant: str
) -> None:
    """What a warehouse reported of a SKU at a facility, of all lots together, and what the ledger has of the product
    there, of all lots and conditions, at one revision."""
    await caller.warehouse("wms")
    await stock.place("W1", "W2")
    await stock.receive("TV", 7)
    await stock.receive(item("TV", "W1", lot="L1"), 3)
    await stock.receive(item("TV", "W1", condition=stock_pb2.CONDITION_DAMAGED), 5)
    await stock.receive(item("TV", "W2"), 50)
    await stock.confirmed(("TV", 4))
    await reported(
        service,
        tenant,
        ("tv-1", "North", "", 8, "W1", "TV", ""),
        ("tv-1", "North", "L1", 3, "W1", "TV", ""),
        ("tv-1", "South", "", 50, "W2", "TV", ""),
        ("tv-1", "Moon", "", 9, "", "", "No location is this facility."),
        ("odd", "North", "", 1, "W1", "ODD", "Refused."),
    )
    found = await caller.do("ListWarehouseRows")
    rows = {(each.sku, each.facility): each for each in found.rows}
    assert list(rows) == [("odd", "North"), ("tv-1", "Moon"), ("tv-1", "North"), ("tv-1", "South")]
    north, moon = rows["tv-1", "North"], rows["tv-1", "Moon"]
    assert (north.connection, north.location, north.product.sku, north.reported) == ("wms", "W1", "TV", 11)
    assert (north.on_hand, north.available, north.error) == (15, 6, "")
    assert (rows["tv-1", "South"].on_hand, rows["tv-1", "South"].available) == (50, 50)
    assert (moon.location, moon.reported, moon.on_hand, moon.error) == ("", 9, 0, "No location is this facility.")
    assert found.ledger_revision == await stock.head()
    assert [each.sku for each in (await caller.do("ListWarehouseRows", faulty=True)).rows] == ["odd", "tv-1"]
    only = await caller.pages("ListWarehouseRows", "rows", facility="North", connection="wms", page_size=1)
    assert [each.sku for each in only] == ["odd", "tv-1"]
    other = await service.caller(f"{tenant} too").do("ListWarehouseRows")
    assert (list(other.rows), other.ledger_revision.number) == ([], 0)


async def test_many_products_are_counted_in_some_questions(
    service: Activity, caller: ActivityCaller, stock: Caller, tenant: str
) -> None:
    """A page of more SKUs than the ledger is asked about at once is counted whole."""
    await caller.warehouse("wms")
    await stock.place("W1")
    await stock.record(*(movement(RECEIVE, f"S{number:03}", number + 1) for number in range(150)))
    await reported(service, tenant, *((f"S{n:03}", "North", "", n, "W1", f"S{n:03}", "") for n in range(150)))
    found = await caller.do("ListWarehouseRows", page_size=1000)
    assert [each.on_hand for each in found.rows] == [number + 1 for number in range(150)]
