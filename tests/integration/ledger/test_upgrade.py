"""Books that were kept before there were claims, shortfalls, closings and a chain are brought over whole."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from tests.kit import auditor
from tests.kit.ledger import SCHEMA, item, ledger
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
            head = (await acme.do("GetSignedHead")).head
            commits = await acme.watched(through=head.revision.number)
            assert [each.recorded_time.ToDatetime(UTC) for each in commits[:4]] == MOMENTS
            assert auditor.digests(commits)[head.revision.number] == head.digest
            assert (await acme.entries())[0].reference == "note 7"
            assert await acme.verify() == []
