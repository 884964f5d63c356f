"""Closings, which the past is read from, are what was booked up to them.

Each is held against the one before it and the entries between the two. The closing at the horizon has none before it:
what is kept after it is held against it.
"""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from weir_ledger.domain.audit import Law
from weir_ledger.store.audit.check import ITEM, Check, whole

COUNTS = Check(
    f"""
WITH closed AS (
    SELECT revision, lag(revision, 1, 0::bigint) OVER (ORDER BY revision) AS before
    FROM closings WHERE tenant = :tenant AND revision >= :horizon
), booked AS (
    SELECT c.revision, k.item, k.changed_revision AS changed, k.on_hand, k.reserved
    FROM closed c JOIN closing_balances k ON k.tenant = :tenant AND k.revision = c.before
    UNION ALL
    SELECT c.revision, e.item, e.revision, e.on_hand_delta, e.reserved_delta
    FROM closed c
    CROSS JOIN LATERAL (
        SELECT * FROM entries
        WHERE tenant = :tenant AND revision > c.before AND revision <= c.revision AND account = 1
    ) e
    WHERE c.revision > :horizon
), folded AS (
    SELECT revision, item, max(changed) AS changed, {whole("sum(on_hand)")} AS on_hand,
           {whole("sum(reserved)")} AS reserved
    FROM booked GROUP BY revision, item
), broken AS (
    SELECT revision, item, k.on_hand, k.reserved, k.changed_revision AS changed, f.on_hand AS on_hand_made,
           f.reserved AS reserved_made, f.changed AS changed_made
    FROM (SELECT * FROM closing_balances WHERE tenant = :tenant AND revision > :horizon) k
    FULL JOIN folded f USING (revision, item)
    WHERE (coalesce(k.on_hand, 0), coalesce(k.reserved, 0), coalesce(k.changed_revision, 0))
       <> (coalesce(f.on_hand, 0), coalesce(f.reserved, 0), coalesce(f.changed, k.changed_revision))
)
SELECT told.*, x.revision, {ITEM}
FROM broken x LEFT JOIN balances b ON b.tenant = :tenant AND b.item = x.item
CROSS JOIN LATERAL (
    VALUES ({Law.ON_HAND}, coalesce(x.on_hand, 0), coalesce(x.on_hand_made, 0), 'on hand'),
           ({Law.RESERVED}, coalesce(x.reserved, 0), coalesce(x.reserved_made, 0), 'reserved'),
           ({Law.REVISIONS}, coalesce(x.changed, 0), coalesce(x.changed_made, x.changed),
            'as the revision of the last change')
) told (law, booked, computed, what)
WHERE told.booked <> told.computed
""",
    "the closing at revision {revision} says {booked} {what}, the one before it and the entries since make {computed}",
)

MOMENTS = Check(
    f"""
SELECT {Law.CHAIN} AS law, coalesce(k.revision, h.revision) AS booked, coalesce(k.revision, h.revision) AS computed
FROM (SELECT * FROM closings WHERE tenant = :tenant) k
FULL JOIN (SELECT * FROM horizons WHERE tenant = :tenant) h ON h.revision = k.revision
LEFT JOIN commits c ON c.tenant = :tenant AND c.revision = k.revision
WHERE k.recorded_at IS DISTINCT FROM coalesce(c.recorded_at, h.recorded_at)
""",
    "Revision {booked}: there is no closing where one must be, or it says another moment than its commit",
)

CHECKS = (COUNTS, MOMENTS)
