"""The statements of the write path, each one round trip for a whole group.

Each finds its rows by a key, however little the planner knows of tables that are new or have just grown: what looks
like a detour (LATERAL with a limit, an update by the place of a row, which stays where it is while we hold its lock)
leaves it no choice of reading a whole table instead. So one plan for all parameters is the right one.
"""

LOCK_RESERVATIONS = """
WITH locked AS (
    SELECT reservation, state, expires_at, created_at, order_name, channel, revision
    FROM reservations WHERE tenant = $1 AND reservation = ANY ($2::uuid[]) ORDER BY reservation FOR UPDATE
)
SELECT r.*, l.line, l.requested, l.quantity, l.open, l.fulfilled, l.released,
       b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition
FROM locked r
CROSS JOIN LATERAL (
    SELECT * FROM reservation_lines
    WHERE tenant = $1 AND reservation = r.reservation ORDER BY line FOR UPDATE
) l
CROSS JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = l.item LIMIT 1) b
"""
"""Whoever waits for a lock is shown the row as it is after the wait only where that row is locked itself: so the lines
are, too. What is read of the balances never changes.
"""

LOCK_LOCATIONS = """
WITH locked AS (
    SELECT location, kind, display_name, revision
    FROM locations WHERE tenant = $1 AND location = ANY ($2::text[]) ORDER BY location FOR UPDATE
)
SELECT *, (SELECT count(*) FROM balances b WHERE b.tenant = $1 AND b.location = locked.location) AS stock_items
FROM locked
"""

OPEN_BOOKS = """
WITH locked AS (
    SELECT item, on_hand, reserved, revision
    FROM balances WHERE tenant = $1 AND item = ANY ($2::uuid[]) ORDER BY item FOR UPDATE
)
SELECT 'balance' AS what, item, on_hand AS first, reserved AS second, revision AS third,
       NULL::text AS name, NULL::text AS method, NULL::bytea AS fingerprint, NULL::text AS outcome,
       NULL::timestamptz AS moment
FROM locked
UNION ALL
SELECT 'place', NULL, NULL, NULL, NULL, location, NULL, NULL, NULL, NULL
FROM locations WHERE tenant = $1 AND location = ANY ($3::text[])
UNION ALL
SELECT 'request', NULL, r.revision, NULL, NULL, r.request_id, r.method, r.fingerprint, r.outcome, NULL
FROM unnest($4::text[], $5::text[]) AS asked (method, request_id)
CROSS JOIN LATERAL (
    SELECT * FROM requests WHERE tenant = $1 AND method = asked.method AND request_id = asked.request_id LIMIT 1
) r
UNION ALL
SELECT 'head', NULL, coalesce((SELECT revision FROM tenants WHERE tenant = $1), 0), NULL, NULL, NULL, NULL, NULL, NULL,
       clock_timestamp()
"""
"""All that a group needs to see, with its balances locked in the order of their keys. The clock is the database's."""

WRITE = """
WITH head AS (
    UPDATE tenants SET revision = revision + 1 WHERE tenant = $1 RETURNING revision, clock_timestamp() AS moment
), committed AS (
    INSERT INTO commits (tenant, revision, recorded_at) SELECT $1, revision, moment FROM head
), entered AS (
    INSERT INTO entries (tenant, revision, line, kind, account, item, on_hand_delta, reserved_delta, on_hand, reserved,
                         reservation, reservation_line, request_id, reference, occurred_at)
    SELECT $1, head.revision, e.line, e.kind, e.account, e.item, e.on_hand_delta, e.reserved_delta,
           e.on_hand, e.reserved, e.reservation, e.reservation_line, e.request_id, e.reference,
           coalesce(e.occurred_at, head.moment)
    FROM head, unnest($3::smallint[], $4::smallint[], $5::uuid[], $6::bigint[], $7::bigint[],
                      $8::bigint[], $9::bigint[], $10::uuid[], $11::int[], $12::text[], $13::text[],
                      $14::timestamptz[]) WITH ORDINALITY
         AS e (kind, account, item, on_hand_delta, reserved_delta, on_hand, reserved, reservation, reservation_line,
               request_id, reference, occurred_at, line)
), fresh AS (
    INSERT INTO balances (tenant, item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved,
                          revision)
    SELECT $1, b.*, head.revision
    FROM head, unnest($15::uuid[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
                      $22::smallint[], $23::bigint[], $24::bigint[])
         AS b (item, owner, sku, location, lot, uom, custodian, condition, on_hand, reserved)
), changed AS (
    UPDATE balances SET on_hand = b.on_hand, reserved = b.reserved, revision = head.revision
    FROM head, unnest($25::uuid[], $26::bigint[], $27::bigint[]) AS b (item, on_hand, reserved)
    CROSS JOIN LATERAL (SELECT ctid FROM balances WHERE tenant = $1 AND item = b.item LIMIT 1) found
    WHERE balances.ctid = found.ctid
), remembered AS (
    INSERT INTO requests (tenant, method, request_id, fingerprint, outcome, revision, recorded_at)
    SELECT $1, q.method, q.request_id, q.fingerprint, q.outcome, head.revision, $2
    FROM head, unnest($28::text[], $29::text[], $30::bytea[], $31::text[])
         AS q (method, request_id, fingerprint, outcome)
), promised AS (
    INSERT INTO reservations (tenant, reservation, state, expires_at, created_at, order_name, channel, revision)
    SELECT $1, r.reservation, r.state, r.expires_at, $2, r.order_name, r.channel, head.revision
    FROM head, unnest($32::uuid[], $33::smallint[], $34::timestamptz[], $35::text[], $36::text[])
         AS r (reservation, state, expires_at, order_name, channel)
), lined AS (
    INSERT INTO reservation_lines (tenant, reservation, line, item, requested, quantity, open, fulfilled, released)
    SELECT $1, l.*
    FROM head, unnest($37::uuid[], $38::int[], $39::uuid[], $40::bigint[], $41::bigint[], $42::bigint[], $43::bigint[],
                      $44::bigint[])
         AS l (reservation, line, item, requested, quantity, open, fulfilled, released)
)
SELECT revision, pg_notify(current_schema(), $1) FROM head
"""
"""A group of accepted commands, under the next revision of the tenant; its row is locked after all others, till commit.

The moment of the commit is read under that lock, so that moments never go back from one revision to the next.
"""

CHANGE_RESERVATIONS = """
WITH changed AS (
    UPDATE reservations SET state = r.state, expires_at = r.expires_at, revision = $2
    FROM unnest($3::uuid[], $4::smallint[], $5::timestamptz[]) AS r (reservation, state, expires_at)
    CROSS JOIN LATERAL (SELECT ctid FROM reservations WHERE tenant = $1 AND reservation = r.reservation LIMIT 1) found
    WHERE reservations.ctid = found.ctid
)
UPDATE reservation_lines SET open = l.open, fulfilled = l.fulfilled, released = l.released
FROM unnest($6::uuid[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[])
     AS l (reservation, line, open, fulfilled, released)
CROSS JOIN LATERAL (
    SELECT ctid FROM reservation_lines WHERE tenant = $1 AND reservation = l.reservation AND line = l.line LIMIT 1
) found
WHERE reservation_lines.ctid = found.ctid
"""

ADD_LOCATION = "INSERT INTO locations (tenant, location, kind, display_name, revision) VALUES ($1, $2, $3, $4, $5)"

CHANGE_LOCATION = """
UPDATE locations SET kind = $3, display_name = $4, revision = $5 WHERE tenant = $1 AND location = $2
"""

REMOVE_LOCATION = "DELETE FROM locations WHERE tenant = $1 AND location = $2"

REMEMBER = """
INSERT INTO requests (tenant, method, request_id, fingerprint, outcome, revision, recorded_at)
SELECT $1, q.*, $2, $3 FROM unnest($4::text[], $5::text[], $6::bytea[], $7::text[])
    AS q (method, request_id, fingerprint, outcome)
"""
"""The outcomes of a group in which every command was refused: nothing changed, no revision is drawn."""

KNOW_TENANT = "INSERT INTO tenants (tenant, revision) VALUES ($1, 0) ON CONFLICT DO NOTHING"

BALANCE = """
SELECT b.on_hand, b.reserved, b.revision, coalesce((SELECT revision FROM tenants WHERE tenant = $1), 0) AS newest
FROM (SELECT) AS one LEFT JOIN balances b ON b.tenant = $1 AND b.item = $2
"""

RESERVATION = """
SELECT r.reservation, r.state, r.expires_at, r.created_at, r.order_name, r.channel, r.revision,
       l.line, l.requested, l.quantity, l.open, l.fulfilled, l.released,
       b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition
FROM reservations r
CROSS JOIN LATERAL (SELECT * FROM reservation_lines WHERE tenant = $1 AND reservation = r.reservation OFFSET 0) l
CROSS JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = l.item LIMIT 1) b
WHERE r.tenant = $1 AND r.reservation = ANY ($2::uuid[])
ORDER BY r.reservation, l.line
"""

DUE = """
SELECT reservation FROM reservations
WHERE tenant = $1 AND state = 1 AND expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $2
"""

COMMITS = """
SELECT c.revision, c.recorded_at, e.line, e.kind, e.account, e.on_hand_delta, e.reserved_delta, e.on_hand, e.reserved,
       e.reservation, e.reservation_line, e.request_id, e.reference, e.occurred_at,
       b.owner, b.sku, b.location, b.lot, b.uom, b.custodian, b.condition
FROM (SELECT revision, recorded_at FROM commits WHERE tenant = $1 AND revision > $2 ORDER BY revision LIMIT $3) c
LEFT JOIN LATERAL (SELECT * FROM entries WHERE tenant = $1 AND revision = c.revision OFFSET 0) e ON true
LEFT JOIN LATERAL (SELECT * FROM balances WHERE tenant = $1 AND item = e.item LIMIT 1) b ON true
ORDER BY c.revision, e.line
"""
"""Whole commits: the limit counts commits, not entries."""
