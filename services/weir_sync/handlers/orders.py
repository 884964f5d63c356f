"""Orders of stores: written down, promised, and written down again (`domain.orders`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import existing
from weir_chassis.errors import Kind, Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_sync.connectors.port import SoldLine, SoldOrder
from weir_sync.domain.alerts import AlertKind, Concern
from weir_sync.domain.connections import Connection, Role
from weir_sync.domain.listings import StoreSku
from weir_sync.domain.orders import (
    UNKNOWN_SKU,
    OrderKey,
    OrderLine,
    OrderState,
    StoreOrder,
    begun,
    covered_by_now,
    in_force,
    reported,
)
from weir_sync.domain.rules import Rule
from weir_sync.errors import ACCIDENT, ConnectionOfRole, StoreOrderChanged, StoreOrderNotFound
from weir_sync.ports.listings import Listings
from weir_sync.ports.orders import OrderPromises, Orders

HOLD_SECONDS = 30.0
"""How long an order is left to whoever settles it."""
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.5, 300.0
SHORT_AT_ONCE = 500
TRIES_MAX = 8
"""How often it is tried before somebody is told, whatever it is that stands in the way."""
PASSING = (Kind.AWAY, Kind.EXHAUSTED, Kind.RACED)
"""Kinds of refusals that nobody has to do anything about."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OrderDesk:
    """Takes orders in, and settles them."""

    answering: Handlers[Objects]
    listings: Listings
    orders: Orders
    promises: OrderPromises
    wake: Callable[[], None] = lambda: None
    """Says that an order is due."""

    async def report(self, attempt: Attempt, connection: str, sold: SoldOrder) -> StoreOrder:
        """Take in an order that somebody reports by a request; as it is once that was tried to be settled.

        Raises ConnectionNotFound, ConnectionOfRole, StoreOrderChanged.
        """
        wanted = await self.wanted(attempt.tenant, connection, sold)
        kept = await self.orders.report_once(attempt, wanted, hold_seconds=HOLD_SECONDS)
        return await self.settle(attempt.tenant, kept.key) if kept.due else kept

    async def check(self, tenant: str, connection: str, sold: SoldOrder) -> StoreOrder:
        """What a report would be written down as; changes nothing. Raises as `report`."""
        wanted = await self.wanted(tenant, connection, sold)
        current = await self.orders.get(tenant, wanted.key)
        return begun(wanted) if current is None else reported(current, wanted) or current

    async def take_in(self, tenant: str, connection: str, sold: SoldOrder) -> None:
        """Write an order down that a store told of by itself; it is settled by others at once.

        Where it was reported with other lines an alert says so; signs in names that nobody can keep are replaced, for
        a sale is a sale. Raises ConnectionNotFound, ConnectionOfRole.
        """
        wanted = await self.wanted(tenant, connection, _kept(sold))
        try:
            kept = await self.orders.report(tenant, wanted, hold_seconds=0)
        except StoreOrderChanged as changed:
            log.warning("an order came with other lines", tenant=tenant, connection=connection, reason=changed.reason)
            return
        if kept.due:
            self.wake()

    async def get(self, tenant: str, key: OrderKey) -> StoreOrder:
        """An order; raises StoreOrderNotFound."""
        found = await self.orders.get(tenant, key)
        if found is None:
            raise StoreOrderNotFound(connection=key.connection, store_order=key.store_order)
        return found

    async def wanted(self, tenant: str, connection: str, sold: SoldOrder) -> StoreOrder:
        """An order as it is reported now, for what its SKUs are now, under the rule in force."""
        async with self.answering.reading(tenant, {}) as (objects, _):
            store = existing(Connection, (connection,), await objects.get(Connection, (connection,)))
            if store.role is not Role.STORE:
                raise ConnectionOfRole(connection=connection, role=store.role, required=Role.STORE)
            rules = await objects.select(Rule)
        asked = {each.store_sku: StoreSku(connection, each.store_sku) for each in sold.lines}
        products = await self.listings.products(tenant, list(asked.values()))
        found = [products.get(asked[each.store_sku]) for each in sold.lines]
        lines = tuple(
            OrderLine(each.store_sku, each.quantity, product, error="" if product else UNKNOWN_SKU)
            for each, product in zip(sold.lines, found, strict=True)
        )
        first = next((product for product in found if product is not None), None)
        return StoreOrder(
            OrderKey(connection, sold.store_order),
            f"sync/{new_id()}",
            lines,
            sold.placed_at,
            sold.cancelled,
            store.channel,
            "" if first is None else in_force(rules, first, store.channel),
            OrderState.REPORTED,
            datetime.now(UTC),
        )

    async def settle(self, tenant: str, key: OrderKey) -> StoreOrder:
        """Do what is left to do for an order, as far as that is possible now; the order as it then is.

        What goes wrong is written down, and tried again later by others.
        """
        order = await self.orders.trying(tenant, key, hold_seconds=HOLD_SECONDS)
        if order is None:
            return await self.get(tenant, key)
        try:
            if order.promises:
                done = await self.promises.promise(tenant, order)
                order = await self.orders.promised(tenant, key, done, hold_seconds=HOLD_SECONDS)
            if order.releases:
                revision = await self.promises.release(tenant, order)
                order = await self.orders.released(tenant, key, revision)
        except Exception as fault:
            await self._failed(tenant, order, fault)
            order = await self.get(tenant, key)
        return order

    async def cover(self, tenant: str, *, move: bool = False) -> None:
        """Look whether what was short is there now, at the locations that it was promised from; and have it promised
        from others where it has come there, if it may `move`."""
        after = 0
        while found := await self.orders.short(tenant, after=after, limit=SHORT_AT_ONCE):
            hits = await self.promises.hits(tenant)
            covered = covered_by_now(found, hits.reservations) if hits.all_told else []
            if covered:
                await self.orders.covered(tenant, [each.key for each in covered])
            for each in found if move else ():
                if each not in covered:
                    await self.promises.move(tenant, each)
            after = found[-1].place

    async def _failed(self, tenant: str, order: StoreOrder, fault: Exception) -> None:
        """Write down why an order could not be settled; where somebody has to do something about it he is told."""
        pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** min(order.tries, 20))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311  # spreads what is tried again, guards nothing
        concern, channel, error, passes = None, "", ACCIDENT, False
        if isinstance(fault, Refusal):
            pause = fault.retry_after_seconds or pause
            error, passes = fault.message, fault.kind in PASSING
            log.warning("an order of a store cannot be settled now", tenant=tenant, reason=fault.reason)
            if fault.reason == "CHANNEL_NOT_FOUND":  # nothing was promised: it may go through the one of now
                channel = await self._channel(tenant, order.key.connection)
        else:
            log.error("an order of a store could not be settled", tenant=tenant, exc_info=fault)
        if not passes or order.tries >= TRIES_MAX:
            said = f"The order '{order.key.store_order}' cannot be settled: {error}"
            concern = Concern(AlertKind.ORDER_UNREADABLE, *order.key, said)
        await self.orders.failed(tenant, order.key, error=error, pause_seconds=pause, concern=concern, channel=channel)

    async def _channel(self, tenant: str, connection: str) -> str:
        async with self.answering.reading(tenant, {}) as (objects, _):
            found = await objects.get(Connection, (connection,))
        return "" if found is None else found.channel


def _kept(sold: SoldOrder) -> SoldOrder:
    """An order with names that can be kept, whatever a store calls things."""
    lines = tuple(SoldLine(_name(line.store_sku), line.quantity) for line in sold.lines)
    return sold._replace(store_order=_name(sold.store_order), lines=lines)


def _name(told: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in told.strip()) or "\ufffd"
