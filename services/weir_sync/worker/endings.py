"""What finds out that orders of stores came to an end: the ledger knows, and tells nobody of those it did not hear
from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from weir_chassis.errors import Refusal
from weir_sync.ports.records import Counting, Views

LOOK_SECONDS = 60.0

log = structlog.get_logger(__name__)


async def ending(
    tenants: Callable[[], Awaitable[Sequence[str]]],
    views: Views,
    ledger: Counting,
    *,
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Note which orders are not promised any more, of all tenants, until cancelled. Several processes may do so."""
    while True:
        try:
            for tenant in await tenants():
                await end(tenant, views, ledger)
        except Refusal as refusal:
            log.warning("orders that ended cannot be looked for now", reason=refusal.reason)
        except Exception:
            log.exception("orders that ended could not be looked for")
        await asyncio.sleep(look_seconds)


async def end(tenant: str, views: Views, ledger: Counting) -> None:
    """Note which orders of a tenant are not promised any more. Raises DatabaseAway, PeerAway."""
    for orders in await views.open_orders(tenant):
        promised, at = await ledger.promised(tenant, orders.channel)
        await views.end_orders(tenant, orders, promised, at)
