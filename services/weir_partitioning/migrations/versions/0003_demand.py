"""Demand: what orders were promised, by product, channel and day; and how far the ledger's history was counted.

Each unit is counted once: sums grow in the commit that moves the mark. They are kept by channel, as orders name it, and
become those of groups when they are asked for: a channel that moves to another group takes its past along. Which group
it is in sharing is asked at each count.
"""

from weir_chassis.migrations import script, wall

revision = "0003"
down_revision = "0002"

_DEMAND = """
CREATE TABLE demand (
    tenant text NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    day date NOT NULL,
    channel text COLLATE "C" NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (tenant, owner, sku, day, channel)
) WITH (fillfactor = 80);
CREATE INDEX demand_by_age ON demand (tenant, day);
COMMENT ON TABLE demand IS 'Units that orders of each channel were promised on each day.';

CREATE TABLE demand_marks (
    tenant text NOT NULL PRIMARY KEY,
    since date NOT NULL,
    ledger_cluster text NOT NULL,
    ledger_epoch integer NOT NULL,
    ledger_revision bigint NOT NULL CHECK (ledger_revision >= 0)
);
COMMENT ON TABLE demand_marks IS 'How far the history of the ledger was counted, from which day on.';

CREATE TABLE demand_channels (
    tenant text NOT NULL,
    channel text COLLATE "C" NOT NULL,
    channel_group text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, channel)
);
COMMENT ON TABLE demand_channels IS 'The channel group of each channel, as sharing told when demand was counted last.';
"""


def upgrade() -> None:
    """Add the tables, walled by tenant."""
    script(_DEMAND)
    for table in ("demand", "demand_marks", "demand_channels"):
        wall(table)
