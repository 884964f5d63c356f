"""How it stands with connections, on Postgres: the port `Healths`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from weir_chassis.database import Database
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.health import Abilities, Breaker, BreakerState, Health
from weir_sync.store.alerts import close_alerts, open_alerts

_HEALTH = """
SELECT connection, state, since_at, retry_at, failures, error, reported_at, late, abilities::text
FROM connection_health WHERE tenant = $1 AND connection = ANY ($2::text[])
"""
_SET_BREAKER = """
INSERT INTO connection_health AS known (tenant, connection, state, failures, retry_at, error, since_at)
SELECT tenant, connection, $3, $4, $5, $6, now() FROM connections WHERE tenant = $1 AND connection = $2
ON CONFLICT (tenant, connection) DO UPDATE SET
    state = excluded.state, failures = excluded.failures, retry_at = excluded.retry_at, error = excluded.error,
    since_at = CASE WHEN known.state = excluded.state THEN known.since_at ELSE excluded.since_at END
"""
_SET_ABILITIES = """
INSERT INTO connection_health (tenant, connection, abilities)
SELECT tenant, connection, $3::text::jsonb FROM connections WHERE tenant = $1 AND connection = $2
ON CONFLICT (tenant, connection) DO UPDATE SET abilities = excluded.abilities
"""
_REPORTED = """
INSERT INTO connection_health AS known (tenant, connection, reported_at)
SELECT tenant, connection, $3 FROM connections WHERE tenant = $1 AND connection = $2
ON CONFLICT (tenant, connection) DO UPDATE SET reported_at = greatest(known.reported_at, excluded.reported_at)
"""
_SET_LATE = """
INSERT INTO connection_health (tenant, connection, late)
SELECT tenant, connection, $3 FROM connections WHERE tenant = $1 AND connection = $2
ON CONFLICT (tenant, connection) DO UPDATE SET late = excluded.late
"""


class PostgresHealths:
    """How it stands with the connections of all tenants: `Healths`."""

    def __init__(self, database: Database) -> None:
        """Keep it in `database`."""
        self._database = database

    async def health(self, tenant: str, connections: Collection[str]) -> Mapping[str, Health]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_HEALTH, tenant, list(connections))
        return {row["connection"]: _health(row) for row in rows}

    async def set_breaker(self, tenant: str, connection: str, breaker: Breaker) -> None:
        kept = breaker.state, breaker.failures, breaker.retry_at, breaker.error
        async with self._database.driving(tenant) as driver:
            await driver.execute(_SET_BREAKER, tenant, connection, *kept)
            if breaker.state is BreakerState.OPEN:
                sentence = f"'{connection}' does not answer: {breaker.error}"
                await open_alerts(driver, tenant, [Concern(AlertKind.CONNECTION_AWAY, connection, "", sentence)])
            elif breaker.state is BreakerState.CLOSED and not breaker.failures:
                await close_alerts(driver, tenant, AlertKind.CONNECTION_AWAY, connection)

    async def set_abilities(self, tenant: str, connection: str, abilities: Abilities) -> None:
        await self._write(_SET_ABILITIES, tenant, connection, msgspec.json.encode(abilities).decode())

    async def reported(self, tenant: str, connection: str, at: datetime) -> None:
        await self._write(_REPORTED, tenant, connection, at)

    async def set_late(self, tenant: str, connection: str, *, late: bool) -> None:
        await self._write(_SET_LATE, tenant, connection, late)

    async def _write(self, statement: str, tenant: str, connection: str, *values: Any) -> None:
        async with self._database.driving(tenant) as driver:
            await driver.execute(statement, tenant, connection, *values)


def _health(row: asyncpg.Record) -> Health:
    state, abilities = row["state"], row["abilities"]
    return Health(
        breaker=Breaker(BreakerState(state), row["failures"], row["retry_at"], row["error"]) if state else None,
        since=row["since_at"],
        reported_at=row["reported_at"],
        late=row["late"],
        abilities=msgspec.json.decode(abilities, type=Abilities) if abilities else None,
    )
