"""The network: one table a kind of object, and the stream of their changes.

The keys hold what they can of the laws, behind the rules in `domain`: a location is in one warehouse group, a channel
in one channel group that exists, a link joins two groups that exist, a group of a channel's own bears the channel's
name. Identifiers sort by code point, so that every page is in the same order wherever it is made.
"""

from weir_chassis.configuration.migrations import CHANGES
from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None

_NETWORK = """
CREATE TABLE location_settings (
    tenant text NOT NULL,
    location text COLLATE "C" NOT NULL,
    policy text NOT NULL CHECK (policy IN ('GLOBAL', 'FIXED')),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, location)
);
COMMENT ON TABLE location_settings IS 'Policies of locations that were set; the others are GLOBAL.';

CREATE TABLE warehouse_groups (
    tenant text NOT NULL,
    warehouse_group text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, warehouse_group)
);

CREATE TABLE warehouse_group_locations (
    tenant text NOT NULL,
    location text COLLATE "C" NOT NULL,
    warehouse_group text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, location),
    FOREIGN KEY (tenant, warehouse_group) REFERENCES warehouse_groups ON DELETE CASCADE
);
CREATE INDEX warehouse_group_locations_by_group ON warehouse_group_locations (tenant, warehouse_group, location);
COMMENT ON TABLE warehouse_group_locations IS 'Members of warehouse groups; the key keeps a location in one.';

CREATE TABLE channel_groups (
    tenant text NOT NULL,
    channel_group text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    own_channel text COLLATE "C" NOT NULL CHECK (own_channel IN ('', channel_group)),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, channel_group)
);

CREATE TABLE channels (
    tenant text NOT NULL,
    channel text COLLATE "C" NOT NULL,
    kind text NOT NULL CHECK (kind IN ('WEBSHOP', 'MARKETPLACE', 'POS', 'REP', 'B2B')),
    display_name text NOT NULL,
    channel_group text COLLATE "C" NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, channel),
    FOREIGN KEY (tenant, channel_group) REFERENCES channel_groups
);
CREATE INDEX channels_by_group ON channels (tenant, channel_group, channel);

CREATE TABLE group_links (
    tenant text NOT NULL,
    warehouse_group text COLLATE "C" NOT NULL,
    channel_group text COLLATE "C" NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, warehouse_group, channel_group),
    FOREIGN KEY (tenant, warehouse_group) REFERENCES warehouse_groups,
    FOREIGN KEY (tenant, channel_group) REFERENCES channel_groups
);
CREATE INDEX group_links_by_channel_group ON group_links (tenant, channel_group, warehouse_group);
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    foundation()
    script(_NETWORK + CHANGES)
    for table in (
        "location_settings",
        "warehouse_groups",
        "warehouse_group_locations",
        "channel_groups",
        "channels",
        "group_links",
        "changes",
    ):
        wall(table)
