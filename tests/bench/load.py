"""Put load on a server and say what it did: closed loops with a fixed number of calls in flight, or a fixed rate."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Call = Callable[[int], Awaitable[object]]
"""One call, told its number."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one stretch of load did; latencies in seconds, sorted."""

    calls: int
    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def quantile(self, part: float) -> float:
        """The latency that `part` of the calls did not pass."""
        return self.latencies[min(len(self.latencies) - 1, int(part * len(self.latencies)))]


async def closed(call: Call, *, in_flight: int, seconds: float, first: int = 0) -> Sample:
    """Keep `in_flight` calls going for `seconds`; numbers count up from `first`."""
    latencies: list[float] = []
    number = first
    started = time.perf_counter()
    end = started + seconds

    async def loop() -> None:
        nonlocal number
        while (begun := time.perf_counter()) < end:
            number += 1
            await call(number)
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(loop() for _ in range(in_flight)))
    return Sample(len(latencies), time.perf_counter() - started, sorted(latencies))


async def open_loop(call: Call, *, per_second: float, seconds: float) -> Sample:
    """Begin `per_second` calls a second whatever becomes of the earlier ones; latency counts from when each was due."""
    latencies: list[float] = []
    started = time.perf_counter()
    tasks: list[asyncio.Task[None]] = []

    async def one(number: int, due: float) -> None:
        await call(number)
        latencies.append(time.perf_counter() - due)

    for number in range(int(per_second * seconds)):
        due = started + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    return Sample(len(latencies), time.perf_counter() - started, sorted(latencies))
