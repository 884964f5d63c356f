"""What warehouses said last and how far pulls have come, on Postgres: the ports `Reports` and `Late`.

Whoever writes for a pull locks the row of its feed first, and goes no further where that is of another pull by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from weir_chassis.database import Database, Driver
from weir_chassis.errors import CallAborted
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.feeds import Figure, Line, Pull, Pulled, Reporting, Snapshot
from weir_sync.ports.feeds import Feed, Stage
from weir_sync.store.alerts import close_alerts, open_alerts

FEW = 2000
"""Lines of which the figures are looked up one by one; of more, all lines of the warehouse are read once."""
_PATIENCE = "SET LOCAL statement_timeout = 0; SET LOCAL enable_nestloop = off"
"""What is done about all lines takes as long as there are many."""
_KNOWN = """
SELECT pull, run, stage, cursor, mark, told_at, snapshot::text, total, failed, unchanged
FROM feeds WHERE tenant = $1 AND connection = $2
"""
_OPEN = """
INSERT INTO feeds (tenant, connection)
SELECT tenant, connection FROM connections WHERE tenant = $1 AND connection = ANY ($2::text[]) AND role = 'WAREHOUSE'
ON CONFLICT DO NOTHING
"""
_BEGIN = """
UPDATE feeds SET pull = pull + 1, run = $3, stage = 'READING', next_mark = $4, snapshot = NULL,
    cursor = CASE WHEN mark = $4 THEN cursor ELSE '' END, total = 0, failed = 0, unchanged = 0
WHERE tenant = $1 AND connection = $2
"""
_FORGET_FIGURES = "DELETE FROM feed_lines WHERE tenant = $1 AND connection = $2"
_LOCK = "SELECT FROM feeds WHERE tenant = $1 AND connection = $2 AND pull = $3 AND stage = $4 FOR NO KEY UPDATE"
_KEEP = """
WITH said AS MATERIALIZED (
    SELECT * FROM unnest(
        $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[]
    ) AS s (sku, facility, lot, uom, quantity, location, owner, product, fault)
), become AS (
    INSERT INTO stock_left (tenant, connection, location, owner, product, lot, uom)
    SELECT DISTINCT $1, $2, o.location, o.owner, o.product, o.lot, o.uom
    FROM said s JOIN stock_lines o
        ON o.tenant = $1 AND o.connection = $2 AND o.sku = s.sku AND o.facility = s.facility AND o.lot = s.lot
        AND o.uom = s.uom
    WHERE o.location <> '' AND s.location <> ''
      AND (o.location, o.owner, o.product) IS DISTINCT FROM (s.location, s.owner, s.product)
    ON CONFLICT DO NOTHING
)
INSERT INTO stock_lines
    (tenant, connection, pull, reported_at, sku, facility, lot, uom, quantity, location, owner, product, fault)
SELECT $1, $2, $3, $4, s.* FROM said s
ON CONFLICT (tenant, connection, sku, facility, lot, uom) DO UPDATE SET
    pull = excluded.pull, reported_at = excluded.reported_at, quantity = excluded.quantity,
    location = excluded.location, owner = excluded.owner, product = excluded.product, fault = excluded.fault
"""
_MOVED = """
SELECT mark <> next_mark OR EXISTS (SELECT FROM stock_left WHERE tenant = $1 AND connection = $2)
FROM feeds WHERE tenant = $1 AND connection = $2
"""
_SKIP = "UPDATE feeds SET stage = 'DONE' WHERE tenant = $1 AND connection = $2"
_AGAIN = """
UPDATE stock_lines SET fault = '', pull = $3
WHERE tenant = $1 AND connection = $2 AND fault <> '' AND location <> '' AND pull < $3
"""
_FEW = """
SELECT count(*) <= $4 FROM (
    SELECT FROM stock_lines WHERE tenant = $1 AND connection = $2 AND pull = $3 LIMIT $4::bigint + 1
) l
"""
_FIGURES = """
INSERT INTO feed_lines (tenant, connection, part, number, location, owner, product, lot, uom, quantity)
SELECT $1, $2, coalesce(p.part, 0),
    row_number() OVER (PARTITION BY coalesce(p.part, 0) ORDER BY f.location, f.owner, f.product, f.lot, f.uom),
    f.location, f.owner, f.product, f.lot, f.uom, f.quantity
FROM ({figures}) f
LEFT JOIN unnest($5::text[], $6::integer[]) AS p (location, part) ON p.location = f.location
"""
# By `pull + 0`, so that lines are found by their stock item and not by the pull they were said in.
_OF_FEW = """
    WITH items AS MATERIALIZED (
        SELECT location, owner, product, lot, uom FROM stock_lines
        WHERE tenant = $1 AND connection = $2 AND pull = $3 AND location <> ''
        UNION
        SELECT location, owner, product, lot, uom FROM stock_left WHERE tenant = $1 AND connection = $2
    )
    SELECT i.*, (
        SELECT coalesce(sum(l.quantity), 0)::bigint FROM stock_lines l
        WHERE l.tenant = $1 AND l.connection = $2 AND l.location = i.location AND l.owner = i.owner
          AND l.product = i.product AND l.lot = i.lot AND l.uom = i.uom AND (l.pull + 0 = $3 OR NOT $4)
    ) AS quantity
    FROM items i
"""
_OF_MANY = """
    SELECT location, owner, product, lot, uom, sum(quantity)::bigint AS quantity
    FROM (
        SELECT location, owner, product, lot, uom, pull = $3 AS told,
            CASE WHEN pull = $3 OR NOT $4 THEN quantity ELSE 0 END AS quantity
        FROM stock_lines WHERE tenant = $1 AND connection = $2 AND location <> ''
        UNION ALL
        SELECT location, owner, product, lot, uom, true, 0 FROM stock_left WHERE tenant = $1 AND connection = $2
    ) l
    GROUP BY location, owner, product, lot, uom HAVING bool_or(told)
"""
_SEAL = """
UPDATE feeds SET stage = 'TELLING', snapshot = $4::text::jsonb, next_cursor = coalesce($5, cursor),
    next_mark = CASE WHEN $5 IS NULL THEN mark ELSE next_mark END, (total, failed) = (
        SELECT count(*), count(*) FILTER (WHERE fault <> '')
        FROM stock_lines WHERE tenant = $1 AND connection = $2 AND pull = $3
    )
WHERE tenant = $1 AND connection = $2
"""
_READ_FIGURES = """
SELECT location, owner, product, lot, uom, quantity FROM feed_lines
WHERE tenant = $1 AND connection = $2 AND part = $3 AND number >= $4 ORDER BY number LIMIT $5
"""
_REFUSE = """
UPDATE stock_lines l SET fault = r.fault
FROM unnest($4::bigint[], $5::text[]) AS r (number, fault)
JOIN feed_lines f ON f.tenant = $1 AND f.connection = $2 AND f.part = $3 AND f.number = r.number
WHERE l.tenant = $1 AND l.connection = $2 AND l.location = f.location AND l.owner = f.owner AND l.product = f.product
  AND l.lot = f.lot AND l.uom = f.uom
"""
_ABSENT = """
UPDATE stock_lines SET quantity = 0, reported_at = $4
WHERE tenant = $1 AND connection = $2 AND pull < $3 AND quantity > 0 AND location <> ''
"""
_FORGET_LEFT = "DELETE FROM stock_left WHERE tenant = $1 AND connection = $2"
_END = """
UPDATE feeds SET stage = 'DONE', cursor = next_cursor, mark = next_mark, told_at = greatest(told_at, $4),
    unchanged = $5, failed = (
        SELECT count(*) FROM stock_lines WHERE tenant = $1 AND connection = $2 AND pull = $3 AND fault <> ''
    )
WHERE tenant = $1 AND connection = $2
RETURNING total, total AS settled, failed, unchanged
"""
_REPORTINGS = """
SELECT f.connection, coalesce(h.reported_at, f.awaited_at) AS at, coalesce(h.late, false) AS late
FROM feeds f LEFT JOIN connection_health h ON h.tenant = $1 AND h.connection = f.connection
WHERE f.tenant = $1 AND f.connection = ANY ($2::text[])
ORDER BY f.connection
"""
_SAY_LATE = """
INSERT INTO connection_health (tenant, connection, late)
SELECT tenant, connection, connection = ANY ($3::text[]) FROM connections
WHERE tenant = $1 AND connection = ANY ($2::text[])
ON CONFLICT (tenant, connection) DO UPDATE SET late = excluded.late
"""
_OPEN_ALERTS = "SELECT connection FROM alerts WHERE tenant = $1 AND kind = $2 AND closed_at IS NULL"


class PostgresReports:
    """What the warehouses of all tenants said, in one schema, which is the one of `migrations`: `Reports`."""

    def __init__(self, database: Database) -> None:
        """Keep it in `database`."""
        self._database = database

    async def begin(self, pull: Pull, mark: str) -> Feed | None:
        key = pull.tenant, pull.connection
        async with self._database.driving(pull.tenant) as driver:
            await driver.execute(_OPEN, pull.tenant, [pull.connection])
            row = await driver.fetchrow(f"{_KNOWN} FOR NO KEY UPDATE", *key)
            if row is None:
                return None
            if row["run"] != pull.run or row["stage"] == Stage.READING:
                await driver.execute(_PATIENCE)
                await driver.execute(_FORGET_FIGURES, *key)
                await driver.execute(_BEGIN, *key, pull.run, mark)
            return await _feed(driver, *key)

    async def keep(self, feed: Feed, lines: Sequence[Line], reported_at: datetime) -> None:
        if lines:
            async with self._writing(feed, Stage.READING) as driver:
                columns = map(list, zip(*sorted(lines), strict=True))
                await driver.execute(_KEEP, feed.tenant, feed.connection, feed.number, reported_at, *columns)

    async def moved(self, feed: Feed) -> bool:
        async with self._database.driving(feed.tenant) as driver:
            found: bool = await driver.fetchval(_MOVED, feed.tenant, feed.connection)
        return found

    async def skip(self, feed: Feed) -> Pulled:
        async with self._writing(feed, Stage.READING) as driver:
            await driver.execute(_SKIP, feed.tenant, feed.connection)
        return Pulled()

    async def seal(self, feed: Feed, snapshot: Snapshot, cursor: str | None) -> Feed:
        key = feed.tenant, feed.connection, feed.number
        parts = [(location, part) for part, scope in enumerate(snapshot.scopes) for location in scope]
        locations, numbers = [location for location, _ in parts], [part for _, part in parts]
        async with self._writing(feed, Stage.READING) as driver:
            await driver.execute(_PATIENCE)
            await driver.execute(_AGAIN, *key)
            few = await driver.fetchval(_FEW, *key, FEW)
            figures = _FIGURES.format(figures=_OF_FEW if few else _OF_MANY)
            await driver.execute(figures, *key, snapshot.absent_is_zero, locations, numbers)
            await driver.execute(_SEAL, *key, msgspec.json.encode(snapshot).decode(), cursor)
            return await _feed(driver, feed.tenant, feed.connection)

    async def figures(self, feed: Feed, part: int, first: int, *, limit: int) -> Sequence[Figure]:
        async with self._database.driving(feed.tenant) as driver:
            rows = await driver.fetch(_READ_FIGURES, feed.tenant, feed.connection, part, first, limit)
        return [Figure(*row) for row in rows]

    async def refuse(self, feed: Feed, part: int, refused: Sequence[tuple[int, str]]) -> None:
        async with self._writing(feed, Stage.TELLING) as driver:
            numbers, faults = map(list, zip(*refused, strict=True))
            await driver.execute(_REFUSE, feed.tenant, feed.connection, part, numbers, faults)

    async def end(self, feed: Feed, *, unchanged: int) -> Pulled:
        assert feed.snapshot is not None
        key = feed.tenant, feed.connection, feed.number
        async with self._writing(feed, Stage.TELLING) as driver:
            await driver.execute(_PATIENCE)
            if feed.snapshot.absent_is_zero:
                await driver.execute(_ABSENT, *key, feed.snapshot.as_of)
            await driver.execute(_FORGET_FIGURES, *key[:2])
            await driver.execute(_FORGET_LEFT, *key[:2])
            row = await driver.fetchrow(_END, *key, feed.snapshot.as_of, unchanged)
            assert row is not None
            return Pulled(*row)

    async def reportings(
        self, tenant: str, connections: Collection[str], *, awaited: Collection[str]
    ) -> Sequence[Reporting]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_REPORTINGS, tenant, list(connections))
            if not {row["connection"] for row in rows}.issuperset(awaited):
                await driver.execute(_OPEN, tenant, list(awaited))
                rows = await driver.fetch(_REPORTINGS, tenant, list(connections))
        return [Reporting(*row) for row in rows]

    @asynccontextmanager
    async def _writing(self, feed: Feed, stage: Stage) -> AsyncIterator[Driver]:
        """A transaction of the only one who writes for the warehouse meanwhile; raises CallAborted."""
        async with self._database.driving(feed.tenant) as driver:
            if await driver.fetchrow(_LOCK, feed.tenant, feed.connection, feed.number, stage) is None:
                raise CallAborted
            yield driver


class PostgresLate:
    """Health rows and alerts of warehouses that are late: `Late`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def say(self, tenant: str, late: Sequence[tuple[str, str]], in_time: Collection[str]) -> None:
        names = [connection for connection, _ in late]
        async with self._database.driving(tenant) as driver:
            await driver.execute(_SAY_LATE, tenant, [*names, *in_time], names)
            await open_alerts(driver, tenant, [Concern(AlertKind.FEED_LATE, name, "", said) for name, said in late])
            for row in await driver.fetch(_OPEN_ALERTS, tenant, AlertKind.FEED_LATE):
                if row["connection"] not in names:
                    await close_alerts(driver, tenant, AlertKind.FEED_LATE, row["connection"])


async def _feed(driver: Driver, tenant: str, connection: str) -> Feed:
    row = await driver.fetchrow(_KNOWN, tenant, connection)
    assert row is not None
    told = row["snapshot"]
    return Feed(
        tenant,
        connection,
        row["pull"],
        row["run"],
        Stage(row["stage"]),
        row["cursor"],
        row["told_at"],
        None if told is None else msgspec.json.decode(told, type=Snapshot),
        Pulled(row["total"], row["total"], row["failed"], row["unchanged"]),
    )
