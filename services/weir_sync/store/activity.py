"""Sync records on Postgres, as they are looked for: the port `Records`. `levels` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.database import Database, Driver, driver_of
from weir_chassis.idempotency import Attempt, Outcome
from weir_sync.domain.records import Record, RecordQuery, RecordStatus, Trigger
from weir_sync.domain.rules import Product
from weir_sync.domain.telling import Cause
from weir_sync.errors import RecordNotFailed, RecordNotFound
from weir_sync.ports.records import RecordPlace
from weir_sync.ports.watching import Mark, Told
from weir_sync.store import watching
from weir_sync.store.levels import make_due

_TOLD = """
    t.record, t.connection, t.store_sku, t.owner, t.sku, t.trigger, t.reason, t.before, t.after, t.rule, t.status,
    t.error, t.tries, t.created_at, t.sent_at, t.ended_at
"""
_PAST = f"""
SELECT {_TOLD} FROM records t WHERE t.tenant = $1 {{where}}
ORDER BY t.created_at DESC, t.record DESC LIMIT $2
"""  # noqa: S608 -- a constant
_SINCE = watching.since_statement(
    table="records", name="record", told=_TOLD, place="coalesce(nullif($6::text, ''), '0')::bigint"
)
_NAMED = """
SELECT record::text, connection, store_sku, status FROM records
WHERE tenant = $1 AND record::text = ANY ($2::text[]) AND record = ANY ($3::bigint[])
"""
_OF_SKUS = """
SELECT l.connection, array_agg(l.store_sku) AS store_skus
FROM unnest($2::text[], $3::text[]) AS a (connection, store_sku)
JOIN levels l ON l.tenant = $1 AND l.connection = a.connection AND l.store_sku = a.store_sku
WHERE l.level IS NOT NULL
GROUP BY l.connection ORDER BY l.connection
"""
_OF_FAILED = """
SELECT l.connection, array_agg(l.store_sku) AS store_skus FROM levels l
WHERE l.tenant = $1 AND l.level IS NOT NULL AND l.status = 'FAILED' AND ($2 = '' OR l.connection = $2)
GROUP BY l.connection ORDER BY l.connection
"""
_AGAIN = Cause(Trigger.RETRY, "asked for")
_NUMBER_MAX = 2**63 - 1
_FORGET = """
DELETE FROM records WHERE (tenant, record) IN (
    SELECT tenant, record FROM records
    WHERE tenant = $1 AND created_at < now() - make_interval(secs => $2)
      AND ended_at < now() - make_interval(secs => $2)
    ORDER BY created_at, record LIMIT $3
)
"""
_BATCH = 5000


class PostgresRecords:
    """The sync records of all tenants in one schema, which is the one of `migrations`: `Records`."""

    def __init__(self, database: Database) -> None:
        """Read them from `database`."""
        self._database = database

    async def past(
        self, tenant: str, query: RecordQuery, *, before: RecordPlace | None = None, limit: int
    ) -> Sequence[Record]:
        statement, values = page(tenant, query, before=before, limit=limit)
        async with self._database.driving(tenant) as driver:
            return [_record(row) for row in await driver.fetch(statement, *values)]

    async def retry(
        self, attempt: Attempt, records: Sequence[str], *, connection: str = "", check: bool = False
    ) -> int:
        tenant = attempt.tenant

        async def again(driver: Driver) -> int:
            if records:
                failed = await _failed(driver, tenant, records, connection)
                columns = [list(each) for each in zip(*failed, strict=True)]
                chosen = await driver.fetch(_OF_SKUS, tenant, *columns)
            else:
                chosen = await driver.fetch(_OF_FAILED, tenant, connection)
            if check:
                return sum(len(row["store_skus"]) for row in chosen)
            return sum([await make_due(driver, tenant, row["connection"], row["store_skus"], _AGAIN) for row in chosen])

        async def work(connection: AsyncConnection) -> Outcome:
            return Outcome(await again(await driver_of(connection)))

        if check:
            async with self._database.driving(tenant) as driver:
                return await again(driver)
        return msgspec.convert((await idempotency.once(self._database, attempt, work)).answer, int)

    async def now(self, tenant: str) -> Mark:
        async with self._database.driving(tenant) as driver:
            return await watching.now(driver)

    async def since(self, tenant: str, mark: Mark, *, connection: str = "", limit: int) -> Told[Record]:
        async with self._database.driving(tenant) as driver:
            rows, mark, more = await watching.since(driver, _SINCE, tenant, mark, connection=connection, limit=limit)
        return Told([_record(row) for row in rows], mark, more)

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            removed = _BATCH
            while removed == _BATCH:
                async with self._database.driving(tenant) as driver:
                    removed = int((await driver.execute(_FORGET, tenant, keep_seconds, _BATCH)).split()[-1])
                count += removed
        return count


def page(tenant: str, query: RecordQuery, *, before: RecordPlace | None, limit: int) -> tuple[str, Sequence[Any]]:
    """The statement that reads a page of records along an index, and its values."""
    values: list[Any] = [tenant, limit]

    def value(of: Any) -> str:
        values.append(of)
        return f"${len(values)}"

    where = []
    if query.connection:
        where.append(f"t.connection = {value(query.connection)}")
    if query.store_sku:
        where.append(f"t.store_sku = {value(query.store_sku)}")
    if query.status is not None:
        where.append(f"t.status = '{query.status}'")  # a word of ours, by which an index is found that has no others
    if query.trigger is not None:
        where.append(f"t.trigger = '{query.trigger}'")
    if query.since is not None:
        where.append(f"t.created_at >= {value(query.since)}")
    if query.until is not None:
        where.append(f"t.created_at < {value(query.until)}")
    if before is not None:
        where.append(f"(t.created_at, t.record) < ({value(before.at)}, {value(before.record)})")
    return _PAST.format(where="".join(f" AND {each}" for each in where)), values


async def _failed(driver: Driver, tenant: str, records: Sequence[str], connection: str) -> Sequence[tuple[str, str]]:
    """The connections and SKUs of records, each once. Raises RecordNotFound, RecordNotFailed."""
    numbers = [int(each) for each in records if each.isascii() and each.isdigit() and int(each) <= _NUMBER_MAX]
    found = {row["record"]: row for row in await driver.fetch(_NAMED, tenant, list(records), numbers)}
    for name in records:
        if name not in found or connection not in ("", found[name]["connection"]):
            raise RecordNotFound(name)
    for name in records:
        if found[name]["status"] != RecordStatus.FAILED:
            raise RecordNotFailed(name, status=found[name]["status"])
    return sorted({(row["connection"], row["store_sku"]) for row in found.values()})


def _record(row: asyncpg.Record) -> Record:
    return Record(
        row["record"],
        row["connection"],
        row["store_sku"],
        Product(row["owner"], row["sku"]),
        Trigger(row["trigger"]),
        row["reason"],
        row["before"],
        row["after"],
        row["rule"],
        RecordStatus(row["status"]),
        row["error"],
        row["tries"],
        row["created_at"],
        row["sent_at"],
        row["ended_at"],
    )
