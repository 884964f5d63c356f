"""The life of a service's process: logs and telemetry on, serving until told to end, then a drain and an exit status.

SIGTERM and SIGINT ask it to end; a second one ends it without waiting. The exit status is 0 after a drain, 2 where the
process cannot start as configured, 1 after an accident.
"""

import asyncio
import gc
import json
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
import uvloop

from weir_chassis import logs, telemetry
from weir_chassis.errors import Misconfigured
from weir_chassis.server import Server
from weir_chassis.settings import TelemetrySettings

DRAINED, ACCIDENT, MISCONFIGURED = 0, 1, 2

log = structlog.get_logger(__name__)


class Settings(Protocol):
    """What the settings of every service have."""

    @property
    def telemetry(self) -> TelemetrySettings:
        """What the process tells about itself."""
        ...


S = TypeVar("S", bound=Settings)


def run(
    running: Callable[[S], AbstractAsyncContextManager[Server]],
    settings: S,
    *,
    service: str,
    ready_file: Path | None = None,
) -> int:
    """Serve until told to end; the exit status.

    `running` yields the started server and drains it when left. Once it listens, `ready_file` holds one JSON object
    with `address` and `pid`, written whole or not at all and removed at the end, so that a supervisor need not guess
    the port.
    """
    logs.configure(settings.telemetry, service)
    told = telemetry.start(settings.telemetry, service)
    told.trace_statements()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_served(running, settings, told, ready_file))
    except Misconfigured as fault:
        log.error("cannot start", fault=str(fault))
        return MISCONFIGURED
    except asyncio.CancelledError:
        log.warning("ended without waiting for the drain")
        return ACCIDENT
    except Exception:
        log.exception("the service broke")
        return ACCIDENT
    finally:
        told.stop()
    log.info("ended")
    return DRAINED


async def _served(
    running: Callable[[S], AbstractAsyncContextManager[Server]],
    settings: S,
    told: telemetry.Telemetry,
    ready_file: Path | None,
) -> None:
    asked = _asked_to_end()
    async with telemetry.lag_measured(told), running(settings) as server:
        gc.collect()
        gc.freeze()  # what was made so far stays: the collector need not look at it again
        _write(ready_file, {"address": server.address, "pid": os.getpid()})
        try:
            ended = asyncio.create_task(server.ended())
            asking = asyncio.create_task(asked.wait())
            await asyncio.wait((ended, asking), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not asked.is_set():
                raise RuntimeError("the server stopped by itself")
        finally:
            _remove(ready_file)


def _asked_to_end() -> asyncio.Event:
    """Set by the first signal to end; the second one cancels the task that waits for the drain."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None

    def ask(number: int) -> None:
        if asked.is_set():
            main.cancel()
            return
        log.info("asked to end", signal=signal.Signals(number).name)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    return asked


def _write(path: Path | None, content: dict[str, object]) -> None:
    if path is None:
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content))
    draft.replace(path)


def _remove(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)
