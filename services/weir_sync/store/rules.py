"""Where rules and limits are kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Integer

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_sync.domain.rules import Rule, StoreLimits

RULES = (
    Kept(
        Rule,
        "rules",
        "rule",
        "display_name",
        column("priority", Integer),
        nested("stores"),
        nested("products"),
        nested("warehouses"),
        column("threshold", BigInteger),
        column("rate_percent", Integer),
        column("constant", BigInteger),
        "rounding",
        "priority_store",
        column("priority_quantity", BigInteger),
        column("disabled", Boolean),
    ),
    Kept(
        StoreLimits,
        "store_limits",
        "store",
        nested("denied"),
        nested("allowed"),
        column("max_quantity", BigInteger),
    ),
)
"""What becomes of shares on their way to stores."""
