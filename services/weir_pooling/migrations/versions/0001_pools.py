"""Persons, pools and deeds, and the stream of what happened to all that pooling keeps.

The keys hold what they can of the laws, behind the rules in `domain`: a channel is of one person, a person is a member
of one pool and the hub of one, all persons of a pool exist. A deed is found by its subject, and by its age. Identifiers
sort by code point, so that every page is in the same order wherever it is made.
"""

from weir_chassis.configuration.migrations import CHANGES
from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None

_POOLS = """
CREATE TABLE users (
    tenant text NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    role text NOT NULL CHECK (role IN ('ADMINISTRATOR', 'DISTRIBUTOR', 'REP')),
    display_name text NOT NULL,
    channel text COLLATE "C" NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, "user")
);
CREATE UNIQUE INDEX users_by_channel ON users (tenant, channel) WHERE channel <> '';

CREATE TABLE pools (
    tenant text NOT NULL,
    pool text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    hub text COLLATE "C" NOT NULL,
    access_hub_stock boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, pool),
    UNIQUE (tenant, hub),
    FOREIGN KEY (tenant, hub) REFERENCES users
);

CREATE TABLE pool_members (
    tenant text NOT NULL,
    "user" text COLLATE "C" NOT NULL,
    pool text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, "user"),
    FOREIGN KEY (tenant, pool) REFERENCES pools ON DELETE CASCADE,
    FOREIGN KEY (tenant, "user") REFERENCES users
);
CREATE INDEX pool_members_by_pool ON pool_members (tenant, pool, "user");
COMMENT ON TABLE pool_members IS 'Reps of pools; the key keeps a person in one.';

CREATE TABLE deeds (
    tenant text NOT NULL,
    deed text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    action text NOT NULL,
    work text NOT NULL CHECK (work IN ('PROMISE', 'MOVE', 'GIVE_UP', 'TAKE', 'STOCK', 'RETURN', 'CONSUME', 'RESTORE')),
    portions jsonb NOT NULL,
    "by" jsonb NOT NULL,
    at timestamptz NOT NULL,
    reservation text NOT NULL,
    things text[] NOT NULL,
    words text NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, deed),
    UNIQUE (tenant, subject)
);
COMMENT ON TABLE deeds IS 'What the ledger shall do and was not yet heard of; a row lives as long as a call, mostly.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    foundation()
    script(_POOLS + CHANGES)
    for table in ("users", "pools", "pool_members", "deeds", "changes"):
        wall(table)
