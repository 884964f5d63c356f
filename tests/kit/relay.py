"""The relay (`tests.kit.relaying`) as a process that a test starts, ends and starts again at the same address."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.contract.tree import ROOT
from tests.kit.waiting import until

END_SECONDS = 20.0

_numbers = itertools.count()


class Relay:
    """One process after the other at one address."""

    def __init__(self, folder: Path, ledger: str, environment: dict[str, str]) -> None:
        """Nothing runs before `start`; its ready files go into `folder`."""
        self.address = "127.0.0.1:0"
        self.log: list[dict[str, object]] = []
        """Every line that its processes logged until they ended."""
        self._ready = folder / f"relay-{next(_numbers)}.json"
        self._ledger = ledger
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Run until it listens."""
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.kit.relaying", self.address, str(self._ready), self._ledger),
            cwd=ROOT,
            env={**os.environ, **self._environment},
            stderr=asyncio.subprocess.PIPE,
        )
        await until(lambda: self._ready.exists() or process.returncode is not None)
        assert self._ready.exists(), await process.communicate()
        self.address = json.loads(self._ready.read_text())["address"]

    async def stop(self) -> int:
        """Ask it to end; its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, text = await asyncio.wait_for(process.communicate(), END_SECONDS)
        self.log += [json.loads(line) for line in text.decode().splitlines()]
        assert process.returncode is not None
        return process.returncode

    async def kill(self) -> None:
        """End it as a power cut would, if it runs."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def relay(folder: Path, ledger: str = "127.0.0.1:1", **environment: str) -> AsyncIterator[Relay]:
    """A relay that runs within the block and asks the ledger at this address."""
    made = Relay(folder, ledger, environment)
    try:
        await made.start()
        yield made
    finally:
        await made.kill()
