"""What is on hand and reserved: each balance is the fold of its entries, and what is reserved is what is promised.

The fold begins with the closing at the horizon, whose counts stand for all the entries that were put away.
"""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from weir_ledger.domain.audit import Law
from weir_ledger.store.audit.check import ITEM, Check, whole

TRIAL_BALANCE = Check(
    f"""
SELECT {Law.TRIAL_BALANCE} AS law, b.owner, b.sku, '' AS location, '' AS lot, b.uom, '' AS custodian, 1 AS condition,
       {whole("sum(e.units)")} AS booked, 0 AS computed
FROM (
    SELECT item, sum(on_hand_delta) AS units FROM entries WHERE tenant = :tenant AND revision > :horizon GROUP BY item
) e
JOIN balances b ON b.tenant = :tenant AND b.item = e.item
GROUP BY b.owner, b.sku, b.uom HAVING sum(e.units) <> 0
""",
    "the entries of all accounts sum to {booked}, not to 0",
)

FOLD = Check(
    f"""
WITH booked AS (
    SELECT item, revision, on_hand_delta AS on_hand, reserved_delta AS reserved
    FROM entries WHERE tenant = :tenant AND revision > :horizon AND account = 1
    UNION ALL
    SELECT item, changed_revision, on_hand, reserved
    FROM closing_balances WHERE tenant = :tenant AND revision = :horizon
), folded AS (
    SELECT item, max(revision) AS revision, {whole("sum(on_hand)")} AS on_hand, {whole("sum(reserved)")} AS reserved
    FROM booked GROUP BY item
)
SELECT told.*, {ITEM}
FROM (SELECT * FROM balances WHERE tenant = :tenant) b FULL JOIN folded f ON f.item = b.item
CROSS JOIN LATERAL (
    VALUES ({Law.ON_HAND}, coalesce(b.on_hand, 0), coalesce(f.on_hand, 0), 'are booked as on hand'),
           ({Law.RESERVED}, coalesce(b.reserved, 0), coalesce(f.reserved, 0), 'are booked as reserved'),
           ({Law.REVISIONS}, b.revision, f.revision, 'is booked as the revision of the last change')
) told (law, booked, computed, what)
WHERE told.booked <> told.computed OR (b.item IS NULL AND told.booked IS NOT NULL)
""",
    "{booked} {what}, the entries make {computed}",
)
"""What a reservation names without promising any of it has a balance and no entry."""

RUNNING = Check(
    f"""
WITH booked AS (
    SELECT item, revision, line, on_hand_delta, reserved_delta, on_hand, reserved
    FROM entries WHERE tenant = :tenant AND revision > :horizon AND account = 1
    UNION ALL
    SELECT item, revision, 0, on_hand, reserved, on_hand, reserved
    FROM closing_balances WHERE tenant = :tenant AND revision = :horizon
), run AS (
    SELECT item, revision, on_hand, reserved,
           lag(on_hand, 1, 0::bigint) OVER before + on_hand_delta::numeric AS on_hand_made,
           lag(reserved, 1, 0::bigint) OVER before + reserved_delta::numeric AS reserved_made
    FROM booked WINDOW before AS (PARTITION BY item ORDER BY revision, line)
)
SELECT told.*, r.revision, {ITEM}
FROM (SELECT * FROM run WHERE on_hand <> on_hand_made OR reserved <> reserved_made) r
LEFT JOIN balances b ON b.tenant = :tenant AND b.item = r.item
CROSS JOIN LATERAL (
    VALUES ({Law.ON_HAND}, r.on_hand, {whole("r.on_hand_made")}, 'on hand'),
           ({Law.RESERVED}, r.reserved, {whole("r.reserved_made")}, 'reserved')
) told (law, booked, computed, what)
WHERE told.booked <> told.computed
""",
    "an entry of revision {revision} says {booked} {what} after it, the one before it and its change make {computed}",
)
"""Each entry is held against the one before it, so that a wrong one is told once and not with all that follow."""

OPEN_LINES = Check(
    f"""
WITH promised AS (
    SELECT l.item, sum(l.open) AS units
    FROM reservation_lines l JOIN reservations r ON r.tenant = l.tenant AND r.reservation = l.reservation
    WHERE l.tenant = :tenant AND r.state IN (1, 2) GROUP BY l.item
)
SELECT {Law.OPEN_LINES} AS law, b.reserved AS booked, {whole("coalesce(p.units, 0)")} AS computed, {ITEM}
FROM balances b LEFT JOIN promised p ON p.item = b.item
WHERE b.tenant = :tenant AND b.reserved <> coalesce(p.units, 0)
""",
    "{booked} are booked as reserved, the open reservation lines make {computed}",
)

RESERVATION_LINES = Check(
    f"""
SELECT {Law.RESERVATION_LINE} AS law, l.open AS booked,
       {whole("l.quantity - l.fulfilled::numeric - l.released")} AS computed, {ITEM}
FROM reservation_lines l
JOIN reservations r ON r.tenant = l.tenant AND r.reservation = l.reservation
JOIN balances b ON b.tenant = l.tenant AND b.item = l.item
WHERE l.tenant = :tenant
  AND (l.quantity <> l.open + l.fulfilled::numeric + l.released OR (r.state NOT IN (1, 2) AND l.open <> 0))
""",
    "a reservation line has {booked} open, it should be {computed} or have ended",
)

CHECKS = (TRIAL_BALANCE, FOLD, RUNNING, OPEN_LINES, RESERVATION_LINES)
