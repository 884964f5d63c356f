"""The probe as a process of its own: `python -m tests.kit.probing HOST:PORT READY_FILE`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.probe import Probe, probe_server
from weir_chassis import process
from weir_chassis.server import Server
from weir_chassis.settings import ServerSettings, TelemetrySettings, group, load


@dataclass(frozen=True)
class Settings:
    """What any service has."""

    server: ServerSettings = group(ServerSettings, notice_seconds=0.0)
    telemetry: TelemetrySettings = group(TelemetrySettings, log_format="json")


async def failing(value: str) -> str:
    """An accident with a token in it."""
    secret = f"secret-{value}"
    raise RuntimeError(len(secret))


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Server]:
    """The probe's app."""
    async with probe_server(Probe(single=failing), settings.server).serving() as server:
        yield server


if __name__ == "__main__":
    environ = {**os.environ, "WEIR_LISTEN": sys.argv[1]}
    sys.exit(process.run(running, load(Settings, environ), service="probe", ready_file=Path(sys.argv[2])))
