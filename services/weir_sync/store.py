"""Rules and limits on Postgres: a table each."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Integer

from weir_chassis.configuration.postgres import Kept, PostgresObjects, PostgresTenants, Tables, column, nested
from weir_chassis.configuration.priorities import Order
from weir_chassis.database import Database
from weir_sync.domain import Rule, StoreLimits

TABLES = Tables(
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
    answers=[Order],
)


def postgres_rules(database: Database) -> PostgresTenants[PostgresObjects]:
    """The rules and limits of all tenants in `database`, whose schema is the one of `migrations`."""
    return PostgresTenants(database, TABLES, PostgresObjects)
