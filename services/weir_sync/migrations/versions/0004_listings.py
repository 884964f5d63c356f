"""Listings, a million of a tenant, found by the SKU of a connection and by the product.

What is touched waits for whoever tells levels; what is imported waits in parts, each a few columns of many lines, until
all of it is there and taken at once.
"""

from weir_chassis.migrations import script, wall

revision = "0004"
down_revision = "0003"

_LISTINGS = """
CREATE TABLE listings (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_sku text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    disabled boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, connection, store_sku),
    FOREIGN KEY (tenant, connection) REFERENCES connections ON DELETE CASCADE
);
CREATE INDEX listings_by_product ON listings (tenant, owner, sku, connection, store_sku);
COMMENT ON TABLE listings IS 'What the SKUs of connections are.';

CREATE TABLE listing_touches (
    tenant text NOT NULL,
    connection text COLLATE "C" NOT NULL,
    store_sku text COLLATE "C" NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, connection, store_sku)
);
COMMENT ON TABLE listing_touches IS 'SKUs of stores that may be other products, until their levels are set right.';

CREATE TABLE listing_parts (
    tenant text NOT NULL,
    upload text NOT NULL,
    first_line bigint NOT NULL CHECK (first_line > 0),
    store_skus text[] NOT NULL,
    owners text[] NOT NULL,
    skus text[] NOT NULL,
    disabled boolean[] NOT NULL,
    staged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, upload, first_line)
);
COMMENT ON TABLE listing_parts IS 'Lines of imports that are under way.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_LISTINGS)
    for table in ("listings", "listing_touches", "listing_parts"):
        wall(table)
