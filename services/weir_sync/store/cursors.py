"""How far the orders of stores were read, on Postgres: the port `OrderCursors`."""

from __future__ import annotations

from collections.abc import Sequence

from weir_chassis.database import Database
from weir_sync.ports.orders import Cursor

_OPEN = """
INSERT INTO order_cursors (tenant, connection)
SELECT tenant, connection FROM connections WHERE tenant = $1 AND role = 'STORE' AND take_orders
ON CONFLICT DO NOTHING
"""
_TAKE = """
WITH taken AS (
    SELECT c.connection FROM order_cursors c
    JOIN connections n ON n.tenant = c.tenant AND n.connection = c.connection AND n.role = 'STORE' AND n.take_orders
    WHERE c.tenant = $1 AND c.due_at <= clock_timestamp() AND c.held_until <= clock_timestamp()
      AND NOT EXISTS (SELECT FROM master_switches m WHERE m.tenant = $1 AND NOT m."on")
    ORDER BY c.due_at, c.connection LIMIT $3 FOR UPDATE OF c SKIP LOCKED
)
UPDATE order_cursors c SET held_until = clock_timestamp() + make_interval(secs => $2)
FROM taken t WHERE c.tenant = $1 AND c.connection = t.connection
RETURNING c.connection, c.cursor, c.hints
"""
_READ = """
UPDATE order_cursors SET
    cursor = $3, held_until = '-infinity',
    due_at = clock_timestamp() + CASE WHEN hints = $4 THEN make_interval(secs => $5) ELSE '0' END
WHERE tenant = $1 AND connection = $2
"""
_HINT = """
INSERT INTO order_cursors (tenant, connection, hints) VALUES ($1, $2, 1)
ON CONFLICT (tenant, connection) DO UPDATE SET hints = order_cursors.hints + 1, due_at = clock_timestamp()
"""


class PostgresOrderCursors:
    """The cursors of all tenants in one schema, which is the one of `migrations`: `OrderCursors`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[Cursor]:
        async with self._database.driving(tenant) as driver:
            await driver.execute(_OPEN, tenant)
            rows = await driver.fetch(_TAKE, tenant, hold_seconds, limit)
        return [Cursor(tenant, *row) for row in rows]

    async def read(self, held: Cursor, cursor: str, *, pause_seconds: float) -> None:
        async with self._database.driving(held.tenant) as driver:
            await driver.execute(_READ, held.tenant, held.connection, cursor, held.hints, pause_seconds)

    async def hint(self, tenant: str, connection: str) -> None:
        async with self._database.driving(tenant) as driver:
            await driver.execute(_HINT, tenant, connection)
