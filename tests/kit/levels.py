"""Levels of one store on Postgres, told by a pusher in this process to a shop in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import asyncpg

from tests.kit.postgres import FreshDatabase
from tests.kit.reference_shop import Shop
from tests.kit.waiting import until
from weir_chassis.database import Database
from weir_chassis.revisions import Revision
from weir_chassis.watch import Wakeups
from weir_sync.connectors.port import Abilities, Connectors, Level, LevelOutcome, OrderPage, Outcome, ShownLevel
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.domain.records import Trigger
from weir_sync.domain.rules import Product
from weir_sync.domain.telling import Cause
from weir_sync.ports.leases import FOLLOW, Lease, push
from weir_sync.ports.levels import Told, bell
from weir_sync.store.health import PostgresHealths
from weir_sync.store.leases import PostgresLeases
from weir_sync.store.levels import PostgresLevels, sold
from weir_sync.store.pushes import PostgresPushes
from weir_sync.worker.pusher import Pace, Pusher
from weir_sync.worker.shifts import Configuration, Shift

T = TypeVar("T")

SHOP = "shop"
ABILITIES = Abilities(
    "kit", batch_max=50, requests_per_second=1000, burst=1000, compare_and_set=True, reads_back=True, fenced=True
)
CHANGE = Cause(Trigger.CHANGE, "ledger 1")
_CONNECTION = """
INSERT INTO connections (tenant, connection, role, kind, display_name, settings, secret_names, channel, facilities,
    push_levels, take_orders, pull_stock, feed, late_after_seconds, late_buffer_percent, changed)
VALUES ($1, $2, 'STORE', 'GRPC', '', '{}', '[]', $2, '[]', true, true, false, '{}', 0, 0, 1)
"""
_numbers = count(1)


@dataclass
class ShopConnector:
    """Talks to a shop at once; `meets` are faults that the next requests meet: exceptions are raised before anything is
    done, outcomes are answered for every level, of which those that say so are done.
    """

    shop: Shop
    abilities: Abilities = ABILITIES
    meets: deque[Exception | Outcome] = field(default_factory=deque)
    asked: list[Sequence[Any]] = field(default_factory=list)
    """What was asked of it: levels, or SKUs."""

    async def describe(self) -> Abilities:
        return self.abilities

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        self.asked.append(levels)
        fault = self.meets.popleft() if self.meets else None
        if isinstance(fault, Exception):
            raise fault
        if fault in (Outcome.REFUSED, Outcome.RETRY):
            return [LevelOutcome(each.store_sku, fault, error="said so") for each in levels]
        done = [self.shop.put(each)._replace(number=self._number(each.store_sku)) for each in levels]
        return [each._replace(outcome=fault, shown=None) for each in done] if fault is not None else done

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        self.asked.append(store_skus)
        return [ShownLevel(each, self.shop.shown.get(each), None, self._number(each)) for each in store_skus]

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        return OrderPage((), cursor, more=False)

    async def close(self) -> None:
        pass

    def _number(self, sku: str) -> int:
        return self.shop.numbers.get(sku, 0)


@dataclass
class Making:
    """Always the same connector; each call of anything passes `steps`."""

    connector: Any

    @asynccontextmanager
    async def store(self, tenant: str, connection: Connection) -> AsyncIterator[Any]:
        yield self.connector

    def warehouse(self, tenant: str, connection: Connection) -> Any:
        raise AssertionError


@dataclass
class Steps:
    """Lets calls go on until so many steps were taken, then holds whoever comes, as if he had died there, unless he is
    let go on.
    """

    left: int
    held: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def through(self, subject: Any) -> Any:
        """The same, every call a step before and a step after it."""
        return _Stepping(subject, self)

    async def step(self) -> None:
        """Take a step."""
        self.left -= 1
        if self.left < 0:
            self.held.set()
            await self.go_on.wait()


class _Stepping:
    def __init__(self, subject: Any, steps: Steps) -> None:
        self._subject, self._steps = subject, steps

    def __getattr__(self, name: str) -> Any:
        called: Callable[..., Awaitable[Any]] = getattr(self._subject, name)

        async def stepping(*arguments: Any, **options: Any) -> Any:
            await self._steps.step()
            answer = await called(*arguments, **options)
            await self._steps.step()
            return answer

        return stepping


@dataclass
class Desk:
    """The levels of a tenant of its own, and who tells them."""

    database: Database
    tenant: str

    def __post_init__(self) -> None:
        """On Postgres."""
        self.levels = PostgresLevels(self.database)
        self.pushes = PostgresPushes(self.database)
        self.leases = PostgresLeases(self.database)
        self.wakeups = Wakeups()

    async def lease(self, name: str = push(SHOP)) -> Lease:
        """A lease, whoever held it before."""
        await self.run("UPDATE leases SET until = '-infinity' WHERE lease = $1", name)
        [lease] = await self.leases.take(self.tenant, [name], "somebody", seconds=600, limit=1)
        return lease

    async def tell(
        self, cause: Cause = CHANGE, *, through: int | None = None, all_due: bool = False, **levels: int
    ) -> int:
        """Take over levels of SKUs of the shop, by the name of the product."""
        told = [Told(SHOP, sku, Product("", sku), level, "") for sku, level in levels.items()]
        mark = [] if through is None else [Revision("ledger", "books", 1, through)]
        due = await self.levels.tell(await self.lease(FOLLOW), told, cause, through=mark, all_due=all_due)
        self.wakeups.wake(bell(self.tenant))
        return due

    async def sold(self, revision: int, **quantities: int) -> None:
        """An order of the shop came in, and is in the ledger at a revision."""
        async with self.database.driving(self.tenant) as driver:
            await sold(driver, self.tenant, SHOP, quantities, Revision("ledger", "books", 1, revision))
        self.wakeups.wake(bell(self.tenant))

    async def run(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a statement."""
        async with self.database.driving(self.tenant) as driver:
            return list(await driver.fetch(statement, *arguments))

    async def row(self, sku: str) -> asyncpg.Record:
        """A SKU as it stands."""
        [row] = await self.run("SELECT * FROM levels WHERE connection = $1 AND store_sku = $2", SHOP, sku)
        return row

    async def records(self, sku: str) -> list[tuple[str, int | None, int, str]]:
        """Status, before, after and trigger of the records of a SKU, oldest first."""
        rows = await self.run("SELECT * FROM records WHERE store_sku = $1 ORDER BY record", sku)
        return [(each["status"], each["before"], each["after"], each["trigger"]) for each in rows]

    def pusher(self, connector: Any, steps: Steps | None = None) -> Pusher:
        """One that tells the shop over a connector."""
        pushes, talked_to = (each if steps is None else steps.through(each) for each in (self.pushes, connector))
        connectors: Connectors = Making(talked_to)
        pace = Pace(request_seconds=30.0, gather_seconds=0.0, look_seconds=3600.0)
        return Pusher(pushes, connectors, PostgresHealths(self.database), self.wakeups, pace)

    @asynccontextmanager
    async def pushing(
        self, connector: Any, steps: Steps | None = None, *, lease: Lease | None = None, on: bool = True
    ) -> AsyncIterator[tuple[Shift, asyncio.Future[None]]]:
        """A pusher at work within the block, and its end; what goes wrong with it is raised at that of the block."""
        connection = Connection(
            SHOP, Role.STORE, ConnectorKind.GRPC, channel=SHOP, push_levels=True, take_orders=True, etag="1"
        )
        shift = Shift(lease or await self.lease(), Configuration(1, {SHOP: connection}, on, ()))
        task = asyncio.ensure_future(self.pusher(connector, steps).push(shift))
        try:
            yield shift, task
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def quiet(self) -> None:
        """Wait until nothing is due, on its way, or in doubt."""

        async def settled() -> bool:
            return not await self.run("SELECT FROM levels WHERE status = 'PENDING' OR sent IS NOT NULL")

        await until(settled, 60.0)


@asynccontextmanager
async def desks(fresh: FreshDatabase) -> AsyncIterator[Callable[[], Awaitable[Desk]]]:
    """Makes desks on a database for the block, each a tenant of its own with one shop."""
    name = "weir_sync"
    database = await Database.open(fresh.url(name), schema=name, settings=fresh.settings(name))

    async def made() -> Desk:
        desk = Desk(database, f"desk {next(_numbers)}")
        await desk.run("INSERT INTO tenants (tenant, revision) VALUES ($1, 1)", desk.tenant)
        await desk.run(_CONNECTION, desk.tenant, SHOP)
        return desk

    try:
        yield made
    finally:
        await database.close()
