"""Demands that wait for units, how many units of a product may wait, and what callers keep with their reservations.

A demand that waits is in no stock item. What waits of a product is counted in `back_orders`, whose rows are locked like
claims; it is the sum of the open lines of all demands. Each change of a demand is kept whole in `waiting_changes`, as
the very text that its commit digests and that watchers are told, and each change of a count in `back_order_changes`.
When history is put away the last change of each stays, as that of each lot does.

Demands stand in the order in which they came: by the revision that made them, then by their names. What is kept as the
plan of a reservation lies apart from it, for most have none and no list reads it.
"""

from weir_chassis.migrations import script, wall

revision = "0006"
down_revision = "0005"

_TABLES = """
CREATE TABLE reservation_plans (
    tenant text NOT NULL,
    reservation uuid NOT NULL,
    plan bytea NOT NULL,
    PRIMARY KEY (tenant, reservation)
);
COMMENT ON TABLE reservation_plans IS 'What the caller keeps with a reservation; the ledger does not look into it.';

CREATE TABLE waiting (
    tenant text NOT NULL,
    waiting uuid NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    whole boolean NOT NULL,
    order_name text NOT NULL,
    channel text NOT NULL,
    created_at timestamptz NOT NULL,
    create_revision bigint NOT NULL,
    revision bigint NOT NULL,
    reservations uuid[] NOT NULL DEFAULT '{}',
    plan bytea NOT NULL,
    PRIMARY KEY (tenant, waiting)
) WITH (fillfactor = 80);
COMMENT ON TABLE waiting IS 'Demands for which there were no units when they came.';
COMMENT ON COLUMN waiting.reservations IS 'The newest that promise units it waited for, oldest first.';
CREATE INDEX waiting_by_arrival ON waiting (tenant, create_revision, waiting);
CREATE INDEX waiting_open ON waiting (tenant, create_revision, waiting) WHERE state = 1;
CREATE INDEX waiting_by_order ON waiting (tenant, order_name, create_revision, waiting) WHERE order_name <> '';

CREATE TABLE waiting_lines (
    tenant text NOT NULL,
    waiting uuid NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    owner text NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL,
    open bigint NOT NULL CHECK (open >= 0),
    promised bigint NOT NULL CHECK (promised >= 0),
    cancelled bigint NOT NULL CHECK (cancelled >= 0),
    PRIMARY KEY (tenant, waiting, line),
    CHECK (quantity = open + promised + cancelled)
) WITH (fillfactor = 80);
CREATE INDEX waiting_lines_by_product ON waiting_lines (tenant, owner, sku, waiting);

CREATE TABLE waiting_changes (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    waiting uuid NOT NULL,
    told text NOT NULL,
    PRIMARY KEY (tenant, revision, waiting)
);
COMMENT ON TABLE waiting_changes IS 'A waiting demand after each commit that changed it, as the text that is digested.';

CREATE TABLE back_orders (
    tenant text NOT NULL,
    owner text NOT NULL,
    sku text NOT NULL,
    limit_units bigint NOT NULL CHECK (limit_units >= 0),
    waiting_units bigint NOT NULL CHECK (waiting_units >= 0),
    limit_revision bigint NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, owner, sku)
) WITH (fillfactor = 50);
COMMENT ON TABLE back_orders IS 'How many units of a product may wait, and how many do: the sum of its open lines.';

CREATE TABLE back_order_changes (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    owner text NOT NULL,
    sku text NOT NULL,
    limit_units bigint NOT NULL,
    waiting_units bigint NOT NULL,
    limit_revision bigint NOT NULL,
    PRIMARY KEY (tenant, revision, owner, sku)
);
COMMENT ON TABLE back_order_changes IS 'How much of a product might wait, and did, after each commit that changed it.';
"""

_COMPACT = """
CREATE OR REPLACE FUNCTION compact(before timestamptz) RETURNS TABLE (tenant text, revision bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    boundary timestamptz := date_trunc('month', before);
    each record;
    put_away bigint;
    horizon record;
BEGIN
    IF boundary > now() - interval '1 day' THEN
        RAISE EXCEPTION 'History is put away a day after its month is over at the earliest.'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.compact', 0));
    FOR each IN SELECT t.tenant FROM tenants t ORDER BY 1 LOOP
        PERFORM set_config('weir.tenant', each.tenant, true);
        SELECT max(c.revision) INTO put_away
        FROM commits c WHERE c.tenant = each.tenant AND c.recorded_at < boundary;
        CONTINUE WHEN put_away IS NULL;
        IF NOT EXISTS (SELECT FROM closings c WHERE c.tenant = each.tenant AND c.revision >= put_away) THEN
            PERFORM close_books(each.tenant);
        END IF;
        SELECT c.revision, c.recorded_at, m.digest INTO horizon
        FROM closings c JOIN commits m ON m.tenant = c.tenant AND m.revision = c.revision
        WHERE c.tenant = each.tenant AND c.revision >= put_away ORDER BY c.revision LIMIT 1;
        INSERT INTO horizons (tenant, revision, recorded_at, digest)
        VALUES (each.tenant, horizon.revision, horizon.recorded_at, horizon.digest)
        ON CONFLICT ON CONSTRAINT horizons_pkey DO UPDATE
            SET revision = excluded.revision, recorded_at = excluded.recorded_at, digest = excluded.digest;
        DELETE FROM commits c WHERE c.tenant = each.tenant AND c.revision <= horizon.revision;
        DELETE FROM claim_changes c WHERE c.tenant = each.tenant AND c.revision <= horizon.revision;
        DELETE FROM lot_changes c WHERE c.tenant = each.tenant AND EXISTS (
            SELECT FROM lot_changes n
            WHERE n.tenant = c.tenant AND n.owner = c.owner AND n.sku = c.sku AND n.lot = c.lot
              AND n.revision > c.revision AND n.revision <= horizon.revision
        );
        DELETE FROM waiting_changes c WHERE c.tenant = each.tenant AND EXISTS (
            SELECT FROM waiting_changes n
            WHERE n.tenant = c.tenant AND n.waiting = c.waiting
              AND n.revision > c.revision AND n.revision <= horizon.revision
        );
        DELETE FROM back_order_changes c WHERE c.tenant = each.tenant AND EXISTS (
            SELECT FROM back_order_changes n
            WHERE n.tenant = c.tenant AND n.owner = c.owner AND n.sku = c.sku
              AND n.revision > c.revision AND n.revision <= horizon.revision
        );
        DELETE FROM closing_balances c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        DELETE FROM closings c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        tenant := each.tenant;
        revision := horizon.revision;
        RETURN NEXT;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Add what waits and what is kept with reservations, and keep the last change of each when history is put away."""
    # The function finds its tables where they are now, and no temporary one of the same name.
    script("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    script(_TABLES + _COMPACT)
    for table in ("reservation_plans", "waiting", "waiting_lines", "back_orders"):
        wall(table)
    for table in ("waiting_changes", "back_order_changes"):
        wall(table, append_only=True)
