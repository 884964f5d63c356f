"""Run one service in this process, as `weir serve` does, and tell a supervisor how it stands."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from weir_chassis.settings import Row, describe, load
from weir_cli import lifeline
from weir_cli.services import Service

HEALTH_LOOK_SECONDS = 0.05


def serve(service: Service, *, supervised: bool = False) -> int:
    """Serve until told to end; the exit status, 2 where it cannot start as configured. Raises SettingsFaults.

    `supervised` holds on to the standard input as its lifeline, and tells address and health on the standard output.
    """
    app = importlib.import_module(service.module)
    settings = load(app.Settings, os.environ)
    process = importlib.import_module("weir_chassis.process")
    if supervised:
        lifeline.hold()
    running = _telling(app.running) if supervised else app.running
    status: int = process.run(running, settings, service=service.name)
    return status


def variables(service: Service) -> list[Row]:
    """Every variable the service reads."""
    return describe(importlib.import_module(service.module).Settings)


def _telling(running: Callable[[Any], AbstractAsyncContextManager[Any]]) -> Callable[[Any], Any]:
    @asynccontextmanager
    async def told(settings: Any) -> AsyncIterator[Any]:
        async with running(settings) as server:
            _tell(listening=server.address)
            health = asyncio.create_task(_follow_health(server))
            try:
                yield server
            finally:
                health.cancel()

    return told


async def _follow_health(server: Any) -> None:
    told: bool | None = None
    while True:
        serving = not server.readiness.waiting_for
        if serving is not told:
            _tell(serving=serving)
            told = serving
        await asyncio.sleep(HEALTH_LOOK_SECONDS)


def _tell(**state: object) -> None:
    sys.stdout.write(json.dumps(state) + "\n")
    sys.stdout.flush()
