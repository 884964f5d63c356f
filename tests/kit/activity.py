"""A sync service of one's own whose records and levels are written by hand, and callers of what it tells of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.kit.calling import Calling
from tests.kit.connections import Connections, connections, store, warehouse
from tests.kit.postgres import FreshDatabase
from weir.sync.v1 import connection_service_pb2, connection_service_pb2_grpc, sync_service_pb2, sync_service_pb2_grpc
from weir_chassis.database import Database, Driver
from weir_sync.domain.feeds import Pull, Pulled
from weir_sync.ports.feeds import Progress

LEVEL = """
INSERT INTO levels (tenant, connection, store_sku, owner, sku, level, rule, number, record, status, told, told_at,
    due_at, error, unreported, unreported_at, shown, sold_after)
SELECT $1, $2, $3, '', $3, $4, '', 1, $5, $6, $7, CASE WHEN $7::bigint IS NOT NULL THEN now() END,
    CASE WHEN $6 = 'PENDING' THEN now() END, $8, $9, now(), $7, 0
"""


RECORD = """
INSERT INTO records (tenant, record, connection, store_sku, owner, sku, trigger, reason, after, rule, status, error,
    created_at, ended_at)
VALUES ($1, next_record(), $2, $3, '', $3, $7, 'ledger 7', $4, '', $5, $6, $8::timestamptz,
    CASE WHEN $5 <> 'PENDING' THEN $8 END)
RETURNING record
"""


class ActivityCaller(Calling):
    """One tenant's caller of connections, and of what goes on there."""

    services = (
        (connection_service_pb2, connection_service_pb2_grpc.ConnectionServiceStub),
        (sync_service_pb2, sync_service_pb2_grpc.SyncServiceStub),
    )

    async def store(self, name: str = "web", **fields: Any) -> None:
        """A new store that is told levels."""
        await self.do("CreateConnection", connection=store(name, **{"push_levels": True, **fields}))

    async def warehouse(self, name: str = "wms", **fields: Any) -> None:
        """A new warehouse whose stock is taken in."""
        await self.do("CreateConnection", connection=warehouse(name, **{"pull_stock": True, **fields}))

    async def pages(self, method: str, field_name: str, **fields: Any) -> list[Any]:
        """Everything that a list has, page by page."""
        found: list[Any] = []
        token = ""
        while True:
            page = await self.do(method, page_token=token, **fields)
            found += getattr(page, field_name)
            token = page.next_page_token
            if not token:
                return found

    async def run(self, **fields: Any) -> list[Any]:
        """The runs of a request, as they are when all have ended."""
        runs: dict[str, Any] = {}
        async for message in self.stream("RunSync", **fields):
            runs.update((each.run, each) for each in message.runs)
            if message.done:
                break
        return list(runs.values())


@dataclass
class Activity:
    """A running service, and its database for whoever writes by hand what others would."""

    service: Connections
    database: Database

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> ActivityCaller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return ActivityCaller(self.service.channel, (("weir-tenant", tenant),) if metadata is None else metadata)

    @asynccontextmanager
    async def writing(self, tenant: str) -> AsyncIterator[Driver]:
        """A transaction of the tenant."""
        async with self.database.tenant(tenant) as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert driver is not None
            yield driver

    async def level(
        self,
        tenant: str,
        connection: str,
        store_sku: str,
        level: int | None,
        *,
        told: int | None = None,
        status: str = "SUCCEEDED",
        error: str = "",
        unreported: int = 0,
    ) -> int:
        """A level as a follower would have left it, and the number of its record."""
        async with self.writing(tenant) as driver:
            record: int = await driver.fetchval(
                RECORD, tenant, connection, store_sku, level or 0, status, error, "CHANGE", datetime.now(UTC)
            )
            await driver.execute(LEVEL, tenant, connection, store_sku, level, record, status, told, error, unreported)
        return record

    async def record(
        self,
        tenant: str,
        connection: str,
        store_sku: str,
        *,
        status: str = "SUCCEEDED",
        trigger: str = "CHANGE",
        at: datetime | None = None,
    ) -> int:
        """A record without a level, and its number."""
        async with self.writing(tenant) as driver:
            record: int = await driver.fetchval(
                RECORD, tenant, connection, store_sku, 1, status, "", trigger, at or datetime.now(UTC)
            )
        return record

    async def told(self, tenant: str, connection: str, *, status: str = "SUCCEEDED", error: str = "") -> int:
        """Tell a store all that is due, as a pusher would; returns how many levels."""
        async with self.writing(tenant) as driver:
            rows = await driver.fetch(
                "UPDATE levels SET status = $3, due_at = NULL, told = level, told_at = now(), error = $4"
                " WHERE tenant = $1 AND connection = $2 AND status = 'PENDING' RETURNING record",
                *(tenant, connection, status, error),
            )
            await driver.execute(
                "UPDATE records SET status = $3, ended_at = clock_timestamp(), error = $4,"
                " changed = pg_current_xact_id() WHERE tenant = $1 AND record = ANY ($2::bigint[])",
                *(tenant, [row["record"] for row in rows], status, error),
            )
            await driver.execute("SELECT pg_notify(current_schema(), $1)", tenant)
        return len(rows)


@asynccontextmanager
async def activity(database: FreshDatabase, **settings: Any) -> AsyncIterator[Activity]:
    """A service on `database` for the block, which pushes nothing and carries out no runs."""
    async with connections(database, **settings) as service:
        own = await Database.open(
            database.url("weir_sync"), schema="weir_sync", settings=database.settings("weir_sync")
        )
        try:
            yield Activity(service, own)
        finally:
            await own.close()


@dataclass
class Feed:
    """Warehouses that report what a test says: `Feeds`."""

    steps: Sequence[Pulled | Exception] = (Pulled(3, 3, 0, 1),)
    pulls: list[Pull] = field(default_factory=list)

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        """Come as far as each of the steps; the last is the end."""
        self.pulls.append(pull)
        pulled = Pulled()
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            pulled = step
            await progress(pulled)
        return pulled
