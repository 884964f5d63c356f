"""Ceilings that are set for claims, and how much each unit of a line counts under them.

A ceiling stands on the row that counts its claim, so whoever promises units holds both under one lock. `epoch` is the
number that whoever set it gave it, 0 where none ever was. Each change of a claim says both as they are after it, and
`subject` where that commit set another one: the newest that says one is what the key stands for. When history is put
away the newest change of a claim with an epoch stays, and the newest that says what it stands for: so both are always
held against the change that made them so. They are digested only where a ceiling was set: other commits have the
digests they had.

Ceilings are set by thousands, whole pages of claims at once: so half of each page is kept free for the next version of
its rows.

A line without `weights` has its units counted once under each of its claims, as all had until now; a ceiling of its own
may be missing.
"""

from weir_chassis.migrations import script

revision = "0007"
down_revision = "0006"

_TABLES = """
ALTER TABLE claims
    ADD COLUMN ceiling bigint CHECK (ceiling >= 0),
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    ADD COLUMN subject text NOT NULL DEFAULT '';
ALTER TABLE claims SET (fillfactor = 50);
COMMENT ON COLUMN claims.ceiling IS 'Most units that may be claimed; null: as many as lines say themselves.';
COMMENT ON COLUMN claims.epoch IS 'The number of the ceiling, of whoever set it; 0: none ever was.';
COMMENT ON COLUMN claims.subject IS 'What the key stands for, in the words of whoever set the ceiling.';

ALTER TABLE claim_changes
    ADD COLUMN ceiling bigint,
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN subject text NOT NULL DEFAULT '';
COMMENT ON COLUMN claim_changes.subject IS 'What the key stands for from then on; empty: what it did before.';

ALTER TABLE reservation_lines
    ADD COLUMN weights bigint[] NOT NULL DEFAULT '{}',
    ADD CHECK (cardinality(weights) IN (0, cardinality(claims)));
COMMENT ON COLUMN reservation_lines.weights IS 'What each unit counts under each claim; empty: once under each.';
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
        DELETE FROM claim_changes c
        USING (
            SELECT n.claim, max(n.revision) FILTER (WHERE n.epoch > 0) AS newest,
                   max(n.revision) FILTER (WHERE n.subject <> '') AS named
            FROM claim_changes n WHERE n.tenant = each.tenant AND n.revision <= horizon.revision GROUP BY n.claim
        ) kept
        WHERE c.tenant = each.tenant AND c.revision <= horizon.revision AND c.claim = kept.claim
          AND c.revision IS DISTINCT FROM kept.newest AND c.revision IS DISTINCT FROM kept.named;
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
    """Add ceilings and weights, and keep the last change of each ceiling when history is put away."""
    # The function finds its tables where they are now, and no temporary one of the same name.
    script("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    script(_TABLES + _COMPACT)
