"""Start what is measured, each in a process of its own, on a Postgres that keeps every promise."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.kit.postgres import directory, wait
from weir_chassis.embedded import EmbeddedPostgres
from weir_chassis.migrations import migrate

START_SECONDS = 60.0
ALONE = "alone"
"""The ledger that nobody watches; the one named `ledger` is watched by the aggregator."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server process: where it listens, and its id."""

    address: str
    pid: int


@dataclass(frozen=True, slots=True)
class Suite:
    """All that is measured."""

    servers: Mapping[str, Running]
    postgres_pid: int

    def address(self, name: str) -> str:
        """Where a server listens."""
        return self.servers[name].address


@contextmanager
def suite() -> Iterator[Suite]:
    """The servers of the bench for the block."""
    with ExitStack() as stack:
        home = stack.enter_context(directory())
        postgres = stack.enter_context(EmbeddedPostgres(home))
        wait(_create(postgres, ALONE))
        urls = {
            "ledger": _migrated(postgres, "weir_ledger", "weir"),
            "sharing": _migrated(postgres, "weir_sharing", "weir"),
            ALONE: _migrated(postgres, "weir_ledger", ALONE),
        }
        servers: dict[str, Running] = {}
        for name in ("echo", "empty", *urls):
            environ = {"WEIR_DATABASE_URL": urls[name], "WEIR_LISTEN": "127.0.0.1:0"} if name in urls else {}
            servers[name] = stack.enter_context(_serving(name, home.parent, environ))
        targets = {
            "WEIR_LISTEN": "127.0.0.1:0",
            "WEIR_LEDGER_TARGET": servers["ledger"].address,
            "WEIR_SHARING_TARGET": servers["sharing"].address,
        }
        servers["aggregator"] = stack.enter_context(_serving("aggregator", home.parent, targets))
        assert postgres.pid is not None
        yield Suite(servers, postgres.pid)


async def _create(postgres: EmbeddedPostgres, database: str) -> None:
    """Make a database."""
    connection = await asyncpg.connect(postgres.url())
    await connection.execute(f"CREATE DATABASE {database}")
    await connection.close()


def _migrated(postgres: EmbeddedPostgres, schema: str, database: str) -> str:
    """The URL of a schema that was just made in a database."""
    wait(migrate(postgres.url(database=database), schema, password=postgres.password(schema)))
    return postgres.url(schema, database=database)


@contextmanager
def _serving(name: str, home: Path, environ: Mapping[str, str]) -> Iterator[Running]:
    """One server process for the block."""
    ready_file = home / f"{name}.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.serve", "ledger" if name == ALONE else name, str(ready_file)],
        env={**os.environ, "WEIR_LOG_LEVEL": "warning", **environ},
    )
    try:
        end = time.monotonic() + START_SECONDS
        while not ready_file.exists() or not ready_file.read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start")
            time.sleep(0.02)
        ready = json.loads(ready_file.read_text())
        yield Running(ready["address"], ready["pid"])
    finally:
        process.terminate()
        process.wait(timeout=30)
