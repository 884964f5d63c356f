"""The reading side of a watch: one endless stream out of many that break."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any, TypeVar

import grpc
import structlog

from weir_chassis import status
from weir_chassis.revisions import Revision
from weir_chassis.watch.following import HEARTBEAT_SECONDS

FENCES = ("REVISION_COMPACTED", "REVISION_FOREIGN", "REVISION_AHEAD")
STALLED_HEARTBEATS = 3
PAUSE_SECONDS_LEAST = 0.1
PAUSE_SECONDS_MAX = 5.0

# What trying again may mend. Anything else is about the request or the caller and is raised.
PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)

M = TypeVar("M")
P = TypeVar("P")

log = structlog.get_logger(__name__)


class Fenced(Exception):
    """The history cannot be gone on with from our mark: list again, then watch from what the list says."""

    def __init__(self, reason: str, message: str) -> None:
        """`reason` is the one the service gave: compacted, foreign, or ahead of what it has drawn."""
        super().__init__(message)
        self.reason = reason


def later(one: Revision, other: Revision) -> bool:
    """Whether `one` was drawn after `other`; also where it was drawn elsewhere, because then they cannot be
    compared."""
    return one.origin != other.origin or one.number > other.number


async def watch(
    open_stream: Callable[[P | None], Any],
    *,
    after: P | None,
    through: Callable[[M], P | None],
    newer: Callable[[P, P], bool],
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncGenerator[M, None]:
    """Every message whose mark is newer than the last one's, from `after` on and over any number of broken streams.

    `open_stream(after)` starts the call, as in `lambda after: stub.WatchEntries(request(after))`. `through(message)` is
    the mark the message carries; None for part of something, which is passed on and moves nothing. Heartbeats that say
    nothing new and commits seen before are dropped. A stream that is silent for three heartbeats is given up and opened
    anew.

    Raises Fenced when the history cannot be gone on with, and AioRpcError where trying again is of no use (not
    permitted, malformed). Close it (`aclosing`) when done before it ends: that cancels the call.
    """
    pause_seconds = PAUSE_SECONDS_LEAST
    while True:
        stream = open_stream(after)
        floor_seconds = 0.0
        try:
            while (message := await _next(stream, STALLED_HEARTBEATS * heartbeat_seconds)) is not None:
                pause_seconds = PAUSE_SECONDS_LEAST
                mark = through(message)
                if mark is None:
                    yield message
                elif after is None or newer(mark, after):
                    after = mark
                    yield message
        except TimeoutError:
            log.warning("watch stalled; opening it anew")
        except grpc.aio.AioRpcError as error:
            floor_seconds = _endured(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if task.cancelling():
                raise
            log.info("watch lost its connection to a newer one; resuming")
        finally:
            stream.cancel()
        await asyncio.sleep(max(floor_seconds, random.uniform(0, pause_seconds)))  # noqa: S311
        pause_seconds = min(PAUSE_SECONDS_MAX, pause_seconds * 2)


async def _next(stream: Any, seconds: float) -> Any:
    """The next message; None at the end of the stream. Raises TimeoutError if none comes in time."""
    async with asyncio.timeout(seconds):
        message = await stream.read()
    return None if message is grpc.aio.EOF else message


def _endured(error: grpc.aio.AioRpcError) -> float:
    """How long to wait at least before trying again; raises Fenced or the error itself where that is of no use."""
    refusal = status.told(error)
    if refusal is not None and refusal.reason in FENCES:
        raise Fenced(refusal.reason, refusal.message) from error
    if error.code() not in PASSING:
        raise error
    log.info("watch broke; resuming", code=error.code().name, reason="" if refusal is None else refusal.reason)
    wait_seconds = 0.0 if refusal is None else refusal.retry_after_seconds or 0.0
    return min(wait_seconds, PAUSE_SECONDS_MAX)
