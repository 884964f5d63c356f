"""Par levels, alerts and notifications.

An alert is found by its par level, of which one is open at most; whoever lists asks for the newest of some persons.
Notifications that were not read are few, however many there were.
"""

from weir_chassis.migrations import script, wall

revision = "0004"
down_revision = "0003"

_ALERTS = """
CREATE TABLE par_levels (
    tenant text NOT NULL,
    custodian text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    par bigint NOT NULL CHECK (par > 0),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, custodian, location, owner, sku)
);

CREATE TABLE alerts (
    tenant text NOT NULL,
    alert text COLLATE "C" NOT NULL,
    custodian text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    par bigint NOT NULL CHECK (par > 0),
    available bigint NOT NULL CHECK (available >= 0),
    open_time timestamptz NOT NULL,
    books jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('OPEN', 'CLOSED')),
    close_time timestamptz CHECK ((state = 'CLOSED') = (close_time IS NOT NULL)),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, alert)
);
CREATE UNIQUE INDEX alerts_open ON alerts (tenant, custodian, location, owner, sku) WHERE state = 'OPEN';
CREATE INDEX alerts_by_level ON alerts (tenant, custodian, location, owner, sku, alert);
CREATE INDEX alerts_by_custodian ON alerts (tenant, custodian, alert);
COMMENT ON COLUMN alerts.books IS 'The revision of the ledger whose counts changed it last: cluster, epoch, number.';

CREATE TABLE notifications (
    tenant text NOT NULL,
    notification text COLLATE "C" NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    "case" text COLLATE "C" NOT NULL,
    comment text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    text text NOT NULL,
    create_time timestamptz NOT NULL,
    read_time timestamptz,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, notification),
    FOREIGN KEY (tenant, "case", comment) REFERENCES comments
);
CREATE INDEX notifications_by_user ON notifications (tenant, "user", notification);
CREATE INDEX notifications_unread ON notifications (tenant, "user", notification) WHERE read_time IS NULL;
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_ALERTS)
    for table in ("par_levels", "alerts", "notifications"):
        wall(table)
