"""`weir up` brings everything up with one command, keeps it up, says what is in the way, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tests.contract.tree import ROOT
from tests.kit.command import Weir, clean_environment
from tests.kit.postgres import directory, server
from tests.kit.waiting import until
from weir_chassis.embedded import EmbeddedPostgres
from weir_cli.services import SERVICES
from weir_cli.suite import kept_port

START_SECONDS = 180.0


@dataclass
class Up:
    """A running `weir up`."""

    process: asyncio.subprocess.Process
    home: Path
    file: Path
    lines: list[str] = field(default_factory=list)

    @property
    def state(self) -> Any:
        """What it wrote about itself: addresses and processes."""
        return json.loads(self.file.read_text())

    @property
    def weir(self) -> Weir:
        """Somebody at a terminal beside it."""
        addresses = self.state["addresses"]
        return Weir({name: address for name, address in addresses.items() if name != "postgres"})

    def said(self, *words: str) -> bool:
        """Whether a line holds all of the words."""
        return any(all(word in line for word in words) for line in self.lines)


@contextlib.asynccontextmanager
async def up(home: Path, *options: str, **environment: str) -> AsyncIterator[Up]:
    """`weir up` with an embedded Postgres in `home`, once everything serves; killed at the end if it still runs."""
    file = home.parent / "addresses.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weir_cli", "up", "--data-directory", str(home)),
        *("--addresses", str(file), *(options or ("--free-ports",))),
        cwd=ROOT,
        env=clean_environment(**environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Up(process, home, file)
    reader = asyncio.create_task(_read(running))
    try:
        await until(lambda: file.exists() or process.returncode is not None, START_SECONDS)
        assert process.returncode is None, running.lines
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await reader
        await until(lambda: not EmbeddedPostgres(home).alive)


def unused_ports() -> dict[str, int]:
    """A port for each service that nobody has now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in SERVICES]
        return {name: probe.getsockname()[1] for name, probe in zip(SERVICES, probes, strict=True)}


async def _read(running: Up) -> None:
    assert running.process.stdout is not None
    async for line in running.process.stdout:
        running.lines.append(line.decode().rstrip())


def family(pid: int) -> set[int]:
    """Every process below this one, but Postgres, which is looked for by its lock."""
    return {child.pid for child in psutil.Process(pid).children(recursive=True) if "postgres" not in child.name()}


async def test_everything_comes_up_is_kept_up_and_ends_in_order() -> None:
    """One command serves where it is told to; a killed service and a killed Postgres come back and are said to; Ctrl-C
    ends all."""
    with directory() as home:
        ports = unused_ports()
        async with up(
            home, *(word for name, port in ports.items() for word in (f"--{name}-port", str(port)))
        ) as running:
            assert {name: f"127.0.0.1:{port}" for name, port in ports.items()}.items() <= running.state[
                "addresses"
            ].items()
            weir = running.weir
            status = await weir("status", "--json")
            assert status.status == 0, status
            assert [each["health"] for each in status.document["services"]] == ["SERVING"] * len(SERVICES)
            ledger = running.state["processes"]["ledger"]
            os.kill(ledger, signal.SIGKILL)
            await until(lambda: running.said("ledger", "was killed by SIGKILL; starting it again in 0.5 s"))
            EmbeddedPostgres(home).kill()
            await until(lambda: running.said("postgres", "is gone; starting it again"))

            async def served() -> bool:
                return (await weir("status", "--deadline", "5")).status == 0

            await until(served, START_SECONDS)
            everyone = family(running.process.pid)
            assert everyone
            running.process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(running.process.wait(), 60) == 0
            assert not EmbeddedPostgres(home).alive
            assert not any(psutil.pid_exists(pid) for pid in everyone)
            assert not running.file.exists()
        ended = [line.split()[0] for line in running.lines if line.endswith("│ ended")]
        assert ended == [*reversed(SERVICES), "postgres"]


async def test_nothing_is_left_behind_where_it_is_killed() -> None:
    """After kill -9 of `weir up` every service ends, and the last one to leave stops Postgres."""
    with directory() as home:
        async with up(home, "--free-ports", "--json") as running:
            everyone = family(running.process.pid)
            assert everyone
            running.process.kill()
            await running.process.wait()
            await until(lambda: not any(psutil.pid_exists(pid) for pid in everyone), 60)
            await until(lambda: not EmbeddedPostgres(home).alive, 60)
        events = [json.loads(line) for line in running.lines if '"event": "up"' in line]
        assert set(events[0]["addresses"]) == {"postgres", *SERVICES}


async def test_a_postgres_of_ones_own_is_migrated_and_served() -> None:
    """By URL: the check says what is missing, `weir migrate` makes schemas and roles, `weir up` serves on them."""
    with server() as postgres, directory() as home:
        ours = f"postgresql://{{service}}:a-password@127.0.0.1:{postgres.port}/weir"
        urls = {"WEIR_DATABASE_URL": ours, "WEIR_DATABASE_OWNER_URL": postgres.url()}
        checked = await Weir(environment=urls)("migrate", "--check", "--json")
        assert checked.status == 1
        schemas = [service.schema for service in SERVICES.values() if service.schema is not None]
        assert [each["schema"] for each in checked.document["schemas"]] == schemas
        alone = await Weir(environment={"WEIR_DATABASE_URL": ours})("migrate")
        assert (alone.status, "WEIR_DATABASE_OWNER_URL" in alone.err) == (2, True)
        for words in (("migrate",), ("migrate",), ("migrate", "--check")):
            said = await Weir(environment=urls)(*words)
            assert (said.status, said.out.splitlines()) == (0, [f"✓ {schema} stands." for schema in schemas])
        async with up(home, **urls) as running:
            assert set(running.state["addresses"]) == set(SERVICES)
            assert (await running.weir("status")).status == 0
            assert running.said("migrate", "weir_ledger stands")
            assert not running.said("a-password")
        assert postgres.alive


async def test_a_restore_is_told_by_a_new_epoch() -> None:
    """`weir migrate --bump-epoch` raises the epoch of every schema by one, and cannot be mixed with a mere look."""
    with server() as postgres:
        ours = f"postgresql://{{service}}:a-password@127.0.0.1:{postgres.port}/weir"
        weir = Weir(environment={"WEIR_DATABASE_URL": ours, "WEIR_DATABASE_OWNER_URL": postgres.url()})
        for words, status in ((("--bump-epoch",), 0), (("--bump-epoch",), 0), (("--check", "--bump-epoch"), 2)):
            assert (await weir("migrate", *words)).status == status
        connection = await asyncpg.connect(postgres.url())
        for schema in ("weir_ledger", "weir_sharing"):
            assert await connection.fetchval(f"SELECT epoch FROM {schema}.cluster") == 3
        await connection.close()


async def test_a_port_that_is_taken_is_named() -> None:
    """Every port that another program has is told with its service and the way out; nothing is started."""
    with (
        directory() as home,
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = [str(each.getsockname()[1]) for each in (one, two)]
        options = ("--ledger-port", ports[0], "--sharing-port", ports[1], "--aggregator-port", "0")
        for verb in ("up", "demo"):
            said = await Weir()(verb, "--data-directory", str(home), *options)
            assert said.status == 3
            for service, port in (("ledger", ports[0]), ("sharing", ports[1])):
                assert (
                    f"Port {port}, where {service} is to listen, is taken by another program: end it, or choose another"
                    f" by --{service}-port." in said.err
                )
        assert not (home / "cluster").exists()


async def test_settings_that_cannot_be_used_are_told_all_at_once(tmp_path: Path) -> None:
    """A service with bad settings names every one of them and ends with status 2."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weir_cli", "serve", "ledger"),
        cwd=ROOT,
        env=clean_environment(WEIR_LISTEN="nowhere", WEIR_READ_LIMIT="0", WEIR_DATABASE_URL="mysql://secret@x/y"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert all(name in err.decode() for name in ("WEIR_LISTEN", "WEIR_READ_LIMIT", "WEIR_DATABASE_URL"))
    assert "secret" not in err.decode()


async def test_settings_are_described() -> None:
    """Every variable is there with its meaning and who reads it; those of one service alone with `serve`."""
    weir = Weir()
    found = (await weir("settings", "--json")).document["settings"]
    by_name = {each["name"]: each for each in found}
    ports = {"ledger": 7101, "sharing": 7102, "partitioning": 7103, "sync": 7104, "pooling": 7105, "aggregator": 7100}
    assert by_name["WEIR_LISTEN"]["defaults"] == {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    assert by_name["WEIR_DATABASE_URL"]["secret"] is True
    assert set(by_name["WEIR_DATABASE_URL"]["defaults"]) == ports.keys() - {"aggregator"}
    alone = await weir("serve", "aggregator", "--describe")
    assert alone.status == 0
    assert "WEIR_LEDGER_TARGET" in alone.out
    assert "WEIR_DATABASE_URL" not in alone.out


async def test_help_and_faults_of_the_line_need_no_heavy_imports() -> None:
    """Neither gRPC nor SQLAlchemy is imported to print help, so that it comes at once."""
    code = (
        "import sys\nfrom weir_cli import main\nsys.argv = ['weir', *sys.argv[1:]]\ntry:\n    main.main()\n"
        "except SystemExit as end:\n    heavy = {'grpc', 'sqlalchemy', 'numpy', 'google'} & sys.modules.keys()\n"
        "    print('\\nHEAVY', sorted(heavy), end.code)"
    )
    for words, status in ((["--help"], 0), (["reserve", "--help"], 0), (["receive", "MUG"], 2), (["--version"], 0)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, *words), cwd=ROOT, env=clean_environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert out.decode().splitlines()[-1] == f"HEAVY [] {status}"


def test_a_port_is_kept_for_who_shares_it() -> None:
    """The kernel gives a kept port to nobody else; who shares it can listen there, and is the only one to be called."""
    with kept_port() as port:
        with contextlib.closing(socket.socket()) as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with contextlib.closing(socket.socket()) as caller, pytest.raises(ConnectionRefusedError):
            caller.connect(("127.0.0.1", port))
        with contextlib.closing(socket.socket()) as server, contextlib.closing(socket.socket()) as caller:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            caller.connect(("127.0.0.1", port))
            server.accept()[0].close()
