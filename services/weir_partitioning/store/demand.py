"""Demand on Postgres: the port `Demand`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date

from weir_allocation.stock import Product
from weir_chassis.database import Database, Driver, retrying
from weir_chassis.revisions import Revision
from weir_partitioning.ports import Counted, Sold

LEDGER = "ledger"
UNITS_MAX = (1 << 63) - 1

_OPEN = """
INSERT INTO demand_marks (tenant, since, ledger_cluster, ledger_epoch, ledger_revision)
VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING
"""
_LOCK = "SELECT * FROM demand_marks WHERE tenant = $1 FOR UPDATE"
_MARK = "SELECT * FROM demand_marks WHERE tenant = $1"
_MOVE = """
UPDATE demand_marks SET since = $2, ledger_cluster = $3, ledger_epoch = $4, ledger_revision = $5 WHERE tenant = $1
"""
_EMPTY = "DELETE FROM demand WHERE tenant = $1"
_ADD = """
INSERT INTO demand AS d (tenant, owner, sku, day, channel, units)
SELECT $1, owner, sku, day, channel, least(sum(units), $7)
FROM unnest($2::text[], $3::text[], $4::date[], $5::text[], $6::bigint[]) AS s (owner, sku, day, channel, units)
GROUP BY owner, sku, day, channel
ORDER BY owner, sku, day, channel
ON CONFLICT (tenant, owner, sku, day, channel)
    DO UPDATE SET units = least(d.units::numeric + excluded.units, $7)
"""
_AGE = """
DELETE FROM demand WHERE tenant = $1 AND day <= (now() AT TIME ZONE 'UTC')::date - 365
"""
_GONE = "DELETE FROM demand_channels WHERE tenant = $1 AND NOT channel = ANY ($2::text[])"
_GROUP = """
INSERT INTO demand_channels AS c (tenant, channel, channel_group)
SELECT $1, channel, channel_group FROM unnest($2::text[], $3::text[]) AS s (channel, channel_group)
ORDER BY channel
ON CONFLICT (tenant, channel) DO UPDATE SET channel_group = excluded.channel_group
    WHERE c.channel_group <> excluded.channel_group
"""
_DEMAND = """
SELECT asked.owner, asked.sku, g.channel_group, least(sum(d.units), $5)::bigint AS units
FROM unnest($2::text[], $3::text[]) AS asked (owner, sku)
CROSS JOIN LATERAL (
    SELECT channel, sum(units) AS units FROM demand
    WHERE tenant = $1 AND owner = asked.owner AND sku = asked.sku AND day >= $4 GROUP BY channel
) d
JOIN demand_channels g ON g.tenant = $1 AND g.channel = d.channel
GROUP BY asked.owner, asked.sku, g.channel_group
"""


class PostgresDemand:
    """What orders of all tenants were promised, in one schema, which is the one of `migrations`: `Demand`."""

    def __init__(self, database: Database) -> None:
        """Keep it in `database`."""
        self._database = database

    async def counted(self, tenant: str) -> Counted | None:
        async with self._database.driving(tenant) as driver:
            return await _counted(driver, _MARK, tenant)

    async def count(self, tenant: str, sold: Sold, before: Counted | None, *, since: date) -> bool:
        mark = sold.through

        async def work() -> bool:
            async with self._database.driving(tenant) as driver:
                if before is None:
                    await driver.execute(_OPEN, tenant, since, mark.cluster, mark.epoch)
                    await driver.execute(_LOCK, tenant)
                    await driver.execute(_EMPTY, tenant)
                elif await _counted(driver, _LOCK, tenant) != before:
                    return False
                await _add(driver, tenant, sold, since)
                await driver.execute(_MOVE, tenant, since, mark.cluster, mark.epoch, mark.number)
                return True

        return await retrying(work)

    async def group(self, tenant: str, groups: Mapping[str, str]) -> None:
        async def work() -> None:
            async with self._database.driving(tenant) as driver:
                await driver.execute(_GONE, tenant, list(groups))
                await driver.execute(_GROUP, tenant, list(groups), list(groups.values()))

        await retrying(work)

    async def demand(
        self, tenant: str, products: Collection[Product], since: date
    ) -> Mapping[Product, Mapping[str, int]]:
        owners, skus = [owner for owner, _ in products], [sku for _, sku in products]
        found: defaultdict[Product, dict[str, int]] = defaultdict(dict)
        async with self._database.driving(tenant) as driver:
            for row in await driver.fetch(_DEMAND, tenant, owners, skus, since, UNITS_MAX):
                found[row["owner"], row["sku"]][row["channel_group"]] = row["units"]
        return found


async def _add(driver: Driver, tenant: str, sold: Sold, since: date) -> None:
    """Let sums grow by what was sold from a day on, and those that are too old go."""
    sales = [each for each in sold.sales if each.day >= since]
    columns = zip(*((*each.product, each.day, each.channel, each.units) for each in sales), strict=True)
    if sales:
        await driver.execute(_ADD, tenant, *map(list, columns), UNITS_MAX)
    await driver.execute(_AGE, tenant)


async def _counted(driver: Driver, statement: str, tenant: str) -> Counted | None:
    row = await driver.fetchrow(statement, tenant)
    if row is None:
        return None
    through = Revision(LEDGER, row["ledger_cluster"], row["ledger_epoch"], row["ledger_revision"])
    return Counted(row["since"], through)
