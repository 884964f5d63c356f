"""What sync keeps, on Postgres: `rules`, `connections` and `listings` name the tables of what is configured."""

from __future__ import annotations

from weir_chassis.configuration.postgres import PostgresObjects, PostgresTenants, Tables
from weir_chassis.configuration.priorities import Order
from weir_chassis.database import Database
from weir_sync.domain.imports import ListingsImported
from weir_sync.store.connections import CONNECTIONS
from weir_sync.store.listings import LISTINGS
from weir_sync.store.rules import RULES

TABLES = Tables(*RULES, *CONNECTIONS, *LISTINGS, answers=[Order, ListingsImported])


def postgres_sync(database: Database) -> PostgresTenants[PostgresObjects]:
    """The objects of all tenants in one schema, which is the one of `migrations`."""
    return PostgresTenants(database, TABLES, PostgresObjects)
