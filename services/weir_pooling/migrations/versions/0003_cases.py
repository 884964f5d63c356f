"""Cases, what was used in them and what was said on them.

Whoever lists asks for the newest of some persons first; whoever reports, for what was marked in some time.
"""

from weir_chassis.migrations import script, wall

revision = "0003"
down_revision = "0002"

_CASES = """
CREATE TABLE cases (
    tenant text NOT NULL,
    "case" text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL
        CHECK (kind IN ('CASE', 'SAMPLE', 'LOAN', 'DAMAGE', 'RETURN', 'ADJUSTMENT', 'OTHER')),
    "user" text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    facility text NOT NULL,
    reference text NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'CLOSED')),
    created_by jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    closed_by jsonb,
    close_time timestamptz,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, "case"),
    CHECK ((state = 'CLOSED') = (closed_by IS NOT NULL)),
    CHECK ((closed_by IS NULL) = (close_time IS NULL))
);
CREATE INDEX cases_by_user ON cases (tenant, "user", "case");

CREATE TABLE usages (
    tenant text NOT NULL,
    "case" text COLLATE "C" NOT NULL,
    usage text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    lot text COLLATE "C" NOT NULL,
    uom text COLLATE "C" NOT NULL,
    custodian text COLLATE "C" NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    unmarked bigint NOT NULL CHECK (unmarked BETWEEN 0 AND quantity),
    marked_by jsonb NOT NULL,
    mark_time timestamptz NOT NULL,
    under_way boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, "case", usage),
    FOREIGN KEY (tenant, "case") REFERENCES cases
);
CREATE INDEX usages_by_user ON usages (tenant, "user", "case", usage);
CREATE INDEX usages_by_time ON usages (tenant, mark_time);
COMMENT ON COLUMN usages.under_way IS 'Units were to be unmarked, and the ledger was not heard of yet.';

CREATE TABLE comments (
    tenant text NOT NULL,
    "case" text COLLATE "C" NOT NULL,
    comment text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    text text NOT NULL,
    author text NOT NULL,
    create_time timestamptz NOT NULL,
    mentions text[] NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, "case", comment),
    FOREIGN KEY (tenant, "case") REFERENCES cases
);
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_CASES)
    for table in ("cases", "usages", "comments"):
        wall(table)
