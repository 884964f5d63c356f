"""A wire that a test can slow, hold, let go and cut: between any two programs that speak TCP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536


class Wire:
    """Bytes pass both ways while it is open; held, they wait in order and none is lost; cut, the connections end."""

    def __init__(self, target: str) -> None:
        """Lead to `host:port`."""
        self.lead_to(target)
        self._open = asyncio.Event()
        self._open.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.delay_seconds = (0.0, 0.0)
        """How long bytes take each way, from and to."""
        self.connections = 0
        """How many were ever made."""

    def lead_to(self, target: str) -> None:
        """Lead to another `host:port` from now on; connections stay where they are."""
        self._host, _, self._port = target.rpartition(":")

    def hold(self) -> None:
        """Let nothing through, as a slow network does; connections stay."""
        self._open.clear()

    def let_go(self) -> None:
        """Let everything through that waited, and what comes."""
        self._open.set()

    def cut(self) -> None:
        """End every connection; new ones can be made."""
        for end in list(self._ends):
            end.transport.abort()

    async def close(self) -> None:
        """End everything."""
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a caller to the target."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        self._ends |= {writer, far_writer}
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        except asyncio.CancelledError:
            pass  # it ends here in any case; asyncio would log a cancelled task of a stream as an accident
        finally:
            for end in (writer, far_writer):
                self._ends.discard(end)
                end.transport.abort()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._open.wait()
                if self.delay_seconds[1]:
                    await asyncio.sleep(random.uniform(*self.delay_seconds))
                if writer.is_closing():
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def wire(target: str) -> AsyncIterator[Wire]:
    """A wire to `target` for the block; call it at its `address`."""
    made = Wire(target)
    server = await asyncio.start_server(made.joined, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    made.address = f"{host}:{port}"
    try:
        yield made
    finally:
        server.close()
        await made.close()
