"""Rules and limits of stores, one row each, and the stream of their changes.

The keys and checks hold what they can of the laws, behind the rules in `domain`: a priority is that of one rule, by the
time a commit ends, so that one commit may change the order of all; a priority store is one of the rule's stores; no
number is out of its range; limits limit something. Stores, products and warehouses are read and written with their rule
and never by themselves, so they are columns of it. Identifiers sort by code point, so that every page is in the same
order wherever it is made.
"""

from weir_chassis.configuration.migrations import CHANGES
from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None

_RULES = """
CREATE TABLE rules (
    tenant text NOT NULL,
    rule text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    priority integer NOT NULL CHECK (priority BETWEEN 1 AND 1000000),
    stores jsonb NOT NULL CHECK (jsonb_typeof(stores) = 'array' AND stores <> '[]'),
    products jsonb NOT NULL CHECK (jsonb_typeof(products) = 'array'),
    warehouses jsonb NOT NULL CHECK (jsonb_typeof(warehouses) = 'array'),
    threshold bigint NOT NULL CHECK (threshold BETWEEN 0 AND 1000000000),
    rate_percent integer NOT NULL CHECK (rate_percent BETWEEN 0 AND 1000),
    constant bigint NOT NULL CHECK (constant BETWEEN -1000000000 AND 1000000000),
    rounding text NOT NULL CHECK (rounding IN ('DOWN', 'UP', 'NEAREST')),
    priority_store text COLLATE "C" NOT NULL CHECK (priority_store = '' OR stores ? priority_store),
    priority_quantity bigint NOT NULL CHECK (priority_quantity BETWEEN 0 AND 1000000000),
    disabled boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, rule),
    UNIQUE (tenant, priority) DEFERRABLE INITIALLY DEFERRED,
    CHECK (priority_store <> '' OR priority_quantity = 0)
);
COMMENT ON TABLE rules IS 'What stores are told; the first that names a product, by priority, wins alone.';

CREATE TABLE store_limits (
    tenant text NOT NULL,
    store text COLLATE "C" NOT NULL,
    denied jsonb NOT NULL CHECK (jsonb_typeof(denied) = 'array'),
    allowed jsonb CHECK (jsonb_typeof(allowed) = 'array'),
    max_quantity bigint CHECK (max_quantity BETWEEN 0 AND 1000000000),
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, store),
    CHECK (denied <> '[]' OR allowed IS NOT NULL OR max_quantity IS NOT NULL)
);
COMMENT ON TABLE store_limits IS 'What a store is never told; one that has none is told all.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    foundation()
    script(_RULES + CHANGES)
    for table in ("rules", "store_limits", "changes"):
        wall(table)
