"""What waits is what the newest changes say, which are kept however much history is put away; and of each product as
many units are counted as waiting as the lines of demands make."""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from weir_ledger.domain.audit import Law
from weir_ledger.store.audit.check import Check, whole
from weir_ledger.store.told import TOLD

LINES = Check(
    f"""
SELECT {Law.WAITING} AS law, l.waiting AS demand, l.line, l.quantity AS booked,
       {whole("l.open::numeric + l.promised + l.cancelled")} AS computed
FROM waiting_lines l
WHERE l.tenant = :tenant AND l.quantity <> l.open::numeric + l.promised + l.cancelled
""",
    "Line {line} of demand {demand}: {booked} units had to wait, but open, promised and cancelled ones make {computed}",
)

STATES = Check(
    f"""
SELECT {Law.WAITING} AS law, w.waiting AS demand, w.state AS booked,
       CASE WHEN l.open THEN 1 WHEN l.promised THEN 2 ELSE 3 END AS computed
FROM (SELECT * FROM waiting WHERE tenant = :tenant) w
LEFT JOIN (
    SELECT waiting, bool_or(open <> 0) AS open, bool_or(promised <> 0) AS promised
    FROM waiting_lines WHERE tenant = :tenant GROUP BY waiting
) l ON l.waiting = w.waiting
WHERE w.state <> CASE WHEN l.open THEN 1 WHEN l.promised THEN 2 ELSE 3 END
""",
    "Demand {demand}: state {booked} is kept, its lines make {computed}",
)

DEMANDS = Check(
    f"""
WITH newest AS (
    SELECT DISTINCT ON (waiting) waiting, told, revision
    FROM waiting_changes WHERE tenant = :tenant ORDER BY waiting, revision DESC
), kept AS (
    SELECT w.waiting, {TOLD} AS told, w.revision FROM waiting w WHERE w.tenant = :tenant
), lines AS (
    SELECT DISTINCT waiting FROM waiting_lines WHERE tenant = :tenant
)
SELECT {Law.WAITING} AS law, coalesce(k.waiting, n.waiting, l.waiting) AS demand, coalesce(k.revision, 0) AS booked,
       coalesce(n.revision, 0) AS computed
FROM kept k FULL JOIN newest n ON n.waiting = k.waiting
FULL JOIN lines l ON l.waiting = coalesce(k.waiting, n.waiting)
WHERE k.told IS DISTINCT FROM n.told OR k.revision IS DISTINCT FROM n.revision OR k.waiting IS NULL
""",
    "Demand {demand}: what is kept of it, changed by revision {booked}, is not what its newest change, of revision"
    " {computed}, says",
)

COUNTS = Check(
    f"""
WITH waits AS (
    SELECT owner, sku, sum(open) AS units FROM waiting_lines WHERE tenant = :tenant GROUP BY owner, sku
)
SELECT {Law.WAITING} AS law, concat_ws('/', nullif(owner, ''), sku) AS product, coalesce(b.waiting_units, 0) AS booked,
       {whole("coalesce(w.units, 0)")} AS computed
FROM (SELECT * FROM back_orders WHERE tenant = :tenant) b FULL JOIN waits w USING (owner, sku)
WHERE coalesce(b.waiting_units, 0) <> coalesce(w.units, 0)
""",
    "{product!r}: {booked} units are counted as waiting, the lines of demands make {computed}",
)

COUNT_CHANGES = Check(
    f"""
WITH newest AS (
    SELECT DISTINCT ON (owner, sku) *
    FROM back_order_changes WHERE tenant = :tenant ORDER BY owner, sku, revision DESC
)
SELECT {Law.WAITING} AS law, concat_ws('/', nullif(owner, ''), sku) AS product, told.what,
       coalesce(told.booked, 0) AS booked, coalesce(told.computed, 0) AS computed
FROM (SELECT * FROM back_orders WHERE tenant = :tenant) b FULL JOIN newest n USING (owner, sku)
CROSS JOIN LATERAL (
    VALUES ('units that may wait', b.limit_units, n.limit_units), ('units that wait', b.waiting_units, n.waiting_units),
           ('revision of the limit', b.limit_revision, n.limit_revision),
           ('revision of the last change', b.revision, n.revision)
) told (what, booked, computed)
WHERE told.booked IS DISTINCT FROM told.computed
""",
    "{product!r}: {booked} is kept as the {what}, the newest change says {computed}",
)

CHECKS = (LINES, STATES, DEMANDS, COUNTS, COUNT_CHANGES)
