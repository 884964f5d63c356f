"""Books that were kept before there were claims, shortfalls, closings and a chain are brought over whole."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from tests.kit import auditor
from tests.kit.ledger import RESTORE, SCHEMA, claiming, draft, item, ledger, movement
from tests.kit.postgres import PostgresForTests
from weir_chassis.migrations import migrate
from weir_chassis.migrations.running import versions_of

RESERVATION = "0198f2c0-7f6a-7c3e-9b1d-2f4a6c8e0b13"
MOMENTS = [datetime(2026, 8, 31, 23, 59, 59, 999_999, UTC), datetime(2026, 9, 1, tzinfo=UTC),
           datetime(2026, 9, 1, 0, 0, 0, 1, UTC), datetime(2026, 11, 5, 12, tzinfo=UTC)]  # fmt: skip
"""When the commits were recorded: around the turn of a month, and some months later."""

OLD_BOOKS = """
INSERT INTO tenants VALUES ('acme', 4);
INSERT INTO locations VALUES ('acme', 'W1', 1, '', 1);
INSERT INTO commits VALUES ('acme', 1, '{0}'), ('acme', 2, '{1}'), ('acme', 3, '{2}'), ('acme', 4, '{3}');
INSERT INTO balances VALUES ('acme', '{item}', '', 'A', 'W1', '', 'EACH', '', 1, 2, 3, 4);
INSERT INTO entries VALUES
    ('acme', 2, 1, 1, 1, '{item}', 10, 0, 10, 0, NULL, 0, 'first', 'note 7', '2026-08-30 12:00:00.000001+00'),
    ('acme', 2, 2, 1, 2, '{item}', -10, 0, 0, 0, NULL, 0, 'first', 'note 7', '2026-08-30 12:00:00.000001+00'),
    ('acme', 3, 1, 8, 1, '{item}', 0, 3, 10, 3, '{reservation}', 1, 'second', '', '{2}'),
    ('acme', 4, 1, 4, 1, '{item}', -8, 0, 2, 3, NULL, 0, 'third', '', '{3}'),
    ('acme', 4, 2, 4, 5, '{item}', 8, 0, 0, 0, NULL, 0, 'third', '', '{3}');
INSERT INTO reservations VALUES ('acme', '{reservation}', 1, '{3}', '{2}', '', 'web', 3);
INSERT INTO reservation_lines VALUES ('acme', '{reservation}', 1, '{item}', 3, 3, 3, 0, 0);
"""


async def test_old_books_are_brought_over(postgres: PostgresForTests, tmp_path: Path) -> None:
    """What was booked before is there after the upgrade, in its months; it is chained, what it makes is counted, the
    books verify, and they go on."""
    first = tmp_path / "versions"
    first.mkdir()
    shutil.copy(versions_of(SCHEMA) / "0001_ledger.py", first)
    with postgres.fresh(SCHEMA, versions=first) as database:
        owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
        goods = item("A", uom="EACH", condition=1)
        try:
            await owner.execute(OLD_BOOKS.format(*MOMENTS, item=auditor.key(goods), reservation=RESERVATION))
            await migrate(database.owner_url, SCHEMA, password=database.server.password(SCHEMA))
            assert await owner.fetchval("SELECT count(DISTINCT tableoid) FROM entries") == 2
            assert await owner.fetchval("SELECT opened_at FROM shortfalls") == MOMENTS[3]
            assert await owner.fetchval("SELECT counted_at FROM balances") == MOMENTS[3]
            assert [tuple(each) for each in await owner.fetch("SELECT * FROM holdings")] == [("acme", "web", 1, 3)]
        finally:
            await owner.close()
        async with ledger(database) as running:
            acme = running.caller("acme")
            await acme.receive("B", 1)
            await acme.record(movement(RESTORE, "B", 1))
            head = (await acme.do("GetSignedHead")).head
            commits = await acme.watched(through=head.revision.number)
            assert [each.recorded_time.ToDatetime(UTC) for each in commits[:4]] == MOMENTS
            assert auditor.digests(commits)[head.revision.number] == head.digest
            assert (await acme.entries())[0].reference == "note 7"
            assert await acme.verify() == []


BEFORE_CEILINGS = """
DROP INDEX balances_by_custodian;
ALTER TABLE entries RENAME CONSTRAINT entries_kind_check TO entries_kind_check1;
ALTER TABLE claims DROP COLUMN ceiling, DROP COLUMN epoch, DROP COLUMN subject;
ALTER TABLE claim_changes DROP COLUMN ceiling, DROP COLUMN epoch, DROP COLUMN subject;
ALTER TABLE reservation_lines DROP COLUMN weights;
UPDATE alembic_version SET version_num = '0006';
"""
"""What takes a database back to before ceilings were set, where nobody has set one."""


async def test_claims_of_before_ceilings_were_set(postgres: PostgresForTests) -> None:
    """What was claimed before ceilings could be set is claimed as it was: no digest is another, units that are given up
    count once, and ceilings that are set then hold."""
    with postgres.fresh(SCHEMA) as database:
        async with ledger(database) as running:
            acme = running.caller("acme")
            await acme.place("W1")
            await acme.receive("A", 9)
            made = await acme.confirmed(claiming("A", 4, share=6, other=9), ("A", 1))
            await acme.do("Fulfil", reservation=made.reservation, lines=[{"line": 1, "quantity": 1}])
            head = (await acme.do("GetSignedHead")).head
        owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
        try:
            await owner.execute(BEFORE_CEILINGS)
        finally:
            await owner.close()
        await migrate(database.owner_url, SCHEMA, password=database.server.password(SCHEMA))
        async with ledger(database) as running:
            acme = running.caller("acme")
            assert (await acme.do("GetSignedHead")).head.digest == head.digest
            assert auditor.digests(await acme.watched(head.revision.number))[head.revision.number] == head.digest
            assert await acme.claims("share", "other") == [(3, 1), (3, 1)]
            assert [each.weight for each in (await acme.reservation(made.reservation)).lines[0].claims] == [1, 1]
            await acme.do("Release", reservation=made.reservation, lines=[{"line": 1, "quantity": 2}])
            assert await acme.claims("share", "other") == [(1, 1), (1, 1)]
            await acme.ceilings(1, share=3)
            assert (await acme.refused("Reserve", draft=draft(claiming("A", 2, share=6)))).metadata["ceiling"] == "3"
            await acme.reserve(claiming("A", 1, share=6))
            assert await acme.verify() == []


async def test_months_to_come_take_what_may_be_booked(postgres: PostgresForTests) -> None:
    """A month that is opened later holds its entries to the same as those that were there when more was allowed, though
    none of theirs was looked at."""
    with postgres.fresh(SCHEMA) as database:
        owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": SCHEMA})
        try:
            await owner.execute("SELECT open_months(now() + interval '2 years', now() + interval '2 years')")
            book = (
                "INSERT INTO entries VALUES ('a', 1, 1, $1, 4, gen_random_uuid(), 1, 0, 0, 0, NULL, 0, '', '', NULL, "
            )
            for moment in ("now()", "now() + interval '2 years'"):
                await owner.execute("SET weir.tenant = 'a'")
                await owner.execute(f"{book}{moment})", 12)
                with pytest.raises(asyncpg.CheckViolationError):
                    await owner.execute(f"{book}{moment})", 13)
            assert await owner.fetchval("SELECT count(DISTINCT tableoid) FROM entries") == 2
        finally:
            await owner.close()
