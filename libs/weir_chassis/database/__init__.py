"""Speak to Postgres: one pool a process, transactions that know their tenant, and faults that are told apart.

    database = await Database.open(url, schema="weir_sharing")
    async with database.reading(tenant) as connection:      # one snapshot, read only
        rows = await connection.execute(select(links))
    async with database.writing(tenant) as connection:      # one writer at a time per tenant
        await connection.execute(insert(links), {...})
        revision = await draw(connection, tenant)
        await notify(connection, tenant)

Every transaction belongs to one tenant and is walled by row-level security. A transaction that is left by an exception
is rolled back; a cancelled task finishes a COMMIT that has begun before it hears of the cancel. Whatever is repeated
on a race or a lost connection is repeated whole, by `retrying`.
"""

from weir_chassis.database.faults import constraint_of, is_raced, retrying, sqlstate
from weir_chassis.database.pool import BY_KEY, Cluster, Database
from weir_chassis.database.tenancy import draw, head, notify
from weir_chassis.database.transactions import Driver, TransactionFailed, driver_of

__all__ = [
    "BY_KEY",
    "Cluster",
    "Database",
    "Driver",
    "TransactionFailed",
    "constraint_of",
    "draw",
    "driver_of",
    "head",
    "is_raced",
    "notify",
    "retrying",
    "sqlstate",
]
