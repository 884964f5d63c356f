"""What products may stand for one another: links between them, and bundles with their components.

The keys hold what they can of the laws, behind the rules in `domain`: one link for each pair of products and direction,
one bundle for each product, one line for each component.
"""

from weir_chassis.migrations import script, wall

revision = "0002"
down_revision = "0001"

_PRODUCTS = """
CREATE TABLE bundles (
    tenant text NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, owner, sku)
);

CREATE TABLE bundle_components (
    tenant text NOT NULL,
    bundle_owner text COLLATE "C" NOT NULL,
    bundle_sku text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (tenant, bundle_owner, bundle_sku, owner, sku),
    FOREIGN KEY (tenant, bundle_owner, bundle_sku) REFERENCES bundles ON DELETE CASCADE,
    CHECK ((owner, sku) <> (bundle_owner, bundle_sku))
);
CREATE INDEX bundle_components_by_product ON bundle_components (tenant, owner, sku);

CREATE TABLE product_links (
    tenant text NOT NULL,
    source_owner text COLLATE "C" NOT NULL,
    source_sku text COLLATE "C" NOT NULL,
    destination_owner text COLLATE "C" NOT NULL,
    destination_sku text COLLATE "C" NOT NULL,
    bidirectional boolean NOT NULL,
    locations text[] NOT NULL,
    priority integer NOT NULL CHECK (priority >= 0),
    keep_back bigint NOT NULL CHECK (keep_back >= 0),
    shares_bundles boolean NOT NULL,
    disabled boolean NOT NULL,
    created bigint NOT NULL CHECK (created > 0),
    changed bigint NOT NULL CHECK (changed >= created),
    PRIMARY KEY (tenant, source_owner, source_sku, destination_owner, destination_sku),
    CHECK ((source_owner, source_sku) <> (destination_owner, destination_sku))
);
CREATE INDEX product_links_by_destination ON product_links (tenant, destination_owner, destination_sku);
COMMENT ON TABLE product_links IS 'Demand for the destination may be served from the stock of the source.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    script(_PRODUCTS)
    for table in ("bundles", "bundle_components", "product_links"):
        wall(table)
