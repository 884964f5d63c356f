"""The SQL of imports: lock how far one is, look back at what its stock items have seen, write how far it is now.

Like the other statements of the write path each finds its rows by a key whatever the planner knows.
"""

from collections.abc import Sequence
from datetime import datetime

from weir_chassis.database import Driver
from weir_ledger.domain.snapshots import Intake, KeptLine, Lookback, Past, Progress, SnapshotImport, Stage
from weir_ledger.domain.stock import StockItem
from weir_ledger.store.rows import Row

LOCK_IMPORT = """
WITH locked AS (
    SELECT * FROM snapshot_imports WHERE tenant = $1 AND request_id = $2 FOR UPDATE
)
SELECT locked.*, (SELECT recorded_at FROM horizons WHERE tenant = $1) AS kept_since
FROM (SELECT) AS one LEFT JOIN locked ON true
"""

LOOK_BACK = """
WITH asked AS (
    SELECT * FROM unnest($2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS a (item, moment, number)
), reached AS MATERIALIZED (
    SELECT moment, coalesce((
        SELECT revision FROM commits WHERE tenant = $1 AND recorded_at <= m.moment ORDER BY recorded_at DESC LIMIT 1
    ), 0) AS revision
    FROM (SELECT DISTINCT moment FROM asked) m
), since AS MATERIALIZED (
    SELECT a.number, e.*
    FROM asked a JOIN reached r ON r.moment = a.moment
    CROSS JOIN LATERAL (
        SELECT kind, on_hand_delta, reserved_delta, reservation, reservation_line
        FROM entries
        WHERE tenant = $1 AND item = a.item AND revision > r.revision AND account = 1
          AND coalesce(occurred_at, recorded_at) > a.moment
          AND recorded_at >= $4 AND recorded_at < now() + interval '1 day'
        UNION ALL
        SELECT kind, on_hand_delta, reserved_delta, reservation, reservation_line
        FROM entries
        WHERE tenant = $1 AND item = a.item AND occurred_at > a.moment AND occurred_at > recorded_at
          AND revision <= r.revision AND account = 1
          AND recorded_at >= $4 - interval '1 day' AND recorded_at < now() + interval '1 day'
        OFFSET 0
    ) e
), touched AS (
    SELECT number, reservation, reservation_line AS line, sum(reserved_delta) AS delta
    FROM since WHERE $5 AND reserved_delta <> 0 GROUP BY 1, 2, 3
), promised AS (
    SELECT t.number, greatest(0, l.open - t.delta) AS units, l.handed_over_at
    FROM touched t
    CROSS JOIN LATERAL (
        SELECT open, handed_over_at FROM reservation_lines
        WHERE tenant = $1 AND reservation = t.reservation AND line = t.line LIMIT 1
    ) l
    UNION ALL
    SELECT a.number, l.open, l.handed_over_at
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT reservation, line, open, handed_over_at FROM reservation_lines
        WHERE tenant = $1 AND item = a.item AND open > 0 OFFSET 0
    ) l
    WHERE $5 AND NOT EXISTS (
        SELECT FROM touched t WHERE t.number = a.number AND t.reservation = l.reservation AND t.line = l.line
    )
)
SELECT number, sum(moved)::bigint AS moved, sum(open)::bigint AS open, sum(handed_over)::bigint AS handed_over
FROM (
    SELECT number, on_hand_delta AS moved, 0 AS open, 0 AS handed_over FROM since WHERE kind <> 4
    UNION ALL
    SELECT p.number, 0, p.units, CASE WHEN p.handed_over_at <= a.moment THEN p.units ELSE 0 END
    FROM promised p JOIN asked a ON a.number = p.number
) found
GROUP BY number
"""
"""What stock items have seen since a moment each, and what was promised then: only where there was anything.

What happened after a moment was recorded after the newest commit of the moment, or before it and by a clock that ran
ahead, at most by a day. What was open at the moment is what is open now, less what was promised since, and more by what
has ended since; a line is read by itself only where it is open now or was touched since.
"""

BEGIN_IMPORT = """
INSERT INTO snapshot_imports (tenant, request_id, revision, stage, next_line, staged_line, applied, stale, refused,
                              zeroed, absent_left, updated_at, fingerprint, created_at, first_revision)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $3)
"""
"""Fails where another stream has begun the same import: it is then to be carried on."""

CARRY_ON_IMPORT = """
UPDATE snapshot_imports
SET revision = $3, stage = $4, next_line = $5, staged_line = $6, applied = $7, stale = $8, refused = $9, zeroed = $10,
    absent_left = $11, updated_at = $12
WHERE tenant = $1 AND request_id = $2
"""

KEEP_LINES = """
WITH applied AS (
    DELETE FROM snapshot_lines WHERE tenant = $1 AND request_id = $2 AND line = ANY ($9::bigint[])
)
INSERT INTO snapshot_lines (tenant, request_id, line, state, item, sent, reason, message)
SELECT $1, $2, k.* FROM unnest($3::bigint[], $4::smallint[], $5::uuid[], $6::bytea[], $7::text[], $8::text[])
    AS k (line, state, item, sent, reason, message)
ON CONFLICT (tenant, request_id, line) DO UPDATE
    SET state = excluded.state, reason = excluded.reason, message = excluded.message
"""
"""Keep lines, and forget those that were staged and are now applied."""


async def locked(driver: Driver, tenant: str, request_id: str) -> Intake:
    """How far an import is, locked until the transaction ends."""
    row = await driver.fetchrow(LOCK_IMPORT, tenant, request_id)
    assert row is not None  # there is always one row, if only of nulls
    return Intake(None if row["stage"] is None else snapshot_import(row), row["kept_since"])


async def looked_back(
    driver: Driver, tenant: str, asked: Lookback, keys: dict[StockItem, str]
) -> dict[tuple[StockItem, datetime], Past]:
    """What the stock items asked for have seen; their balances are locked, so nothing is being added."""
    found = await driver.fetch(
        LOOK_BACK,
        tenant,
        [keys[item] for item, _ in asked.moments],
        [moment for _, moment in asked.moments],
        min(moment for _, moment in asked.moments),
        asked.promises,
    )
    past = dict.fromkeys(asked.moments, Past())
    for number, moved, open_units, handed_over in found:
        past[asked.moments[number - 1]] = Past(moved, open_units, handed_over)
    return past


async def write_progress(
    driver: Driver,
    tenant: str,
    revision: int,
    before: SnapshotImport | None,
    progress: Progress,
    keys: dict[StockItem, str],
) -> None:
    """Write how far an import is, at the revision of its commit."""
    after = progress.snapshot
    changing = (
        tenant, after.request_id, revision, after.stage, after.next_line, after.staged_line, after.applied, after.stale,
        after.refused, after.zeroed, after.absent_left, after.updated_at,
    )  # fmt: skip
    if before is None:
        await driver.execute(BEGIN_IMPORT, *changing, after.fingerprint, after.created_at)
    else:
        await driver.execute(CARRY_ON_IMPORT, *changing)
    if progress.kept or progress.applied:
        await driver.execute(
            KEEP_LINES, tenant, after.request_id, *_kept_columns(progress.kept, keys), list(progress.applied)
        )


def _kept_columns(kept: Sequence[KeptLine], keys: dict[StockItem, str]) -> list[list[object]]:
    """Lines to keep, column by column."""
    return [
        [each.line for each in kept],
        [each.state for each in kept],
        [None if each.item is None else keys[each.item] for each in kept],
        [each.sent for each in kept],
        [each.reason for each in kept],
        [each.message for each in kept],
    ]


def snapshot_import(row: Row) -> SnapshotImport:
    """The import of a row of `snapshot_imports`."""
    return SnapshotImport(
        row["request_id"],
        row["fingerprint"],
        Stage(row["stage"]),
        row["next_line"],
        row["staged_line"],
        row["applied"],
        row["stale"],
        row["refused"],
        row["zeroed"],
        row["absent_left"],
        row["first_revision"],
        row["revision"],
        row["created_at"],
        row["updated_at"],
    )
