"""What time drives: history that is older than promised is given up, so that it does not grow for ever."""

from __future__ import annotations

import asyncio

import structlog

from weir_chassis.configuration.ports import Objects, Tenants

log = structlog.get_logger(__name__)


async def forgetting(tenants: Tenants[Objects], *, keep_seconds: float, pause_seconds: float = 600) -> None:
    """Forget old history again and again until cancelled; what goes wrong is logged and tried again."""
    while True:
        try:
            log.debug("history forgotten", commits=await tenants.forget(keep_seconds=keep_seconds))
        except Exception:
            log.exception("history could not be forgotten")
        await asyncio.sleep(pause_seconds)
