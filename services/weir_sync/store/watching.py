"""Reads what changed since a moment, of tables whose rows bear the transaction that changed them last in `changed`.

A moment is a snapshot of Postgres: of any transaction it knows whether it was over by then. A window between two of
them is read in parts, in order of transactions; what changes again while it is read falls into the next window.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from weir_chassis.database import Driver
from weir_sync.ports.watching import Mark

_NOW = "SELECT pg_current_snapshot()::text"
_SINCE = """
SELECT {told}, t.changed::text AS changed, t.{name}::text AS name FROM {table} t
WHERE t.tenant = $1 AND ($2 = '' OR t.connection = $2)
  AND t.changed >= pg_snapshot_xmin($3::text::pg_snapshot) AND (t.changed, t.{name}) > ($5::text::xid8, {place})
  AND NOT pg_visible_in_snapshot(t.changed, $3::text::pg_snapshot)
  AND pg_visible_in_snapshot(t.changed, $4::text::pg_snapshot)
ORDER BY t.changed, t.{name} LIMIT $7
"""


def since_statement(*, table: str, name: str, told: str, place: str = "$6::text") -> str:
    """The statement that reads a part of a window; `told` are the columns of a row `t`, `place` casts a name."""
    return _SINCE.format(table=table, name=name, told=told, place=place)


async def now(driver: Driver) -> Mark:
    """The mark of this moment."""
    return Mark(await driver.fetchval(_NOW))


async def since(
    driver: Driver, statement: str, tenant: str, mark: Mark, *, connection: str, limit: int
) -> tuple[Sequence[asyncpg.Record], Mark, bool]:
    """Rows that changed since a mark, the mark to go on from, and whether there are more already."""
    if not mark.telling:
        mark = mark._replace(telling=await driver.fetchval(_NOW))
    rows = await driver.fetch(statement, tenant, connection, mark.told, mark.telling, mark.changed, mark.name, limit)
    if len(rows) < limit:
        return rows, Mark(mark.telling), False
    return rows, mark._replace(changed=rows[-1]["changed"], name=rows[-1]["name"]), True
