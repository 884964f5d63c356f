"""What is asked and written of what waits is found by key or by index, however much waits or waited, and whatever the
planner knows of it."""

from __future__ import annotations

import re

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import Caller
from weir_ledger.store import demands, statements, waiting

DEMANDS = 4000
LARGE = "waiting|waiting_lines|waiting_changes|back_orders|back_order_changes"
ITEM = "00000000-0000-0000-0000-000000000001"

FILL = f"""
INSERT INTO waiting
SELECT $1, ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 2 - (n % 100 = 0)::int, false, 'o' || n,
       'web', now(), n, n, '{{}}', 'plan'
FROM generate_series(1, {DEMANDS}) n;
"""
LINES = """
INSERT INTO waiting_lines
SELECT tenant, waiting, l, '', 'S' || create_revision, 1, (state = 1)::int, (state = 2)::int, 0
FROM waiting, generate_series(1, 3) l WHERE tenant = $1
"""
CHANGES = "INSERT INTO waiting_changes SELECT tenant, revision, waiting, 'x' FROM waiting WHERE tenant = $1"
COUNTS = "INSERT INTO back_orders SELECT tenant, '', 'S' || create_revision, 9, 1, 1, 1 FROM waiting WHERE tenant = $1"
COUNTED = """
INSERT INTO back_order_changes SELECT tenant, create_revision, '', 'S' || create_revision, 9, 1, 1
FROM waiting WHERE tenant = $1
"""

ASKED = {
    "LOCK": (waiting.LOCK, f"'{{{ITEM}}}'"),
    "READ": (waiting.READ, f"'{{{ITEM}}}'"),
    "LOCK_BACK_ORDERS": (waiting.LOCK_BACK_ORDERS, "'{}', '{S1}'"),
    "APPEARED": (waiting.APPEARED, "'{}', '{S1}'"),
    "CHANGE": (waiting.CHANGE, f"9, '{{{ITEM}}}', '{{1}}', '{{}}', '{{{ITEM}}}', '{{1}}', '{{1}}', '{{0}}', '{{0}}'"),
    "COUNT": (waiting.COUNT, "9, '{}', '{S1}', '{9}', '{1}', '{1}', '{false}'"),
    "COMMITS": (statements.COMMITS, "5, 64"),
    "WAITING_COMMITS": (demands.COMMITS, "5, 64"),
}


async def plan(owner: Owner, tenant: str, name: str) -> str:
    """How Postgres carries a statement out for the application, whatever its parameters."""
    statement, parameters = ASKED[name]
    async with owner.transaction():
        await owner.execute(f"SET LOCAL ROLE weir_ledger; SET LOCAL weir.tenant = '{tenant}'")
        await owner.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE asked AS {statement}")
        rows = await owner.fetch(f"EXPLAIN EXECUTE asked ('{tenant}', {parameters})")
        await owner.execute("DEALLOCATE asked")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("known", [False, True])
async def test_no_statement_reads_a_whole_table(acme: Caller, owner: Owner, known: bool) -> None:
    """Neither where Postgres has never looked at the tables nor where it knows them is a large one read through."""
    for statement in (FILL, LINES, CHANGES, COUNTS, COUNTED):
        await owner.execute(statement.replace("$1", f"'{acme.tenant}'"))
    if known:
        await owner.execute("ANALYZE waiting, waiting_lines, waiting_changes, back_orders, back_order_changes")
    for name in ASKED:
        found = await plan(owner, acme.tenant, name)
        assert not re.search(rf"Seq Scan on ({LARGE})\b", found), f"{name}:\n{found}"
