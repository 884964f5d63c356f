"""A foreign system as a process of its own: started for a block, gone after it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

START_SECONDS = 60.0
END_SECONDS = 10.0


@asynccontextmanager
async def running(*command: str | Path, log: Path, cwd: Path, **environment: str) -> AsyncIterator[str]:
    """The address that the program says it serves at, on whatever it writes; all of that is in `log`."""
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=cwd,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=file,
            stderr=file,
        )
    try:
        yield await asyncio.wait_for(_address(process, log), START_SECONDS)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.communicate(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    while True:
        said = await asyncio.to_thread(log.read_text, errors="replace")
        if found := re.search(r"127\.0\.0\.1:(\d+)", said):
            return f"http://127.0.0.1:{found[1]}"
        assert process.returncode is None, f"it ended before it served:\n{said}"
        await asyncio.sleep(0.05)
