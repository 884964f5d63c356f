"""Orders of stores: written down before anything is done about them, so that no sale is ever lost.

`name` is the request under which the units are promised, so that they are promised once. `due_at` is when an order is
to be settled, or tried again; null: nothing is left to do. `tried_at` is when that was tried first: what others keep
of requests they keep for a day. `place` rises with every order. `ledger_*` is the revision of the ledger by which the
units are where they are.

**order_cursors**: how far the orders of a store were read, `due_at` when to read on; `hints` counts whoever said that
there is something to read.
"""

from weir_chassis.migrations import script, wall

revision = "0008"
down_revision = "0007"

_ORDERS = """
CREATE TABLE store_orders (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_order text COLLATE "C" NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    channel text NOT NULL,
    rule text NOT NULL,
    placed_at timestamptz,
    cancelled boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('REPORTED', 'PROMISED', 'SHORT', 'CANCELLED', 'UNREADABLE')),
    reported_at timestamptz NOT NULL DEFAULT now(),
    reservation text COLLATE "C" NOT NULL DEFAULT '',
    ledger_cluster text,
    ledger_epoch integer,
    ledger_revision bigint CHECK (ledger_revision >= 0),
    due_at timestamptz,
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    tried_at timestamptz,
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant, connection, store_order),
    CHECK ((ledger_revision IS NULL) = (ledger_cluster IS NULL) AND (ledger_revision IS NULL) = (ledger_epoch IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX store_orders_by_place ON store_orders (tenant, place);
CREATE INDEX store_orders_by_connection ON store_orders (tenant, connection, place);
CREATE INDEX store_orders_due ON store_orders (tenant, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX store_orders_short ON store_orders (tenant, place) WHERE state = 'SHORT';
COMMENT ON TABLE store_orders IS 'What stores sold, and what became of it.';

CREATE TABLE store_order_lines (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_order text COLLATE "C" NOT NULL,
    line integer NOT NULL CHECK (line > 0),
    store_sku text COLLATE "C" NOT NULL,
    owner text COLLATE "C",
    sku text COLLATE "C" CHECK ((sku IS NULL) = (owner IS NULL)),
    quantity bigint NOT NULL CHECK (quantity > 0),
    short bigint NOT NULL DEFAULT 0 CHECK (short >= 0 AND short <= quantity),
    error text NOT NULL DEFAULT '' CHECK ((error = '') = (sku IS NOT NULL)),
    PRIMARY KEY (tenant, connection, store_order, line),
    FOREIGN KEY (tenant, connection, store_order) REFERENCES store_orders ON DELETE CASCADE
);
CREATE INDEX store_order_lines_by_sku ON store_order_lines (tenant, connection, store_sku);
COMMENT ON TABLE store_order_lines IS 'The lines of orders of stores.';

CREATE TABLE order_cursors (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    cursor text NOT NULL DEFAULT '',
    due_at timestamptz NOT NULL DEFAULT now(),
    held_until timestamptz NOT NULL DEFAULT '-infinity',
    hints bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, connection),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);
COMMENT ON TABLE order_cursors IS 'How far the orders of stores were read.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_ORDERS)
    for table in ("store_orders", "store_order_lines", "order_cursors"):
        wall(table)
