"""What is due of the levels of a store, on Postgres: the port `Pushes`.

Everything is read under lock, decided in memory, and written back whole in one statement; nothing is sent meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

import asyncpg

from weir_chassis.database import Database, Driver, retrying
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.pushing import Decided, Note, Standing, reclaimed
from weir_sync.domain.records import RecordStatus, Trigger
from weir_sync.domain.rules import Product
from weir_sync.domain.telling import Cause
from weir_sync.ports.leases import Lease, pushed
from weir_sync.store.alerts import close_alerts, open_alerts
from weir_sync.store.leases import check_held
from weir_sync.store.levels import make_due

T = TypeVar("T")

SEEN = Cause(Trigger.DRIFT, "read back")

KEPT = {
    "number": "bigint",
    "status": "text",
    "error": "text",
    "due_at": "timestamptz",
    "tries": "integer",
    "told": "bigint",
    "told_at": "timestamptz",
    "shown": "bigint",
    "shown_number": "bigint",
    "sold_after": "bigint",
    "unreported": "bigint",
    "unreported_at": "timestamptz",
    "verified": "boolean",
    "check_at": "timestamptz",
    "checks": "integer",
    "fence": "bigint",
    "sent": "bigint",
    "sent_number": "bigint",
    "sent_record": "bigint",
    "stray": "bigint",
    "stray_number": "bigint",
}
"""What a decision may change, and its types."""
COLUMNS = f"store_sku, owner, sku, level, rule, record, {', '.join(KEPT)}"
_TYPES = ("text", "text", "text", "bigint", "text", "bigint", *KEPT.values())

_DUE = f"""
SELECT {COLUMNS} FROM levels
WHERE tenant = $1 AND connection = $2 AND fence IS NULL AND due_at <= clock_timestamp() AND level {{which}} 0
ORDER BY due_at, store_sku LIMIT $3
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 -- constants
_DUE_ZERO, _DUE_MORE = _DUE.format(which="="), _DUE.format(which=">")
_NAMED = f"""
SELECT {COLUMNS}, EXISTS (
    SELECT FROM alerts WHERE tenant = $1 AND kind = '{AlertKind.LEVEL_FAILED}' AND connection = $2 AND closed_at IS NULL
) AS failing
FROM levels
WHERE tenant = $1 AND connection = $2 AND store_sku = ANY ($3::text[]) AND coalesce(fence, $4) = $4
ORDER BY store_sku
FOR NO KEY UPDATE
"""  # noqa: S608 -- constants
_FORMER = f"""
SELECT {COLUMNS} FROM levels
WHERE tenant = $1 AND connection = $2 AND fence <= $4
ORDER BY store_sku LIMIT $3
FOR NO KEY UPDATE
"""  # noqa: S608 -- constants
_TO_CHECK = f"""
SELECT {COLUMNS} FROM levels
WHERE tenant = $1 AND connection = $2 AND fence IS NULL AND due_at IS NULL AND check_at <= clock_timestamp()
ORDER BY check_at, store_sku LIMIT $3
"""  # noqa: S608 -- constants
_KEEP = f"""
INSERT INTO levels (tenant, connection, {COLUMNS})
SELECT $1, $2, k.* FROM unnest({", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_TYPES, 3))}) AS k
ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in KEPT)}
"""  # noqa: S608 -- constants
"""Writes rows that are locked, and so are there: they are found by their key however little is known of the table."""
_NOTE = """
UPDATE records SET status = $3, error = $4, tries = tries + $5::boolean::integer,
    sent_at = CASE WHEN $5 THEN clock_timestamp() ELSE sent_at END,
    ended_at = CASE WHEN $3 = 'PENDING' THEN NULL ELSE clock_timestamp() END, changed = pg_current_xact_id()
WHERE tenant = $1 AND record = ANY ($2::bigint[]) AND status = 'PENDING'
"""
_NEXT = """
SELECT least(
    (SELECT min(due_at) FROM levels
     WHERE tenant = $1 AND connection = $2 AND fence IS NULL AND due_at IS NOT NULL AND level = 0),
    (SELECT min(due_at) FROM levels
     WHERE tenant = $1 AND connection = $2 AND fence IS NULL AND due_at IS NOT NULL AND level > 0),
    (SELECT min(check_at) FROM levels
     WHERE tenant = $1 AND connection = $2 AND fence IS NULL AND check_at IS NOT NULL)
)
"""
_BATCH = 1000


class PostgresPushes:
    """What is due of the stores of all tenants: `Pushes`."""

    def __init__(self, database: Database) -> None:
        """Keep it in `database`."""
        self._database = database

    async def reclaim(self, lease: Lease) -> int:
        async def work(driver: Driver, connection: str) -> int:
            rows = await driver.fetch(_FORMER, lease.tenant, connection, _BATCH, lease.fence)
            await _keep(driver, lease.tenant, connection, [reclaimed(_standing(row)) for row in rows])
            return len(rows)

        count = more = await self._holding(lease, work)
        while more == _BATCH:
            more = await self._holding(lease, work)
            count += more
        return count

    async def take(self, lease: Lease, *, limit: int, decide: Callable[[Standing], Decided]) -> Sequence[Standing]:
        async def work(driver: Driver, connection: str) -> Sequence[Standing]:
            rows = await driver.fetch(_DUE_ZERO, lease.tenant, connection, limit)
            if len(rows) < limit:
                rows += await driver.fetch(_DUE_MORE, lease.tenant, connection, limit - len(rows))
            decided = [decide(_standing(row)) for row in rows]
            await _keep(driver, lease.tenant, connection, decided)
            return [each.standing for each in decided]

        return await self._holding(lease, work)

    async def settle(
        self, lease: Lease, store_skus: Sequence[str], decide: Callable[[Standing], Decided | None]
    ) -> Sequence[Decided]:
        async def work(driver: Driver, connection: str) -> Sequence[Decided]:
            tenant = lease.tenant
            rows = await driver.fetch(_NAMED, tenant, connection, list(store_skus), lease.fence)
            decided = [each for row in rows if (each := decide(_standing(row))) is not None]
            await _keep(driver, tenant, connection, decided)
            drifted = [each.standing.store_sku for each in decided if each.drifted and each.standing.due_at is None]
            if drifted:
                await make_due(driver, tenant, connection, drifted, SEEN)
            await open_alerts(driver, tenant, [_concern(connection, each) for each in decided if _gave_up(each)])
            told = [each.standing.store_sku for each in decided if each.standing.status is RecordStatus.SUCCEEDED]
            if told and rows[0]["failing"]:
                await close_alerts(driver, tenant, AlertKind.LEVEL_FAILED, connection, told)
            return decided

        return await self._holding(lease, work) if store_skus else []

    async def to_check(self, lease: Lease, *, limit: int) -> Sequence[Standing]:
        async with self._database.driving(lease.tenant) as driver:
            rows = await driver.fetch(_TO_CHECK, lease.tenant, _connection(lease), limit)
        return [_standing(row) for row in rows]

    async def next_at(self, lease: Lease) -> datetime | None:
        async with self._database.driving(lease.tenant) as driver:
            found: datetime | None = await driver.fetchval(_NEXT, lease.tenant, _connection(lease))
        return found

    async def _holding(self, lease: Lease, work: Callable[[Driver, str], Awaitable[T]]) -> T:
        async def write() -> T:
            async with self._database.driving(lease.tenant) as driver:
                await check_held(driver, lease)
                return await work(driver, _connection(lease))

        return await retrying(write)


async def _keep(driver: Driver, tenant: str, connection: str, decided: Sequence[Decided]) -> None:
    """Write down what was decided."""
    if decided:
        rows = [_row(each.standing) for each in decided]
        await driver.execute(_KEEP, tenant, connection, *map(list, zip(*rows, strict=True)))
    noted: dict[Note, list[int]] = {}
    for note in (note for each in decided for note in each.notes):
        noted.setdefault(note._replace(record=0), []).append(note.record)
    for (_, *what), records in noted.items():
        await driver.execute(_NOTE, tenant, records, *what)


def _connection(lease: Lease) -> str:
    return pushed(lease.name)


def _gave_up(decided: Decided) -> bool:
    return any(each.status is RecordStatus.FAILED for each in decided.notes)


def _concern(connection: str, decided: Decided) -> Concern:
    standing = decided.standing
    error = next(each.error for each in decided.notes if each.status is RecordStatus.FAILED)
    sentence = f"'{standing.store_sku}' could not be told its level {standing.level}: {error}"
    return Concern(AlertKind.LEVEL_FAILED, connection, standing.store_sku, sentence)


_kept = attrgetter(*KEPT)


def _row(standing: Standing) -> tuple[Any, ...]:
    """What `_KEEP` writes of a SKU."""
    product = standing.product
    mine = standing.store_sku, product.owner, product.sku, standing.level, standing.rule, standing.record
    return (*mine, *_kept(standing))


def _standing(row: asyncpg.Record) -> Standing:
    kept = {name: row[name] for name in KEPT}
    kept["status"] = RecordStatus(row["status"])
    return Standing(
        row["store_sku"], Product(row["owner"], row["sku"]), row["level"], row["rule"], record=row["record"], **kept
    )
