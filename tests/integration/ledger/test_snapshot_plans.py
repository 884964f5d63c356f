"""What an import reads it finds by index, however much history there is and whatever the planner knows of it."""

from __future__ import annotations

import re

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import Caller
from tests.kit.snapshots import imported, line, message, moment, opening
from weir_ledger.store import imports, snapshots

LINES, CHUNK = 3000, 1000
LARGE = "entries|balances|snapshot_lines"
ITEM = "00000000-0000-0000-0000-000000000001"
ASKED = {
    "LOCK_IMPORT": (snapshots.LOCK_IMPORT, "'big'"),
    "LOOK_BACK": (snapshots.LOOK_BACK, f"'{{{ITEM}}}', ARRAY[now()], now(), true"),
    "KEEP_LINES": (snapshots.KEEP_LINES, "'big', '{1}', '{1}', '{NULL}', '{a}', '{b}', '{c}', '{2}'"),
    "IMPORT": (imports.IMPORT, "'big'"),
    "LINES": (imports.LINES, "'big', 0, '{1}', 100"),
    "ABSENT": (imports.ABSENT, f"'W1', '{ITEM}', 1000, NULL, '{{1}}', 1, now(), 'big'"),
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
    first = opening(request_id="big", as_of_time=moment(-10), lines=[line(f"S{number}", 1) for number in range(CHUNK)])
    rest = [[line(f"S{number}", 1) for number in range(at, at + CHUNK)] for at in range(CHUNK, LINES, CHUNK)]
    stale = [line(f"S{number}", 1, as_of_time=moment(-20)) for number in range(CHUNK)]
    done = await imported(acme, first, *map(message, [*rest, stale]))
    assert (done.snapshot_import.applied, done.snapshot_import.stale) == (LINES, CHUNK)
    if known:
        await owner.execute("ANALYZE")
    for name in ASKED:
        found = await plan(owner, acme.tenant, name)
        assert not re.search(rf"Seq Scan on ({LARGE})", found), f"{name}:\n{found}"


async def test_the_past_is_bounded_by_its_moment(acme: Caller, owner: Owner) -> None:
    """Of a stock item's entries only those recorded after the moment are read, and those of clocks that ran ahead."""
    await acme.receive("A", 1)
    found = await plan(owner, acme.tenant, "LOOK_BACK")
    conditions = re.findall(r"on entries_\S+ .*\n\s+Index Cond: (.*)", found)
    assert len(conditions) == 2, found
    assert re.search(r"item = .*revision > ", conditions[0])
    assert re.search(r"item = .*occurred_at > ", conditions[1])
