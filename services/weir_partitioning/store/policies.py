"""Policies on Postgres: where each field of them is kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, Integer

from weir_chassis.configuration.postgres import Kept, PostgresObjects, PostgresTenants, Tables, column, nested
from weir_chassis.configuration.priorities import Order
from weir_chassis.database import Database
from weir_partitioning.domain import Policy

TABLES = Tables(
    Kept(
        Policy,
        "policies",
        "policy",
        "display_name",
        column("priority", Integer),
        "strategy",
        "mode",
        nested("products"),
        nested("parts"),
        column("buffer_units", BigInteger),
        column("buffer_percent", Integer),
        column("disabled", Boolean),
        column("threshold_percent", Integer),
        column("hysteresis_units", BigInteger),
        column("rebalance_seconds", Double),
        column("enforce", Boolean),
        column("demand_days", Integer),
        column("damping_percent", Integer),
    ),
    answers=[Order],
)


def postgres_policies(database: Database) -> PostgresTenants[PostgresObjects]:
    """The policies of all tenants in one schema, which is the one of `migrations`."""
    return PostgresTenants(database, TABLES, PostgresObjects)
