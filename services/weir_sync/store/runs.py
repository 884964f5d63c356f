"""Runs on Postgres: the port `Runs`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.configuration.errors import told
from weir_chassis.configuration.postgres import PostgresObjects
from weir_chassis.database import Database, Driver, driver_of, head, notify, retrying
from weir_chassis.idempotency import Attempt, Outcome
from weir_chassis.ids import new_id
from weir_sync.domain.connections import Connection, MasterSwitch, Role
from weir_sync.domain.feeds import Pulled
from weir_sync.domain.records import Trigger
from weir_sync.domain.runs import Run, Wish, wished
from weir_sync.domain.telling import Cause
from weir_sync.ports.runs import Held, Place, RunLost
from weir_sync.store import TABLES
from weir_sync.store.levels import make_due

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
        WHEN NOT (c.push_levels OR c.pull_stock) THEN 'Neither levels nor stock flow over the connection any more.'
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
RETURNING r.run, r.connection, c.role, r."full", r.store_skus, r.tries - 1 AS tries, r.created_at
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
_MARKING = """
SELECT "full", trigger, store_skus, coalesce(marked_to, '') AS marked_to FROM runs
WHERE tenant = $1 AND run = $2 AND held_by = $3 AND ended_at IS NULL AND NOT marked FOR NO KEY UPDATE
"""
_DIFFERS = "l.status <> 'SUCCEEDED' OR l.told IS DISTINCT FROM greatest(0, l.level - l.unreported)"
_SLICE = f"""
SELECT l.store_sku, $3 OR {_DIFFERS} AS wanted FROM levels l
WHERE l.tenant = $1 AND l.connection = $2 AND l.store_sku > $4 AND l.level IS NOT NULL
ORDER BY l.store_sku LIMIT $5
"""  # noqa: S608 -- a constant
_ASKED = f"""
SELECT a.store_sku, l.store_sku IS NULL AS missing, $3 OR {_DIFFERS} AS wanted
FROM unnest($4::text[]) AS a (store_sku)
LEFT JOIN levels l
    ON l.tenant = $1 AND l.connection = $2 AND l.store_sku = a.store_sku AND l.level IS NOT NULL
ORDER BY a.store_sku
"""  # noqa: S608 -- a constant
_MARKED = """
UPDATE runs SET total = total + $4, settled = settled + $5, unchanged = unchanged + $6, failed = failed + $7,
    missing = missing + $7, marked_to = $8, marked = $9, error = $10,
    held_by = CASE WHEN $9 THEN '' ELSE held_by END,
    held_until = clock_timestamp() + make_interval(secs => CASE WHEN $9 THEN 0 ELSE $11::double precision END)
WHERE tenant = $1 AND run = $2 AND held_by = $3
RETURNING pg_notify(current_schema(), $1)
"""
_SETTLE = """
UPDATE runs r SET settled = n.settled, failed = n.failed, ended_at = CASE WHEN n.ended THEN now() END
FROM (
    SELECT r.run, r.total - p.pending AS settled, r.missing + f.failed AS failed, r.marked AND p.pending = 0 AS ended
    FROM runs r
    CROSS JOIN LATERAL (
        SELECT count(*) AS pending FROM records
        WHERE tenant = $1 AND run = r.run AND run <> '' AND status = 'PENDING'
    ) p
    CROSS JOIN LATERAL (
        SELECT count(*) AS failed FROM records
        WHERE tenant = $1 AND run = r.run AND run <> '' AND status = 'FAILED'
    ) f
    WHERE r.tenant = $1 AND r.ended_at IS NULL AND r.marked_to IS NOT NULL
) n
WHERE r.tenant = $1 AND r.run = n.run AND r.ended_at IS NULL
  AND (n.ended OR (r.settled, r.failed) IS DISTINCT FROM (n.settled, n.failed))
RETURNING r.run
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
            chosen = await _wished(connection, tenant, wish)
            made = [(new_id(), each.connection) for each in chosen]
            if made:
                columns = [list(each) for each in zip(*made, strict=True)]
                driver = await driver_of(connection)
                await driver.execute(_BEGIN, tenant, *columns, wish.full, list(wish.store_skus))
                await notify(connection, tenant)
            return Outcome([run for run, _ in made])

        begun = await idempotency.once(self._database, attempt, work)
        return msgspec.convert(begun.answer, list[str])

    async def wished(self, tenant: str, wish: Wish) -> Sequence[Run]:
        async with self._database.reading(tenant) as connection:
            chosen = await _wished(connection, tenant, wish)
        now = datetime.now(UTC)
        return [Run("", each.connection, wish.full, Trigger.REQUEST, Pulled(), "", now, None) for each in chosen]

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
            given_up = await driver.fetch(_GIVE_UP, tenant)
            settled = await driver.fetch(_SETTLE, tenant)
            if given_up or settled:
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
            for row in sorted(rows, key=lambda row: (row["created_at"], row["run"]))
        ]

    async def keep(self, held: Held, *, hold_seconds: float, pulled: Pulled | None = None) -> None:
        if not await self._change(_KEEP, held, hold_seconds, *(pulled or _UNKNOWN)):
            raise RunLost

    async def mark(self, held: Held, *, hold_seconds: float, limit: int) -> bool:
        async def mark() -> bool:
            async with self._database.driving(held.tenant) as driver:
                return await _mark(driver, held, hold_seconds, limit)

        return await retrying(mark)

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


async def _mark(driver: Driver, held: Held, hold_seconds: float, limit: int) -> bool:
    """Make the next levels due, as `Runs.mark` promises."""
    name = held.tenant, held.run, held.holder
    run = await driver.fetchrow(_MARKING, *name)
    if run is None:
        raise RunLost
    store, asked = (held.tenant, held.connection), run["store_skus"]
    missing: list[str] = []
    if asked:
        rows = await driver.fetch(_ASKED, *store, run["full"], asked)
        missing = [row["store_sku"] for row in rows if row["missing"]]
        wanted = [row["store_sku"] for row in rows if row["wanted"] and not row["missing"]]
    else:
        rows = await driver.fetch(_SLICE, *store, run["full"], run["marked_to"], limit)
        wanted = [row["store_sku"] for row in rows if row["wanted"]]
    cause = Cause(Trigger(run["trigger"]), f"run {held.run}")
    due = await make_due(driver, *store, wanted, cause, run=held.run) if wanted else 0
    unchanged = len(rows) - len(missing) - due
    marked = bool(asked) or len(rows) < limit
    last = rows[-1]["store_sku"] if rows else run["marked_to"]
    error = f"No level is told of {told(missing)}." if missing else ""
    counts = len(rows), unchanged + len(missing), unchanged, len(missing)
    await driver.execute(_MARKED, *name, *counts, last, marked, error, hold_seconds)
    return not marked


async def _wished(connection: AsyncConnection, tenant: str, wish: Wish) -> Sequence[Connection]:
    """The connections that a run shall begin for. Raises ConnectionNotFound, SyncOff."""
    objects = PostgresObjects(connection, TABLES, tenant, await head(connection, tenant))
    switch = await objects.get(MasterSwitch, MasterSwitch().key)
    if wish.connections:
        named = [await objects.get(Connection, (name,)) for name in wish.connections]
        found = [each for each in named if each is not None]
    else:
        found = await objects.select(Connection)
    return wished(wish, {each.connection: each for each in found}, switch)


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
