"""What begins runs when schedules are due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from weir_chassis.errors import Refusal
from weir_sync.ports.schedules import ScheduleTimes

LOOK_SECONDS = 0.5

log = structlog.get_logger(__name__)


async def scheduling(
    tenants: Callable[[], Awaitable[Sequence[str]]], times: ScheduleTimes, *, look_seconds: float = LOOK_SECONDS
) -> None:
    """Begin what is due, of all tenants, until cancelled. Several processes may do so at once.

    What fell due while nobody ran is begun once.
    """
    while True:
        try:
            for tenant in await tenants():
                await times.begin_due(tenant)
        except Refusal as refusal:
            log.warning("schedules cannot be looked at now", reason=refusal.reason)
        except Exception:
            log.exception("schedules could not be looked at")
        await asyncio.sleep(look_seconds)
