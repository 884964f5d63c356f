"""Configuration on Postgres: a table a kind, and each change once more, as a whole, in the stream for watchers.

Every write holds the tenant's revision row from its beginning (`Database.writing`), so the writers of a tenant come one
after the other and what a rule reads is still so when its decision is committed.

    TABLES = Tables(
        Kept(Group, "groups", "group", "display_name", children=Children("locations", "group_locations", ...)),
        Kept(Rule, "rules", "rule", column("priority", Integer), nested("products")),
        answers=[Order[Rule]],
    )
    tenants = PostgresTenants(database, TABLES, PostgresObjects)
"""

from weir_chassis.configuration.postgres.objects import PostgresObjects
from weir_chassis.configuration.postgres.tables import Children, Kept, Tables, column, nested
from weir_chassis.configuration.postgres.tenants import PostgresTenants

__all__ = ["Children", "Kept", "PostgresObjects", "PostgresTenants", "Tables", "column", "nested"]
