"""The port `Listings`: the same in memory and on Postgres."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest

from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Change, Decision, Named
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.database import Database
from weir_chassis.errors import EtagStale
from weir_chassis.idempotency import Attempt
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.domain.listings import Carried, Listing, ListingTouch, StoreSku
from weir_sync.domain.rules import Product
from weir_sync.errors import ConnectionNotFound, ListingNotFound, ListingsExhausted
from weir_sync.handlers import listings as handlers
from weir_sync.memory.listings import MemoryListings
from weir_sync.ports.listings import Listings
from weir_sync.store import postgres_sync
from weir_sync.store.listings import PostgresListings

_numbers = itertools.count()
_set = partial(handlers.set_listing, most=5)

SHOP = Connection("shop", Role.STORE, ConnectorKind.OSCAR, channel="web")
OTHER = Connection("other", Role.STORE, ConnectorKind.OSCAR, channel="till")
STOREHOUSE = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.TRYTON)


class Kept(NamedTuple):
    """What is configured, and what is asked of its listings."""

    tenants: Tenants[Objects]
    listings: Listings


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """One database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_sync") as fresh:
        yield fresh


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Kept]:
    """The listings of a database, as the application's role."""
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        yield Kept(postgres_sync(opened), PostgresListings(opened))
    finally:
        await opened.close()


@pytest.fixture(params=["memory", "postgres"])
async def kept(request: pytest.FixtureRequest, database: FreshDatabase) -> AsyncIterator[Kept]:
    """Each implementation."""
    if request.param == "memory":
        tenants = MemoryTenants(MemoryObjects)
        yield Kept(tenants, MemoryListings(tenants))
        return
    async with on_postgres(database) as there:
        yield there


async def write(kept: Kept, tenant: str, decide: Any, wanted: Any) -> Any:
    """What comes of a request; raises its refusal."""
    attempt = Attempt(tenant, "/test", f"request {next(_numbers)}", b"one")
    return await kept.tenants.once(attempt, lambda objects: decide(objects, wanted))


async def connected(kept: Kept, tenant: str, *connections: Connection) -> None:
    """Let there be connections."""

    async def decide(_: Objects, wanted: Any) -> Decision[Connection]:
        return Decision(wanted[0], tuple(map(Change, wanted)))

    await write(kept, tenant, decide, connections)


async def listed(kept: Kept, tenant: str, *listings: Listing) -> None:
    """Let there be listings."""
    for each in listings:
        await write(kept, tenant, _set, each)


async def touches(kept: Kept, tenant: str) -> set[tuple[str, ...]]:
    """What is touched."""
    return {each.key for each in await kept.listings.touched(tenant, limit=1000)}


async def test_what_skus_are(kept: Kept, tenant: str) -> None:
    """A listing says what a SKU is; without one its product passes through, where it has no listing; a disabled one
    stands in the way as others do, and nothing flows for it. Both ways tell the same."""
    await connected(kept, tenant, SHOP, OTHER)
    await listed(
        kept,
        tenant,
        Listing("shop", "a-1", "", "A"),
        Listing("shop", "a-2", "", "A"),
        Listing("shop", "B", "acme", "B"),
        Listing("shop", "c-1", "", "C", disabled=True),
        Listing("shop", "D", "", "D", disabled=True),
    )
    skus = ["a-1", "a-2", "A", "B", "c-1", "C", "D", "E"]
    told = await kept.listings.products(tenant, [StoreSku("shop", each) for each in skus])
    assert {key.store_sku: product for key, product in told.items()} == {
        "a-1": Product("", "A"),
        "a-2": Product("", "A"),
        "B": Product("acme", "B"),
        "E": Product("", "E"),
    }
    products = [Product("", each) for each in "ABCDE"] + [Product("acme", "B"), Product("acme", "E")]
    found = await kept.listings.store_skus(tenant, [Carried("shop", each) for each in products])
    assert {key.product: tuple(skus) for key, skus in found.items()} == {
        Product("", "A"): ("a-1", "a-2"),
        Product("acme", "B"): ("B",),
        Product("", "E"): ("E",),
    }
    assert await kept.listings.store_skus(tenant, [Carried("other", Product("", "A"))]) == {
        ("other", ("", "A")): ("A",)
    }
    assert await kept.listings.products(tenant, [StoreSku("nowhere", "A")]) == {("nowhere", "A"): ("", "A")}


async def test_whose_goods_pass_through(kept: Kept, tenant: str) -> None:
    """Where the goods are another owner's, a SKU without a listing is a product of that owner, and nobody else's."""
    await connected(kept, tenant, STOREHOUSE)
    await listed(kept, tenant, Listing("storehouse", "x", "acme", "A"), Listing("storehouse", "B", "", "A"))
    skus = [StoreSku("storehouse", each) for each in ("x", "A", "B", "C")]
    assert await kept.listings.products(tenant, skus, owner="acme") == {
        ("storehouse", "x"): ("acme", "A"),
        ("storehouse", "B"): ("", "A"),
        ("storehouse", "C"): ("acme", "C"),
    }
    products = [Carried("storehouse", Product(owner, sku)) for owner in ("", "acme") for sku in "ABC"]
    assert await kept.listings.store_skus(tenant, products, owner="acme") == {
        ("storehouse", ("acme", "A")): ("x",),
        ("storehouse", ("", "A")): ("B",),
        ("storehouse", ("acme", "C")): ("C",),
    }


async def test_nothing_is_nothing(kept: Kept, tenant: str) -> None:
    """Who asks about nothing is told nothing, and nothing is touched."""
    assert await kept.listings.products(tenant, []) == {}
    assert await kept.listings.store_skus(tenant, []) == {}
    assert list(await kept.listings.touched(tenant, limit=9)) == []
    await kept.listings.settle(tenant, [])


async def test_touches_wait_until_they_are_settled(kept: Kept, tenant: str) -> None:
    """What a change may have made of a store's SKUs is touched until it is settled, once however often it changes; a
    touch that came after what was read stays; those of longest ago come first; a warehouse's SKUs are never touched."""
    await connected(kept, tenant, SHOP, STOREHOUSE)
    await listed(kept, tenant, Listing("shop", "x", "", "A"), Listing("storehouse", "x", "", "A"))
    assert await touches(kept, tenant) == {("shop", "x"), ("shop", "A")}
    before = await kept.listings.touched(tenant, limit=9)
    await listed(kept, tenant, Listing("shop", "x", "acme", "B"))
    await kept.listings.settle(tenant, before)
    assert await touches(kept, tenant) == {("shop", "x"), ("shop", "A")}
    await kept.listings.settle(tenant, await kept.listings.touched(tenant, limit=9))
    await kept.listings.settle(tenant, before)
    assert await touches(kept, tenant) == set()
    await listed(kept, tenant, Listing("shop", "x", "acme", "B"))
    assert await touches(kept, tenant) == set()
    await listed(kept, tenant, Listing("shop", "x", "acme", "B", disabled=True))
    await write(kept, tenant, handlers.delete_listing, Named(Listing, ("shop", "x")))
    await listed(kept, tenant, Listing("shop", "y", "", "A"))
    assert [each.key for each in await kept.listings.touched(tenant, limit=9)] == [
        ("shop", "x"),
        ("shop", "A"),
        ("shop", "y"),
    ]
    first = await kept.listings.touched(tenant, limit=1)
    assert first == [ListingTouch("shop", "x")]
    await kept.listings.settle(tenant, first)
    assert await touches(kept, tenant) == {("shop", "A"), ("shop", "y")}


async def test_refusals(kept: Kept, tenant: str) -> None:
    """A listing needs its connection, room there, and where a version is meant that very one; to go it must be
    there."""
    with pytest.raises(ConnectionNotFound):
        await listed(kept, tenant, Listing("shop", "x", "", "A"))
    with pytest.raises(ListingNotFound):
        await write(kept, tenant, handlers.delete_listing, Named(Listing, ("shop", "x")))
    await connected(kept, tenant, SHOP, OTHER)
    await listed(kept, tenant, *(Listing("shop", str(each), "", "A") for each in range(5)))
    with pytest.raises(ListingsExhausted):
        await listed(kept, tenant, Listing("shop", "x", "", "A"))
    await listed(kept, tenant, Listing("shop", "4", "", "B"), Listing("other", "x", "", "A"))
    with pytest.raises(EtagStale):
        await listed(kept, tenant, Listing("shop", "4", "", "C", etag="1"))
