"""What time drives: history that is older than promised is given up, so that it does not grow for ever."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Remembering(Protocol):
    """What has a history."""

    async def forget(self, *, keep_seconds: float) -> int:
        """Give up the history that is older, of every tenant; returns how much that was."""
        ...


async def forgetting(history: Remembering, *, keep_seconds: float, pause_seconds: float = 600) -> None:
    """Forget old history again and again until cancelled; what goes wrong is logged and tried again."""
    while True:
        try:
            log.debug("history forgotten", count=await history.forget(keep_seconds=keep_seconds))
        except Exception:
            log.exception("history could not be forgotten")
        await asyncio.sleep(pause_seconds)
