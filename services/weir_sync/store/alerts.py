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

from weir_chassis.database import Driver
from weir_sync.domain.alerts import AlertKind, Concern

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


async def open_alerts(driver: Driver, tenant: str, concerns: Sequence[Concern]) -> None:
    """Open an alert for each of the concerns that has none open; watchers are told when the transaction commits."""
    if concerns:
        await driver.execute(_OPEN, tenant, *map(list, zip(*concerns, strict=True)))


async def close_alerts(
    driver: Driver, tenant: str, kind: AlertKind, connection: str, subjects: Collection[str] | None = None
) -> None:
    """Close what is open of a kind at a connection, of these subjects or else of all; watchers are told."""
    await driver.execute(_CLOSE, tenant, kind, connection, None if subjects is None else list(subjects))
