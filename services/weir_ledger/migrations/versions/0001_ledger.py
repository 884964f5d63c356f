"""The first books: locations, balances, entries, reservations.

Entries and reservation lines name stock items by key and have no foreign key to the balances: each would cost a
look-up a row on the hottest path, the write path inserts both in one transaction, and VerifyBooks compares them.
The key is a digest of all that names a stock item, so it alone holds that none is counted twice: an index over the
names could not take the longest of them, which fill more than a third of a page; the one by product is for reading.
Balances do have a foreign key to their location, so that a location with stock cannot go.
"""

from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE locations (
    tenant text NOT NULL,
    location text NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    display_name text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, location)
);

CREATE TABLE balances (
    tenant text NOT NULL,
    item uuid NOT NULL,
    owner text NOT NULL,
    sku text NOT NULL,
    location text NOT NULL,
    lot text NOT NULL,
    uom text NOT NULL,
    custodian text NOT NULL,
    condition smallint NOT NULL CHECK (condition BETWEEN 1 AND 3),
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    reserved bigint NOT NULL CHECK (reserved >= 0),
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, item),
    FOREIGN KEY (tenant, location) REFERENCES locations
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE balances IS
    'The counts of each stock item: the fold of its entries. No index covers a count, so updates stay in their page.';
CREATE INDEX balances_by_product ON balances (tenant, owner, sku, location);
CREATE INDEX balances_by_location ON balances (tenant, location, item);

CREATE TABLE commits (
    tenant text NOT NULL,
    revision bigint NOT NULL CHECK (revision > 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, revision)
);
CREATE INDEX commits_by_time ON commits USING brin (recorded_at);

CREATE TABLE entries (
    tenant text NOT NULL,
    revision bigint NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 11),
    account smallint NOT NULL CHECK (account BETWEEN 1 AND 5),
    item uuid NOT NULL,
    on_hand_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    reservation uuid,
    reservation_line integer NOT NULL,
    request_id text NOT NULL,
    reference text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, revision, line)
);
COMMENT ON TABLE entries IS
    'Every change of every account, in the order of commits: the books, and the stream that watchers follow.';
CREATE INDEX entries_by_item ON entries (tenant, item, revision, line);

CREATE TABLE reservations (
    tenant text NOT NULL,
    reservation uuid NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    order_name text NOT NULL,
    channel text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (tenant, reservation),
    CHECK (state <> 1 OR expires_at IS NOT NULL)
) WITH (fillfactor = 80);
CREATE INDEX reservations_held ON reservations (tenant, expires_at) WHERE state = 1;
CREATE INDEX reservations_by_order ON reservations (tenant, order_name, reservation) WHERE order_name <> '';

CREATE TABLE reservation_lines (
    tenant text NOT NULL,
    reservation uuid NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    item uuid NOT NULL,
    requested bigint NOT NULL,
    quantity bigint NOT NULL,
    open bigint NOT NULL CHECK (open >= 0),
    fulfilled bigint NOT NULL CHECK (fulfilled >= 0),
    released bigint NOT NULL CHECK (released >= 0),
    PRIMARY KEY (tenant, reservation, line),
    CHECK (quantity = open + fulfilled + released),
    CHECK (quantity <= requested)
) WITH (fillfactor = 80);
CREATE INDEX reservation_lines_by_item ON reservation_lines (tenant, item, reservation);
"""


def upgrade() -> None:
    """Make the tables of the ledger, each behind the wall; what is history can only grow."""
    foundation()
    script(_TABLES)
    for table in ("locations", "balances", "reservations", "reservation_lines"):
        wall(table)
    for table in ("commits", "entries"):
        wall(table, append_only=True)
