"""What is changed by key is found by key even for a tenant who came after the newest statistics."""

from __future__ import annotations

import asyncpg
import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import SCHEMA, Caller, Ledger, ledger
from tests.kit.postgres import PostgresForTests
from weir_ledger.store import statements, waiting

ITEM = "00000000-0000-0000-0000-000000000001"
OLD_POLICY = "tenant = nullif(current_setting('weir.tenant', true), '')"

MORE_LINES = """
INSERT INTO waiting_lines
SELECT tenant, waiting, n, '', lpad(n::text, 128, 'x'), 1, 1, 0, 0
FROM waiting, generate_series(2, 300) n WHERE tenant = '{tenant}'
"""

ASKED = {
    "waiting_lines": (
        waiting.CHANGE,
        f"9, '{{{ITEM}}}', '{{1}}', '{{}}', '{{{ITEM}}}', '{{1}}', '{{1}}', '{{0}}', '{{0}}'",
    ),
    "reservation_lines": (
        statements.CHANGE_RESERVATIONS,
        f"9, '{{{ITEM}}}', '{{1}}', '{{NULL}}', '{{{ITEM}}}', '{{1}}', '{{1}}', '{{0}}', '{{0}}', '{{NULL}}'",
    ),
}


async def known_of_others(service: Ledger, owner: Owner) -> Caller:
    """A tenant with demands and reservations, of whom the newest statistics know nothing."""
    for caller in (service.caller(), latecomer := service.caller()):
        await caller.place("W1")
        await caller.receive("A", 100)
        await caller.allow("B", 100)
        for _ in range(20):
            await caller.reserve(("A", 1))
            await caller.await_units(("B", 1))
        if caller is not latecomer:
            await owner.execute("ANALYZE")
    await owner.execute(MORE_LINES.format(tenant=latecomer.tenant))
    return latecomer


async def plan(owner: Owner, tenant: str, table: str) -> str:
    """How Postgres carries out the change of a table for the application, whatever its parameters."""
    statement, parameters = ASKED[table]
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE weir_ledger; SET LOCAL weir.tenant = '{tenant}'")
        await owner.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        await owner.execute(f"PREPARE asked AS {statement}")
        rows = await owner.fetch(f"EXPLAIN EXECUTE asked ('{tenant}', {parameters})")
        await owner.execute("DEALLOCATE asked")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("table", ASKED)
async def test_rows_are_changed_where_they_were_found(service: Ledger, owner: Owner, table: str) -> None:
    """A row is gone to by its place, once found by its key: the tenant's rows are not gone through for each."""
    latecomer = await known_of_others(service, owner)
    found = await plan(owner, latecomer.tenant, table)
    assert f"Tid Scan on {table}" in found, found


async def test_a_wall_of_the_name_itself_would_be_in_the_way(postgres: PostgresForTests) -> None:
    """Negative control: with the wall as it was once, all rows of the tenant are read."""
    with postgres.fresh(SCHEMA) as database:
        connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
        try:
            async with ledger(database) as service:
                latecomer = await known_of_others(service, connection)
            await connection.execute(f"ALTER POLICY wall ON waiting_lines USING ({OLD_POLICY})")
            found = await plan(connection, latecomer.tenant, "waiting_lines")
        finally:
            await connection.close()
    assert "Tid Scan on waiting_lines" not in found, found
