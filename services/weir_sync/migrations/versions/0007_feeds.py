"""What warehouses said last, line by line, and how far the taking in of it has come.

`feeds` has a row for each warehouse that was ever asked, or is awaited: the number of its newest pull fences those
before. A pull writes what the warehouse says into `stock_lines`, in as many transactions as it takes; then makes of
it, in one, the lines that the ledger is told (`feed_lines`); and when the ledger has them all, in one, moves the
cursor. Whoever dies leaves a pull that can be gone on with, or begun anew: nothing is told to the ledger that is not
written here before.

Lines may come to be other stock items than they were, where facilities or listings change. What they were is noted in
`stock_left`, so that the ledger is told of these as well.

A line has a location only where it is a stock item; one that has a fault, too, was refused by the ledger.
"""

from weir_chassis.migrations import script, wall

revision = "0007"
down_revision = "0006"

_FEEDS = """
CREATE TABLE feeds (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    pull bigint NOT NULL DEFAULT 0,
    run text NOT NULL DEFAULT '',
    stage text NOT NULL DEFAULT 'DONE' CHECK (stage IN ('READING', 'TELLING', 'DONE')),
    cursor text NOT NULL DEFAULT '',
    mark text NOT NULL DEFAULT '',
    next_cursor text NOT NULL DEFAULT '',
    next_mark text NOT NULL DEFAULT '',
    snapshot jsonb CHECK (stage <> 'TELLING' OR snapshot IS NOT NULL),
    told_at timestamptz,
    awaited_at timestamptz NOT NULL DEFAULT now(),
    total bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, connection),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);
COMMENT ON COLUMN feeds.told_at IS 'Moment of the figures that the ledger was told last.';
COMMENT ON COLUMN feeds.awaited_at IS 'Since when reports are awaited.';

CREATE TABLE stock_lines (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    facility text COLLATE "C" NOT NULL,
    lot text COLLATE "C" NOT NULL,
    uom text COLLATE "C" NOT NULL,
    quantity bigint NOT NULL CHECK (quantity BETWEEN 0 AND 1000000000),
    reported_at timestamptz NOT NULL,
    pull bigint NOT NULL,
    location text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    product text COLLATE "C" NOT NULL,
    fault text NOT NULL,
    PRIMARY KEY (tenant, connection, sku, facility, lot, uom),
    FOREIGN KEY (tenant, connection) REFERENCES feeds ON DELETE CASCADE,
    CHECK (location <> '' OR fault <> ''),
    CHECK ((location = '') = (product = ''))
);
CREATE INDEX stock_lines_by_item ON stock_lines (tenant, connection, location, owner, product, lot, uom);
CREATE INDEX stock_lines_by_pull ON stock_lines (tenant, connection, pull);
CREATE INDEX stock_lines_at_fault ON stock_lines (tenant, connection, sku, facility) WHERE fault <> '';
COMMENT ON TABLE stock_lines IS 'What warehouses said last.';
COMMENT ON COLUMN stock_lines.pull IS 'The pull that it was said in.';

CREATE TABLE stock_left (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    product text COLLATE "C" NOT NULL,
    lot text COLLATE "C" NOT NULL,
    uom text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, connection, location, owner, product, lot, uom),
    FOREIGN KEY (tenant, connection) REFERENCES feeds ON DELETE CASCADE
);
COMMENT ON TABLE stock_left IS 'Stock items that lines were, and are no more; until the ledger is told.';

CREATE TABLE feed_lines (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    part integer NOT NULL,
    number bigint NOT NULL,
    location text NOT NULL,
    owner text NOT NULL,
    product text NOT NULL,
    lot text NOT NULL,
    uom text NOT NULL,
    quantity bigint NOT NULL,
    PRIMARY KEY (tenant, connection, part, number),
    FOREIGN KEY (tenant, connection) REFERENCES feeds ON DELETE CASCADE
);
COMMENT ON TABLE feed_lines IS 'What the ledger is told in a pull, by the part and the number it is told under.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_FEEDS)
    for table in ("feeds", "stock_lines", "stock_left", "feed_lines"):
        wall(table)
