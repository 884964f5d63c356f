"""What custody asks of the books: goods that were not used up after all, and lists of what one person answers for.

Entries may be of one more kind. Those that are there were held to fewer, so none of them is looked at.

A page of what a person has is read along an index that names as much of a stock item as an index can take, in the order
of the list; the few that it does not tell apart, mostly lots of a product at a location, are sorted as they are met.
Stock items in nobody's custody, which are by far the most, do not stand in it: what they cost to write stays what it
was. Nor does it cover a count, so that updates still stay in their page.
"""

from weir_chassis.migrations import script

revision = "0008"
down_revision = "0007"

_TABLES = """
ALTER TABLE entries DROP CONSTRAINT entries_kind_check1;
ALTER TABLE entries ADD CONSTRAINT entries_kind_check CHECK (kind BETWEEN 1 AND 12) NOT VALID;

CREATE INDEX balances_by_custodian ON balances (tenant, custodian, owner, sku, location) WHERE custodian <> '';
"""


def upgrade() -> None:
    """Allow the kind of entry, and add the index."""
    script(_TABLES)
