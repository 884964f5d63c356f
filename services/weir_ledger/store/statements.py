"""The statements of the write path, each one round trip for a whole group.

Each finds its rows by a key, however little the planner knows of tables that are new or have just grown: what looks
like a detour (LATERAL with a limit, an update by the place of a row, which stays where it is while we hold its lock)
leaves it no choice of reading a whole table instead. So one plan for all parameters is the right one.
"""

from weir_ledger.ports import CLAIMS_AT_ONCE
from weir_ledger.store import chain

LOCK_RESERVATIONS = """
WITH locked AS (
    SELECT reservation, state, expires_at, created_at, order_name, channel, revision
    FROM reservations WHERE tenant = $1 AND reservation = ANY ($2::uuid[]) ORDER BY reservation FOR UPDATE
)
SELECT r.*, l.line, l.requested, l.quantity, l.open, l.fulfilled, l.released, l.claims, l.ceilings,
       l.weights, l.handed_over_at, b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition,
       EXISTS (
           SELECT FROM reservations s
           WHERE s.tenant = $1 AND s.reservation = r.reservation AND s.revision <> r.revision
       ) AS overtaken
FROM locked r
CROSS JOIN LATERAL (
    SELECT * FROM reservation_lines
    WHERE tenant = $1 AND reservation = r.reservation ORDER BY line FOR UPDATE
) l
CROSS JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = l.item LIMIT 1) b
"""
"""Whoever waits for a lock is shown the row as it is after the wait only where that row is locked itself: so the lines
are, too. What is read of the balances never changes. Lines that came during the wait are not shown: `overtaken` tells
that the reservation was changed then, and once it is locked it can be read whole.
"""

LOCK_LOCATIONS = """
WITH locked AS (
    SELECT location, kind, display_name, revision
    FROM locations WHERE tenant = $1 AND location = ANY ($2::text[]) ORDER BY location FOR UPDATE
)
SELECT *, (SELECT count(*) FROM balances b WHERE b.tenant = $1 AND b.location = locked.location) AS stock_items
FROM locked
"""

LOCK_LOTS = """
SELECT l.*
FROM unnest($2::text[], $3::text[], $4::text[]) AS asked (owner, sku, lot)
CROSS JOIN LATERAL (
    SELECT owner, sku, lot, expiry, revision FROM lots
    WHERE tenant = $1 AND owner = asked.owner AND sku = asked.sku AND lot = asked.lot FOR UPDATE
) l
"""

OPEN_BOOKS = """
WITH locked AS (
    SELECT item, on_hand, reserved, revision, counted_at
    FROM balances WHERE tenant = $1 AND item = ANY ($2::uuid[]) ORDER BY item FOR UPDATE
), claimed AS (
    SELECT claim, open, fulfilled, revision, ceiling, epoch, subject
    FROM claims WHERE tenant = $1 AND claim = ANY ($6::text[]) ORDER BY claim FOR UPDATE
)
SELECT 'balance' AS what, item, on_hand AS first, reserved AS second, revision AS third, NULL::bigint AS fourth,
       NULL::bigint AS fifth, NULL::text AS name, NULL::text AS method, NULL::bytea AS fingerprint,
       NULL::text AS words, counted_at AS moment
FROM locked
UNION ALL
SELECT 'claim', NULL, open, fulfilled, revision, ceiling, epoch, claim, NULL, NULL, subject, NULL
FROM claimed
UNION ALL
SELECT 'holding', NULL, h.open_reservations, h.held_units, NULL, NULL, NULL, h.channel, NULL, NULL, NULL, NULL
FROM unnest($7::text[]) AS asked (channel)
CROSS JOIN LATERAL (SELECT * FROM holdings WHERE tenant = $1 AND channel = asked.channel LIMIT 1) h
UNION ALL
SELECT 'place', NULL, NULL, NULL, NULL, NULL, NULL, location, NULL, NULL, NULL, NULL
FROM locations WHERE tenant = $1 AND location = ANY ($3::text[])
UNION ALL
SELECT 'request', NULL, r.revision, NULL, NULL, NULL, NULL, r.request_id, r.method, r.fingerprint, r.outcome, NULL
FROM unnest($4::text[], $5::text[]) AS asked (method, request_id)
CROSS JOIN LATERAL (
    SELECT * FROM requests WHERE tenant = $1 AND method = asked.method AND request_id = asked.request_id LIMIT 1
) r
UNION ALL
SELECT 'head', NULL, coalesce(t.revision, 0), coalesce(t.open_reservations, 0), coalesce(t.held_units, 0), NULL, NULL,
       NULL, NULL, NULL, NULL, clock_timestamp()
FROM (SELECT) AS one LEFT JOIN tenants t ON t.tenant = $1
"""
"""All that a group needs to see, with its balances, and after them its claims, locked in the order of their keys. The
clock is the database's. What tenant and channels hold is not locked: WRITE tells where it had changed.
"""

_WRITE = """
WITH line AS (
    SELECT * FROM unnest($3::smallint[], $4::smallint[], $5::uuid[], $6::bigint[], $7::bigint[],
                         $8::bigint[], $9::bigint[], $10::uuid[], $11::int[], $12::text[], $13::text[],
                         $14::timestamptz[]) WITH ORDINALITY
         AS e (kind, account, item, on_hand_delta, reserved_delta, on_hand, reserved, reservation, reservation_line,
               request_id, reference, occurred_at, line)
), claimed AS (
    SELECT * FROM unnest($51::text[], $52::bigint[], $53::bigint[], $54::bigint[], $55::bigint[], $56::text[])
         AS c (claim, open, fulfilled, ceiling, epoch, subject)
), content AS (
    SELECT clock_timestamp() AS moment, (SELECT ENTERED FROM line e) AS entered,
           (SELECT CLAIMED FROM claimed c) AS claimed
), head AS (
    UPDATE tenants
    SET revision = tenants.revision + 1,
        open_reservations = open_reservations + $60, held_units = held_units + $61,
        recorded_at = greatest(content.moment, recorded_at),
        digest = LINK
    FROM content WHERE tenant = $1
    RETURNING revision, recorded_at AS moment, digest,
              ($60 > 0 AND open_reservations > $62) OR ($61 > 0 AND held_units > $63) AS exceeded
), committed AS (
    INSERT INTO commits (tenant, revision, recorded_at, digest) SELECT $1, revision, moment, digest FROM head
), entered AS (
    INSERT INTO entries (tenant, revision, line, kind, account, item, on_hand_delta, reserved_delta, on_hand, reserved,
                         reservation, reservation_line, request_id, reference, occurred_at, recorded_at)
    SELECT $1, head.revision, e.line, e.kind, e.account, e.item, e.on_hand_delta, e.reserved_delta,
           e.on_hand, e.reserved, e.reservation, e.reservation_line, e.request_id, e.reference, e.occurred_at,
           head.moment
    FROM head, line e
), fresh AS (
    INSERT INTO balances (tenant, item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved,
                          counted_at, revision)
    SELECT $1, b.*, head.revision
    FROM head, unnest($15::uuid[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
                      $22::smallint[], $23::bigint[], $24::bigint[], $25::timestamptz[])
         AS b (item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved, counted_at)
), changed AS (
    UPDATE balances
    SET on_hand = b.on_hand, reserved = b.reserved, counted_at = b.counted_at, revision = head.revision
    FROM head, unnest($26::uuid[], $27::bigint[], $28::bigint[], $29::timestamptz[])
         AS b (item, on_hand, reserved, counted_at)
    CROSS JOIN LATERAL (SELECT ctid FROM balances WHERE tenant = $1 AND item = b.item LIMIT 1) found
    WHERE balances.ctid = found.ctid
), remembered AS (
    INSERT INTO requests (tenant, method, request_id, fingerprint, outcome, revision, recorded_at)
    SELECT $1, q.method, q.request_id, q.fingerprint, q.outcome, head.revision, $2
    FROM head, unnest($30::text[], $31::text[], $32::bytea[], $33::text[])
         AS q (method, request_id, fingerprint, outcome)
), promised AS (
    INSERT INTO reservations (tenant, reservation, state, expires_at, created_at, order_name, channel, revision)
    SELECT $1, r.reservation, r.state, r.expires_at, $2, r.order_name, r.channel, head.revision
    FROM head, unnest($34::uuid[], $35::smallint[], $36::timestamptz[], $37::text[], $38::text[])
         AS r (reservation, state, expires_at, order_name, channel)
), lined AS (
    INSERT INTO reservation_lines (tenant, reservation, line, item, requested, quantity, open, fulfilled, released,
                                   handed_over_at, claims, ceilings, weights)
    SELECT $1, l.reservation, l.line, l.item, l.requested, l.quantity, l.open, l.fulfilled, l.released,
           l.handed_over_at, string_to_array(l.claims, chr(31)), string_to_array(l.ceilings, chr(31), '-')::bigint[],
           string_to_array(l.weights, chr(31))::bigint[]
    FROM head, unnest($39::uuid[], $40::int[], $41::uuid[], $42::bigint[], $43::bigint[], $44::bigint[], $45::bigint[],
                      $46::bigint[], $47::timestamptz[], $48::text[], $49::text[], $50::text[])
         AS l (reservation, line, item, requested, quantity, open, fulfilled, released, handed_over_at, claims,
               ceilings, weights)
), held AS (
    INSERT INTO holdings (tenant, channel, open_reservations, held_units)
    SELECT $1, h.channel, h.open_reservations, h.held_units
    FROM head, unnest($57::text[], $58::bigint[], $59::bigint[]) AS h (channel, open_reservations, held_units)
    ON CONFLICT (tenant, channel) DO UPDATE
        SET open_reservations = holdings.open_reservations + excluded.open_reservations,
            held_units = holdings.held_units + excluded.held_units
    RETURNING channel, open_reservations, held_units
)
SELECT revision, moment, pg_notify(current_schema(), $1), exceeded OR EXISTS (
    SELECT FROM held JOIN unnest($57::text[], $58::bigint[], $59::bigint[]) AS more (channel, reservations, units)
        ON more.channel = held.channel
    WHERE (more.reservations > 0 AND held.open_reservations > $64) OR (more.units > 0 AND held.held_units > $65)
) AS exceeded
FROM head
"""


def _write(*more: str) -> str:
    """The statement that writes a group, in whose digest there are `more` parts than entries and claims."""
    moment = "greatest(content.moment, recorded_at)"
    parts = ("content.entered", "content.claimed", *more)
    linked = chain.link("tenants.digest", "tenants.revision + 1", moment, *parts)
    return _WRITE.replace("ENTERED", chain.ENTERED).replace("CLAIMED", chain.CLAIMED).replace("LINK", linked)


WRITE = _write()
"""A group of accepted commands, under the next revision of the tenant; its row is locked after all others, till commit.

The moment of the commit never goes back from one revision to the next: it is at least that of the one before, which
stands on the row that is locked. There stands the digest of the one before, too. What tenant and channels hold is
counted up; `exceeded` tells that this passed a limit, which then another process had approached meanwhile.
"""

WRITE_LOTS = _write(
    f"(SELECT {chain.LOTTED} FROM unnest($66::text[], $67::text[], $68::text[], $69::text[])"  # noqa: S608
    " AS l (owner, sku, lot, expiry))"
)
"""As WRITE, for a group that also changes lots; only what it digests is different."""

WRITE_WAITING = _write(
    "''",
    f"""
    (SELECT coalesce({chain.WAITED}, '') FROM (
        SELECT waiting, coalesce(create_revision, tenants.revision + 1) || chr(31) || told AS told
        FROM unnest($66::bigint[], $67::uuid[], $68::text[]) AS w (create_revision, waiting, told)
    ) w)
    """,  # noqa: S608
    f"""
    (SELECT coalesce({chain.COUNTED}, '') FROM (
        SELECT owner, sku, limit_units, waiting_units, coalesce(limit_revision, tenants.revision + 1) AS limit_revision
        FROM unnest($69::text[], $70::text[], $71::bigint[], $72::bigint[], $73::bigint[])
             AS b (owner, sku, limit_units, waiting_units, limit_revision)
    ) b)
    """,  # noqa: S608
)
"""As WRITE, for a group that also changes demands that wait, or how much does and may."""

CHANGE_RESERVATIONS = """
WITH changed AS (
    UPDATE reservations SET state = r.state, expires_at = r.expires_at, revision = $2
    FROM unnest($3::uuid[], $4::smallint[], $5::timestamptz[]) AS r (reservation, state, expires_at)
    CROSS JOIN LATERAL (SELECT ctid FROM reservations WHERE tenant = $1 AND reservation = r.reservation LIMIT 1) found
    WHERE reservations.ctid = found.ctid
)
UPDATE reservation_lines
SET open = l.open, fulfilled = l.fulfilled, released = l.released, handed_over_at = l.handed_over_at
FROM unnest($6::uuid[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[], $11::timestamptz[])
     AS l (reservation, line, open, fulfilled, released, handed_over_at)
CROSS JOIN LATERAL (
    SELECT ctid FROM reservation_lines WHERE tenant = $1 AND reservation = l.reservation AND line = l.line LIMIT 1
) found
WHERE reservation_lines.ctid = found.ctid
"""

KEEP_PLANS = """
INSERT INTO reservation_plans (tenant, reservation, plan)
SELECT $1, p.* FROM unnest($2::uuid[], $3::bytea[]) AS p (reservation, plan)
ON CONFLICT (tenant, reservation) DO UPDATE SET plan = excluded.plan
"""

CHANGE_SHORTFALLS = """
WITH closed AS (DELETE FROM shortfalls WHERE tenant = $1 AND item = ANY ($4::uuid[]))
INSERT INTO shortfalls (tenant, item, revision, opened_at) SELECT $1, item, $2, $3 FROM unnest($5::uuid[]) AS o (item)
"""

APPEARED = """
SELECT EXISTS (SELECT FROM balances WHERE tenant = $1 AND item = ANY ($2::uuid[]))
    OR EXISTS (SELECT FROM claims WHERE tenant = $1 AND claim = ANY ($3::text[]))
    OR EXISTS (SELECT FROM locations WHERE tenant = $1 AND location = ANY ($4::text[]))
    OR EXISTS (
        SELECT FROM unnest($5::text[], $6::text[]) AS asked (method, request_id)
        CROSS JOIN LATERAL (
            SELECT FROM requests WHERE tenant = $1 AND method = asked.method AND request_id = asked.request_id LIMIT 1
        ) r
    )
"""
"""Whether anything is there by now that was not when the books were opened."""

ADD_LOCATION = "INSERT INTO locations (tenant, location, kind, display_name, revision) VALUES ($1, $2, $3, $4, $5)"

CHANGE_LOCATION = """
UPDATE locations SET kind = $3, display_name = $4, revision = $5 WHERE tenant = $1 AND location = $2
"""

REMOVE_LOCATION = "DELETE FROM locations WHERE tenant = $1 AND location = $2"

_CHANGED_LOT = "INSERT INTO lot_changes (tenant, owner, sku, lot, expiry, revision) VALUES ($1, $2, $3, $4, $5, $6)"

ADD_LOT = f"""
WITH added AS (
    INSERT INTO lots (tenant, owner, sku, lot, expiry, revision) VALUES ($1, $2, $3, $4, $5, $6)
)
{_CHANGED_LOT}
"""  # noqa: S608

CHANGE_LOT = f"""
WITH changed AS (
    UPDATE lots SET expiry = $5, revision = $6 WHERE tenant = $1 AND owner = $2 AND sku = $3 AND lot = $4
)
{_CHANGED_LOT}
"""  # noqa: S608

REMEMBER = """
INSERT INTO requests (tenant, method, request_id, fingerprint, outcome, revision, recorded_at)
SELECT $1, q.*, $2, $3 FROM unnest($4::text[], $5::text[], $6::bytea[], $7::text[])
    AS q (method, request_id, fingerprint, outcome)
"""
"""The outcomes of a group in which every command was refused: nothing changed, no revision is drawn."""

KNOW_TENANT = "INSERT INTO tenants (tenant, revision) VALUES ($1, 0) ON CONFLICT DO NOTHING"

HORIZON = "SELECT revision FROM horizons WHERE tenant = $1"
"""The revision up to which history was put away; nothing where all is kept."""

BALANCE = """
SELECT b.on_hand, b.reserved, b.revision, b.counted_at,
       coalesce((SELECT expiry FROM lots WHERE tenant = $1 AND owner = b.owner AND sku = b.sku AND lot = b.lot), '')
           AS expiry,
       coalesce((SELECT revision FROM tenants WHERE tenant = $1), 0) AS newest
FROM (SELECT) AS one LEFT JOIN balances b ON b.tenant = $1 AND b.item = $2
"""

RESERVATION = """
SELECT r.reservation, r.state, r.expires_at, r.created_at, r.order_name, r.channel, r.revision,
       l.line, l.requested, l.quantity, l.open, l.fulfilled, l.released, l.claims, l.ceilings, l.weights,
       l.handed_over_at, b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition
FROM reservations r
CROSS JOIN LATERAL (SELECT * FROM reservation_lines WHERE tenant = $1 AND reservation = r.reservation OFFSET 0) l
CROSS JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = l.item LIMIT 1) b
WHERE r.tenant = $1 AND r.reservation = ANY ($2::uuid[])
ORDER BY r.reservation, l.line
"""

PLAN = "SELECT plan FROM reservation_plans WHERE tenant = $1 AND reservation = $2"

OUTCOME = "SELECT fingerprint, outcome, revision FROM requests WHERE tenant = $1 AND method = $2 AND request_id = $3"

PROMISED = """
SELECT short.item, l.reservation, l.line, l.open, r.order_name, r.channel, r.created_at
FROM unnest($2::uuid[], $3::bigint[]) AS short (item, units)
CROSS JOIN LATERAL (
    SELECT *, sum(open) OVER (ORDER BY reservation DESC, line DESC) - open AS newer
    FROM (
        SELECT reservation, line, open FROM reservation_lines
        WHERE tenant = $1 AND item = short.item AND open > 0 ORDER BY reservation DESC, line DESC LIMIT $4
    ) newest
) l
CROSS JOIN LATERAL (SELECT * FROM reservations WHERE tenant = $1 AND reservation = l.reservation LIMIT 1) r
WHERE l.newer < short.units
ORDER BY short.item, l.reservation DESC, l.line DESC
"""
"""The newest promises of each stock item, up to a number of lines, until they add up to the units that are short."""

DUE = """
SELECT reservation FROM reservations
WHERE tenant = $1 AND state = 1 AND expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $2
"""

COMMITS = f"""
SELECT coalesce(h.revision, 0) AS horizon, c.revision, c.recorded_at,
       e.line, e.kind, e.account, e.on_hand_delta, e.reserved_delta, e.on_hand, e.reserved, e.reservation,
        e.reservation_line, e.request_id, e.reference, e.occurred_at,
       b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition, k.claims, k.opens, k.fulfilleds,
       k.ceilings, k.epochs, k.subjects,
       n.lot_owners, n.lot_skus, n.lots, n.expiries, w.tolds, w.plans, o.back_orders
FROM (SELECT) AS one
LEFT JOIN horizons h ON h.tenant = $1
LEFT JOIN (
    SELECT revision, recorded_at FROM commits
    WHERE tenant = $1 AND revision > $2 AND revision <= coalesce((
        SELECT revision FROM claim_changes
        WHERE tenant = $1 AND revision > $2 ORDER BY revision OFFSET {CLAIMS_AT_ONCE} LIMIT 1
    ), 9223372036854775807)
    ORDER BY revision LIMIT $3
) c ON true
LEFT JOIN LATERAL (
    SELECT * FROM entries WHERE tenant = $1 AND revision = c.revision AND recorded_at = c.recorded_at OFFSET 0
) e ON true
LEFT JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = e.item LIMIT 1) b ON true
LEFT JOIN LATERAL (
    SELECT array_agg(claim) AS claims, array_agg(open) AS opens, array_agg(fulfilled) AS fulfilleds,
           array_agg(ceiling) AS ceilings, array_agg(epoch) AS epochs, array_agg(subject) AS subjects
    FROM claim_changes WHERE tenant = $1 AND revision = c.revision AND coalesce(e.line, 1) = 1
) k ON true
LEFT JOIN LATERAL (
    SELECT array_agg(owner) AS lot_owners, array_agg(sku) AS lot_skus, array_agg(lot) AS lots,
           array_agg(expiry) AS expiries
    FROM lot_changes WHERE tenant = $1 AND revision = c.revision AND e.line IS NULL
) n ON true
LEFT JOIN LATERAL (
    SELECT array_agg(g.told ORDER BY g.waiting) AS tolds, array_agg(coalesce(m.plan, '') ORDER BY g.waiting) AS plans
    FROM waiting_changes g
    LEFT JOIN LATERAL (
        SELECT plan FROM waiting WHERE tenant = $1 AND waiting = g.waiting AND create_revision = c.revision LIMIT 1
    ) m ON true
    WHERE g.tenant = $1 AND g.revision = c.revision AND coalesce(e.line, 1) = 1
) w ON true
LEFT JOIN LATERAL (
    SELECT array_agg(ROW (owner, sku, limit_units, waiting_units, limit_revision) ORDER BY owner, sku) AS back_orders
    FROM back_order_changes WHERE tenant = $1 AND revision = c.revision AND coalesce(e.line, 1) = 1
) o ON true
ORDER BY c.revision, e.line
"""  # noqa: S608
"""Whole commits: the limit counts commits, not entries; none comes after the one with which they change very many
claims, for some set ceilings by thousands. What they changed in claims and of what waits comes with their first row,
what they changed in lots with their only one: who sets a lot moves no units. What a caller keeps with a demand comes
with the commit that made it. The horizon comes with each row, and with an empty one where there is no commit.
"""
