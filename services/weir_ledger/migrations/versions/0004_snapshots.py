"""Imports of snapshots: how far each has come, and the lines that were not applied.

An import is one row that its chunks lock, so that a stream that was broken and one that resumes it never settle a line
twice; what a chunk settles is written with it. A line is kept as it was sent, in the bytes of its message: it may hold
what no column would. Which stock items an import has named is not kept: their entries carry its request id, and those
of stale lines, which have none, stand on the line.

Entries of goods whose caller's clock ran ahead are few, and are found by an index of their own: so what happened after
a moment is what was recorded after it, and these.

A report of a whole warehouse changes all balances of a page in one commit. So half of each page of balances is left
free: the new rows find room beside the old ones, no index is touched, and the table does not grow with every report.
"""

from weir_chassis.migrations import script, wall

revision = "0004"
down_revision = "0003"

_TABLES = """
CREATE TABLE snapshot_imports (
    tenant text NOT NULL,
    request_id text NOT NULL,
    fingerprint bytea NOT NULL,
    stage smallint NOT NULL CHECK (stage BETWEEN 1 AND 5),
    next_line bigint NOT NULL CHECK (next_line > 0),
    staged_line bigint NOT NULL CHECK (staged_line >= 0),
    applied bigint NOT NULL,
    stale bigint NOT NULL,
    refused bigint NOT NULL,
    zeroed bigint NOT NULL,
    absent_left boolean NOT NULL,
    first_revision bigint NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, request_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE snapshot_imports IS 'How far the import of each snapshot has come, and what became of its lines.';
COMMENT ON COLUMN snapshot_imports.staged_line IS 'The last of the staged lines that was carried out.';

CREATE TABLE snapshot_lines (
    tenant text NOT NULL,
    request_id text NOT NULL,
    line bigint NOT NULL CHECK (line > 0),
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    item uuid,
    sent bytea NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    PRIMARY KEY (tenant, request_id, line)
);
COMMENT ON TABLE snapshot_lines IS 'Lines of snapshots that were not applied: stale, refused, or staged for later.';
CREATE INDEX snapshot_lines_stale ON snapshot_lines (tenant, request_id, item) WHERE state = 1;

ALTER TABLE balances SET (fillfactor = 50);

CREATE INDEX entries_early ON entries (tenant, item, occurred_at) WHERE occurred_at > recorded_at;
"""


def upgrade() -> None:
    """Add what an import of a snapshot keeps, and the way to what moved after a moment."""
    script(_TABLES)
    for table in ("snapshot_imports", "snapshot_lines"):
        wall(table)
