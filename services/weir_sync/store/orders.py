"""Orders of stores on Postgres: the port `Orders`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.database import Database, Driver, driver_of, retrying
from weir_chassis.idempotency import Attempt, Outcome
from weir_chassis.revisions import Revision
from weir_sync.domain import orders as domain
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.orders import OrderKey, OrderLine, OrderState, Point, Promised, StoreOrder
from weir_sync.domain.rules import Product
from weir_sync.errors import StoreOrderChanged
from weir_sync.store.alerts import close_alerts, open_alerts
from weir_sync.store.levels import sold

LEDGER = "ledger"

_TOLD = """
SELECT o.*, l.* FROM {orders} o CROSS JOIN LATERAL (
    SELECT array_agg(store_sku ORDER BY line) AS store_skus, array_agg(owner ORDER BY line) AS owners,
           array_agg(sku ORDER BY line) AS skus, array_agg(quantity ORDER BY line) AS quantities,
           array_agg(short ORDER BY line) AS shorts, array_agg(error ORDER BY line) AS errors
    FROM store_order_lines
    WHERE tenant = o.tenant AND connection = o.connection AND store_order = o.store_order
) l
"""
_ONE = _TOLD.format(orders="store_orders") + "WHERE o.tenant = $1 AND o.connection = $2 AND o.store_order = $3"
_LOCKED = _TOLD.format(
    orders="(SELECT * FROM store_orders WHERE tenant = $1 AND connection = $2 AND store_order = $3 FOR UPDATE)"
)
_PAGE = _TOLD.format(
    orders="(SELECT * FROM store_orders WHERE tenant = $1 {where} ORDER BY tenant DESC, place DESC LIMIT $2)"
)
_SHORT = _TOLD.format(
    orders="(SELECT * FROM store_orders WHERE tenant = $1 AND state = 'SHORT' AND place > $2 ORDER BY place LIMIT $3)"
)
_ADD = """
WITH added AS (
    INSERT INTO store_orders (
        tenant, connection, store_order, name, channel, rule, placed_at, cancelled, state, due_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + make_interval(secs => $10))
    ON CONFLICT DO NOTHING RETURNING tenant, connection, store_order
), lines AS (
    INSERT INTO store_order_lines (tenant, connection, store_order, line, store_sku, owner, sku, quantity, error)
    SELECT a.tenant, a.connection, a.store_order, l.*
    FROM added a CROSS JOIN unnest($11::integer[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::text[]) l
)
SELECT count(*) FROM added
"""
_CHANGE = """
UPDATE store_orders SET
    channel = $4, rule = $5, placed_at = $6, cancelled = $7, state = $8, reservation = $9, ledger_cluster = $10,
    ledger_epoch = $11, ledger_revision = $12, error = $13,
    due_at = clock_timestamp() + make_interval(secs => $14)
WHERE tenant = $1 AND connection = $2 AND store_order = $3
"""
_CHANGE_LINES = """
UPDATE store_order_lines o SET owner = l.owner, sku = l.sku, short = l.short, error = l.error
FROM unnest($4::integer[], $5::text[], $6::text[], $7::bigint[], $8::text[]) l (line, owner, sku, short, error)
WHERE o.tenant = $1 AND o.connection = $2 AND o.store_order = $3 AND o.line = l.line
"""
_TRYING = """
UPDATE store_orders SET
    tries = tries + 1, tried_at = coalesce(tried_at, now()), due_at = clock_timestamp() + make_interval(secs => $4)
WHERE tenant = $1 AND connection = $2 AND store_order = $3 AND due_at IS NOT NULL
"""
_TAKE = """
WITH taken AS (
    SELECT connection, store_order FROM store_orders WHERE tenant = $1 AND due_at <= clock_timestamp()
    ORDER BY due_at, place LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE store_orders o SET due_at = clock_timestamp() + make_interval(secs => $2)
FROM taken t WHERE o.tenant = $1 AND o.connection = t.connection AND o.store_order = t.store_order
RETURNING o.connection, o.store_order
"""
_FAILED = """
UPDATE store_orders SET
    error = $4, due_at = clock_timestamp() + make_interval(secs => $5), channel = coalesce(nullif($6, ''), channel)
WHERE tenant = $1 AND connection = $2 AND store_order = $3 AND due_at IS NOT NULL
"""
_COVERED = """
UPDATE store_orders o SET state = 'PROMISED'
FROM unnest($2::text[], $3::text[]) k (connection, store_order)
WHERE o.tenant = $1 AND o.connection = k.connection AND o.store_order = k.store_order AND o.state = 'SHORT'
"""


class PostgresOrders:
    """The orders of all tenants in one schema, which is the one of `migrations`: `Orders`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def report(self, tenant: str, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        async def work() -> StoreOrder:
            async with self._database.driving(tenant) as driver:
                return await _report(driver, tenant, wanted, hold_seconds)

        try:
            return await retrying(work)
        except StoreOrderChanged as changed:
            concern = Concern(AlertKind.ORDER_UNREADABLE, *wanted.key, changed.message)
            async with self._database.driving(tenant) as driver:
                await open_alerts(driver, tenant, [concern])
            raise

    async def report_once(self, attempt: Attempt, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        async def work(connection: AsyncConnection) -> Outcome:
            await _report(await driver_of(connection), attempt.tenant, wanted, hold_seconds)
            return Outcome()

        await idempotency.once(self._database, attempt, work)
        found = await self.get(attempt.tenant, wanted.key)
        assert found is not None
        return found

    async def get(self, tenant: str, key: OrderKey) -> StoreOrder | None:
        async with self._database.driving(tenant) as driver:
            row = await driver.fetchrow(_ONE, tenant, *key)
        return None if row is None else _order(row)

    async def page(
        self, tenant: str, *, connection: str = "", state: OrderState | None = None, before: int | None, limit: int
    ) -> Sequence[StoreOrder]:
        values: list[Any] = [tenant, limit]
        where = ""
        for condition, value in (("connection =", connection), ("state =", state), ("place <", before)):
            if value:
                values.append(value)
                where += f" AND {condition} ${len(values)}"
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_PAGE.format(where=where), *values)
        return sorted(map(_order, rows), key=lambda each: -each.place)

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[OrderKey]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_TAKE, tenant, hold_seconds, limit)
        return [OrderKey(*row) for row in rows]

    async def trying(self, tenant: str, key: OrderKey, *, hold_seconds: float) -> StoreOrder | None:
        async with self._database.driving(tenant) as driver:
            done = await driver.execute(_TRYING, tenant, *key, hold_seconds)
            row = None if done.endswith(" 0") else await driver.fetchrow(_ONE, tenant, *key)
        return None if row is None else _order(row)

    async def promised(self, tenant: str, key: OrderKey, done: Promised, *, hold_seconds: float) -> StoreOrder:
        async with self._changing(tenant, key) as (driver, current):
            if not current.promises:
                return current
            changed = domain.promised(current, done)
            await _change(driver, tenant, changed, hold_seconds)
            await sold(driver, tenant, key.connection, changed.sold, Revision(LEDGER, *done.revision))
            if not changed.unreadable:
                await close_alerts(driver, tenant, AlertKind.ORDER_UNREADABLE, key.connection, [key.store_order])
            if changed.state is OrderState.SHORT:
                concern = Concern(AlertKind.ORDER_SHORT, *key, domain.sentence_short(changed))
                await open_alerts(driver, tenant, [concern])
            return changed

    async def released(self, tenant: str, key: OrderKey, revision: Point) -> StoreOrder:
        async with self._changing(tenant, key) as (driver, current):
            if not current.releases:
                return current
            changed = domain.released(current, revision)
            await _change(driver, tenant, changed, 0)
            await _close_all(driver, tenant, key)
            return changed

    async def failed(
        self, tenant: str, key: OrderKey, *, error: str, pause_seconds: float, concern: Concern | None, channel: str
    ) -> None:
        async with self._database.driving(tenant) as driver:
            done = await driver.execute(_FAILED, tenant, *key, error, pause_seconds, channel)
            if concern is not None and not done.endswith(" 0"):
                await open_alerts(driver, tenant, [concern])

    async def short(self, tenant: str, *, after: int, limit: int) -> Sequence[StoreOrder]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_SHORT, tenant, after, limit)
        return sorted(map(_order, rows), key=lambda each: each.place)

    async def covered(self, tenant: str, keys: Collection[OrderKey]) -> None:
        async with self._database.driving(tenant) as driver:
            await driver.execute(_COVERED, tenant, [each.connection for each in keys], [each[1] for each in keys])
            for connection in sorted({each.connection for each in keys}):
                subjects = [each.store_order for each in keys if each.connection == connection]
                await close_alerts(driver, tenant, AlertKind.ORDER_SHORT, connection, subjects)

    @asynccontextmanager
    async def _changing(self, tenant: str, key: OrderKey) -> AsyncIterator[tuple[Driver, StoreOrder]]:
        """A transaction in which nobody else changes an order, which is there."""
        async with self._database.driving(tenant) as driver:
            row = await driver.fetchrow(_LOCKED, tenant, *key)
            assert row is not None
            yield driver, _order(row)


async def _report(driver: Driver, tenant: str, wanted: StoreOrder, hold_seconds: float) -> StoreOrder:
    """Write a report down, within a transaction."""
    new = domain.begun(wanted)
    lines = _columns(new, lambda place, line: (place, line.store_sku, *_product(line), line.quantity, line.error))
    added = await driver.fetchval(
        _ADD, tenant, *new.key, new.name, new.channel, new.rule, new.placed_at, new.cancelled, new.state,
        hold_seconds if new.due else None, *lines,
    )  # fmt: skip
    row = await driver.fetchrow(_LOCKED, tenant, *new.key)
    assert row is not None
    current = _order(row)
    if not added:
        changed = domain.reported(current, wanted)
        if changed is None:
            return current
        await _change(driver, tenant, changed, hold_seconds)
        current = changed
    if current.state is OrderState.CANCELLED or not current.unreadable:
        await close_alerts(driver, tenant, AlertKind.ORDER_UNREADABLE, new.key.connection, [new.key.store_order])
    else:
        concern = Concern(AlertKind.ORDER_UNREADABLE, *new.key, domain.sentence_unreadable(current))
        await open_alerts(driver, tenant, [concern])
    return current


async def _change(driver: Driver, tenant: str, order: StoreOrder, hold_seconds: float) -> None:
    """Write an order as it is from now on; where anything is left to do it is held."""
    at = order.settled_at
    await driver.execute(
        _CHANGE, tenant, *order.key, order.channel, order.rule, order.placed_at, order.cancelled, order.state,
        order.reservation, *(at or (None, None, None)), order.error,
        hold_seconds if order.due else None,
    )  # fmt: skip
    lines = _columns(order, lambda place, line: (place, *_product(line), line.short, line.error))
    await driver.execute(_CHANGE_LINES, tenant, *order.key, *lines)


async def _close_all(driver: Driver, tenant: str, key: OrderKey) -> None:
    for kind in (AlertKind.ORDER_SHORT, AlertKind.ORDER_UNREADABLE):
        await close_alerts(driver, tenant, kind, key.connection, [key.store_order])


def _columns(order: StoreOrder, row: Callable[[int, OrderLine], tuple[Any, ...]]) -> list[list[Any]]:
    return [list(each) for each in zip(*(row(place, line) for place, line in enumerate(order.lines, 1)), strict=True)]


def _product(line: OrderLine) -> tuple[str | None, str | None]:
    return (None, None) if line.product is None else (line.product.owner, line.product.sku)


def _order(row: asyncpg.Record) -> StoreOrder:
    columns = ("store_skus", "quantities", "owners", "skus", "shorts", "errors")
    lines = tuple(
        OrderLine(store_sku, quantity, None if sku is None else Product(owner, sku), short, error)
        for store_sku, quantity, owner, sku, short, error in zip(*(row[each] for each in columns), strict=True)
    )
    at = row["ledger_revision"]
    return StoreOrder(
        OrderKey(row["connection"], row["store_order"]),
        row["name"],
        lines,
        row["placed_at"],
        row["cancelled"],
        row["channel"],
        row["rule"],
        OrderState(row["state"]),
        row["reported_at"],
        row["reservation"],
        None if at is None else Point(row["ledger_cluster"], row["ledger_epoch"], at),
        row["tries"],
        row["tried_at"],
        row["error"],
        row["place"],
    )
