"""Leases on Postgres: the port `Leases`, by the clock of the database."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from weir_chassis.database import Database, Driver, retrying
from weir_sync.ports.leases import Lease, LeaseLost

_PROCESS = "process "
"""Under such names processes say that they are there."""
_OPEN = """
INSERT INTO leases (tenant, lease, holder, fence, until)
SELECT $1, n.lease, '', 1, '-infinity' FROM unnest($2::text[]) AS n (lease)
WHERE NOT EXISTS (SELECT FROM leases l WHERE l.tenant = $1 AND l.lease = n.lease)
ORDER BY n.lease
ON CONFLICT DO NOTHING
"""
_TAKE = """
WITH free AS (
    SELECT lease FROM leases
    WHERE tenant = $1 AND lease = ANY ($2::text[]) AND until <= clock_timestamp()
    ORDER BY until, lease LIMIT $5
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE leases l SET holder = $3, fence = l.fence + 1, until = clock_timestamp() + make_interval(secs => $4)
FROM free WHERE l.tenant = $1 AND l.lease = free.lease
RETURNING l.lease, l.fence
"""
_KEEP = """
UPDATE leases l SET until = clock_timestamp() + make_interval(secs => $4)
FROM unnest($2::text[], $3::bigint[]) AS h (lease, fence)
WHERE l.tenant = $1 AND l.lease = h.lease AND l.fence = h.fence
RETURNING l.lease, l.fence
"""
_GIVE_UP = """
UPDATE leases l SET until = '-infinity', fence = l.fence + 1, holder = ''
FROM unnest($2::text[], $3::bigint[]) AS h (lease, fence)
WHERE l.tenant = $1 AND l.lease = h.lease AND l.fence = h.fence
"""
_PRESENT = """
WITH said AS (
    INSERT INTO leases AS l (tenant, lease, holder, fence, until)
    VALUES ($1, $2, $3, 1, clock_timestamp() + make_interval(secs => $4))
    ON CONFLICT (tenant, lease) DO UPDATE SET until = excluded.until
), gone AS (
    DELETE FROM leases WHERE tenant = $1 AND starts_with(lease, $5) AND lease <> $2 AND until <= clock_timestamp()
)
SELECT 1 + count(*) FROM leases
WHERE tenant = $1 AND starts_with(lease, $5) AND lease <> $2 AND until > clock_timestamp()
"""
_HELD = "SELECT FROM leases WHERE tenant = $1 AND lease = $2 AND fence = $3 FOR SHARE"


class PostgresLeases:
    """The leases of all tenants: `Leases`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def present(self, tenant: str, holder: str, *, seconds: float) -> int:
        async def work() -> int:
            async with self._database.driving(tenant) as driver:
                count: int = await driver.fetchval(_PRESENT, tenant, f"{_PROCESS}{holder}", holder, seconds, _PROCESS)
            return count

        return await retrying(work)

    async def take(
        self, tenant: str, names: Collection[str], holder: str, *, seconds: float, limit: int
    ) -> Sequence[Lease]:
        async def work() -> Sequence[Lease]:
            asked = time.monotonic()
            async with self._database.driving(tenant) as driver:
                await driver.execute(_OPEN, tenant, list(names))
                rows = await driver.fetch(_TAKE, tenant, list(names), holder, seconds, limit)
            return [Lease(tenant, row["lease"], row["fence"], asked + seconds) for row in rows]

        return await retrying(work) if names else []

    async def keep(self, tenant: str, leases: Collection[Lease], *, seconds: float) -> Sequence[Lease]:
        async def work() -> Sequence[Lease]:
            asked = time.monotonic()
            async with self._database.driving(tenant) as driver:
                rows = await driver.fetch(_KEEP, tenant, *_columns(leases), seconds)
            return [Lease(tenant, row["lease"], row["fence"], asked + seconds) for row in rows]

        return await retrying(work) if leases else []

    async def give_up(self, tenant: str, leases: Collection[Lease]) -> None:
        async def work() -> None:
            async with self._database.driving(tenant) as driver:
                await driver.execute(_GIVE_UP, tenant, *_columns(leases))

        if leases:
            await retrying(work)


async def check_held(driver: Driver, lease: Lease) -> None:
    """Raises LeaseLost unless nobody has held the lease since; nobody will until the transaction ends."""
    if not await driver.fetch(_HELD, lease.tenant, lease.name, lease.fence):
        raise LeaseLost(lease.name)


def _columns(leases: Collection[Lease]) -> tuple[list[str], list[int]]:
    return [each.name for each in leases], [each.fence for each in leases]
