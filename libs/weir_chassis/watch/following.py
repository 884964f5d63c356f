"""The serving side of a watch: read what is new, send it, wait to be rung, and give a sign of life when nothing
happens."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from weir_chassis import telemetry
from weir_chassis.watch.wakeups import Bell

HEARTBEAT_SECONDS = 5.0

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Batch(Generic[M]):
    """What one read of the history found.

    `messages` are those to send, in order. `through` is the number up to which everything was read, also where a filter
    left nothing to send; it never goes back. `more` says that the read stopped at its bound, so that the next one need
    not wait.
    """

    messages: Sequence[M]
    through: int
    more: bool = False


async def follow(
    read: Callable[[int], Awaitable[Batch[M]]],
    *,
    after: int,
    bell: Bell,
    heartbeat: Callable[[int], M],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[M, None]:
    """Everything after number `after`, for as long as somebody listens.

    `read(after)` returns a bounded batch of what follows `after`, each commit whole; what it raises ends the stream. It
    is asked again only when all of the batch was taken, so a slow reader holds one batch and no more.
    `heartbeat(through)` makes the message that is sent at once when there is nothing to begin with, and whenever
    nothing was sent for `heartbeat_seconds`.
    """
    telling = telemetry.active()
    loop = asyncio.get_running_loop()
    due = loop.time()  # the first heartbeat tells that the watch stands
    while True:
        bell.mute()  # before the read: a commit that the read misses rings after this
        with telling.span("watch batch"):
            batch = await read(after)
        assert batch.through >= after
        after = batch.through
        for message in batch.messages:
            yield message
        if batch.messages:
            due = loop.time() + heartbeat_seconds
        if batch.more:
            continue
        if loop.time() >= due:
            yield heartbeat(after)
            due = loop.time() + heartbeat_seconds
        await bell.rung(due - loop.time())
