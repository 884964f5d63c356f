"""What is known of lots: until when each can be sold, and each change of that.

A commit that sets a lot digests it, as a further part of its text that other commits do not have: their digests are
what they were. When history is put away the last change of each lot stays, as counts of stock items do at a closing:
so what is known of a lot is always held against the change that made it so.

A day is kept as a text, in the one form that it is given, digested and shown in: the driver takes the first day of the
calendar and the last one for the ends of time.
"""

from weir_chassis.migrations import script, wall

revision = "0005"
down_revision = "0004"

_TABLES = """
CREATE TABLE lots (
    tenant text NOT NULL,
    owner text NOT NULL,
    sku text NOT NULL,
    lot text NOT NULL CHECK (lot <> ''),
    expiry text NOT NULL CHECK (expiry ~ '^([0-9]{4}-[0-9]{2}-[0-9]{2})?$'),
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, owner, sku, lot)
);
COMMENT ON TABLE lots IS 'What is known of each lot.';
COMMENT ON COLUMN lots.expiry IS 'The last day on which its units count as available; empty: they never expire.';

CREATE TABLE lot_changes (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    owner text NOT NULL,
    sku text NOT NULL,
    lot text NOT NULL,
    expiry text NOT NULL,
    PRIMARY KEY (tenant, revision, owner, sku, lot)
);
COMMENT ON TABLE lot_changes IS 'What was known of a lot after each commit that changed it.';
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
        DELETE FROM closing_balances c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        DELETE FROM closings c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        tenant := each.tenant;
        revision := horizon.revision;
        RETURN NEXT;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Add what is known of lots, and keep it when history is put away."""
    # The function finds its tables where they are now, and no temporary one of the same name.
    script("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    script(_TABLES + _COMPACT)
    wall("lots")
    wall("lot_changes", append_only=True)
