"""Streams of messages to a service: only their callers end them, nothing else cuts them short, and a drain does so in a
way that they can go on from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.kit.connecting import connect
from tests.kit.probe import Probe, ProbeStub, probe_server, until
from tests.kit.proxy import wire
from weir_chassis import edge, status
from weir_chassis.policy import Traffic
from weir_chassis.server import Server
from weir_chassis.settings import ServerSettings

STREAMS = 40


async def begun(stub: ProbeStub, server: Server) -> Any:
    """A stream of which the server has read the first message."""
    call = stub.method("Import")()
    await call.write(StringValue(value="half"))
    await until(lambda: server.in_flight(Traffic.WRITE) == 1)
    return call


async def taken_for_whole(streams: int) -> list[str]:
    """What a server took for all there was, of streams whose connections were lost in their middle."""
    taken: list[str] = []

    async def take(value: str) -> str:
        taken.append(value)
        return value

    server = probe_server(Probe(single=take))
    async with server.serving(), AsyncExitStack() as stack:
        for _ in range(streams):
            lost = await stack.enter_async_context(wire(server.address))
            options = [("grpc.enable_retries", 0)]
            channel = await stack.enter_async_context(connect(lost.address, options))
            call = await begun(ProbeStub(channel), server)
            lost.cut()
            with pytest.raises(grpc.aio.AioRpcError):
                await call
            await until(lambda: server.in_flight(Traffic.WRITE) == 0)
    return taken


async def test_a_lost_connection_is_no_end() -> None:
    """What came over a connection that was lost is never taken for all that its caller had to send."""
    assert await taken_for_whole(STREAMS) == []


async def test_a_lost_connection_would_be_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without a second look some lost connections pass for the end of a stream."""

    async def unasked(requests: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
        async for each in requests:
            yield each

    monkeypatch.setattr(edge, "_whole", unasked)
    assert "half" in await taken_for_whole(STREAMS)


async def test_an_end_is_an_end() -> None:
    """A stream that its caller ends is answered with all that was sent, once."""
    server = probe_server(Probe())
    async with server.serving(), connect(server.address) as channel:
        call = await begun(ProbeStub(channel), server)
        await call.write(StringValue(value=" whole"))
        await call.done_writing()
        assert (await call).value == "half whole"


async def test_a_stream_outlasts_the_deadline_of_calls() -> None:
    """A stream whose caller set no deadline has none, however short that of other calls is."""
    seconds = 0.1
    server = probe_server(Probe(), ServerSettings(deadline_default_seconds=seconds, notice_seconds=0.0))
    async with server.serving(), connect(server.address) as channel:
        call = await begun(ProbeStub(channel), server)
        later = asyncio.get_running_loop().time() + 3 * seconds
        await until(lambda: asyncio.get_running_loop().time() > later)
        await call.done_writing()
        assert (await call).value == "half"


async def test_drain_ends_streams() -> None:
    """A drain ends a stream in progress with DRAINING, and the server ends without waiting for it."""
    server = probe_server(Probe(), ServerSettings(notice_seconds=0.0, drain_seconds=30.0))
    await server.start()
    async with connect(server.address) as channel:
        call = await begun(ProbeStub(channel), server)
        drained = asyncio.create_task(server.drain())
        await refused_as_draining(lambda: call)
        await asyncio.wait_for(drained, 5)


async def test_no_stream_begins_in_a_drain() -> None:
    """A stream that comes while a server drains is refused with DRAINING."""
    leave = asyncio.Event()

    async def wait(value: str) -> str:
        await leave.wait()
        return value

    server = probe_server(Probe(single=wait), ServerSettings(notice_seconds=0.0, drain_seconds=30.0))
    await server.start()
    async with connect(server.address) as channel:
        stub = ProbeStub(channel)
        busy = asyncio.create_task(stub.ask("Get", "x"))
        await until(lambda: server.in_flight(Traffic.READ) == 1)
        first = await begun(stub, server)
        server._edge.drain()
        await refused_as_draining(lambda: first)
        await refused_as_draining(lambda: stub.method("Import")(iter([StringValue(value="late")])))
        leave.set()
        assert await busy == "x"
        await server.drain()


async def refused_as_draining(call: Callable[[], Any]) -> None:
    """A call ends so that its caller goes on elsewhere."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert status.reason(caught.value) == "DRAINING"
