"""Secrets to be sealed anew, on Postgres: the port `Resealing`."""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.configuration.objects import Key
from weir_chassis.database import Database
from weir_sync.domain.connections import Secret

_STALE = """
SELECT connection, name, key_id, sealed, changed::text AS etag FROM secrets
WHERE tenant = $1 AND key_id <> $2 AND (connection, name) > ($3, $4) ORDER BY connection, name LIMIT $5
"""
_RESEAL = """
UPDATE secrets SET key_id = $5, sealed = $6 WHERE tenant = $1 AND connection = $2 AND name = $3 AND sealed = $4
"""


class PostgresResealing:
    """The sealed secrets of all tenants: `Resealing`."""

    def __init__(self, database: Database) -> None:
        """Find them in `database`."""
        self._database = database

    async def stale(self, tenant: str, key_id: str, *, after: Key, limit: int) -> Sequence[Secret]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_STALE, tenant, key_id, *(after or ("", "")), limit)
        return [Secret(**row) for row in rows]

    async def reseal(self, tenant: str, before: Secret, after: Secret) -> bool:
        async with self._database.driving(tenant) as driver:
            done = await driver.execute(_RESEAL, tenant, *before.key, before.sealed, after.key_id, after.sealed)
        return done == "UPDATE 1"
