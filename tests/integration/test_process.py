"""A service's process says where it listens, logs what programs can read, and ends as it is asked to."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.kit.connecting import connect
from tests.kit.probe import ProbeStub, until


@asynccontextmanager
async def probing(listen: str, ready: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The probe in its own process, gone at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.kit.probing", listen, str(ready), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lines(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """Everything the ended process logged."""
    _, text = await asyncio.wait_for(process.communicate(), 30)
    return [json.loads(line) for line in text.decode().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serves_until_asked_to_end(tmp_path: Path, number: signal.Signals) -> None:
    """It tells its address once it listens, answers, drains when asked, exits with 0 and leaves no ready file."""
    ready = tmp_path / "ready.json"
    async with probing("127.0.0.1:0", ready) as process:
        await until(ready.exists, 30)
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid
        async with connect(told["address"]) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ProbeStub(channel).ask("Get", "canary-9121", timeout=60)
        process.send_signal(number)
        logged = await lines(process)
        assert process.returncode == 0
    assert not ready.exists()
    events = [line["event"] for line in logged]
    assert events == ["listening", "accident", "asked to end", "draining", "ended"]
    assert logged[0]["address"] == told["address"]
    accident = logged[1]
    assert (accident["service"], accident["level"]) == ("probe", "error")
    assert caught.value.details() == f"incident {accident['incident']}"
    assert "RuntimeError" in accident["exception"]
    assert "canary-9121" not in json.dumps(logged)


async def test_taken_port_ends_with_its_own_status(tmp_path: Path) -> None:
    """A process that cannot start as configured says why in one line and exits with 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with probing(f"127.0.0.1:{port}", tmp_path / "ready.json") as process:
            [line] = await lines(process)
            assert process.returncode == 2
    assert line["event"] == "cannot start"
    assert f"Port {port}" in line["fault"]
