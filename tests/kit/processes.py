"""A service as its own process, as `weir serve` runs it: for tests that kill it, or read all that it ever said."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.contract.tree import ROOT
from tests.kit.postgres import FreshDatabase
from tests.kit.suite import CONTEXTS, SCHEMAS, Suite, connected
from weir_cli.suite import kept_port

START_SECONDS = 40.0
END_SECONDS = 20.0


class Program:
    """One service, which can be killed and started again at the same address."""

    def __init__(self, service: str, environment: Mapping[str, str], address: str, module: str = "weir_cli") -> None:
        """Nothing runs before `start`; the environment is all that the service is told, beside where Python is and it
        listens: at a port that is kept for it, lest it be another's while it is dead. Another `module` stands for the
        command line.
        """
        self.service = service
        self.address = address
        """Where it listens."""
        self.log = ""
        """All that it wrote to its standard error, over all its lives."""
        self._environment = dict(environment)
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()

    async def start(self, **more: str) -> None:
        """Run until it listens, told `more` for this life; fails with its log where it never does."""
        self._listening.clear()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module, "serve", self.service, "--supervised"),
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "OTEL_"))},
                "WEIR_NOTICE_SECONDS": "0",
                "WEIR_DRAIN_SECONDS": "1",
                **self._environment,
                **more,
                "WEIR_LISTEN": self.address,
                "WEIR_REUSE_PORT": "true",
            },
            stdin=asyncio.subprocess.PIPE,  # its lifeline: it ends when we do
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_states(self._process.stdout)),
            asyncio.create_task(self._read_log(self._process.stderr)),
        ]
        ended = asyncio.create_task(self._process.wait())
        listening = asyncio.create_task(self._listening.wait())
        try:
            await asyncio.wait([ended, listening], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await asyncio.gather(*self._readers)  # why it ended
            assert self._listening.is_set(), f"{self.service} does not listen:\n{self.log}"
        finally:
            listening.cancel()

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self._end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, such as to stop for a while and to go on."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> int:
        """Ask it to end; its exit status."""
        return await self._end(signal.SIGTERM)

    async def dead(self) -> int:
        """Wait until it has ended by itself; its exit status."""
        assert self._process is not None
        await asyncio.wait_for(self._process.wait(), END_SECONDS)
        return await self.stop()

    async def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(number)
        status = await asyncio.wait_for(process.wait(), END_SECONDS)
        await asyncio.gather(*self._readers)
        return status

    async def _read_states(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            state = json.loads(line)
            if "listening" in state:
                self._listening.set()

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self.log += line.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Programs:
    """The suite, each service a process of its own."""

    suite: Suite
    each: tuple[Program, ...]
    """All of them, in the order they are started."""

    @property
    def ledger(self) -> Program:
        """The ledger."""
        return self.each[0]

    @property
    def partitioning(self) -> Program:
        """Partitioning."""
        return self.each[CONTEXTS.index("partitioning")]

    @property
    def aggregator(self) -> Program:
        """The aggregator."""
        return self.each[-1]

    @property
    def log(self) -> str:
        """All that any of them ever wrote."""
        return "".join(program.log for program in self.each)


@asynccontextmanager
async def programs(
    database: FreshDatabase,
    *,
    aggregator: Mapping[str, str] | None = None,
    partitioning: str = "weir_cli",
    **environment: str,
) -> AsyncIterator[Programs]:
    """The suite on `database` as processes for the block, all told these variables; the aggregator some more.
    `partitioning` is the module that it is run by.
    """
    async with AsyncExitStack() as stack:
        keepers: list[Program] = []
        address = f"127.0.0.1:{stack.enter_context(kept_port())}"
        targets = {"WEIR_AGGREGATOR_TARGET": address}
        for service, schema in zip(CONTEXTS, SCHEMAS, strict=True):  # each is told of those before it
            told = {"WEIR_DATABASE_URL": database.url(schema), **targets, **environment}
            module = partitioning if service == "partitioning" else "weir_cli"
            keepers.append(await stack.enter_async_context(program(service, module=module, **told)))
            targets[f"WEIR_{service.upper()}_TARGET"] = keepers[-1].address
        addresses = {service: each.address for service, each in zip(CONTEXTS, keepers, strict=True)}
        usual = {"WEIR_AGGREGATOR_HEARTBEAT_SECONDS": "0.5", "WEIR_AGGREGATOR_TENANTS": ""}
        told = {**usual, **targets, **environment, **(aggregator or {})}
        last = await stack.enter_async_context(program("aggregator", address, **told))
        addresses["aggregator"] = last.address
        channels = await stack.enter_async_context(connected(*addresses.values()))
        yield Programs(Suite(addresses, channels, database_url=database.owner_url), (*keepers, last))


@asynccontextmanager
async def program(
    service: str, address: str = "", *, module: str = "weir_cli", **environment: str
) -> AsyncIterator[Program]:
    """A service, by name, that runs within the block, told these variables; at an address where a port is kept."""
    with kept_port() as port:
        running = Program(service, environment, address or f"127.0.0.1:{port}", module)
        try:
            await running.start()
            yield running
        finally:
            await running.kill()
