"""Offered three times what it can do, a server does what it can, and says no to the rest at once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.kit.connecting import connect
from tests.kit.probe import Probe, ProbeStub, probe_server, until
from weir_chassis import status
from weir_chassis.policy import Traffic
from weir_chassis.server import Server
from weir_chassis.settings import ServerSettings

LIMIT = 8
OVERLOAD = 3
SETTINGS = ServerSettings(read_limit=LIMIT, notice_seconds=0.0, drain_seconds=1.0)
PAUSE_SECONDS = 0.05
"""How long the slow handler takes, so that the server can do LIMIT / PAUSE_SECONDS calls a second."""
CALLS = 600


class Busy:
    """Handlers that take their time, and how many there were at once."""

    def __init__(self) -> None:
        """None yet."""
        self.now = 0
        self.most = 0
        self.gate = asyncio.Event()

    async def slow(self, value: str) -> str:
        """Answer after a while."""
        return await self._counted(value, asyncio.sleep(PAUSE_SECONDS))

    async def gated(self, value: str) -> str:
        """Answer once the gate opens."""
        return await self._counted(value, self.gate.wait())

    async def _counted(self, value: str, pause: Any) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await pause
        finally:
            self.now -= 1
        return value


async def outcome(stub: ProbeStub, value: str) -> str:
    """`ok`, or the reason of the refusal, which says when to come again; anything else is raised."""
    try:
        assert await stub.ask("Get", value, timeout=30) == value
    except grpc.aio.AioRpcError as error:
        refusal = status.told(error)
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED or refusal is None:
            raise
        assert refusal.retry_after_seconds is not None
        assert refusal.retry_after_seconds > 0
        return refusal.reason
    return "ok"


async def healthy(channel: grpc.aio.Channel) -> bool:
    """Whether the server says SERVING."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def left(server: Server, busy: Busy) -> list[int]:
    """What is still in progress, wherever it could be."""
    return [*(server.in_flight(traffic) for traffic in Traffic), busy.now]


async def test_capacity_is_used_and_the_rest_refused() -> None:
    """Round after round exactly as many as there is room for are taken; the others hear no while those still run."""
    busy = Busy()
    server = probe_server(Probe(single=busy.gated), SETTINGS)
    async with server.serving(), connect(server.address) as channel:
        stub = ProbeStub(channel)
        for _ in range(5):
            busy.gate.clear()
            calls = [asyncio.create_task(outcome(stub, str(number))) for number in range(OVERLOAD * LIMIT)]
            refused = (OVERLOAD - 1) * LIMIT
            await until(lambda calls=calls, refused=refused: sum(call.done() for call in calls) == refused)  # type: ignore[misc]
            assert server.in_flight(Traffic.READ) == busy.now == LIMIT
            assert await healthy(channel)
            busy.gate.set()
            assert Counter(await asyncio.gather(*calls)) == {"ok": LIMIT, "OVERLOADED": refused}
        assert busy.most == LIMIT
        await until(lambda: not any(left(server, busy)))


async def test_open_loop_of_three_times_the_capacity() -> None:
    """Calls that come whatever becomes of the earlier ones are answered or refused, health is told meanwhile, room is
    never overdrawn, and nothing is left."""
    busy = Busy()
    server = probe_server(Probe(single=busy.slow), SETTINGS)
    async with server.serving(), connect(server.address) as channel:
        stub = ProbeStub(channel)
        tasks = len(asyncio.all_tasks())
        interval_seconds = PAUSE_SECONDS / LIMIT / OVERLOAD
        outcomes: Counter[str] = Counter()
        healths = 0

        async def call(number: int) -> None:
            outcomes[await outcome(stub, str(number))] += 1

        async def look() -> None:
            nonlocal healths
            while True:
                assert await healthy(channel)
                healths += 1

        looking = asyncio.create_task(look())
        due = time.perf_counter()
        async with asyncio.TaskGroup() as calls:
            for number in range(CALLS):
                calls.create_task(call(number))
                due += interval_seconds
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
        assert not looking.done(), looking
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        assert outcomes["ok"] + outcomes["OVERLOADED"] == CALLS
        assert outcomes["ok"]
        assert outcomes["OVERLOADED"], "it was no overload: nothing was shown"
        assert healths > 0
        assert busy.most <= LIMIT
        await until(lambda: not any(left(server, busy)))
        # One may wait for the next call. The question about health that was broken off may take as long as a call may.
        await until(lambda: len(asyncio.all_tasks()) <= tasks + 1, seconds=30)
        assert await outcome(stub, "room again") == "ok"
