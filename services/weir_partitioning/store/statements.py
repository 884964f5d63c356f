"""The statements about epochs, each one round trip for as many as there are.

Each finds its rows by a key, however little the planner knows of tables that are new or have just grown: so one plan
for all parameters is the right one.
"""

TOLD = """
    e.epoch, e.owner, e.sku, e.warehouse_group, e.policy, e.policy_mark, e.reason, e.divided_at, e.supply, e.held_back,
    e.scale, e.moved, e.turn, e.weighed_on, e.shares::text, e.cleared::text, e.ledger_cluster, e.ledger_epoch,
    e.ledger_revision, s.enforced >= e.epoch AS in_force
"""
"""All of an epoch `e`, of whose supply `s` is the row."""

OPEN = """
WITH known AS (INSERT INTO tenants (tenant, revision) VALUES ($1, 0) ON CONFLICT DO NOTHING)
INSERT INTO epoch_heads (tenant, epoch) VALUES ($1, 0) ON CONFLICT DO NOTHING
"""

LOCK = "SELECT epoch FROM epoch_heads WHERE tenant = $1 FOR UPDATE"

JUDGED_AFTER_NEWEST = """
SELECT d.place
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY
    AS d (owner, sku, warehouse_group, after, place)
LEFT JOIN LATERAL (
    SELECT epoch FROM supplies
    WHERE tenant = $1 AND owner = d.owner AND sku = d.sku AND warehouse_group = d.warehouse_group LIMIT 1
) s ON true
WHERE coalesce(s.epoch, 0) = d.after
ORDER BY d.place
"""

ADD = """
WITH drafts AS (
    SELECT * FROM unnest(
        $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
        $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::date[], $16::text[],
        $17::text[], $18::text[], $19::integer[], $20::bigint[]
    ) AS d (
        epoch, owner, sku, warehouse_group, policy, policy_mark, reason, divided_at, supply, held_back, scale, moved,
        turn, weighed_on, shares, cleared, ledger_cluster, ledger_epoch, ledger_revision
    )
), told AS (
    INSERT INTO epochs (
        tenant, epoch, owner, sku, warehouse_group, policy, policy_mark, reason, divided_at, supply, held_back, scale,
        moved, turn, weighed_on, shares, cleared, ledger_cluster, ledger_epoch, ledger_revision
    )
    SELECT $1, epoch, owner, sku, warehouse_group, policy, policy_mark, reason, divided_at, supply, held_back, scale,
           moved, turn, weighed_on, shares::jsonb, cleared::jsonb, ledger_cluster, ledger_epoch, ledger_revision
    FROM drafts
), standing AS (
    INSERT INTO supplies (tenant, owner, sku, warehouse_group, epoch, policy, looked_at)
    SELECT $1, owner, sku, warehouse_group, epoch, policy, divided_at FROM drafts
    ON CONFLICT (tenant, owner, sku, warehouse_group) DO UPDATE
        SET epoch = excluded.epoch, policy = excluded.policy, looked_at = excluded.looked_at
)
UPDATE epoch_heads SET epoch = (SELECT max(epoch) FROM drafts) WHERE tenant = $1
RETURNING pg_notify(current_schema(), $1)
"""

NEWEST = f"""
SELECT {TOLD}
FROM unnest($2::text[], $3::text[], $4::text[]) AS asked (owner, sku, warehouse_group)
CROSS JOIN LATERAL (
    SELECT epoch, enforced FROM supplies
    WHERE tenant = $1 AND owner = asked.owner AND sku = asked.sku AND warehouse_group = asked.warehouse_group LIMIT 1
) s
CROSS JOIN LATERAL (SELECT * FROM epochs WHERE tenant = $1 AND epoch = s.epoch LIMIT 1) e
"""  # noqa: S608 -- a constant

PENDING = f"""
SELECT {TOLD}
FROM supplies s CROSS JOIN LATERAL (SELECT * FROM epochs WHERE tenant = $1 AND epoch = s.epoch LIMIT 1) e
WHERE s.tenant = $1 AND s.enforced < s.epoch
ORDER BY s.epoch LIMIT $2
"""  # noqa: S608 -- a constant

ENFORCE = """
WITH told AS (
    SELECT e.owner, e.sku, e.warehouse_group, max(e.epoch) AS epoch
    FROM unnest($2::bigint[]) AS asked (epoch)
    CROSS JOIN LATERAL (SELECT * FROM epochs WHERE tenant = $1 AND epoch = asked.epoch LIMIT 1) e
    GROUP BY e.owner, e.sku, e.warehouse_group
)
UPDATE supplies s SET enforced = told.epoch FROM told
WHERE s.tenant = $1 AND s.owner = told.owner AND s.sku = told.sku AND s.warehouse_group = told.warehouse_group
  AND s.enforced < told.epoch
"""

DUE = """
SELECT s.owner, s.sku, s.warehouse_group
FROM policies p
CROSS JOIN LATERAL (
    SELECT owner, sku, warehouse_group, looked_at FROM supplies
    WHERE tenant = $1 AND policy = p.policy
      AND looked_at <= $2::timestamptz - make_interval(secs => p.rebalance_seconds)
    ORDER BY looked_at LIMIT $3
) s
WHERE p.tenant = $1 AND p.rebalance_seconds IS NOT NULL AND NOT p.disabled
ORDER BY s.looked_at, s.owner, s.sku, s.warehouse_group LIMIT $3
"""

SEEN = """
UPDATE supplies s SET looked_at = greatest(s.looked_at, $5::timestamptz)
FROM unnest($2::text[], $3::text[], $4::text[]) AS asked (owner, sku, warehouse_group)
WHERE s.tenant = $1 AND s.owner = asked.owner AND s.sku = asked.sku AND s.warehouse_group = asked.warehouse_group
"""

STANDING = f"""
SELECT {TOLD}
FROM supplies s CROSS JOIN LATERAL (SELECT * FROM epochs WHERE tenant = $1 AND epoch = s.epoch LIMIT 1) e
WHERE s.tenant = $1 AND s.policy <> '' AND e.shares <> '[]' {{where}}
ORDER BY s.owner, s.sku, s.warehouse_group LIMIT $2
"""  # noqa: S608 -- a constant

PAST = f"""
SELECT {TOLD}
FROM (SELECT * FROM epochs e WHERE e.tenant = $1 {{where}} ORDER BY {{order}} LIMIT $2) e
CROSS JOIN LATERAL (
    SELECT enforced FROM supplies
    WHERE tenant = $1 AND owner = e.owner AND sku = e.sku AND warehouse_group = e.warehouse_group LIMIT 1
) s
ORDER BY e.epoch DESC
"""  # noqa: S608 -- a constant

STRETCH = f"""
SELECT h.epoch AS head, h.forgotten, {TOLD}
FROM epoch_heads h
LEFT JOIN LATERAL (SELECT * FROM epochs WHERE tenant = $1 AND epoch > $2 ORDER BY epoch LIMIT $3) e ON true
LEFT JOIN LATERAL (
    SELECT enforced FROM supplies
    WHERE tenant = $1 AND owner = e.owner AND sku = e.sku AND warehouse_group = e.warehouse_group LIMIT 1
) s ON true
WHERE h.tenant = $1
ORDER BY e.epoch
"""  # noqa: S608 -- a constant

FORGET = """
WITH gone AS (
    DELETE FROM epochs e
    WHERE e.tenant = $1
      AND e.epoch <= (
          SELECT max(epoch) FROM epochs
          WHERE tenant = $1 AND recorded_at < clock_timestamp() - make_interval(secs => $2)
      )
      AND NOT EXISTS (
          SELECT FROM supplies s
          WHERE s.tenant = $1 AND s.owner = e.owner AND s.sku = e.sku AND s.warehouse_group = e.warehouse_group
            AND s.epoch = e.epoch
      )
    RETURNING e.epoch
), horizon AS (
    UPDATE epoch_heads SET forgotten = greatest(forgotten, (SELECT max(epoch) FROM gone)) WHERE tenant = $1
)
SELECT count(*) FROM gone
"""
