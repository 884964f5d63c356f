"""What is known of each lot is what its newest change says, which is kept however much history is put away."""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from weir_ledger.domain.audit import Law
from weir_ledger.store.audit.check import Check


def _number(day: str) -> str:
    """A day as a number that is read like it, as in 20270131; 0 where there is none."""
    return f"coalesce(nullif(regexp_replace(left({day}, 10), '[^0-9]', '', 'g'), ''), '0')::bigint"


LOTS = Check(
    f"""
WITH newest AS (
    SELECT DISTINCT ON (owner, sku, lot) owner, sku, lot, expiry, revision
    FROM lot_changes WHERE tenant = :tenant ORDER BY owner, sku, lot, revision DESC
)
SELECT {Law.LOTS} AS law, lot AS batch, concat_ws('/', nullif(owner, ''), sku) AS product,
       told.what, told.booked, told.computed
FROM (SELECT * FROM lots WHERE tenant = :tenant) l FULL JOIN newest n USING (owner, sku, lot)
CROSS JOIN LATERAL (
    VALUES ('last day', {_number("l.expiry")}, {_number("n.expiry")}, l.expiry IS DISTINCT FROM n.expiry),
           ('revision of its last change', coalesce(l.revision, 0), coalesce(n.revision, 0),
            l.revision IS DISTINCT FROM n.revision)
) told (what, booked, computed, differs)
WHERE told.differs
""",
    "Lot {batch!r} of {product!r}: {booked} is kept as the {what}, its newest change says {computed}",
)

CHECKS = (LOTS,)
