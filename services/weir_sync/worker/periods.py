"""What begins runs when schedules are due, and finds out that orders of stores came to an end: what is done for one
tenant after the other, again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from weir_chassis.errors import Refusal
from weir_sync.ports.records import Counting, Views
from weir_sync.ports.schedules import ScheduleTimes

LOOK_SECONDS = 0.5
ENDING_SECONDS = 60.0

Names = Callable[[], Awaitable[Sequence[str]]]
"""Every tenant there is."""

log = structlog.get_logger(__name__)


async def scheduling(tenants: Names, times: ScheduleTimes, *, look_seconds: float = LOOK_SECONDS) -> None:
    """Begin what is due, of all tenants, until cancelled. Several processes may do so at once.

    What fell due while nobody ran is begun once.
    """

    async def begin(tenant: str) -> None:
        await times.begin_due(tenant)

    await _in_turn(tenants, begin, "schedules cannot be looked at now", pause_seconds=look_seconds)


async def ending(tenants: Names, views: Views, ledger: Counting, *, pause_seconds: float = ENDING_SECONDS) -> None:
    """Note which orders are not promised any more, of all tenants, until cancelled. Several processes may do so at
    once.

    The ledger knows, and tells nobody who does not ask.
    """

    async def look(tenant: str) -> None:
        await end(tenant, views, ledger)

    await _in_turn(tenants, look, "orders that ended cannot be looked for now", pause_seconds=pause_seconds)


async def end(tenant: str, views: Views, ledger: Counting) -> None:
    """Note which orders of a tenant are not promised any more. Raises DatabaseAway, PeerAway."""
    for orders in await views.open_orders(tenant):
        promised, at = await ledger.promised(tenant, orders.channel)
        await views.end_orders(tenant, orders, promised, at)


async def _in_turn(tenants: Names, work: Callable[[str], Awaitable[None]], said: str, *, pause_seconds: float) -> None:
    """Do something for every tenant; what hinders one is logged and hinders no other."""
    while True:
        try:
            for tenant in await tenants():
                await _whatever_happens(work(tenant), said, tenant=tenant)
        except Exception as fault:
            _log(fault, said)
        await asyncio.sleep(pause_seconds)


async def _whatever_happens(work: Awaitable[None], said: str, *, tenant: str) -> None:
    try:
        await work
    except Exception as fault:
        _log(fault, said, tenant=tenant)


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)
