"""Count what orders were promised, some commits at a time."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from weir_chassis.database import Database, retrying
from weir_chassis.errors import RevisionCompacted
from weir_ledger.domain.demanded import Demand, Demanded

ENTRIES_MAX = 5000
"""Most entries that are looked at together, and so most sums of an answer. No commit has as many."""

_DEMANDED = """
WITH bounds AS (
    SELECT coalesce(h.revision, 0) AS horizon, coalesce(t.revision, 0) AS head,
           greatest($2, (SELECT revision FROM commits WHERE tenant = $1 AND recorded_at < $3
                         ORDER BY recorded_at DESC, revision DESC LIMIT 1)) AS after
    FROM (SELECT) AS one LEFT JOIN tenants t ON t.tenant = $1 LEFT JOIN horizons h ON h.tenant = $1
), looked AS MATERIALIZED (
    SELECT revision, kind, item, reserved_delta, reservation, reservation_line, recorded_at FROM entries
    WHERE tenant = $1 AND revision > (SELECT after FROM bounds) AND recorded_at >= coalesce(
        (SELECT recorded_at FROM bounds JOIN commits ON tenant = $1 AND revision = after), '-infinity'
    )
    ORDER BY revision, line LIMIT $4
), whole AS (
    SELECT horizon, CASE WHEN count(*) < $4 THEN greatest(after, head) ELSE max(revision) - 1 END AS through,
           count(*) = $4 AS more
    FROM bounds LEFT JOIN looked ON true GROUP BY horizon, head, after
), promised AS (
    SELECT looked.*, min(reservation_line) OVER (PARTITION BY revision, reservation) AS first_line
    FROM looked, whole WHERE kind = 8 AND revision <= through
), summed AS (
    SELECT (p.recorded_at AT TIME ZONE 'UTC')::date::text AS day, r.channel, b.owner, b.sku,
           coalesce(c.subject, '') AS subject, sum(p.reserved_delta * coalesce(c.weight, 1)::numeric) AS units
    FROM promised p
    CROSS JOIN LATERAL (SELECT channel FROM reservations WHERE tenant = $1 AND reservation = p.reservation LIMIT 1) r
    CROSS JOIN LATERAL (SELECT owner, sku FROM balances WHERE tenant = $1 AND item = p.item LIMIT 1) b
    LEFT JOIN LATERAL (
        SELECT c.subject, coalesce(l.weights[1], 1) AS weight
        FROM reservation_lines l JOIN claims c ON c.tenant = $1 AND c.claim = l.claims[1] AND c.subject <> ''
        WHERE l.tenant = $1 AND l.reservation = p.reservation AND l.line = p.reservation_line LIMIT 1
    ) c ON true
    WHERE p.first_line = 1 OR NOT EXISTS (
        SELECT FROM reservation_lines
        WHERE tenant = $1 AND reservation = p.reservation AND line < p.first_line AND quantity > 0
    )
    GROUP BY 1, 2, 3, 4, 5
)
SELECT whole.*, day, channel, owner, sku, subject, least(units, 9223372036854775807)::bigint AS units
FROM whole LEFT JOIN summed ON true ORDER BY day, channel, owner, sku, subject
"""
"""Whole commits: where there are more entries than are looked at, those of the last one may be cut off. What a
reservation was made with is what its first line that was promised anything was booked with: lines that an Amend
promises come later, and after them. That and the sums come with each row; a row without a day where there are none.
Both bounds of the entries say the same: one finds the rows, one the months.
"""

_IN_ORDER = "SET LOCAL enable_sort = off"
"""Entries are read along their key, never all and then sorted."""


class DemandedReader:
    """What `ports.Books` promises of what orders were promised."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def demanded(self, tenant: str, *, after: int, recorded_after: datetime | None) -> Demanded:
        async def work() -> Sequence[Record]:
            async with self._database.driving(tenant) as driver:
                await driver.execute(_IN_ORDER)
                return await driver.fetch(_DEMANDED, tenant, after, recorded_after, ENTRIES_MAX + 1)

        found = await retrying(work)
        first = found[0]
        if after < first["horizon"]:
            raise RevisionCompacted(context="ledger", number=after, oldest_kept=first["horizon"])
        sums = [
            Demand(row["day"], row["channel"], (row["owner"], row["sku"]), row["subject"], row["units"])
            for row in found
            if row["day"] is not None
        ]
        return Demanded(sums, first["through"], first["more"])
