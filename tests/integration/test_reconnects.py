"""Connections end and processes are replaced while callers go on: no call is lost, and no message of a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.kit.connecting import connect
from tests.kit.probe import Probe, ProbeStub, probe_server
from tests.kit.proxy import wire
from tests.kit.relay import Relay, relay
from tests.kit.relaying import counting
from tests.kit.waiting import until
from weir_chassis.client import Peer
from weir_chassis.settings import ClientSettings, ServerSettings
from weir_chassis.watch import watch

CALLERS = 4


class Traffic:
    """Callers that never pause, and a watch that counts, all through one peer."""

    def __init__(self, peer: Peer, callers: int) -> None:
        """Use `traffic`."""
        self._more = 10 * callers
        self._stub = ProbeStub(peer.channel)
        self.answers = 0
        self.counted: list[int] = []
        self.ending = False

    async def ask(self) -> None:
        """Call after call; any that is not answered is raised."""
        while not self.ending:
            value = str(self.answers)
            assert await self._stub.ask("Get", value) == value
            self.answers += 1

    async def follow(self) -> None:
        """Follow the count."""
        stream: Any = watch(
            lambda mark: self._stub.stream("Watch", str(mark)),
            after=0,
            through=lambda message: int(message.value),
            newer=lambda one, other: one > other,
        )
        async with aclosing(stream) as messages:
            async for message in messages:
                self.counted.append(int(message.value))

    async def goes_on(self) -> None:
        """Wait until more calls are answered, and the watch has shown more."""
        answers, counted = self.answers + self._more, len(self.counted) + 10
        await until(lambda: self.answers >= answers and len(self.counted) >= counted)


@asynccontextmanager
async def traffic(peer: Peer, *, callers: int = CALLERS) -> AsyncIterator[Traffic]:
    """Traffic for the block; at its end every call was answered and the count is whole."""
    made = Traffic(peer, callers)
    following = asyncio.create_task(made.follow())
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(made.ask())
        try:
            yield made
            assert not following.done(), following
        finally:
            made.ending = True
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert made.counted == list(range(1, len(made.counted) + 1))


async def test_connections_of_age_are_replaced() -> None:
    """Asked to connect anew again and again, callers lose no call, and a watch that is cut with its connection loses
    and repeats nothing."""
    settings = ServerSettings(
        connection_age_seconds=0.2, connection_grace_seconds=0.2, notice_seconds=0.0, drain_seconds=0.1
    )
    opened: list[str] = []

    async def count(value: str) -> AsyncIterator[str]:
        opened.append(value)
        async with aclosing(counting(value)) as numbers:
            async for number in numbers:
                yield number

    async with (
        probe_server(Probe(many=count), settings).serving() as server,
        wire(server.address) as between,
        Peer(between.address) as peer,
        traffic(peer) as going,
    ):
        await until(lambda: between.connections >= 5 and len(opened) >= 3)
        await going.goes_on()


async def test_connections_that_break_are_replaced() -> None:
    """A watch on a connection that is torn goes on with the next one, after its last mark."""
    async with (
        probe_server(Probe(many=counting)).serving() as server,
        wire(server.address) as between,
        Peer(between.address) as peer,
        traffic(peer, callers=0) as going,
    ):
        for _ in range(3):
            await going.goes_on()
            between.cut()
        await going.goes_on()
        assert between.connections >= 4


async def test_a_silent_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing comes back any more a stream without a deadline ends, and the next call connects anew."""
    monkeypatch.setattr("weir_chassis.client.KEEPALIVE_TIMEOUT_SECONDS", 0.2)
    async with (
        probe_server(Probe(many=counting)).serving() as server,
        wire(server.address) as between,
        Peer(between.address, ClientSettings(keepalive_seconds=0.2)) as peer,
    ):
        stub = ProbeStub(peer.channel)
        stream = stub.stream("Watch")
        assert (await stream.read()).value == "1"
        between.hold()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while await stream.read():
                pass
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        between.let_go()
        assert await stub.ask("Get", "again", wait_for_ready=True) == "again"
        assert between.connections > 1


async def test_a_rolling_restart_loses_nothing(tmp_path: Path) -> None:
    """Two processes are replaced one after the other, with settings as shipped: every call is answered, the watch is
    whole, and every process ends with 0."""
    async with (
        relay(tmp_path) as first,
        relay(tmp_path) as second,
        Peer(f"ipv4:{first.address},{second.address}") as peer,
        traffic(peer) as going,
    ):
        await going.goes_on()
        for each in (first, second):
            assert await each.stop() == 0
            await going.goes_on()
            await each.start()
            await answering(each)
        await going.goes_on()


async def answering(each: Relay) -> None:
    """The process answers those who know only it."""
    async with connect(each.address) as channel:
        assert await ProbeStub(channel).ask("Get", "x", timeout=60, wait_for_ready=True) == "x"
