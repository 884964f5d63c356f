"""Answer how far imports are, and what they did not apply or name; forget them in the end."""

from collections.abc import Sequence
from uuid import UUID

from weir_chassis.database import Database, retrying
from weir_ledger.domain.snapshots import Absent, KeptLine, LineState, Scope, SnapshotImport
from weir_ledger.store import rows
from weir_ledger.store.snapshots import snapshot_import

_HEAD = "coalesce((SELECT revision FROM tenants WHERE tenant = $1), 0)"

IMPORT = f"""
SELECT i.*, {_HEAD} AS head
FROM (SELECT) AS one LEFT JOIN snapshot_imports i ON i.tenant = $1 AND i.request_id = $2
"""  # noqa: S608

LINES = """
SELECT line, state, sent, reason, message FROM snapshot_lines
WHERE tenant = $1 AND request_id = $2 AND line > $3 AND state = ANY ($4::smallint[]) ORDER BY line LIMIT $5
"""

ABSENT = """
WITH scanned AS (
    SELECT *, custodian = '' AND owner = coalesce($5::text, owner) AND condition = ANY ($6::smallint[]) AS in_scope
    FROM balances WHERE tenant = $1 AND location = $2 AND item > $3 ORDER BY item LIMIT $4
), found AS (
    SELECT s.*, s.in_scope AND entered.item IS NULL AND stale.item IS NULL AS is_absent
    FROM scanned s
    LEFT JOIN LATERAL (
        SELECT item FROM entries
        WHERE tenant = $1 AND item = s.item AND revision >= $7 AND request_id = $9
          AND recorded_at >= $8::timestamptz - interval '1 day' AND recorded_at < now() + interval '1 day' LIMIT 1
    ) entered ON true
    LEFT JOIN LATERAL (
        SELECT item FROM snapshot_lines
        WHERE tenant = $1 AND request_id = $9 AND item = s.item AND state = 1 LIMIT 1
    ) stale ON true
)
SELECT * FROM found WHERE is_absent OR item = (SELECT item FROM scanned ORDER BY item DESC LIMIT 1) ORDER BY item
"""
"""The absent ones among some stock items of a location, and in any case the last of those looked at.

A line that was applied left an entry, one that was stale stands among the kept lines; where lines were refused nobody
asks.
"""


FORGET = """
WITH old AS (
    DELETE FROM snapshot_imports WHERE tenant = $1 AND request_id = (
        SELECT request_id FROM snapshot_imports
        WHERE tenant = $1 AND updated_at < now() - make_interval(secs => $2) LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING request_id
), forgotten AS (
    DELETE FROM snapshot_lines USING old
    WHERE snapshot_lines.tenant = $1 AND snapshot_lines.request_id = old.request_id
)
SELECT request_id FROM old
"""
"""One that a stream is just carrying on is passed over."""


class ImportReader:
    """What `ports.Books` promises of imports."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def snapshot_import(self, tenant: str, request_id: str) -> tuple[SnapshotImport | None, int]:
        async def work() -> tuple[SnapshotImport | None, int]:
            async with self._database.driving(tenant) as driver:
                row = await driver.fetchrow(IMPORT, tenant, request_id)
            assert row is not None  # the newest revision is always there
            return None if row["stage"] is None else snapshot_import(row), row["head"]

        return await retrying(work)

    async def snapshot_lines(
        self, tenant: str, request_id: str, states: Sequence[LineState], *, after: int, limit: int
    ) -> tuple[Sequence[KeptLine], int]:
        async def work() -> tuple[Sequence[KeptLine], int]:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetch(LINES, tenant, request_id, after, list(states), limit)
                head: int = await driver.fetchval(f"SELECT {_HEAD}", tenant)
            return [
                KeptLine(row["line"], LineState(row["state"]), None, row["sent"], row["reason"], row["message"])
                for row in found
            ], head

        return await retrying(work)

    async def absent(
        self, tenant: str, snapshot: SnapshotImport, scope: Scope, *, after: str | None, limit: int
    ) -> Absent:
        async def work() -> Absent:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetch(
                    ABSENT, tenant, scope.location, after or UUID(int=0), limit, scope.owner, list(scope.conditions),
                    snapshot.first_revision, snapshot.created_at, snapshot.request_id,
                )  # fmt: skip
            return Absent(
                tuple(rows.stock_item(row) for row in found if row["is_absent"]),
                str(found[-1]["item"]) if found else None,
            )

        return await retrying(work)

    async def forget_import(self, tenant: str, *, seconds: float) -> bool:
        async with self._database.driving(tenant) as driver:
            return await driver.fetchrow(FORGET, tenant, seconds) is not None
