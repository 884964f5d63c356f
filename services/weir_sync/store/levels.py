"""Levels of stores on Postgres: the port `Levels`; and what others do to levels within transactions of their own.

    async with database.driving(tenant) as driver:
        await make_due(driver, tenant, connection, store_skus, Cause(Trigger.REQUEST, "run 4711"), run="4711")
    ...
        await sold(driver, tenant, connection, {"BIKE": 2}, revision)

Whoever locks several levels locks them in the order of their keys, so that nobody waits for one who waits for him.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

import msgspec

from weir_chassis.database import Database, Driver, retrying
from weir_chassis.revisions import Revision
from weir_sync.domain.records import Trigger
from weir_sync.domain.telling import LEDGER, Cause
from weir_sync.ports.leases import Lease
from weir_sync.ports.levels import Covered, Following, Told, bell
from weir_sync.store.leases import check_held

T = TypeVar("T")

CORRECTED = Cause(Trigger.DRIFT, "changed by hand in the store")

NUMBER = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

_SKIP = """
    UPDATE records SET status = 'SKIPPED', ended_at = clock_timestamp(), changed = pg_current_xact_id()
    WHERE tenant = $1 AND status = 'PENDING' AND record = ANY (ARRAY(
        SELECT k.record FROM known k WHERE k.status = 'PENDING' AND k.sent_record IS DISTINCT FROM k.record
    ))
"""
"""What was due of `known` levels and is not on its way has ended; what is, ends when that is known."""

_TELL = f"""
WITH told AS MATERIALIZED (
    SELECT connection, store_sku, owner, sku, nullif(level, -1) AS level, rule
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
        AS t (connection, store_sku, owner, sku, level, rule)
    ORDER BY connection, store_sku
), known AS MATERIALIZED (
    SELECT t.*, l.number, l.record, l.status, l.sent_record
    FROM told t CROSS JOIN LATERAL (
        SELECT * FROM levels e
        WHERE e.tenant = $1 AND e.connection = t.connection AND e.store_sku = t.store_sku
          AND (e.level IS DISTINCT FROM t.level OR e.owner <> t.owner OR e.sku <> t.sku OR $10 AND t.level IS NOT NULL)
        LIMIT 1 FOR NO KEY UPDATE
    ) l
), skipped AS ({_SKIP}), untold AS (
    INSERT INTO levels AS l (tenant, connection, store_sku, owner, sku, level, rule, number, record, status)
    SELECT $1, connection, store_sku, owner, sku, NULL, rule, number, record, 'SUCCEEDED'
    FROM known WHERE level IS NULL
    ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET
        owner = excluded.owner, sku = excluded.sku, level = NULL, rule = excluded.rule, due_at = NULL, tries = 0,
        status = CASE l.status WHEN 'PENDING' THEN 'SUCCEEDED' ELSE l.status END
), due AS (
    INSERT INTO levels AS l (tenant, connection, store_sku, owner, sku, level, rule, number, record, status, due_at)
    SELECT $1, connection, store_sku, owner, sku, level, rule, {NUMBER}, next_record(), 'PENDING', clock_timestamp()
    FROM (
        SELECT connection, store_sku, owner, sku, level, rule FROM known WHERE level IS NOT NULL
        UNION ALL
        SELECT t.connection, t.store_sku, t.owner, t.sku, t.level, t.rule
        FROM told t LEFT JOIN LATERAL (
            SELECT true AS there FROM levels e
            WHERE e.tenant = $1 AND e.connection = t.connection AND e.store_sku = t.store_sku LIMIT 1
        ) l ON true
        WHERE t.level IS NOT NULL AND l.there IS NULL
        ORDER BY connection, store_sku
    ) c
    ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET
        owner = excluded.owner, sku = excluded.sku, level = excluded.level, rule = excluded.rule,
        number = greatest(l.number + 1, excluded.number), record = excluded.record, status = excluded.status,
        due_at = excluded.due_at, tries = 0, error = '', check_at = NULL
    RETURNING connection, store_sku, owner, sku, level, rule, record, told
), begun AS (
    INSERT INTO records (tenant, record, connection, store_sku, owner, sku, trigger, reason, before, after, rule)
    SELECT $1, record, connection, store_sku, owner, sku, $8, $9, told, level, rule FROM due
    RETURNING record
)
SELECT count(*) FROM begun
"""  # noqa: S608 -- constants

_MAKE_DUE = f"""
WITH known AS MATERIALIZED (
    SELECT store_sku, owner, sku, level, rule, number, record, status, sent_record FROM levels
    WHERE tenant = $1 AND connection = $2 AND store_sku = ANY ($3::text[]) AND level IS NOT NULL
    ORDER BY store_sku
    FOR NO KEY UPDATE
), skipped AS ({_SKIP}), due AS (
    INSERT INTO levels AS l (tenant, connection, store_sku, owner, sku, level, rule, number, record, status, due_at)
    SELECT $1, $2, store_sku, owner, sku, level, rule, greatest(number + 1, {NUMBER}), next_record(), 'PENDING',
           clock_timestamp()
    FROM known
    ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET
        number = excluded.number, record = excluded.record, status = excluded.status, due_at = excluded.due_at,
        tries = 0, error = '', check_at = NULL
    RETURNING store_sku, owner, sku, level, rule, record, told
), begun AS (
    INSERT INTO records (tenant, record, connection, store_sku, owner, sku, trigger, reason, before, after, rule, run)
    SELECT $1, record, $2, store_sku, owner, sku, $4, $5, told, level, rule, $6 FROM due
    RETURNING record
)
SELECT count(*) FROM begun
"""  # noqa: S608 -- constants

_SOLD = """
INSERT INTO level_sales (tenant, connection, store_sku, quantity, ledger_cluster, ledger_epoch, ledger_revision)
SELECT $1, $2, store_sku, quantity, $5, $6, $7 FROM unnest($3::text[], $4::bigint[]) AS s (store_sku, quantity)
"""
_ARRIVED = "SELECT EXISTS (SELECT FROM level_sales WHERE tenant = $1)"
_LOCK = """
SELECT FROM (
    SELECT connection, store_sku FROM unnest($2::text[], $3::text[]) AS t (connection, store_sku)
    UNION
    SELECT connection, store_sku FROM level_sales WHERE tenant = $1
    ORDER BY connection, store_sku
) t CROSS JOIN LATERAL (
    SELECT FROM levels e
    WHERE e.tenant = $1 AND e.connection = t.connection AND e.store_sku = t.store_sku
    LIMIT 1 FOR NO KEY UPDATE
) l
"""
_ABSORB = """
WITH gone AS (
    DELETE FROM level_sales
    WHERE tenant = $1 AND NOT (ledger_cluster = $2 AND ledger_epoch = $3 AND ledger_revision > $4)
    RETURNING connection, store_sku, quantity
), sold AS MATERIALIZED (
    SELECT connection, store_sku, sum(quantity)::bigint AS quantity FROM gone
    GROUP BY connection, store_sku ORDER BY connection, store_sku
), known AS MATERIALIZED (
    SELECT s.quantity, least(l.unreported, s.quantity) AS found, l.* FROM sold s CROSS JOIN LATERAL (
        SELECT * FROM levels e
        WHERE e.tenant = $1 AND e.connection = s.connection AND e.store_sku = s.store_sku
        LIMIT 1 FOR NO KEY UPDATE
    ) l
), counted AS (
    INSERT INTO levels AS l (tenant, connection, store_sku, owner, sku, rule, number, record, status, sold_after)
    SELECT $1, connection, store_sku, owner, sku, rule, number, record, 'SUCCEEDED', quantity FROM known
    ON CONFLICT (tenant, connection, store_sku) DO UPDATE SET
        unreported = l.unreported - least(l.unreported, excluded.sold_after),
        sold_after = l.sold_after + excluded.sold_after - least(l.unreported, excluded.sold_after)
)
SELECT connection, array_agg(store_sku) AS store_skus FROM known
WHERE level IS NOT NULL AND (due_at IS NULL OR fence IS NOT NULL AND record = sent_record)
  AND (found > 0 OR coalesce(sent, shown) - sold_after - quantity <> greatest(0, level - unreported))
GROUP BY connection ORDER BY connection
"""
"""What was found missing before is kept back no more, and what is on its way was sent by less. What was not, the store
shows less than it should where units came in with the order, or a rule tells it a part of them: its level is the same.
"""
_FOLLOWING = "SELECT through::text FROM follows WHERE tenant = $1"
_HOLD = f"{_FOLLOWING} FOR SHARE"
_COVERED = "SELECT connection, channel, take_orders FROM coverage WHERE tenant = $1"
_MARK = """
INSERT INTO follows (tenant, through) VALUES ($1, $2::text::jsonb)
ON CONFLICT (tenant) DO UPDATE SET through = excluded.through
"""
_COVER = """
INSERT INTO coverage AS c (tenant, connection, channel, take_orders)
SELECT $1, connection, $3, $4 FROM connections WHERE tenant = $1 AND connection = $2
ON CONFLICT (tenant, connection) DO UPDATE SET channel = excluded.channel, take_orders = excluded.take_orders
"""
_UNKNOWN = """
UPDATE levels SET shown = NULL, sold_after = 0, unreported = 0
WHERE tenant = $1 AND connection = ANY ($2::text[]) AND (shown IS NOT NULL OR unreported > 0)
"""
_UNCOVER = "DELETE FROM coverage WHERE tenant = $1 AND connection = ANY ($2::text[])"
_FORGET = f"""
WITH known AS MATERIALIZED (
    DELETE FROM levels l
    WHERE l.tenant = $1 AND l.connection = ANY ($2::text[])
      AND NOT EXISTS (SELECT FROM connections c WHERE c.tenant = $1 AND c.connection = l.connection)
    RETURNING l.record, l.status, NULL::bigint AS sent_record
), skipped AS ({_SKIP})
SELECT FROM known LIMIT 0
"""  # noqa: S608 -- constants
_GONE = """
SELECT c.connection FROM (
    WITH RECURSIVE each AS (
        (SELECT connection FROM levels WHERE tenant = $1 ORDER BY connection LIMIT 1)
        UNION ALL
        SELECT (SELECT l.connection FROM levels l WHERE l.tenant = $1 AND l.connection > e.connection
                ORDER BY l.connection LIMIT 1)
        FROM each e WHERE e.connection IS NOT NULL
    )
    SELECT connection FROM each WHERE connection IS NOT NULL
) c
WHERE NOT EXISTS (SELECT FROM connections k WHERE k.tenant = $1 AND k.connection = c.connection)
"""
_OLD = """
SELECT connection, store_sku FROM levels
WHERE tenant = $1 AND unreported > 0 AND unreported_at < clock_timestamp() - make_interval(secs => $2)
ORDER BY connection, store_sku LIMIT $3
"""
_FORGIVE = """
UPDATE levels SET unreported = 0 WHERE tenant = $1 AND connection = $2 AND store_sku = ANY ($3::text[])
"""
_UNLEVELLED = """
SELECT i.store_sku FROM listings i
WHERE i.tenant = $1 AND i.connection = $2 AND i.store_sku > $3 AND NOT i.disabled
  AND NOT EXISTS (
      SELECT FROM levels l
      WHERE l.tenant = $1 AND l.connection = $2 AND l.store_sku = i.store_sku AND l.owner = i.owner AND l.sku = i.sku
        AND l.level IS NOT NULL
  )
ORDER BY i.store_sku LIMIT $4
"""
_RING = "SELECT pg_notify(current_schema(), $1)"

_BATCH = 1000


class PostgresLevels:
    """The levels of all tenants: `Levels`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def following(self, tenant: str) -> Following:
        async with self._database.driving(tenant) as driver:
            through = await driver.fetchval(_FOLLOWING, tenant)
            rows = await driver.fetch(_COVERED, tenant)
        return Following(
            () if through is None else msgspec.json.decode(through, type=tuple[Revision, ...]),
            {row["connection"]: Covered(row["channel"], row["take_orders"]) for row in rows},
        )

    async def tell(
        self,
        lease: Lease,
        told: Sequence[Told],
        cause: Cause,
        *,
        through: Sequence[Revision] = (),
        all_due: bool = False,
    ) -> int:
        columns = [list(each) for each in zip(*((*t[:2], *t.product, *t[3:]) for t in told), strict=True)]

        async def work(driver: Driver) -> int:
            count = 0
            if through:  # before it is asked what arrived: see `sold`
                await driver.execute(_MARK, lease.tenant, msgspec.json.encode(through).decode())
            arrived = bool(through) and await driver.fetchval(_ARRIVED, lease.tenant)
            if arrived:
                await driver.execute(_LOCK, lease.tenant, *(columns[:2] or ([], [])))
            if columns:
                count = await driver.fetchval(_TELL, lease.tenant, *columns, *cause, all_due)
            if arrived:
                count += await _absorb(driver, lease.tenant, through)
            if count:
                await ring(driver, lease.tenant)
            return count

        return await self._write(lease, work)

    async def unlevelled(self, tenant: str, connection: str, *, after: str, limit: int) -> Sequence[str]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_UNLEVELLED, tenant, connection, after, limit)
        return [row["store_sku"] for row in rows]

    async def cover(self, lease: Lease, connection: str, covered: Covered) -> None:
        async def work(driver: Driver) -> None:
            before = {row["connection"]: row for row in await driver.fetch(_COVERED, lease.tenant)}.get(connection)
            if covered.take_orders and before is not None and not before["take_orders"]:
                await driver.execute(_UNKNOWN, lease.tenant, [connection])
            await driver.execute(_COVER, lease.tenant, connection, *covered)

        await self._write(lease, work)

    async def uncover(self, lease: Lease, connections: Collection[str]) -> None:
        async def work(driver: Driver) -> None:
            gone = [row["connection"] for row in await driver.fetch(_GONE, lease.tenant)]
            await driver.execute(_UNCOVER, lease.tenant, list(connections))
            await driver.execute(_UNKNOWN, lease.tenant, list(connections))
            if gone:
                await driver.execute(_FORGET, lease.tenant, gone)

        await self._write(lease, work)

    async def forgive(self, lease: Lease, *, keep_seconds: float) -> int:
        async def work(driver: Driver) -> int:
            old: dict[str, list[str]] = {}
            for row in await driver.fetch(_OLD, lease.tenant, keep_seconds, _BATCH):
                old.setdefault(row["connection"], []).append(row["store_sku"])
            for connection, store_skus in old.items():
                await make_due(driver, lease.tenant, connection, store_skus, CORRECTED)
                await driver.execute(_FORGIVE, lease.tenant, connection, store_skus)
            return sum(map(len, old.values()))

        return await self._write(lease, work)

    async def _write(self, lease: Lease, work: Callable[[Driver], Awaitable[T]]) -> T:
        async def write() -> T:
            async with self._database.driving(lease.tenant) as driver:
                await check_held(driver, lease)
                return await work(driver)

        return await retrying(write)


async def make_due(
    driver: Driver, tenant: str, connection: str, store_skus: Collection[str], cause: Cause, *, run: str = ""
) -> int:
    """Have SKUs of a store told their levels, whatever they were told before, each with a record of its own, of a run
    where one is named; what was due before and is not on its way is skipped. Returns how many: SKUs that have no level
    are left out.
    """
    count: int = await driver.fetchval(_MAKE_DUE, tenant, connection, list(store_skus), *cause, run)
    if count:
        await ring(driver, tenant)
    return count


async def sold(driver: Driver, tenant: str, connection: str, quantities: Mapping[str, int], ledger: Revision) -> None:
    """An order of a store came in, of these units of its SKUs, and is promised in the ledger at this revision.

    Call it once for an order, in the transaction that keeps it. Until the levels rest on that revision the units count
    as sold without an order. For an order that is cancelled there is nothing to do: the level rises, and what the store
    shows is looked at.

    The mark is held meanwhile. Where the levels rest on the revision already, the units are taken account of here; else
    whoever moves the mark there finds them.
    """
    through = await driver.fetchval(_HOLD, tenant)
    asked = list(quantities), list(quantities.values())
    await driver.execute(_SOLD, tenant, connection, *asked, ledger.cluster, ledger.epoch, ledger.number)
    if through is not None:
        await _absorb(driver, tenant, msgspec.json.decode(through, type=tuple[Revision, ...]))


async def _absorb(driver: Driver, tenant: str, through: Sequence[Revision]) -> int:
    """Take account of orders that a mark includes; returns how many levels fall due by that."""
    count = 0
    for each in through:
        if each.context == LEDGER:
            cause = Cause(Trigger.CHANGE, f"{LEDGER} {each.number}")
            for row in await driver.fetch(_ABSORB, tenant, each.cluster, each.epoch, each.number):
                count += await make_due(driver, tenant, row["connection"], row["store_skus"], cause)
    return count


async def ring(driver: Driver, tenant: str) -> None:
    """Wake those who tell levels of the tenant when the transaction commits."""
    await driver.execute(_RING, bell(tenant))
