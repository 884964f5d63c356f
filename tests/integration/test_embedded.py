"""The embedded Postgres: made anywhere, shared by processes, and alive again after any kill."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.kit.postgres import directory, server
from weir_chassis.embedded import EmbeddedPostgres, EmbeddedPostgresFailed, PostgresNotFound, binaries
from weir_chassis.embedded import server as server_module

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops its rights")

_JOINER = """
import sys
from pathlib import Path
from weir_chassis.embedded import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]), settings={"fsync": "off"})
postgres.start()
print(postgres.pid, flush=True)
sys.stdin.readline()
postgres.stop()
"""


class Joiner:
    """Another process that uses the Postgres of a directory until told to leave."""

    def __init__(self, home: Path) -> None:
        """Start it; `joined` waits until it is there."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _JOINER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def joined(self) -> int:
        """Process id of the Postgres it uses."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        """Let it leave as it should."""
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        """Let it leave as nobody should."""
        self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory for one Postgres; whatever still runs there at the end is ended."""
    with directory() as made:
        yield made
        left = EmbeddedPostgres(made)
        if left.alive:
            left.kill()


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedPostgres]:
    """A Postgres for the tests that do it no harm."""
    with server() as started:
        yield started


async def run(postgres: EmbeddedPostgres, statement: str) -> object:
    """The one value that a statement gives."""
    connection = await asyncpg.connect(postgres.url(), timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_it_runs_in_a_path_with_a_blank(running: EmbeddedPostgres) -> None:
    """The directory of every test has a blank in its name, and the database is there."""
    assert " " in str(running.directory)
    assert await run(running, "SELECT current_database()") == "weir"


async def test_it_asks_for_a_password(running: EmbeddedPostgres) -> None:
    """Being on the same machine is not enough."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(running.url(password="guess"))
    assert await run(running, "SHOW password_encryption") == "scram-sha-256"


async def test_it_listens_on_loopback_only(running: EmbeddedPostgres) -> None:
    """There is no other address and no socket file."""
    assert await run(running, "SHOW listen_addresses") == "127.0.0.1"
    assert await run(running, "SHOW unix_socket_directories") == ""


async def test_it_does_not_trade_safety_for_speed(home: Path) -> None:
    """Unless told otherwise a commit is on the disk before it is answered."""
    with EmbeddedPostgres(home) as postgres:
        assert await run(postgres, "SHOW fsync") == "on"
        assert await run(postgres, "SHOW synchronous_commit") == "on"
        assert await run(postgres, "SHOW full_page_writes") == "on"


def test_what_it_keeps_is_closed_to_others(running: EmbeddedPostgres) -> None:
    """Passwords, log and data are readable by their owner alone."""
    for name in ("passwords.json", "postgres.log", "port"):
        assert stat.S_IMODE((running.directory / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((running.directory / "cluster").stat().st_mode) == 0o700


def test_a_password_is_made_once(running: EmbeddedPostgres) -> None:
    """Whoever asks for a role's password is told the same, and two roles have two."""
    first = running.password("someone")
    assert EmbeddedPostgres(running.directory).password("someone") == first
    assert running.password("another") != first


@as_root
def test_root_drops_its_rights(running: EmbeddedPostgres) -> None:
    """Neither Postgres nor any of its children runs as root."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    users = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in users
    groups = next(line for line in status.splitlines() if line.startswith("Groups:")).split()[1:]
    assert groups == []


async def test_a_kill_loses_nothing(home: Path) -> None:
    """What was committed is there after SIGKILL and the next start, on the same port, time and again."""
    with EmbeddedPostgres(home) as postgres:
        await run(postgres, "CREATE TABLE kept (number int)")
        port = postgres.port
        for number in range(3):
            await run(postgres, f"INSERT INTO kept VALUES ({number})")
            postgres.kill()
            assert not postgres.alive
            assert postgres.pid is None
            postgres.start()
            assert postgres.port == port
            assert await run(postgres, "SELECT count(*) FROM kept") == number + 1


def test_a_left_number_that_names_another_program_is_no_hindrance(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number in postmaster.pid belongs to a living process of its user; Postgres alone would refuse to start."""
    postgres = EmbeddedPostgres(home)
    postgres.start()
    postgres.kill()
    pid_file = home / "cluster" / "postmaster.pid"
    sleep = shutil.which("sleep")
    assert sleep is not None
    with subprocess.Popen([*binaries.becoming(binaries.runner()), sleep, "60"]) as other:
        named = Path(f"/proc/{other.pid}/comm")
        waited_until = time.monotonic() + 60
        while named.read_text().strip() != "sleep":  # then it runs as its user
            assert time.monotonic() < waited_until
            time.sleep(0.01)
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        with monkeypatch.context() as patch, pytest.raises(EmbeddedPostgresFailed, match="already exists"):
            patch.setattr(postgres, "_forget_dead", lambda: None)
            postgres.start()
        with postgres:
            assert postgres.pid != other.pid
        assert other.poll() is None
        other.kill()


def test_another_process_joins_and_the_last_to_leave_stops_it(home: Path) -> None:
    """Two processes use one Postgres; it outlives the one that started it, and ends with the other."""
    postgres = EmbeddedPostgres(home, settings={"fsync": "off"})
    postgres.start()
    joiner = Joiner(home)
    assert joiner.joined() == postgres.pid
    postgres.stop()
    assert postgres.alive
    joiner.leave()
    assert not postgres.alive


async def test_it_outlives_a_kill_of_whoever_started_it(home: Path) -> None:
    """The starter dies by SIGKILL; the next one joins the same Postgres, and stops it as the last."""
    starter = Joiner(home)
    pid = starter.joined()
    starter.kill()
    with EmbeddedPostgres(home) as postgres:
        assert postgres.pid == pid
        assert await run(postgres, "SELECT 1") == 1
    assert not postgres.alive


def test_processes_that_start_at_once_share_one(home: Path) -> None:
    """Four processes start in an empty directory at the same moment: one cluster, one server."""
    joiners = [Joiner(home) for _ in range(4)]
    assert len({joiner.joined() for joiner in joiners}) == 1
    for joiner in joiners:
        joiner.leave()
    assert not EmbeddedPostgres(home).alive


def test_a_killed_start_is_begun_again(home: Path) -> None:
    """The making of a cluster was interrupted half-way: the next start makes it whole."""
    (home / "cluster.new").mkdir(parents=True)
    (home / "cluster.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as postgres:
        assert postgres.alive
    assert not (home / "cluster.new").exists()


async def test_a_port_taken_meanwhile_is_replaced(home: Path) -> None:
    """Somebody else listens on its port while it was away: it takes another and says so."""
    postgres = EmbeddedPostgres(home, settings={"fsync": "off"})
    postgres.start()
    port = postgres.port
    postgres.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with postgres:
            assert postgres.port != port
            assert await run(postgres, "SELECT 1") == 1


def test_it_survives_an_interrupt_of_the_terminal(home: Path) -> None:
    """Ctrl-C goes to the whole group of a terminal; Postgres is in one of its own and ends only when it is stopped."""
    joiner = Joiner(home)
    pid = joiner.joined()
    assert os.getpgid(pid) != os.getpgid(joiner.process.pid)
    joiner.process.send_signal(signal.SIGINT)
    joiner.process.communicate(timeout=30)
    assert EmbeddedPostgres(home).pid == pid


def test_a_broken_setting_is_told_with_the_log(home: Path) -> None:
    """When Postgres does not start, its own words are in the failure; and the next one may start."""
    with pytest.raises(EmbeddedPostgresFailed, match="shared_buffers"):
        EmbeddedPostgres(home, settings={"shared_buffers": "-1 parrots"}).start()
    with EmbeddedPostgres(home, settings={"fsync": "off"}) as postgres:
        assert postgres.alive


def test_stopping_twice_or_before_the_start_does_no_harm(home: Path) -> None:
    """Stop is for whoever joined; anybody else's does nothing."""
    postgres = EmbeddedPostgres(home, settings={"fsync": "off"})
    postgres.stop()
    postgres.start()
    postgres.start()
    EmbeddedPostgres(home).stop()
    assert postgres.alive
    postgres.stop()
    postgres.stop()
    assert not postgres.alive


@as_root
def test_a_directory_that_postgres_may_not_enter_is_refused(tmp_path: Path) -> None:
    """Root's own directories are closed to the user Postgres runs as: said before anything is made."""
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresFailed, match="WEIR_DATA_DIRECTORY"):
        EmbeddedPostgres(tmp_path / "closed" / "data").start()


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresFailed, match="WEIR_DATA_DIRECTORY"):
        EmbeddedPostgres(tmp_path / "file" / "data").start()


@as_root
def test_programs_in_a_closed_directory_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's environment may lie in a home that nobody may enter: Postgres then runs from a copy beside its data."""
    found = binaries.find()
    if not found.bundle:
        pytest.skip("no Postgres from a package here")
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    moved = tuple(Path(shutil.copytree(part, closed / part.name, symlinks=True)) for part in found.bundle)
    there = binaries.Binaries(closed / found.directory.relative_to(found.bundle[0].parent), found.major, moved)
    monkeypatch.setattr(server_module, "find", lambda major: there)
    with EmbeddedPostgres(home) as postgres:
        assert os.readlink(f"/proc/{postgres.pid}/exe").startswith(str(home))


def test_a_cluster_stays_with_its_version(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster made by another major version is run by that version, or not at all."""
    preferred = binaries.find()
    others = [each for each in binaries._candidates() if binaries.MAJOR_MIN <= each.major != preferred.major]
    if not others:
        pytest.skip("only one version of Postgres here")
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "find", lambda major: others[0])
        with EmbeddedPostgres(home):
            pass
    with EmbeddedPostgres(home):
        assert (home / "cluster" / "PG_VERSION").read_text().strip() == str(others[0].major)
    monkeypatch.setattr(binaries, "_candidates", lambda: iter([preferred]))
    with pytest.raises(PostgresNotFound, match=f"version {others[0].major}"):
        EmbeddedPostgres(home).start()
