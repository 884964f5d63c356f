"""When orders of stores came to an end in the ledger: what is reserved for a store are the units of those that did
not.
"""

from weir_chassis.migrations import script

revision = "0009"
down_revision = "0008"

_ENDINGS = """
ALTER TABLE store_orders ADD COLUMN ended_at timestamptz;
CREATE INDEX store_orders_open ON store_orders (tenant, connection, channel)
    WHERE ended_at IS NULL AND state IN ('REPORTED', 'PROMISED', 'SHORT');
COMMENT ON COLUMN store_orders.ended_at IS 'When it was found that nothing of it is promised any more.';
"""


def upgrade() -> None:
    """Add it to the orders."""
    script(_ENDINGS)
