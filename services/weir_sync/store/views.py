"""What stores are told and warehouses reported, on Postgres: the port `Views`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from weir_chassis.database import Database
from weir_chassis.revisions import Revision
from weir_sync.domain.records import RecordStatus
from weir_sync.domain.rules import Product
from weir_sync.domain.views import ChannelQuery, ChannelRow, OpenOrders, ReportedStock, StockQuery

_CHANNELS = """
WITH page AS (
    SELECT l.connection, l.store_sku, l.owner, l.sku, l.level, l.told, l.told_at, l.verified, l.status, l.error,
           l.unreported
    FROM levels l
    WHERE l.tenant = $1 AND l.level IS NOT NULL {where}
    ORDER BY l.connection, l.store_sku LIMIT $2
), sold AS (
    SELECT l.connection, l.store_sku, sum(l.quantity) AS units
    FROM store_orders o JOIN store_order_lines l USING (tenant, connection, store_order)
    WHERE o.tenant = $1 AND o.ended_at IS NULL AND o.state IN ('REPORTED', 'PROMISED', 'SHORT')
      AND o.connection IN (SELECT connection FROM page) AND l.sku IS NOT NULL
    GROUP BY l.connection, l.store_sku
)
SELECT p.*, coalesce(s.units, 0)::bigint AS reserved FROM page p LEFT JOIN sold s USING (connection, store_sku)
ORDER BY p.connection, p.store_sku
"""
_OPEN = """
SELECT DISTINCT connection, channel FROM store_orders
WHERE tenant = $1 AND ended_at IS NULL AND state IN ('REPORTED', 'PROMISED', 'SHORT') AND reservation <> ''
ORDER BY connection, channel
"""
_END = """
UPDATE store_orders SET ended_at = clock_timestamp()
WHERE tenant = $1 AND connection = $2 AND channel = $3 AND ended_at IS NULL
  AND state IN ('REPORTED', 'PROMISED', 'SHORT') AND reservation <> '' AND NOT reservation = ANY ($4::text[])
  AND ledger_cluster = $5 AND ledger_epoch = $6 AND ledger_revision <= $7
"""
_WAREHOUSES = """
SELECT s.connection, s.sku, s.facility, max(s.location) AS location, max(s.owner) AS owner, max(s.product) AS product,
       sum(s.quantity) AS reported, max(s.reported_at) AS reported_at, max(s.fault) AS error
FROM stock_lines s
WHERE s.tenant = $1 {where}
GROUP BY s.connection, s.sku, s.facility
ORDER BY s.connection, s.sku, s.facility LIMIT $2
"""
_DIFFERING = """
l.status <> 'SUCCEEDED' AND (
    l.told IS DISTINCT FROM greatest(0, l.level - l.unreported) OR l.shown - l.sold_after <> l.level - l.unreported
)
"""


class PostgresViews:
    """What stores are told and warehouses reported, of all tenants: `Views`."""

    def __init__(self, database: Database) -> None:
        """Read it from `database`."""
        self._database = database

    async def channels(
        self, tenant: str, query: ChannelQuery, *, after: tuple[str, str] | None = None, limit: int
    ) -> Sequence[ChannelRow]:
        terms = _Terms(tenant, limit)
        if query.connection:
            terms.add(f"l.connection = {terms.value(query.connection)}")
        if query.status is not None:
            terms.add(f"l.status = '{query.status}'")  # a word of ours, by which an index is found that has no others
        if query.product is not None:
            terms.add(f"l.owner = {terms.value(query.product.owner)} AND l.sku = {terms.value(query.product.sku)}")
        if query.differing:
            terms.add(_DIFFERING)
        if after is not None:
            terms.add(f"(l.connection, l.store_sku) > ({', '.join(map(terms.value, after))})")
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_CHANNELS.format(where=terms.said), *terms.values)
        return [
            ChannelRow(
                row["connection"],
                row["store_sku"],
                Product(row["owner"], row["sku"]),
                row["level"],
                row["told"],
                row["told_at"],
                row["verified"],
                RecordStatus(row["status"]),
                row["error"],
                row["reserved"],
                row["unreported"],
            )
            for row in rows
        ]

    async def open_orders(self, tenant: str) -> Sequence[OpenOrders]:
        async with self._database.driving(tenant) as driver:
            return [OpenOrders(row["connection"], row["channel"]) for row in await driver.fetch(_OPEN, tenant)]

    async def end_orders(self, tenant: str, orders: OpenOrders, promised: Collection[str], at: Revision) -> None:
        async with self._database.driving(tenant) as driver:
            await driver.execute(_END, tenant, *orders, list(promised), at.cluster, at.epoch, at.number)

    async def warehouses(
        self, tenant: str, query: StockQuery, *, after: tuple[str, str, str] | None = None, limit: int
    ) -> Sequence[ReportedStock]:
        terms = _Terms(tenant, limit)
        if query.connection:
            terms.add(f"s.connection = {terms.value(query.connection)}")
        if query.facility:
            terms.add(f"s.facility = {terms.value(query.facility)}")
        if query.faulty:
            terms.add("s.fault <> ''")
        if after is not None:
            terms.add(f"(s.connection, s.sku, s.facility) > ({', '.join(map(terms.value, after))})")
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_WAREHOUSES.format(where=terms.said), *terms.values)
        return [
            ReportedStock(
                row["connection"],
                row["sku"],
                row["facility"],
                row["location"],
                Product(row["owner"], row["product"] or row["sku"]),
                int(row["reported"]),
                row["reported_at"],
                row["error"],
            )
            for row in rows
        ]


class _Terms:
    """Conditions of a query and their values, of which the tenant and the limit are the first."""

    def __init__(self, tenant: str, limit: int) -> None:
        self.values: list[Any] = [tenant, limit]
        self._conditions: list[str] = []

    @property
    def said(self) -> str:
        return "".join(f" AND {each}" for each in self._conditions)

    def value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, condition: str) -> None:
        self._conditions.append(condition)
