"""How long a reservation takes to show at a client that watches levels.

Timed from when the request was sent, so the wait for the commit is in it: an upper bound of the time from commit to
level.
"""

import asyncio
import bisect
import operator
import statistics
import time
from typing import Any

from tests.bench.cases import RUN, SKUS, Stubs, draft
from tests.bench.load import open_loop
from weir.aggregator.v1 import availability_service_pb2 as levels
from weir.ledger.v1 import reservation_service_pb2

PER_SECOND = 500
SECONDS = 4.0


class Watching:
    """A watcher of one channel that notes when each ledger revision had been shown to it."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.seen: list[tuple[int, float]] = []
        self.complete = asyncio.Event()
        self.wanted = 0
        self.reached = asyncio.Event()

    async def follow(self, stream: Any) -> None:
        """Read the stream to its end."""
        async for message in stream:
            now = time.perf_counter()
            for revision in message.through:
                if revision.context == "ledger":
                    self.seen.append((revision.number, now))
                    if 0 < self.wanted <= revision.number:
                        self.reached.set()
            if message.complete_end:
                self.complete.set()

    async def until(self, number: int) -> None:
        """Wait until a revision was shown."""
        self.wanted = number
        if self.seen[-1][0] < number:
            async with asyncio.timeout(10):
                await self.reached.wait()

    def shown(self, number: int) -> float:
        """When a revision was first covered by what had been shown."""
        at = bisect.bisect_left(self.seen, number, key=operator.itemgetter(0))
        return self.seen[at][1]


async def once(clients: Stubs, number: int) -> list[float]:
    """The delays of one stretch of reservations, in seconds, sorted."""
    watching = Watching()
    stream = clients.availability.WatchLevels(levels.WatchLevelsRequest(channels=["channel-0"]))
    task = asyncio.create_task(watching.follow(stream))
    await watching.complete.wait()
    sent: list[tuple[int, float]] = []

    async def call(index: int) -> object:
        begun = time.perf_counter()
        request = reservation_service_pb2.ReserveRequest(
            request_id=f"{RUN}-fan-{number}-{index}", draft=draft(index % SKUS)
        )
        response = await clients.reservations.Reserve(request)
        sent.append((response.revision.number, begun))
        return response

    await open_loop(call, per_second=PER_SECOND, seconds=SECONDS)
    await watching.until(max(revision for revision, _ in sent))
    stream.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return sorted(watching.shown(revision) - begun for revision, begun in sent)


async def fanout(clients: Stubs, *, rounds: int) -> str:
    """Medians over all rounds, as a sentence."""
    found = [await once(clients, number) for number in range(rounds)]
    p50, p99 = (statistics.median(each[int(part * len(each))] for each in found) * 1e3 for part in (0.5, 0.99))
    return f"Reserve sent to the level at a watcher, {PER_SECOND}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms."
