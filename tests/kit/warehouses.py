"""A warehouse that is not there, and sync's taking in of what it reports, with a ledger of one's own.

async with feeding(database) as feeds:
here = await feeds.tenant()
here.warehouse.has(("BIKE", "North"), 5)
await here.connect(facilities={"North": "W1"})
await here.pull()
assert await here.on_hand("BIKE") == 5
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg

from tests.kit.ledger import Caller, Ledger, item, ledger
from tests.kit.postgres import FreshDatabase
from weir_chassis.client import Peer
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Configured, Decision
from weir_chassis.configuration.ports import Objects
from weir_chassis.database import Database
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin
from weir_sync.connectors.port import Stock, StockPart, WarehouseConnector
from weir_sync.domain.connections import Connection, ConnectorKind, Facility, FeedTerms, Role
from weir_sync.domain.feeds import Pull, Pulled
from weir_sync.domain.rules import KINDS
from weir_sync.peers.snapshots import PeerSnapshots
from weir_sync.store import postgres_sync
from weir_sync.store.feeds import PostgresReports
from weir_sync.store.health import PostgresHealths
from weir_sync.store.listings import PostgresListings
from weir_sync.worker.feeds import Pulling

_numbers = itertools.count()


@dataclass
class Warehouse:
    """What it has, by SKU, facility, lot and unit of measure; what changed since which cursor; and what goes wrong."""

    part: int = 1000
    """Lines that it tells at once."""
    as_of: datetime | None = None
    """Moment that it says its figures are of; None: it does not say."""
    breaks_after: int | None = None
    """Lines after which it breaks off."""
    asked: list[str] = field(default_factory=list)
    """The cursors that it was asked with."""
    _stock: dict[tuple[str, ...], Stock] = field(default_factory=dict)
    _changed: dict[tuple[str, ...], int] = field(default_factory=dict)
    _number: int = 1

    def has(self, where: tuple[str, ...], quantity: int, **others: Any) -> None:
        """So much of a SKU lies at a facility now, of a lot and in a unit of measure where they are named."""
        self._number += 1
        self._stock[where] = _stock(where, quantity, **others)
        self._changed[where] = self._number

    def lost(self, *where: tuple[str, ...]) -> None:
        """It does not know of this any more."""
        self._number += 1
        for each in where:
            del self._stock[each]
            self._changed[each] = self._number

    def make(self, **others: Any) -> Warehouse:
        """Itself, as the connector that it is, with something else about it."""
        for name, value in others.items():
            setattr(self, name, value)
        return self

    async def probe(self) -> Sequence[str]:
        """Its facilities."""
        return sorted({facility for _, facility, *_ in self._stock})

    async def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        """All of it, or what changed since the cursor."""
        self.asked.append(cursor)
        since = int(cursor or 0)
        told = [self._told(where) for where, number in self._changed.items() if number > since]
        told = told if cursor else [each for each in told if not each.removed]
        for begin in range(0, max(len(told), 1), self.part):
            if self.breaks_after is not None and begin >= self.breaks_after:
                raise ConnectionError("The line is dead.")
            last = begin + self.part >= len(told)
            as_of, full = (self.as_of, not cursor) if begin == 0 else (None, False)
            yield StockPart(told[begin : begin + self.part], as_of, full, str(self._number) if last else "")

    async def close(self) -> None:
        """Nothing is held."""

    def _told(self, where: tuple[str, ...]) -> Stock:
        return self._stock.get(where) or _stock(where, 0, removed=True)


def _stock(where: tuple[str, ...], quantity: int, **others: Any) -> Stock:
    sku, facility, lot, uom = (*where, *("", "EACH")[len(where) - 2 :])
    return Stock(sku, facility, quantity, lot, uom, **others)


@dataclass
class Site:
    """A tenant, its books, and a warehouse of it."""

    books: Caller
    warehouse: Warehouse
    pulling: Pulling
    handlers: Handlers[Objects]
    connection: Connection = field(
        default_factory=lambda: Connection("storehouse", Role.WAREHOUSE, ConnectorKind.GRPC, pull_stock=True)
    )

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.books.tenant

    async def connect(
        self, facilities: dict[str, str] | None = None, feed: FeedTerms | None = None, **others: Any
    ) -> None:
        """Add the warehouse, or replace what is said of it."""
        if facilities is not None:
            others["facilities"] = tuple(Facility(*each) for each in sorted(facilities.items()))
        if feed is not None:
            others["feed"] = feed
        self.connection = replace(self.connection, **others)
        await self.put(self.connection)

    async def put(self, *objects: Configured) -> None:
        """Have these configured."""

        async def decide(_: Objects, wanted: Sequence[Configured]) -> Decision[Configured]:
            return Decision(wanted[0], tuple(map(Change, wanted)))

        await self.handlers.write(Attempt(self.tenant, "put", f"put {next(_numbers)}", b""), decide, objects)

    async def pull(self, *, full: bool = False, run: str = "", skus: Iterable[str] = ()) -> Pulled:
        """Take in what the warehouse reports; what came of it is the last that is told of it on the way."""

        async def progress(pulled: Pulled) -> None:
            assert pulled.settled <= pulled.total

        named = run or f"run {next(_numbers)}"
        return await self.pulling.pull(Pull(self.tenant, "storehouse", named, full, frozenset(skus)), progress)

    async def on_hand(self, sku: str, location: str = "W1", **others: Any) -> int:
        """Units that the ledger has."""
        return (await self.books.balance(item(sku, location, **others)))[0]


@dataclass
class Feeding:
    """Sync's part of taking stock in, on a database, with a ledger on the same one."""

    database: FreshDatabase
    opened: Database
    ledger: Ledger
    peer: Peer
    handlers: Handlers[Objects]

    async def tenant(self, *places: str) -> Site:
        """A tenant that nobody else is, with locations: W1 unless told."""
        books = self.ledger.caller()
        await books.place(*(places or ("W1",)))
        warehouse = Warehouse()
        return Site(books, warehouse, self.pulling(warehouse), self.handlers)

    def pulling(self, warehouse: Warehouse, peer: Peer | None = None) -> Pulling:
        """What takes stock in of a warehouse, over another connection to the ledger where one is given."""
        return Pulling(
            self.handlers,
            _Connectors(warehouse),
            PostgresListings(self.opened),
            PostgresReports(self.opened),
            PeerSnapshots(peer or self.peer),
            PostgresHealths(self.opened),
        )

    async def rows(self, site: Site, query: str) -> list[tuple[Any, ...]]:
        """What a query finds of a tenant, whom it knows as $1, as the superuser sees it."""
        connection = await asyncpg.connect(self.database.owner_url, server_settings={"search_path": "weir_sync"})
        try:
            return [tuple(row) for row in await connection.fetch(query, site.tenant)]
        finally:
            await connection.close()


class _Connectors:
    """Connects to one warehouse, whoever asks for which."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def store(self, tenant: str, connection: Connection) -> Any:
        """No store."""
        raise AssertionError(connection)

    @asynccontextmanager
    async def warehouse(self, tenant: str, connection: Connection) -> AsyncIterator[WarehouseConnector]:
        """The warehouse."""
        yield self._warehouse


@asynccontextmanager
async def feeding(database: FreshDatabase) -> AsyncIterator[Feeding]:
    """The taking in of stock, for the block; the database has the schemas of sync and of the ledger."""
    opened = await Database.open(database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync"))
    try:
        async with ledger(database) as running, Peer(running.server.address) as peer:
            handlers: Handlers[Objects] = Handlers(postgres_sync(opened), Origin("sync", "here", 1), KINDS)
            yield Feeding(database, opened, running, peer, handlers)
    finally:
        await opened.close()


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)
