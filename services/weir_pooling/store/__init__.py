"""What pooling keeps, on Postgres: `people` names the tables of persons, pools and deeds."""

from __future__ import annotations

from weir_chassis.configuration.postgres import PostgresObjects, PostgresTenants, Tables
from weir_chassis.database import Database
from weir_pooling.store.people import PEOPLE

TABLES = Tables(*PEOPLE)


def postgres_pooling(database: Database) -> PostgresTenants[PostgresObjects]:
    """The objects of all tenants in one schema, which is the one of `migrations`."""
    return PostgresTenants(database, TABLES, PostgresObjects)
