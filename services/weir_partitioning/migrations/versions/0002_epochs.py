"""Epochs: how supplies were divided at instants; and what a policy says of how and when.

An epoch is never changed. Its number is drawn from the row of its tenant in `epoch_heads`, which is locked until the
commit: so the order of numbers is that of commits, there are no gaps between them, and whoever follows them misses
none. Shares are read and written with their epoch and never by themselves, so they are a column of it.

A supply has one row, which names its newest epoch: an epoch that was judged after another one than that is not
kept. Up to `enforced` the ledger was told of its epochs; where that is not the newest it has to be told. `looked_at`
is the moment since which the interval of its policy runs.

When history is given up, the newest epoch of each supply stays; `forgotten` is the last number that went.

A policy divides at an instant or at each question; numbers for the one are not there for the other. Those that have a
default are always there where they are used.
"""

from weir_chassis.migrations import script, wall

revision = "0002"
down_revision = "0001"

_EPOCHS = """
CREATE TABLE epoch_heads (
    tenant text NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch >= 0),
    forgotten bigint NOT NULL DEFAULT 0 CHECK (forgotten BETWEEN 0 AND epoch)
) WITH (fillfactor = 50);
COMMENT ON TABLE epoch_heads IS 'The newest epoch of each tenant; locked by whoever draws the next.';

CREATE TABLE epochs (
    tenant text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    warehouse_group text COLLATE "C" NOT NULL,
    policy text COLLATE "C" NOT NULL,
    policy_mark text NOT NULL,
    reason text NOT NULL CHECK (
        reason IN ('FIRST', 'THRESHOLD', 'SUPPLY', 'GROUPS', 'POLICY', 'SCHEDULE', 'REQUEST', 'DISSOLVED')
    ),
    divided_at timestamptz NOT NULL,
    supply bigint NOT NULL CHECK (supply >= 0),
    held_back bigint NOT NULL CHECK (held_back BETWEEN 0 AND supply),
    scale bigint NOT NULL CHECK (scale > 0),
    moved bigint NOT NULL CHECK (moved >= 0),
    turn bigint NOT NULL,
    weighed_on date,
    shares jsonb NOT NULL CHECK (jsonb_typeof(shares) = 'array'),
    cleared jsonb NOT NULL CHECK (jsonb_typeof(cleared) = 'array'),
    ledger_cluster text NOT NULL,
    ledger_epoch integer NOT NULL,
    ledger_revision bigint NOT NULL CHECK (ledger_revision >= 0),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, epoch),
    CHECK ((reason = 'DISSOLVED') = (policy = '')),
    CHECK (reason <> 'DISSOLVED' OR shares = '[]')
);
CREATE INDEX epochs_by_product ON epochs (tenant, owner, sku, epoch);
CREATE INDEX epochs_by_warehouse_group ON epochs (tenant, warehouse_group, epoch);
CREATE INDEX epochs_by_age ON epochs USING brin (recorded_at);
COMMENT ON TABLE epochs IS 'Each division of a supply: shares and what is held back are together what there was.';

CREATE TABLE supplies (
    tenant text NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    warehouse_group text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    enforced bigint NOT NULL DEFAULT 0 CHECK (enforced BETWEEN 0 AND epoch),
    policy text COLLATE "C" NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, owner, sku, warehouse_group)
) WITH (fillfactor = 80);
CREATE INDEX supplies_by_look ON supplies (tenant, policy, looked_at);
CREATE INDEX supplies_pending ON supplies (tenant, epoch) WHERE enforced < epoch;
COMMENT ON TABLE supplies IS 'The newest epoch of each supply, and how far the ledger was told of them.';
"""

_POLICIES = """
ALTER TABLE policies
    DROP CONSTRAINT policies_strategy_check,
    DROP CONSTRAINT policies_mode_check,
    DROP CONSTRAINT policies_check3,
    ADD COLUMN threshold_percent integer CHECK (threshold_percent BETWEEN 0 AND 100),
    ADD COLUMN hysteresis_units bigint CHECK (hysteresis_units BETWEEN 0 AND 1000000000),
    ADD COLUMN rebalance_seconds double precision CHECK (rebalance_seconds BETWEEN 60 AND 2592000),
    ADD COLUMN enforce boolean NOT NULL DEFAULT false,
    ADD COLUMN demand_days integer CHECK (demand_days BETWEEN 1 AND 365),
    ADD COLUMN damping_percent integer CHECK (damping_percent BETWEEN 0 AND 99);
ALTER TABLE policies
    ALTER COLUMN enforce DROP DEFAULT,
    ADD CONSTRAINT policies_strategy_known CHECK (
        strategy IN ('EQUAL_DIVISION', 'SAFETY_STOCK', 'WEIGHTED', 'RANKED', 'FIXED', 'DEMAND')
    ),
    ADD CONSTRAINT policies_mode_known CHECK (mode IN ('CONTINUOUS', 'BALANCED')),
    ADD CONSTRAINT policies_weights_used CHECK (
        strategy IN ('SAFETY_STOCK', 'WEIGHTED', 'DEMAND') OR NOT jsonb_path_exists(parts, '$[*].weight ? (@ <> 0)')
    ),
    ADD CONSTRAINT policies_protected_used CHECK (
        mode = 'BALANCED' OR NOT jsonb_path_exists(parts, '$[*].protected_percent ? (@ <> 0)')
    ),
    ADD CONSTRAINT policies_protected_percent CHECK (
        NOT jsonb_path_exists(parts, '$[*].protected_percent ? (@ > 100)')
    ),
    ADD CONSTRAINT policies_threshold_used CHECK ((mode = 'BALANCED') = (threshold_percent IS NOT NULL)),
    ADD CONSTRAINT policies_hysteresis_used CHECK ((mode = 'BALANCED') = (hysteresis_units IS NOT NULL)),
    ADD CONSTRAINT policies_interval_used CHECK (mode = 'BALANCED' OR rebalance_seconds IS NULL),
    ADD CONSTRAINT policies_enforce_used CHECK (mode = 'CONTINUOUS' OR NOT enforce),
    ADD CONSTRAINT policies_demand_balanced CHECK (mode = 'BALANCED' OR strategy <> 'DEMAND'),
    ADD CONSTRAINT policies_days_used CHECK ((strategy = 'DEMAND') = (demand_days IS NOT NULL)),
    ADD CONSTRAINT policies_damping_used CHECK ((strategy = 'DEMAND') = (damping_percent IS NOT NULL));
"""


def upgrade() -> None:
    """Add the tables of epochs, walled by tenant, and the fields of policies with what holds them."""
    script(_EPOCHS + _POLICIES)
    for table in ("epoch_heads", "epochs", "supplies"):
        wall(table)
