"""Transfers and stocking orders.

Whoever lists asks for the newest in which some person is the sender or the recipient; whoever is shown goods, for those
that are pending out of somebody's custody.
"""

from weir_chassis.migrations import script, wall

revision = "0002"
down_revision = "0001"

_TRANSFERS = """
CREATE TABLE transfers (
    tenant text NOT NULL,
    transfer text COLLATE "C" NOT NULL,
    sender text COLLATE "C" NOT NULL,
    recipient text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('REQUESTED', 'PENDING', 'ACCEPTED', 'DECLINED', 'RETURNED', 'CANCELLED')),
    lines jsonb NOT NULL,
    requested_by jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    location text NOT NULL,
    quick boolean NOT NULL,
    note text NOT NULL,
    reason text NOT NULL,
    under_way text NOT NULL,
    settled_by jsonb,
    settle_time timestamptz,
    returned_by jsonb,
    reservation text NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, transfer),
    CHECK (sender <> recipient),
    CHECK ((state IN ('REQUESTED', 'PENDING')) = (settled_by IS NULL AND settle_time IS NULL)),
    CHECK ((state = 'RETURNED') = (returned_by IS NOT NULL))
);
CREATE INDEX transfers_by_sender ON transfers (tenant, sender, transfer);
CREATE INDEX transfers_by_recipient ON transfers (tenant, recipient, transfer);
CREATE INDEX transfers_pending ON transfers (tenant, sender, transfer) WHERE state = 'PENDING';
COMMENT ON COLUMN transfers.under_way IS 'What the ledger was asked to do and was not yet heard of.';

CREATE TABLE stocking_orders (
    tenant text NOT NULL,
    stocking_order text COLLATE "C" NOT NULL,
    hub text COLLATE "C" NOT NULL,
    facility text COLLATE "C" NOT NULL,
    lines jsonb NOT NULL,
    placed_by jsonb NOT NULL,
    create_time timestamptz NOT NULL,
    note text NOT NULL,
    under_way boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, stocking_order)
);
CREATE INDEX stocking_orders_by_hub ON stocking_orders (tenant, hub, stocking_order);
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_TRANSFERS)
    for table in ("transfers", "stocking_orders"):
        wall(table)
