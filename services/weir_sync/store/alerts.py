"""Alerts on Postgres: opened and closed within the transaction of whatever gives rise to it, and read.

    async with database.driving(tenant) as driver:
        ...
        await open_alerts(driver, tenant, [Concern(AlertKind.LEVEL_FAILED, connection, store_sku, sentence)])
        await close_alerts(driver, tenant, AlertKind.LEVEL_FAILED, connection, told)

Either may be asked again: what is open already stays as it was opened, what is closed stays closed. Where a
transaction is one of SQLAlchemy, `driver_of` gives the driver beneath it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.database import Database, Driver, driver_of
from weir_chassis.idempotency import Attempt, Outcome
from weir_sync.domain.alerts import Alert, AlertKind, Concern
from weir_sync.errors import SyncAlertNotFound
from weir_sync.ports.runs import Place
from weir_sync.ports.watching import Mark, Told
from weir_sync.store import watching

_OPEN = """
WITH opened AS (
    INSERT INTO alerts (tenant, kind, connection, subject, sentence)
    SELECT $1, kind, connection, subject, sentence
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS c (kind, connection, subject, sentence)
    ORDER BY kind, connection, subject
    ON CONFLICT (tenant, kind, connection, subject) WHERE closed_at IS NULL DO NOTHING
    RETURNING alert
)
SELECT pg_notify(current_schema(), $1) WHERE EXISTS (SELECT FROM opened)
"""
_CLOSE = """
WITH closed AS (
    UPDATE alerts SET closed_at = greatest(opened_at, now()), changed = pg_current_xact_id()
    WHERE tenant = $1 AND kind = $2 AND connection = $3 AND closed_at IS NULL
      AND ($4::text[] IS NULL OR subject = ANY ($4::text[]))
    RETURNING alert
)
SELECT pg_notify(current_schema(), $1) WHERE EXISTS (SELECT FROM closed)
"""
_TOLD = "t.alert, t.kind, t.connection, t.subject, t.sentence, t.opened_at, t.closed_at"
_ONE = f"SELECT {_TOLD} FROM alerts t WHERE t.tenant = $1 AND t.alert = $2"  # noqa: S608 -- a constant
_PAST = f"""
SELECT {_TOLD} FROM alerts t WHERE t.tenant = $1 {{where}} ORDER BY t.opened_at DESC, t.alert DESC LIMIT $2
"""  # noqa: S608 -- a constant
_SINCE = watching.since_statement(table="alerts", name="alert", told=_TOLD)
_CLOSE_ONE = f"""
WITH told AS (SELECT pg_notify(current_schema(), $1))
UPDATE alerts t SET closed_at = greatest(t.opened_at, now()), changed = pg_current_xact_id()
FROM told WHERE t.tenant = $1 AND t.alert = $2 AND t.closed_at IS NULL
RETURNING {_TOLD}
"""  # noqa: S608 -- a constant
_ORPHANED = """
WITH closed AS (
    UPDATE alerts t SET closed_at = greatest(t.opened_at, now()), changed = pg_current_xact_id()
    WHERE t.tenant = $1 AND t.closed_at IS NULL
      AND NOT EXISTS (SELECT FROM connections c WHERE c.tenant = $1 AND c.connection = t.connection)
    RETURNING t.alert
)
SELECT pg_notify(current_schema(), $1) WHERE EXISTS (SELECT FROM closed)
"""
_FORGET = """
DELETE FROM alerts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM alerts WHERE tenant = $1 AND opened_at < now() - make_interval(secs => $2)
      AND closed_at < now() - make_interval(secs => $2) LIMIT $3
))
"""
_BATCH = 5000


async def open_alerts(driver: Driver, tenant: str, concerns: Sequence[Concern]) -> None:
    """Open an alert for each of the concerns that has none open; watchers are told when the transaction commits."""
    if concerns:
        await driver.execute(_OPEN, tenant, *map(list, zip(*concerns, strict=True)))


async def close_alerts(
    driver: Driver, tenant: str, kind: AlertKind, connection: str, subjects: Collection[str] | None = None
) -> None:
    """Close what is open of a kind at a connection, of these subjects or else of all; watchers are told."""
    await driver.execute(_CLOSE, tenant, kind, connection, None if subjects is None else list(subjects))


class PostgresAlerts:
    """The alerts of all tenants in one schema, which is the one of `migrations`: `Alerts`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def past(
        self, tenant: str, *, connection: str = "", open_only: bool = False, before: Place | None = None, limit: int
    ) -> Sequence[Alert]:
        values: list[Any] = [tenant, limit]
        where = " AND t.closed_at IS NULL" if open_only else ""
        if connection:
            values.append(connection)
            where += f" AND t.connection = ${len(values)}"
        if before is not None:
            values += before
            where += f" AND (t.opened_at, t.alert) < (${len(values) - 1}, ${len(values)})"
        async with self._database.driving(tenant) as driver:
            return [_alert(row) for row in await driver.fetch(_PAST.format(where=where), *values)]

    async def close(self, attempt: Attempt, alert: str, *, check: bool = False) -> Alert:
        tenant = attempt.tenant

        async def work(connection: AsyncConnection) -> Outcome:
            driver = await driver_of(connection)
            row = await driver.fetchrow(_CLOSE_ONE, tenant, alert) or await driver.fetchrow(_ONE, tenant, alert)
            if row is None:
                raise SyncAlertNotFound(alert)
            return Outcome(msgspec.to_builtins(_alert(row)))

        if check:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetchrow(_ONE, tenant, alert)
            if found is None:
                raise SyncAlertNotFound(alert)
            return _alert(found)
        return msgspec.convert((await idempotency.once(self._database, attempt, work)).answer, Alert)

    async def now(self, tenant: str) -> Mark:
        async with self._database.driving(tenant) as driver:
            return await watching.now(driver)

    async def since(self, tenant: str, mark: Mark, *, connection: str = "", limit: int) -> Told[Alert]:
        async with self._database.driving(tenant) as driver:
            rows, mark, more = await watching.since(driver, _SINCE, tenant, mark, connection=connection, limit=limit)
        return Told([_alert(row) for row in rows], mark, more)

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            async with self._database.driving(tenant) as driver:
                await driver.execute(_ORPHANED, tenant)
            removed = _BATCH
            while removed == _BATCH:
                async with self._database.driving(tenant) as driver:
                    removed = int((await driver.execute(_FORGET, tenant, keep_seconds, _BATCH)).split()[-1])
                count += removed
        return count


def _alert(row: asyncpg.Record) -> Alert:
    return Alert(
        row["alert"],
        AlertKind(row["kind"]),
        row["connection"],
        row["subject"],
        row["sentence"],
        row["opened_at"],
        row["closed_at"],
    )
