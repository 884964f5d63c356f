"""Runs, the times of schedules, alerts, and the ways in which records are looked for.

A run is a row that a worker takes, holds for a while and carries out in small steps: whoever dies leaves it to the next
one, at the step it had come to. Runs and alerts are told to who watches by the transaction that changed them last, so
that nobody has to number them: a watcher reads what he could not see the time before.

Records are listed by when they fell due, newest first: all of them, of a connection, of a SKU, of a status, for a
reason. Most have succeeded, and most are for a change: those are found by the way. So it is with levels.
"""

from weir_chassis.migrations import script, wall

revision = "0006"
down_revision = "0005"

_RUNS = """
CREATE TABLE runs (
    tenant text NOT NULL,
    run text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    "full" boolean NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('SCHEDULE', 'REQUEST')),
    store_skus text[] NOT NULL,
    total bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
    settled bigint NOT NULL DEFAULT 0 CHECK (settled >= 0),
    failed bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
    unchanged bigint NOT NULL DEFAULT 0 CHECK (unchanged >= 0),
    marked_to text COLLATE "C",
    marked boolean NOT NULL DEFAULT false,
    missing bigint NOT NULL DEFAULT 0 CHECK (missing >= 0),
    tries integer NOT NULL DEFAULT 0,
    held_by text NOT NULL DEFAULT '',
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (tenant, run)
);
CREATE INDEX runs_by_age ON runs (tenant, created_at, run);
CREATE INDEX runs_by_connection ON runs (tenant, connection, created_at, run);
CREATE INDEX runs_open ON runs (tenant, created_at, run) WHERE ended_at IS NULL;
COMMENT ON TABLE runs IS 'What is synchronised by request or by schedule, how far it has come, and who is at it.';
COMMENT ON COLUMN runs.marked_to IS 'Of a store: the SKU up to which levels were made due; marked: all were.';
COMMENT ON COLUMN runs.missing IS 'Of a store: SKUs that were asked for and have no level.';

CREATE TABLE schedule_times (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    schedule text COLLATE "C" NOT NULL,
    changed bigint NOT NULL,
    next_time timestamptz,
    PRIMARY KEY (tenant, connection, schedule),
    FOREIGN KEY (tenant, connection, schedule) REFERENCES schedules ON DELETE CASCADE
);
CREATE INDEX schedule_times_due ON schedule_times (tenant, next_time);
COMMENT ON TABLE schedule_times IS 'When each schedule is due next, as it was when it was changed last; none: never.';

CREATE TABLE alerts (
    tenant text NOT NULL,
    alert text NOT NULL DEFAULT gen_random_uuid(),
    kind text NOT NULL
        CHECK (kind IN ('LEVEL_FAILED', 'CONNECTION_AWAY', 'FEED_LATE', 'ORDER_SHORT', 'ORDER_UNREADABLE')),
    connection text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    sentence text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz CHECK (closed_at >= opened_at),
    changed xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (tenant, alert)
);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant, kind, connection, subject) WHERE closed_at IS NULL;
CREATE INDEX alerts_by_age ON alerts (tenant, opened_at, alert);
CREATE INDEX alerts_by_connection ON alerts (tenant, connection, opened_at, alert);
CREATE INDEX alerts_by_change ON alerts (tenant, changed, alert);
COMMENT ON TABLE alerts IS 'What wants attention; one of a kind, connection and subject is open at most.';

CREATE INDEX levels_unsettled ON levels (tenant, connection, store_sku) WHERE status <> 'SUCCEEDED';
CREATE INDEX records_by_time ON records (tenant, created_at, record);
CREATE INDEX records_by_connection ON records (tenant, connection, created_at, record);
CREATE INDEX records_by_store_sku ON records (tenant, store_sku, created_at, record);
CREATE INDEX records_by_status ON records (tenant, status, created_at, record) WHERE status <> 'SUCCEEDED';
CREATE INDEX records_by_trigger ON records (tenant, trigger, created_at, record) WHERE trigger <> 'CHANGE';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_RUNS)
    for table in ("runs", "schedule_times", "alerts"):
        wall(table)
