"""Listings by the million, on Postgres: the port `Bulk`.

Lines are staged in parts, a row of columns for each, in transactions of their own, so that nobody is waited for while a
stream comes in; they are taken in one transaction, which finds the difference first and writes nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from sqlalchemy import TextClause, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.configuration.objects import Outcome
from weir_chassis.configuration.postgres import Tables
from weir_chassis.configuration.postgres.objects import CHANGES
from weir_chassis.database import Database, draw, head, notify, retrying
from weir_chassis.errors import Overloaded
from weir_chassis.idempotency import Attempt
from weir_sync.domain.connections import Role
from weir_sync.domain.imports import FAULTS_MAX, Faults, Import, Lines, ListingsImported, repetition
from weir_sync.domain.listings import Listing
from weir_sync.errors import ConnectionNotFound

EXPORTS_MAX = 4
"""Exports at once: each holds a connection for as long as its caller takes to read."""
TAKES_MAX = 2
"""Imports taken at once, others wait: each holds a connection for as long as that takes."""
PART = 1000
"""Listings of one part of an export."""
STEP = 50_000
"""Lines taken by one statement, so that none is out of time."""
LINES_MAX = 2**62
"""More lines than an import has."""

_STAGE = """
INSERT INTO listing_parts (tenant, upload, first_line, store_skus, owners, skus, disabled)
VALUES ($1, $2, $3, $4::text[], $5::text[], $6::text[], $7::boolean[]) ON CONFLICT DO NOTHING
"""
_DROP = "DELETE FROM listing_parts WHERE tenant = $1 AND upload = $2"
_LEFT = "DELETE FROM listing_parts WHERE tenant = $1 AND staged_at < now() - interval '1 day'"
_LINES = """
lines AS MATERIALIZED (
    SELECT p.first_line + l.place - 1 AS line, l.store_sku, l.owner, l.sku, l.disabled
    FROM listing_parts p
    CROSS JOIN LATERAL unnest(p.store_skus, p.owners, p.skus, p.disabled)
        WITH ORDINALITY AS l (store_sku, owner, sku, disabled, place)
    WHERE p.tenant = :tenant AND p.upload = :upload
        AND p.first_line BETWEEN :first_line AND :last_line
)
"""
_REPEATED = text(f"""
WITH {_LINES}, several AS (
    SELECT store_sku, min(line) AS first FROM lines WHERE store_sku <> '' GROUP BY store_sku HAVING count(*) > 1
)
SELECT line, first, count(*) OVER () AS total FROM several JOIN lines USING (store_sku)
WHERE line > first ORDER BY line LIMIT :most
""")  # noqa: S608 -- a constant
_PUT = f"""
WITH {_LINES}, put AS MATERIALIZED (
    SELECT n.store_sku, n.owner, n.sku, n.disabled, l.owner AS was_owner, l.sku AS was_sku
    FROM lines n
    LEFT JOIN listings l ON l.tenant = :tenant AND l.connection = :connection AND l.store_sku = n.store_sku
    WHERE (l.owner, l.sku, l.disabled) IS DISTINCT FROM (n.owner, n.sku, n.disabled)
)
"""  # noqa: S608 -- a constant
_PUT_COUNT = "SELECT count(*) - count(was_sku), count(was_sku) FROM put"
_GONE = f"""
WITH {_LINES}, gone AS MATERIALIZED (
    SELECT l.store_sku, l.owner, l.sku FROM listings l
    WHERE l.tenant = :tenant AND l.connection = :connection
        AND NOT EXISTS (SELECT FROM lines n WHERE n.store_sku = l.store_sku)
)
"""  # noqa: S608 -- a constant
_GONE_COUNT = "SELECT count(*) FROM gone"
_TOUCH = """
INSERT INTO listing_touches (tenant, connection, store_sku, changed)
SELECT :tenant, :connection, store_sku, :revision FROM ({touched}) AS others
WHERE :store ORDER BY store_sku COLLATE "C"
ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET changed = excluded.changed
"""
_TOUCH_PUT = _TOUCH.format(
    touched="""
    SELECT store_sku FROM put
    UNION SELECT sku FROM put WHERE owner = ''
    UNION SELECT was_sku FROM put WHERE was_owner = ''
    """
)
_TOUCH_GONE = _TOUCH.format(touched="SELECT store_sku FROM gone UNION SELECT sku FROM gone WHERE owner = ''")
_CHECK_PUT = text(_PUT + _PUT_COUNT)
_CHECK_GONE = text(_GONE + _GONE_COUNT)
_TAKE_PUT = text(f"""
{_PUT}, written AS (
    INSERT INTO listings (tenant, connection, store_sku, owner, sku, disabled, changed)
    SELECT :tenant, :connection, store_sku, owner, sku, disabled, :revision FROM put ORDER BY store_sku COLLATE "C"
    ON CONFLICT (tenant, connection, store_sku) DO UPDATE
    SET owner = excluded.owner, sku = excluded.sku, disabled = excluded.disabled, changed = excluded.changed
), touched AS ({_TOUCH_PUT}) {_PUT_COUNT}
""")  # noqa: S608 -- a constant
_TAKE_GONE = text(f"""
{_GONE}, removed AS (
    DELETE FROM listings l USING gone g
    WHERE l.tenant = :tenant AND l.connection = :connection AND l.store_sku = g.store_sku
), touched AS ({_TOUCH_GONE}) {_GONE_COUNT}
""")  # noqa: S608 -- a constant
_LARGE = text("SET LOCAL enable_nestloop = off")
"""How many lines are staged is not known to the planner: it would look all of them through for each other row."""
_BY_KEY = text("SET LOCAL enable_seqscan = off")
"""Nor is how many listings there are: it would read those of all tenants, where there were few a while ago."""
_ROLE = text("SELECT role FROM connections WHERE tenant = :tenant AND connection = :connection")
_COUNT = text("SELECT count(*) FROM listings WHERE tenant = :tenant AND connection = :connection")
_ALL = text("""
SELECT connection, store_sku, owner, sku, disabled, changed::text AS etag FROM listings
WHERE tenant = :tenant AND connection = :connection ORDER BY store_sku
""")


class PostgresBulk:
    """The listings of all tenants in one schema, which is the one of `migrations`: `Bulk`."""

    def __init__(self, database: Database, tables: Tables) -> None:
        """Keep them in `database`; `tables` name `ListingsImported`, which stands in the stream of changes for all
        lines.
        """
        self._database = database
        self._tables = tables
        self._exports = 0
        self._taking = asyncio.Semaphore(TAKES_MAX)

    async def stage(self, tenant: str, upload: str, lines: Lines) -> None:
        async def work() -> None:
            async with self._database.driving(tenant) as driver:
                if lines.first_line == 1:
                    await driver.execute(_LEFT, tenant)
                await driver.execute(_STAGE, tenant, upload, *lines)

        await retrying(work)

    async def repeated(self, tenant: str, upload: str) -> Faults:
        asked = {"tenant": tenant, "upload": upload, "first_line": 1, "last_line": LINES_MAX, "most": FAULTS_MAX}
        async with self._database.reading(tenant) as connection:
            await connection.execute(_LARGE)
            rows = (await connection.execute(_REPEATED, asked)).all()
        return Faults(rows[0].total, tuple(repetition(row.line, row.first) for row in rows)) if rows else Faults()

    async def check(self, tenant: str, wanted: Import) -> Outcome[ListingsImported]:
        async with self._database.reading(tenant) as connection:
            await _role(connection, tenant, wanted.connection)
            newest = await head(connection, tenant)
            if wanted.faults.count:
                return Outcome(ListingsImported(wanted.connection), newest)
            done = await _done(connection, tenant, wanted, _CHECK_PUT, _CHECK_GONE)
            if done.added:
                there = await _count(connection, tenant, wanted.connection)
                wanted.check_room(there + done.added - done.removed)
        return Outcome(done, newest)

    async def take(self, attempt: Attempt, wanted: Import) -> Outcome[ListingsImported]:
        async def work(connection: AsyncConnection) -> idempotency.Outcome:
            done, revision = await self._take(connection, attempt.tenant, wanted)
            return idempotency.Outcome(msgspec.to_builtins(done), revision)

        async with self._taking:
            known = await idempotency.once(self._database, attempt, work)
        assert known.revision is not None
        return Outcome(msgspec.convert(known.answer, ListingsImported), known.revision)

    async def drop(self, tenant: str, upload: str) -> None:
        async with self._database.driving(tenant) as driver:
            await driver.execute(_DROP, tenant, upload)

    async def export(self, tenant: str, connection: str) -> AsyncGenerator[tuple[int, Sequence[Listing]], None]:
        with self._turn():
            async with self._database.reading(tenant) as reading:
                asked = {"tenant": tenant, "connection": connection}
                await _role(reading, tenant, connection)
                newest, told = await head(reading, tenant), False
                found = await reading.stream(_ALL.execution_options(max_row_buffer=PART), asked)
                async for part in found.partitions(PART):
                    yield newest, [Listing(*row[:-1], etag=row.etag) for row in part]
                    told = True
                if not told:
                    yield newest, []

    async def _take(self, connection: AsyncConnection, tenant: str, wanted: Import) -> tuple[ListingsImported, int]:
        """Take it, within a transaction that is the only one to write for the tenant."""
        role = await _role(connection, tenant, wanted.connection)
        wanted.check()
        newest = await head(connection, tenant)
        others = {"revision": newest + 1, "store": role is Role.STORE}
        done = await _done(connection, tenant, wanted, _TAKE_PUT, _TAKE_GONE, **others)
        if not done.anything:
            return done, newest
        if done.added:
            wanted.check_room(await _count(connection, tenant, wanted.connection))
        revision = await draw(connection, tenant)
        line = {"line": 0, "body": msgspec.json.encode(self._tables.stored(done)).decode(), "deleted": False}
        await connection.execute(insert(CHANGES), {"tenant": tenant, "revision": revision, **line})
        await notify(connection, tenant)
        return done, revision

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the places for exports, for the block; raises Overloaded where all are taken."""
        if self._exports >= EXPORTS_MAX:
            raise Overloaded
        self._exports += 1
        try:
            yield
        finally:
            self._exports -= 1


async def _role(connection: AsyncConnection, tenant: str, name: str) -> Role:
    """The role of a connection; raises ConnectionNotFound."""
    found = (await connection.execute(_ROLE, {"tenant": tenant, "connection": name})).scalar()
    if found is None:
        raise ConnectionNotFound(connection=name)
    return Role(found)


async def _count(connection: AsyncConnection, tenant: str, name: str) -> int:
    """How many listings a connection has."""
    count: int = (await connection.execute(_COUNT, {"tenant": tenant, "connection": name})).scalar_one()
    return count


async def _done(
    connection: AsyncConnection, tenant: str, wanted: Import, put: TextClause, gone: TextClause, **others: object
) -> ListingsImported:
    """What `put` finds of some lines after the other that are different from what is staged, and `gone` of them all."""
    asked = {"tenant": tenant, "connection": wanted.connection, "upload": wanted.upload, **others}
    added = changed = removed = 0
    await connection.execute(_BY_KEY)
    for first_line in range(1, wanted.lines + 1, STEP):
        found = await connection.execute(put, {**asked, "first_line": first_line, "last_line": first_line + STEP - 1})
        more_added, more_changed = found.one()
        added, changed = added + more_added, changed + more_changed
    if wanted.replace:
        await connection.execute(_LARGE)
        removed = (await connection.execute(gone, {**asked, "first_line": 1, "last_line": LINES_MAX})).scalar_one()
    return ListingsImported(wanted.connection, added, changed, removed)
