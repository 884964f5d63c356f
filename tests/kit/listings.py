"""A sync service of one's own with stores in it, and callers of its listings."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.sync.v1 import listing_service_pb2 as pb
from weir.sync.v1 import listing_service_pb2_grpc
from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.database import Database
from weir_chassis.idempotency import Attempt
from weir_chassis.settings import Address, AuthSettings, ServerSettings
from weir_sync.app import Settings, running
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.memory.bulk import MemoryBulk
from weir_sync.memory.listings import MemoryListings
from weir_sync.ports.bulk import Bulk
from weir_sync.ports.listings import Listings
from weir_sync.store import TABLES, postgres_sync
from weir_sync.store.bulk import PostgresBulk
from weir_sync.store.listings import PostgresListings

SHOP = Connection("shop", Role.STORE, ConnectorKind.OSCAR, channel="web")
OTHER = Connection("other", Role.STORE, ConnectorKind.OSCAR, channel="till")
STOREHOUSE = Connection("storehouse", Role.WAREHOUSE, ConnectorKind.TRYTON)

Row = tuple[str, str] | tuple[str, str, str] | tuple[str, str, str, bool]
"""A SKU of a store, and the SKU of the product that it is, its owner, and whether it is disabled."""

_numbers = itertools.count()


class Kept(NamedTuple):
    """What is configured, and what is asked of its listings."""

    tenants: Tenants[Objects]
    listings: Listings
    bulk: Bulk

    async def write(self, tenant: str, decide: Any, wanted: Any, request_id: str = "") -> Any:
        """What comes of a request; raises its refusal."""
        attempt = Attempt(tenant, "/test", request_id or f"request {next(_numbers)}", b"one")
        return await self.tenants.once(attempt, lambda objects: decide(objects, wanted))

    async def connect(self, tenant: str, *connections: Connection) -> None:
        """Let there be connections."""

        async def decide(_: Objects, wanted: Sequence[Connection]) -> Decision[Connection]:
            return Decision(wanted[0], tuple(map(Change, wanted)))

        await self.write(tenant, decide, connections)


def in_memory() -> Kept:
    """Listings in plain structures."""
    tenants = MemoryTenants(MemoryObjects)
    return Kept(tenants, MemoryListings(tenants), MemoryBulk(tenants))


@asynccontextmanager
async def on_postgres(database: FreshDatabase) -> AsyncIterator[Kept]:
    """The listings of a database, as the application's role."""
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        yield Kept(postgres_sync(opened), PostgresListings(opened), PostgresBulk(opened, TABLES))
    finally:
        await opened.close()


class ListingCaller(Calling):
    """One tenant's caller."""

    services = ((pb, listing_service_pb2_grpc.ListingServiceStub),)

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        """Call over `channel`."""
        super().__init__(channel, metadata)
        self._stub = listing_service_pb2_grpc.ListingServiceStub(channel)

    async def set(self, store_sku: str, sku: str, owner: str = "", **fields: Any) -> Any:
        """A listing of the shop, as it is stored."""
        listing = {"connection": "shop", "store_sku": store_sku, "product": {"owner": owner, "sku": sku}, **fields}
        return (await self.do("SetListing", listing=listing)).listing

    async def upload(self, rows: Sequence[Row], *, each: int = 1000, **fields: Any) -> Any:
        """The answer of an import for the shop, `each` so many rows a message."""
        messages = portioned(rows, each, {"request_id": f"import {next(_numbers)}", "connection": "shop", **fields})
        return await self.begin(messages)

    async def stream_up(self, messages: Sequence[pb.ImportListingsRequest]) -> Any:
        """The answer of an import that comes in these messages."""
        return await self.begin(iter(messages))

    def begin(self, messages: Any) -> Any:
        """The call of an import of these messages."""
        return self._stub.ImportListings(messages, metadata=self._metadata, timeout=60)

    async def export(self, connection: str = "shop", **fields: Any) -> list[Any]:
        """All messages of an export."""
        return [each async for each in self.stream("ExportListings", connection=connection, **fields)]

    async def rows(self, connection: str = "shop") -> list[Row]:
        """All listings of a connection."""
        return [
            (each.store_sku, each.product.sku, each.product.owner, each.disabled)
            for message in await self.export(connection)
            for each in message.listings
        ]


def portioned(rows: Sequence[Row], each: int, opening: dict[str, Any]) -> Iterator[pb.ImportListingsRequest]:
    """The messages of an import of these rows, `each` so many a message; the first one says `opening` as well."""
    for start in range(0, len(rows) or 1, each):
        message = pb.ImportListingsRequest(**(opening if start == 0 else {}))
        for store_sku, sku, *more in rows[start : start + each]:
            listing = message.listings.add(store_sku=store_sku)
            listing.product.sku = sku
            if more:
                listing.product.owner = str(more[0])
                listing.disabled = more[1:] == [True]
        yield message


class Serving(NamedTuple):
    """A running service, a connection to it, and what is behind it."""

    channel: grpc.aio.Channel
    kept: Kept

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> ListingCaller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return ListingCaller(self.channel, (("weir-tenant", tenant),) if metadata is None else metadata)

    async def shop(self, tenant: str) -> ListingCaller:
        """A caller of a tenant that has a shop."""
        await self.kept.connect(tenant, SHOP)
        return self.caller(tenant)


@asynccontextmanager
async def serving(
    database: FreshDatabase, *, auth: AuthSettings | None = None, **settings: Any
) -> AsyncIterator[Serving]:
    """A service on `database` for the block, which pushes nothing."""
    made = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0),
        database=database.settings("weir_sync"),
        auth=auth or AuthSettings(),
        pushes=False,
        **settings,
    )
    async with running(made) as server, connect(server.address) as channel, on_postgres(database) as kept:
        yield Serving(channel, kept)
