"""What promises count against is what the reservations make: claims, shortfalls, holdings."""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from weir_ledger.domain.audit import Law
from weir_ledger.store.audit.check import ITEM, Check, whole

CLAIMS = Check(
    f"""
WITH promised AS (
    SELECT c.claim, sum(l.open::numeric * coalesce(c.weight, 1)) AS open,
           sum(l.fulfilled::numeric * coalesce(c.weight, 1)) AS fulfilled
    FROM reservation_lines l CROSS JOIN LATERAL unnest(l.claims, l.weights) AS c (claim, weight)
    WHERE l.tenant = :tenant AND l.claims <> '{{}}' GROUP BY claim
)
SELECT {Law.CLAIMS} AS law, coalesce(c.claim, p.claim) AS claim, told.*
FROM (SELECT * FROM claims WHERE tenant = :tenant) c FULL JOIN promised p ON p.claim = c.claim
CROSS JOIN LATERAL (
    VALUES ('open', coalesce(c.open, 0), {whole("coalesce(p.open, 0)")}),
           ('fulfilled', coalesce(c.fulfilled, 0), {whole("coalesce(p.fulfilled, 0)")})
) told (what, booked, computed)
WHERE told.booked <> told.computed
""",
    "Claim {claim!r}: {booked} units are counted as {what}, the reservation lines make {computed}",
)

CLAIM_CHANGES = Check(
    f"""
WITH newest AS (
    SELECT DISTINCT ON (claim) claim, revision, open, fulfilled, ceiling, epoch
    FROM claim_changes WHERE tenant = :tenant ORDER BY claim, revision DESC
)
SELECT {Law.CLAIMS} AS law, coalesce(c.claim, n.claim) AS claim, told.what, coalesce(told.booked, 0) AS booked,
       coalesce(told.computed, 0) AS computed
FROM (SELECT * FROM claims WHERE tenant = :tenant) c FULL JOIN newest n ON n.claim = c.claim
CROSS JOIN LATERAL (
    VALUES ('open units', c.open, n.open), ('fulfilled units', c.fulfilled, n.fulfilled),
           ('its ceiling', c.ceiling, n.ceiling), ('the epoch of its ceiling', c.epoch, n.epoch),
           ('the revision of their last change', c.revision, n.revision)
) told (what, booked, computed)
WHERE told.booked IS DISTINCT FROM told.computed
  AND (n.claim IS NOT NULL OR c.revision > :horizon OR c.epoch <> 0 OR c.ceiling IS NOT NULL)
""",
    "Claim {claim!r}: {booked} is counted as {what}, its newest change that is kept says {computed}",
)

SUBJECTS = Check(
    f"""
WITH newest AS (
    SELECT DISTINCT ON (claim) claim, revision, subject
    FROM claim_changes WHERE tenant = :tenant AND subject <> '' ORDER BY claim, revision DESC
)
SELECT {Law.CLAIMS} AS law, coalesce(c.claim, n.claim) AS claim, coalesce(c.revision, 0) AS booked,
       coalesce(n.revision, 0) AS computed
FROM (SELECT * FROM claims WHERE tenant = :tenant) c FULL JOIN newest n ON n.claim = c.claim
WHERE coalesce(c.subject, '') <> coalesce(n.subject, '')
""",
    "Claim {claim!r}: what it stands for, changed by revision {booked}, is not what its newest change that says it, of"
    " revision {computed}, says",
)

SHORTFALLS = Check(
    f"""
SELECT {Law.SHORTFALLS} AS law, told.*, {ITEM}
FROM (SELECT * FROM balances WHERE tenant = :tenant) b
FULL JOIN (SELECT * FROM shortfalls WHERE tenant = :tenant) s ON s.item = b.item
CROSS JOIN LATERAL (
    VALUES ((s.item IS NOT NULL)::int, coalesce(b.reserved > b.on_hand, false)::int)
) told (booked, computed)
WHERE told.booked <> told.computed
""",
    "{booked} shortfalls are kept as open, the counts make {computed}",
)

SINCE = Check(
    f"""
SELECT {Law.SHORTFALLS} AS law, {ITEM}, s.revision,
       (extract(epoch FROM s.opened_at) * 1000000)::bigint AS booked,
       (extract(epoch FROM c.recorded_at) * 1000000)::bigint AS computed
FROM shortfalls s
JOIN commits c ON c.tenant = s.tenant AND c.revision = s.revision
LEFT JOIN balances b ON b.tenant = s.tenant AND b.item = s.item
WHERE s.tenant = :tenant AND s.opened_at <> c.recorded_at
""",
    "a shortfall is kept as open since {booked} microseconds after 1970, its revision {revision} was recorded at"
    " {computed}",
)

HOLDINGS = Check(
    f"""
WITH promised AS (
    SELECT r.channel, count(*) AS reservations, coalesce(sum(l.units) FILTER (WHERE r.state = 1), 0) AS units
    FROM reservations r
    LEFT JOIN (
        SELECT reservation, sum(open) AS units FROM reservation_lines WHERE tenant = :tenant AND open <> 0 GROUP BY 1
    ) l ON l.reservation = r.reservation
    WHERE r.tenant = :tenant AND r.state IN (1, 2) GROUP BY r.channel
), held AS (
    SELECT channel, reservations, units FROM promised WHERE channel <> ''
    UNION ALL
    SELECT '', coalesce(sum(reservations), 0), coalesce(sum(units), 0) FROM promised
), kept AS (
    SELECT channel, open_reservations, held_units FROM holdings WHERE tenant = :tenant
    UNION ALL
    SELECT '', open_reservations, held_units FROM tenants WHERE tenant = :tenant
)
SELECT {Law.HOLDINGS} AS law, told.*,
       CASE coalesce(k.channel, h.channel) WHEN '' THEN 'The tenant'
       ELSE 'Channel ''' || coalesce(k.channel, h.channel) || '''' END AS holder
FROM kept k FULL JOIN held h ON h.channel = k.channel
CROSS JOIN LATERAL (
    VALUES ('open reservations', coalesce(k.open_reservations, 0), {whole("coalesce(h.reservations, 0)")}),
           ('held units', coalesce(k.held_units, 0), {whole("coalesce(h.units, 0)")})
) told (what, booked, computed)
WHERE told.booked <> told.computed
""",
    "{holder}: {booked} {what} are counted, the reservations make {computed}",
)

CHECKS = (CLAIMS, CLAIM_CHANGES, SUBJECTS, SHORTFALLS, SINCE, HOLDINGS)
