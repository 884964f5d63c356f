"""Policies, one row each, and the stream of their changes.

The keys and checks hold what they can of the laws, behind the rules in `domain`: a priority is that of one policy, by
the time a commit ends, so that one commit may change the order of all; no number is there that its strategy does not
use, and none out of its range; buffers are of one sort; ranks and quantities are of named groups. Products and parts
are read and written with their policy and never by themselves, so they are columns of it. Identifiers sort by code
point, so that every page is in the same order wherever it is made.
"""

from weir_chassis.configuration.migrations import CHANGES
from weir_chassis.migrations import foundation, script, wall

revision = "0001"
down_revision = None

_POLICIES = """
CREATE TABLE policies (
    tenant text NOT NULL,
    policy text COLLATE "C" NOT NULL,
    display_name text NOT NULL,
    priority integer NOT NULL CHECK (priority BETWEEN 1 AND 1000000),
    strategy text NOT NULL CHECK (strategy IN ('EQUAL_DIVISION', 'SAFETY_STOCK', 'WEIGHTED', 'RANKED', 'FIXED')),
    mode text NOT NULL CHECK (mode IN ('CONTINUOUS')),
    products jsonb NOT NULL CHECK (jsonb_typeof(products) = 'array'),
    parts jsonb NOT NULL CHECK (jsonb_typeof(parts) = 'array'),
    buffer_units bigint NOT NULL CHECK (buffer_units BETWEEN 0 AND 1000000000),
    buffer_percent integer NOT NULL CHECK (buffer_percent BETWEEN 0 AND 100),
    disabled boolean NOT NULL,
    changed bigint NOT NULL CHECK (changed > 0),
    PRIMARY KEY (tenant, policy),
    UNIQUE (tenant, priority) DEFERRABLE INITIALLY DEFERRED,
    CHECK (strategy NOT IN ('RANKED', 'FIXED') OR parts <> '[]'),
    CHECK (strategy = 'SAFETY_STOCK' OR buffer_units + buffer_percent = 0),
    CHECK (buffer_units = 0 OR buffer_percent = 0),
    CHECK (NOT jsonb_path_exists(parts, '$[*].* ? (@ < 0)')),
    CHECK (NOT jsonb_path_exists(parts, '$[*].percent ? (@ > 100)')),
    CHECK (strategy IN ('SAFETY_STOCK', 'WEIGHTED') OR NOT jsonb_path_exists(parts, '$[*].weight ? (@ <> 0)')),
    CHECK (strategy = 'RANKED' OR NOT jsonb_path_exists(parts, '$[*] ? (@.percent <> 0 || @.minimum <> 0)')),
    CHECK (strategy = 'FIXED' OR NOT jsonb_path_exists(parts, '$[*].quantity ? (@ <> 0)'))
);
COMMENT ON TABLE policies IS 'How stock is divided; the first that names a product, by priority, divides it alone.';
"""


def upgrade() -> None:
    """Make the tables, walled by tenant."""
    foundation()
    script(_POLICIES + CHANGES)
    for table in ("policies", "changes"):
        wall(table)
