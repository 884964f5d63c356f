"""Runs on Postgres: the port `Runs`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.configuration.postgres import PostgresObjects
from weir_chassis.database import Database, driver_of, head, notify, retrying
from weir_chassis.idempotency import Attempt, Outcome
from weir_chassis.ids import new_id
from weir_sync.domain.connections import Connection, MasterSwitch, Role
from weir_sync.domain.feeds import Pulled
from weir_sync.domain.records import Trigger
from weir_sync.domain.runs import Run, Wish, wished
from weir_sync.ports.runs import Held, Place, RunLost
from weir_sync.store import TABLES

_TOLD = """
    r.run, r.connection, r."full", r.trigger, r.total, r.settled, r.failed, r.unchanged, r.error, r.created_at,
    r.ended_at
"""
_BEGIN = """
INSERT INTO runs (tenant, run, connection, "full", trigger, store_skus)
SELECT $1, run, connection, $4, 'REQUEST', $5::text[] FROM unnest($2::text[], $3::text[]) AS n (run, connection)
"""
_NAMED = f"SELECT {_TOLD} FROM runs r WHERE r.tenant = $1 AND r.run = ANY ($2::text[]) ORDER BY r.connection, r.run"  # noqa: S608 -- a constant
_PAST = f"""
SELECT {_TOLD} FROM runs r WHERE r.tenant = $1 {{where}} ORDER BY r.created_at DESC, r.run DESC LIMIT $2
"""  # noqa: S608 -- a constant
_GIVE_UP = """
UPDATE runs r SET ended_at = now(), error = o.error
FROM (
    SELECT r.run, CASE
        WHEN c.connection IS NULL THEN 'The connection is gone.'
        WHEN NOT coalesce(m."on", true) THEN 'The master switch was turned off.'
        WHEN NOT (c.push_levels OR c.pull_stock) THEN 'All flows of the connection were turned off.'
    END AS error
    FROM runs r
    LEFT JOIN connections c ON c.tenant = $1 AND c.connection = r.connection
    LEFT JOIN master_switches m ON m.tenant = $1
    WHERE r.tenant = $1 AND r.ended_at IS NULL
) o
WHERE r.tenant = $1 AND r.run = o.run AND o.error IS NOT NULL AND r.ended_at IS NULL
  AND r.held_until <= clock_timestamp()
RETURNING r.run
"""
_TAKE = """
WITH free AS (
    SELECT r.run FROM runs r
    WHERE r.tenant = $1 AND r.ended_at IS NULL AND NOT r.marked AND r.held_until <= clock_timestamp()
      AND NOT EXISTS (
          SELECT FROM runs e
          WHERE e.tenant = $1 AND e.connection = r.connection AND e.ended_at IS NULL AND NOT e.marked
            AND (e.created_at, e.run) < (r.created_at, r.run)
      )
    ORDER BY r.created_at, r.run LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE runs r SET held_by = $2, held_until = clock_timestamp() + make_interval(secs => $3), tries = r.tries + 1
FROM free, connections c
WHERE r.tenant = $1 AND r.run = free.run AND c.tenant = $1 AND c.connection = r.connection
RETURNING r.run, r.connection, c.role, r."full", r.store_skus, r.tries - 1 AS tries
"""
_KEEP = """
UPDATE runs SET held_until = clock_timestamp() + make_interval(secs => $4),
    total = coalesce($5, total), settled = coalesce($6, settled), failed = coalesce($7, failed),
    unchanged = coalesce($8, unchanged)
WHERE tenant = $1 AND run = $2 AND held_by = $3 AND ended_at IS NULL
RETURNING pg_notify(current_schema(), $1)
"""
_END = """
UPDATE runs SET ended_at = now(), error = $4, held_by = '',
    total = coalesce($5, total), settled = coalesce($6, settled), failed = coalesce($7, failed),
    unchanged = coalesce($8, unchanged)
WHERE tenant = $1 AND run = $2 AND held_by = $3 AND ended_at IS NULL
RETURNING pg_notify(current_schema(), $1)
"""
_PUT_BACK = """
UPDATE runs SET held_by = '', held_until = clock_timestamp() + make_interval(secs => $4)
WHERE tenant = $1 AND run = $2 AND held_by = $3 AND ended_at IS NULL
"""
_FORGET = """
DELETE FROM runs WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM runs WHERE tenant = $1 AND created_at < now() - make_interval(secs => $2)
      AND ended_at < now() - make_interval(secs => $2) LIMIT $3
))
"""
_BATCH = 5000
_NOTIFY = "SELECT pg_notify(current_schema(), $1)"
_UNKNOWN = (None, None, None, None)


class PostgresRuns:
    """The runs of all tenants in one schema, which is the one of `migrations`: `Runs`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def begin(self, attempt: Attempt, wish: Wish) -> Sequence[str]:
        tenant = attempt.tenant

        async def work(connection: AsyncConnection) -> Outcome:
            objects = PostgresObjects(connection, TABLES, tenant, await head(connection, tenant))
            switch = await objects.get(MasterSwitch, MasterSwitch().key)
            chosen = wished(wish, await _connections(objects, wish), switch)
            made = [(new_id(), each.connection) for each in chosen]
            if made:
                columns = [list(each) for each in zip(*made, strict=True)]
                driver = await driver_of(connection)
                await driver.execute(_BEGIN, tenant, *columns, wish.full, list(wish.store_skus))
                await notify(connection, tenant)
            return Outcome([run for run, _ in made])

        begun = await idempotency.once(self._database, attempt, work)
        return msgspec.convert(begun.answer, list[str])

    async def named(self, tenant: str, runs: Collection[str]) -> Sequence[Run]:
        async with self._database.driving(tenant) as driver:
            return [_run(row) for row in await driver.fetch(_NAMED, tenant, list(runs))]

    async def past(
        self, tenant: str, *, connection: str = "", before: Place | None = None, limit: int
    ) -> Sequence[Run]:
        values: list[Any] = [tenant, limit]
        where = ""
        if connection:
            values.append(connection)
            where += f" AND r.connection = ${len(values)}"
        if before is not None:
            values += before
            where += f" AND (r.created_at, r.run) < (${len(values) - 1}, ${len(values)})"
        async with self._database.driving(tenant) as driver:
            return [_run(row) for row in await driver.fetch(_PAST.format(where=where), *values)]

    async def settle(self, tenant: str) -> None:
        async with self._database.driving(tenant) as driver:
            if await driver.fetch(_GIVE_UP, tenant):
                await driver.execute(_NOTIFY, tenant)

    async def take(self, tenant: str, holder: str, *, hold_seconds: float, limit: int) -> Sequence[Held]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_TAKE, tenant, holder, hold_seconds, limit)
        return [
            Held(
                tenant,
                row["run"],
                row["connection"],
                Role(row["role"]),
                row["full"],
                tuple(row["store_skus"]),
                row["tries"],
                holder,
            )
            for row in rows
        ]

    async def keep(self, held: Held, *, hold_seconds: float, pulled: Pulled | None = None) -> None:
        if not await self._change(_KEEP, held, hold_seconds, *(pulled or _UNKNOWN)):
            raise RunLost

    async def end(self, held: Held, pulled: Pulled | None = None, *, error: str = "") -> None:
        await self._change(_END, held, error, *(pulled or _UNKNOWN))

    async def put_back(self, held: Held, *, pause_seconds: float) -> None:
        await self._change(_PUT_BACK, held, pause_seconds)

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            removed = _BATCH
            while removed == _BATCH:
                async with self._database.driving(tenant) as driver:
                    removed = int((await driver.execute(_FORGET, tenant, keep_seconds, _BATCH)).split()[-1])
                count += removed
        return count

    async def _change(self, statement: str, held: Held, *values: Any) -> bool:
        """Whether the run was held still, and is changed."""

        async def change() -> bool:
            async with self._database.driving(held.tenant) as driver:
                done = await driver.execute(statement, held.tenant, held.run, held.holder, *values)
                return not done.endswith(" 0")

        return await retrying(change)


async def _connections(objects: PostgresObjects, wish: Wish) -> dict[str, Connection]:
    """The connections that are named, as far as there are any, or all."""
    if not wish.connections:
        return {each.connection: each for each in await objects.select(Connection)}
    found = [await objects.get(Connection, (name,)) for name in wish.connections]
    return {each.connection: each for each in found if each is not None}


def _run(row: asyncpg.Record) -> Run:
    return Run(
        row["run"],
        row["connection"],
        row["full"],
        Trigger(row["trigger"]),
        Pulled(row["total"], row["settled"], row["failed"], row["unchanged"]),
        row["error"],
        row["created_at"],
        row["ended_at"],
    )
