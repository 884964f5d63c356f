"""What brings orders of stores to their end: those that are due are settled, and what is short is looked after until it
is not. And what reads orders from stores that do not report them by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import structlog

from weir_chassis.errors import Refusal
from weir_sync.connectors.port import ConnectorFailed, Connectors, Throttled
from weir_sync.domain.connections import Connection
from weir_sync.domain.orders import OrderKey
from weir_sync.handlers.orders import HOLD_SECONDS, OrderDesk
from weir_sync.ports.orders import Cursor, OrderCursors

LOOK_SECONDS = 0.5
COVER_SECONDS = 1.0
"""How often it is looked whether what is short has come."""
MOVING = 5
"""Every so many times it is also looked whether it has come somewhere else."""
ORDERS_MAX = 16
"""Orders that one process settles at once, and stores whose orders it reads at once."""
PAGE = 250
POLL_HOLD_SECONDS = 120.0
FAILED_SECONDS = 30.0

log = structlog.get_logger(__name__)

Tenants = Callable[[], Awaitable[Sequence[str]]]
"""Every tenant there is."""


@dataclass
class OrderWorker:
    """Settles the orders of all tenants that are due. Several processes may do so at once."""

    tenants: Tenants
    desk: OrderDesk
    wakened: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when an order is due that this process has taken in."""

    async def work(self) -> None:
        """Do so until cancelled."""
        while True:
            self.wakened.clear()
            busy = False
            try:
                for tenant in await self.tenants():
                    busy |= await self.look(tenant)
            except Exception as fault:
                _log(fault, "orders of stores cannot be settled now")
            if not busy:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self.wakened.wait()

    async def look(self, tenant: str) -> bool:
        """Settle some of what is due of a tenant; whether anything was."""
        found = await self.desk.orders.take(tenant, hold_seconds=HOLD_SECONDS, limit=ORDERS_MAX)
        await asyncio.gather(*(self._settle(tenant, key) for key in found))
        return bool(found)

    async def _settle(self, tenant: str, key: OrderKey) -> None:
        try:
            await self.desk.settle(tenant, key)
        except Exception as fault:
            _log(fault, "an order of a store cannot be settled now", tenant=tenant, connection=key.connection)

    async def cover(self) -> None:
        """Look after what is short, until cancelled; now and then it is moved to where there is some."""
        for turn in count():
            try:
                for tenant in await self.tenants():
                    await self.desk.cover(tenant, move=turn % MOVING == 0)
            except Exception as fault:
                _log(fault, "what stores sold short cannot be looked after now")
            await asyncio.sleep(COVER_SECONDS)


@dataclass(frozen=True, slots=True)
class OrderPoller:
    """Reads the orders of stores, of all tenants, every so often. Several processes may do so at once."""

    tenants: Tenants
    desk: OrderDesk
    cursors: OrderCursors
    connectors: Connectors
    pause_seconds: float

    async def work(self) -> None:
        """Do so until cancelled."""
        while True:
            try:
                for tenant in await self.tenants():
                    await self.look(tenant)
            except Exception as fault:
                _log(fault, "orders cannot be read from stores now")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, tenant: str) -> None:
        """Read the orders of a tenant's stores that are due."""
        held = await self.cursors.take(tenant, hold_seconds=POLL_HOLD_SECONDS, limit=ORDERS_MAX)
        await asyncio.gather(*(self._poll(each) for each in held))

    async def _poll(self, held: Cursor) -> None:
        """Take in what a store has, page by page; a cursor is kept once all before it is written down."""
        cursor, pause = held.cursor, self.pause_seconds
        try:
            async with asyncio.timeout(POLL_HOLD_SECONDS / 2):
                cursor, more = await self._page(held)
            pause = 0.0 if more else pause
        except (ConnectorFailed, TimeoutError, Refusal) as fault:
            pause = fault.retry_after_seconds if isinstance(fault, Throttled) else max(pause, FAILED_SECONDS)
            log.warning("orders of a store cannot be read now", tenant=held.tenant, connection=held.connection,
                        fault=str(fault))  # fmt: skip
        except Exception:
            pause = max(pause, FAILED_SECONDS)
            log.exception("orders of a store could not be read", tenant=held.tenant, connection=held.connection)
        await self.cursors.read(held, cursor, pause_seconds=pause)

    async def _page(self, held: Cursor) -> tuple[str, bool]:
        """The cursor after one page, all of which is written down, and whether there is more."""
        async with self.desk.answering.reading(held.tenant, {}) as (objects, _):
            connection = await objects.get(Connection, (held.connection,))
        if connection is None:
            return held.cursor, False
        async with self.connectors.store(held.tenant, connection) as store:
            page = await store.orders(held.cursor, limit=PAGE)
        for each in page.orders:
            await self.desk.take_in(held.tenant, held.connection, each)
        return page.cursor, page.more


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)
