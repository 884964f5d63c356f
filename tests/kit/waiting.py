"""Wait until something holds: never by guessing how long that takes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.01


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Ask again and again until the answer is yes; raises TimeoutError if it never is within `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(PAUSE_SECONDS)
