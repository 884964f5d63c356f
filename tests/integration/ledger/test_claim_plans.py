"""What is asked and written of claims is found by key, however many there are, and whatever the planner knows of it."""

from __future__ import annotations

import re

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import Caller
from weir_ledger.store import claims, statements

CLAIMS = 20000
FILL = f"""
INSERT INTO claims (tenant, claim, open, fulfilled, revision, ceiling, epoch, subject)
SELECT $1, 'k' || n, 1, 0, n / 9 + 1, 9, 1, 's' FROM generate_series(1, {CLAIMS}) n
"""
CHANGES = """
INSERT INTO claim_changes (tenant, revision, claim, open, fulfilled, ceiling, epoch)
SELECT tenant, revision, claim, 1, 0, 9, 1 FROM claims WHERE tenant = $1
"""
NONE = "'{}', '{}', '{}', '{}', '{}', '{}'"
ONE = "'{k7}', '{2}', '{0}', '{9}', '{2}', '{}'"

ASKED = {
    "OPEN_BOOKS": (statements.OPEN_BOOKS, "'{}', '{}', '{}', '{}', '{k7,k8}', '{}'"),
    "APPEARED": (statements.APPEARED, "'{}', '{k7}', '{}', '{}', '{}'"),
    "COMMITS": (statements.COMMITS, "5, 64"),
    "WRITE": (claims.WRITE, f"9, {NONE}, {ONE.replace('{}', '{x}')}"),
    "READ": (claims.READ, "'{k7}'"),
}


@pytest.mark.parametrize("known", [False, True])
async def test_no_statement_reads_all_claims(acme: Caller, owner: Owner, known: bool) -> None:
    """Neither where Postgres has never looked at the tables nor where it knows them is one read through."""
    for statement in (FILL, CHANGES):
        await owner.execute(statement.replace("$1", f"'{acme.tenant}'"))
    if known:
        await owner.execute("ANALYZE claims, claim_changes")
    for name, (statement, parameters) in ASKED.items():
        async with owner.transaction():
            await owner.execute(f"SET LOCAL ROLE weir_ledger; SET LOCAL weir.tenant = '{acme.tenant}'")
            await owner.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE asked AS {statement}")
            found = await owner.fetch(f"EXPLAIN EXECUTE asked ('{acme.tenant}', {parameters})")
            await owner.execute("DEALLOCATE asked")
        plan = "\n".join(row[0] for row in found)
        assert not re.search(r"Seq Scan on (claims|claim_changes)\b", plan), f"{name}:\n{plan}"
