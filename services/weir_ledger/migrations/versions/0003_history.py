"""History that proves itself, that can be asked, and whose old parts can be put away.

Every commit has a digest of what it recorded, chained to the one before; the newest stands on the tenant's revision
row, where whoever draws the next one holds it under lock. Entries are partitioned by the month they were recorded in;
a closing is a copy of all balances at one revision, so that a balance of the past is found between one closing and the
next. `compact` puts history away: what is older than a tenant's horizon is gone for readers. The months before can
then be detached, are tables of their own from then on, and can be kept or dropped.

An entry's `occurred_at` is null where it happened as it was recorded, so that what is digested is what is stored. What
was recorded after a later moment, by a clock that was set back, is brought over as recorded at that one: from here on
moments never go back from one revision to the next.
"""

from weir_chassis.migrations import OWN, permit, rewrite, script, wall

revision = "0003"
down_revision = "0002"

_TABLES = """
ALTER TABLE tenants
    ADD COLUMN recorded_at timestamptz,
    ADD COLUMN digest bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex');
COMMENT ON COLUMN tenants.recorded_at IS 'When the newest commit was recorded: the next is never earlier.';
COMMENT ON COLUMN tenants.digest IS 'The digest of the newest commit: the head of the chain.';

ALTER TABLE commits ADD COLUMN digest bytea NOT NULL DEFAULT '';
ALTER TABLE commits ALTER COLUMN digest DROP DEFAULT;
DROP INDEX commits_by_time;
CREATE INDEX commits_by_time ON commits (tenant, recorded_at);

ALTER TABLE entries RENAME TO entries_before;
ALTER INDEX entries_pkey RENAME TO entries_before_pkey;
ALTER INDEX entries_by_item RENAME TO entries_before_by_item;
CREATE TABLE entries (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 11),
    account smallint NOT NULL CHECK (account BETWEEN 1 AND 5),
    item uuid NOT NULL,
    on_hand_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    reservation uuid,
    reservation_line integer NOT NULL,
    request_id text NOT NULL,
    reference text NOT NULL,
    occurred_at timestamptz,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, revision, line, recorded_at)
) PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE entries IS
    'Every change of every account, in the order of commits: the books, and the stream that watchers follow.';
CREATE INDEX entries_by_item ON entries (tenant, item, revision, line);
CREATE INDEX entries_late ON entries (tenant, item, occurred_at)
    WHERE (occurred_at AT TIME ZONE 'UTC') < (recorded_at AT TIME ZONE 'UTC') - interval '1 day';

CREATE TABLE closings (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, revision)
);
COMMENT ON TABLE closings IS 'The revisions at which all balances were copied, and when those were recorded.';

CREATE TABLE closing_balances (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    item uuid NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    changed_revision bigint NOT NULL,
    counted_at timestamptz,
    PRIMARY KEY (tenant, revision, item)
);
COMMENT ON TABLE closing_balances IS 'The counts of each stock item at a closing.';

CREATE TABLE horizons (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant)
);
COMMENT ON TABLE horizons IS 'The closing up to which history was put away, and the digest of its commit.';
"""

_FUNCTIONS = """
CREATE FUNCTION open_months(first timestamptz, last timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := date_trunc('month', first);
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || '.open_months', 0));
    WHILE month <= last LOOP
        partition := 'entries_' || to_char(month, 'YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            -- Made by itself and attached: nobody who reads or writes entries has to wait, or is waited for.
            EXECUTE format('CREATE TABLE %I (LIKE entries INCLUDING CONSTRAINTS INCLUDING INDEXES)', partition);
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', partition);
            EXECUTE format('CREATE POLICY wall ON %I USING (OWN) WITH CHECK (OWN)', partition);
            EXECUTE format('ALTER TABLE entries ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           partition, month, month + interval '1 month');
        END IF;
        month := month + interval '1 month';
    END LOOP;
END $$;
COMMENT ON FUNCTION open_months IS 'Makes the partitions of entries from one month to another that are missing.';

CREATE FUNCTION compact(before timestamptz) RETURNS TABLE (tenant text, revision bigint)
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
        DELETE FROM closing_balances c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        DELETE FROM closings c WHERE c.tenant = each.tenant AND c.revision < horizon.revision;
        tenant := each.tenant;
        revision := horizon.revision;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION compact IS
    'Puts away what was recorded before the month of a moment; returns up to which revision of each tenant.';
REVOKE ALL ON FUNCTION compact FROM public;

CREATE FUNCTION close_books(tenant text) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH head AS (
        SELECT t.revision, t.recorded_at FROM tenants t WHERE t.tenant = $1 AND t.revision > 0
    ), closed AS (
        INSERT INTO closings (tenant, revision, recorded_at) SELECT $1, head.revision, head.recorded_at FROM head
        ON CONFLICT DO NOTHING RETURNING closings.revision
    ), copied AS (
        INSERT INTO closing_balances (tenant, revision, item, on_hand, reserved, changed_revision, counted_at)
        SELECT $1, closed.revision, b.item, b.on_hand, b.reserved, b.revision, b.counted_at
        FROM closed, balances b WHERE b.tenant = $1
    )
    SELECT revision FROM closed
$$;
COMMENT ON FUNCTION close_books IS
    'Copies all balances of a tenant at its newest revision, which it returns; null where they were copied before.';
"""

_BRING_ENTRIES = """
CREATE TEMPORARY TABLE said ON COMMIT DROP AS SELECT tenant, revision, recorded_at FROM commits;
UPDATE commits SET recorded_at = m.moment
FROM (SELECT tenant, revision, max(recorded_at) OVER (PARTITION BY tenant ORDER BY revision) AS moment FROM said) m
WHERE commits.tenant = m.tenant AND commits.revision = m.revision AND commits.recorded_at < m.moment;
UPDATE shortfalls SET opened_at = c.recorded_at
FROM commits c WHERE c.tenant = shortfalls.tenant AND c.revision = shortfalls.revision;

SELECT open_months(coalesce((SELECT min(recorded_at) FROM commits), now()), now() + interval '3 months');

INSERT INTO entries
SELECT e.tenant, e.revision, e.line, e.kind, e.account, e.item, e.on_hand_delta, e.reserved_delta, e.on_hand,
       e.reserved, e.reservation, e.reservation_line, e.request_id, e.reference,
       nullif(e.occurred_at, s.recorded_at), c.recorded_at
FROM entries_before e
JOIN commits c ON c.tenant = e.tenant AND c.revision = e.revision
JOIN said s ON s.tenant = e.tenant AND s.revision = e.revision;

DO $$
DECLARE
    each record;
    tenant_before text := '';
    chained bytea;
BEGIN
    FOR each IN
        SELECT c.tenant, c.revision, c.recorded_at,
               coalesce(string_agg(concat_ws(chr(31), e.line, e.kind, e.account, e.item, e.on_hand_delta,
                                             e.reserved_delta, e.on_hand, e.reserved, coalesce(e.reservation::text, ''),
                                             e.reservation_line, e.request_id, e.reference,
                                             coalesce((extract(epoch FROM e.occurred_at) * 1000000)::bigint::text, '')),
                                   chr(30) ORDER BY e.line) FILTER (WHERE e.line IS NOT NULL), '') AS entered
        FROM commits c LEFT JOIN entries e ON e.tenant = c.tenant AND e.revision = c.revision
        GROUP BY 1, 2, 3 ORDER BY 1, 2
    LOOP
        IF each.tenant <> tenant_before THEN
            chained := decode(repeat('00', 32), 'hex');
            tenant_before := each.tenant;
        END IF;
        chained := sha256(chained || convert_to(concat_ws(chr(29), each.revision,
            (extract(epoch FROM each.recorded_at) * 1000000)::bigint, each.entered, ''), 'UTF8'));
        UPDATE commits SET digest = chained WHERE tenant = each.tenant AND revision = each.revision;
        UPDATE tenants SET digest = chained, recorded_at = each.recorded_at WHERE tenant = each.tenant;
    END LOOP;
END $$
"""


def upgrade() -> None:
    """Make history what the docstring says, and bring over what is there."""
    # The functions find their tables where they are now, and no temporary one of the same name.
    script("SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true)")
    script(_TABLES + _FUNCTIONS.replace("OWN", OWN.replace("'", "''")))
    permit("open_months")
    permit("close_books")
    rewrite(_BRING_ENTRIES, "entries_before", "commits", "shortfalls", "tenants")
    script("DROP TABLE entries_before")
    for table in ("entries", "closings", "closing_balances"):
        wall(table, append_only=True)
    wall("horizons", read_only=True)
