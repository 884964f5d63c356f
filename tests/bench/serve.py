"""The processes that are measured: `python -m tests.bench.serve echo|empty|SERVICE READY_FILE`."""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop
from google.protobuf.wrappers_pb2 import StringValue

from tests.kit.probe import Probe, probe_server
from weir_chassis import process
from weir_chassis.auth import authenticator
from weir_chassis.server import Server
from weir_chassis.settings import AuthSettings, ServerSettings, TelemetrySettings, group, load

ECHO = "/weir.bench.v1.Echo/Get"


@dataclass(frozen=True)
class EmptySettings:
    """Those of a service without a database."""

    server: ServerSettings = group(ServerSettings)
    auth: AuthSettings = group(AuthSettings)
    telemetry: TelemetrySettings = group(TelemetrySettings)


@asynccontextmanager
async def empty(settings: EmptySettings) -> AsyncIterator[Server]:
    """The whole chassis around a method that does nothing."""
    authentication = authenticator(settings.auth, settings.server.listen)
    async with probe_server(Probe(), settings.server, authenticator=authentication).serving() as server:
        yield server


def tell(ready_file: Path, address: str) -> None:
    """Say where this process listens, as `process.run` does."""
    ready_file.write_text(json.dumps({"address": address, "pid": os.getpid()}))


async def echo(ready_file: Path) -> None:
    """What grpc.aio does by itself."""

    async def get(request: StringValue, context: Any) -> StringValue:
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(get, StringValue.FromString, StringValue.SerializeToString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(ECHO.split("/")[1], {"Get": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    tell(ready_file, f"127.0.0.1:{port}")
    await server.wait_for_termination()


def main(name: str, ready_file: Path) -> int:
    """Serve `name` until told to end."""
    if name == "echo":
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(echo(ready_file))
        return 0
    if name == "empty":
        return process.run(empty, load(EmptySettings, os.environ), service="weir_bench", ready_file=ready_file)
    app = importlib.import_module(f"weir_{name}.app")
    settings = load(app.Settings, os.environ)
    return process.run(app.running, settings, service=f"weir_{name}", ready_file=ready_file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
