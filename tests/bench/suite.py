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
from weir_cli.suite import kept_port

START_SECONDS = 60.0
CONTEXTS = ("ledger", "sharing", "partitioning", "sync", "pooling")
"""What the aggregator follows."""
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
    postgres: EmbeddedPostgres

    def address(self, name: str) -> str:
        """Where a server listens."""
        return self.servers[name].address

    def owner_url(self, name: str) -> str:
        """URL of the superuser, in the database of a ledger that nobody watches."""
        return self.postgres.url(database=name)

    @property
    def postgres_pid(self) -> int:
        """Process id of the Postgres under them all."""
        assert self.postgres.pid is not None
        return self.postgres.pid


@contextmanager
def suite(**environment: str) -> Iterator[Suite]:
    """The servers of the bench for the block, all told these variables."""
    with ledgers(ALONE) as running, ExitStack() as stack:
        home = running.postgres.directory.parent
        urls = {name: _migrated(running.postgres, f"weir_{name}", "weir") for name in CONTEXTS}
        servers = {**running.servers}
        aggregator = f"127.0.0.1:{stack.enter_context(kept_port())}"  # partitioning asks it, and comes before it
        targets = {"WEIR_AGGREGATOR_TARGET": aggregator, **environment}
        for name in ("echo", "empty", *urls):
            environ = {"WEIR_DATABASE_URL": urls[name], **targets} if name in urls else {}
            servers[name] = stack.enter_context(_serving(name, name, home, environ))
            targets[f"WEIR_{name.upper()}_TARGET"] = servers[name].address
        servers["aggregator"] = stack.enter_context(
            _serving(
                "aggregator", "aggregator", home, {**targets, "WEIR_LISTEN": aggregator, "WEIR_REUSE_PORT": "true"}
            )
        )
        yield Suite(servers, running.postgres)


@contextmanager
def ledgers(*names: str) -> Iterator[Suite]:
    """A ledger of each name for the block, in a database of that name."""
    with directory() as home, EmbeddedPostgres(home) as postgres, ExitStack() as stack:
        servers: dict[str, Running] = {}
        for name in names:
            wait(_create(postgres, name))
            url = _migrated(postgres, "weir_ledger", name)
            servers[name] = stack.enter_context(_serving(name, "ledger", home.parent, {"WEIR_DATABASE_URL": url}))
        yield Suite(servers, postgres)


@contextmanager
def pooled(name: str) -> Iterator[Suite]:
    """A ledger of this name, pooling on it, and what its calls are compared with, for the block."""
    with ledgers(name) as running, ExitStack() as stack:
        home = running.postgres.directory.parent
        environ = {
            "WEIR_DATABASE_URL": _migrated(running.postgres, "weir_pooling", name),
            "WEIR_LEDGER_TARGET": running.address(name),
        }
        servers = {
            each: stack.enter_context(_serving(each, each, home, environ if each == "pooling" else {}))
            for each in ("echo", "empty", "pooling")
        }
        yield Suite({**running.servers, **servers}, running.postgres)


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
def _serving(name: str, service: str, home: Path, environ: Mapping[str, str]) -> Iterator[Running]:
    """One server process for the block."""
    ready_file = home / f"{name}.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.serve", service, str(ready_file)],
        env={**os.environ, "WEIR_LOG_LEVEL": "warning", "WEIR_LISTEN": "127.0.0.1:0", **environ},
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
