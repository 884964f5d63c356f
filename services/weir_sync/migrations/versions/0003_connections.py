"""Connections, schedules, the master switch and late feeds; and beside them what is no configuration: secrets, and how
it stands with each connection.

The keys hold what they can of the laws, behind the rules in `domain`: the levels of a channel are told over one
connection, and all that is of a connection goes with it. Secrets are kept apart, so that no stream of changes holds
one.
"""

from weir_chassis.migrations import script, wall

revision = "0003"
down_revision = "0002"

_CONNECTIONS = """
CREATE TABLE connections (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    role text NOT NULL CHECK (role IN ('STORE', 'WAREHOUSE')),
    kind text NOT NULL,
    display_name text NOT NULL,
    settings jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    secret_names jsonb NOT NULL CHECK (jsonb_typeof(secret_names) = 'array'),
    channel text COLLATE "C" NOT NULL CHECK ((channel <> '') = (role = 'STORE')),
    facilities jsonb NOT NULL CHECK (jsonb_typeof(facilities) = 'array'),
    push_levels boolean NOT NULL,
    take_orders boolean NOT NULL,
    pull_stock boolean NOT NULL,
    feed jsonb NOT NULL,
    late_after_seconds bigint NOT NULL CHECK (late_after_seconds BETWEEN 0 AND 2592000),
    late_buffer_percent integer NOT NULL CHECK (late_buffer_percent BETWEEN 0 AND 100),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, connection),
    CHECK (CASE role WHEN 'STORE' THEN NOT pull_stock ELSE NOT (push_levels OR take_orders) END)
);
CREATE UNIQUE INDEX connections_by_channel ON connections (tenant, channel) WHERE channel <> '';

CREATE TABLE schedules (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    schedule text COLLATE "C" NOT NULL,
    "full" boolean NOT NULL,
    interval_seconds bigint NOT NULL CHECK (interval_seconds = 0 OR interval_seconds BETWEEN 60 AND 2592000),
    cron text NOT NULL CHECK ((cron = '') = (interval_seconds > 0)),
    time_zone text NOT NULL,
    disabled boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, connection, schedule),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);

CREATE TABLE secrets (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    key_id text NOT NULL CHECK (key_id <> ''),
    sealed text NOT NULL CHECK (sealed <> ''),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, connection, name),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);
COMMENT ON TABLE secrets IS 'Base64 of nonce and ciphertext, which holds for its row alone; the keys are in a file.';

CREATE TABLE connection_health (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    state text CHECK (state IN ('CLOSED', 'OPEN', 'HALF_OPEN')),
    since_at timestamptz CHECK ((since_at IS NULL) = (state IS NULL)),
    retry_at timestamptz CHECK (retry_at IS NULL OR state = 'OPEN'),
    failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error text NOT NULL DEFAULT '',
    reported_at timestamptz,
    late boolean NOT NULL DEFAULT false,
    abilities jsonb,
    PRIMARY KEY (tenant, connection),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);

CREATE TABLE master_switches (
    tenant text NOT NULL,
    switch text NOT NULL CHECK (switch = 'master'),
    "on" boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, switch)
);

CREATE TABLE late_feeds (
    tenant text NOT NULL,
    location text COLLATE "C" NOT NULL,
    connection text COLLATE "C" NOT NULL,
    buffer_percent integer NOT NULL CHECK (buffer_percent BETWEEN 1 AND 100),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, location)
);
COMMENT ON TABLE late_feeds IS 'Locations whose warehouse is late, which stores are told less of meanwhile.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_CONNECTIONS)
    for table in (
        "connections",
        "schedules",
        "secrets",
        "connection_health",
        "master_switches",
        "late_feeds",
    ):
        wall(table)
