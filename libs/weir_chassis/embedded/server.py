"""Start, join, stop and survive one Postgres in one directory.

Two locks of the kernel say what no file can say after a kill: `running` is held by every process of Postgres itself (it
is inherited), `users` is shared by every process that uses it. The last user to leave stops it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from weir_chassis.embedded.binaries import Binaries, Runner, becoming, environment, find, runner, within_reach

SUPERUSER = "postgres"
"""Name of the role that may do everything; only migrations and the bootstrap of roles use it."""
DATABASE = "weir"
"""Name of the one database."""

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u ",
    "log_parameter_max_length_on_error": "0",
}

_LOG_BYTES_MAX = 8 << 20
_PORT_MIN, _PORT_MAX = 10_240, 32_768
_PORT_SECONDS = 3.0


class EmbeddedPostgresFailed(Exception):
    """The embedded Postgres cannot be made or started; the text says what to do, or ends with what it logged."""


def default_directory() -> Path:
    """Where it lives unless told: under /var/lib for root, whose home is closed to the user that root drops to."""
    if os.geteuid() == 0:
        return Path("/var/lib/weir")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "weir"


class EmbeddedPostgres:
    """One Postgres in one directory, shared by all processes of this machine that start it there.

    `start` and `stop` block, so an event loop calls them in a thread. `settings` go to Postgres as they are and count
    only for the process that really starts it.
    """

    def __init__(
        self, directory: Path, *, settings: Mapping[str, str] | None = None, start_seconds: float = 60
    ) -> None:
        """Name the directory; nothing is touched before `start`."""
        self.directory = directory.absolute()
        self._settings = {**_SETTINGS, **(settings or {})}
        self._start_seconds = start_seconds
        self._cluster = self.directory / "cluster"
        self._users: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Join the Postgres of this directory, starting it (and making it) where none runs; repeating it does no harm.

        Raises EmbeddedPostgresFailed, or PostgresNotFound where there are no programs to run.
        """
        if self._users is not None and self.alive:
            return
        who = runner()
        self._make_directory(who)
        with _locked(self.directory / "starting.lock", self._start_seconds):
            if not self._joins():
                self._start(who)
            if self._users is None:
                self._users = os.open(self.directory / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._users, fcntl.LOCK_SH)

    def stop(self) -> None:
        """Leave; the last to leave stops Postgres and waits for it. Repeating it does no harm."""
        if self._users is None:
            return
        with _locked(self.directory / "starting.lock", self._start_seconds):
            last = _try_lock(self._users)
            os.close(self._users)
            self._users = None
            if last:
                self._shut_down()
            elif self._child is not None:
                self._child.returncode = 0  # others go on with it: it is no longer ours to wait for
                self._child = None

    def kill(self) -> None:
        """End Postgres as a crash would, with SIGKILL, and wait until its last process is gone; for tests."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._await(lambda: not self.alive, "still runs after SIGKILL")
        self._reap()

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether any process of this Postgres is left."""
        try:
            descriptor = os.open(self.directory / "running.lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int | None:
        """Process id of the one that runs; None where none does."""
        lines = self._pid_file()
        return int(lines[0]) if lines and self.alive else None

    @property
    def port(self) -> int:
        """The port it listens on; the same after every start, unless somebody else took it meanwhile."""
        return int((self.directory / "port").read_text())

    def url(self, role: str = SUPERUSER, password: str | None = None, *, database: str = DATABASE) -> str:
        """URL to connect as `role`; the password is the one kept for the role unless another is given."""
        secret = quote(password if password is not None else self.password(role), safe="")
        return f"postgresql://{quote(role, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def password(self, role: str) -> str:
        """The password kept for `role` in this directory, made on first asking."""
        with _locked(self.directory / "passwords.lock", self._start_seconds):
            file = self.directory / "passwords.json"
            kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
            if role not in kept:
                kept[role] = secrets.token_urlsafe(24)
                _write(file, json.dumps(kept, indent=1))
            return kept[role]

    def _make_directory(self, who: Runner) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.directory.chmod(0o711 if who.dropped else 0o700)
        except OSError as error:
            raise EmbeddedPostgresFailed(
                f"Cannot use {self.directory} ({error.strerror}); name another by WEIR_DATA_DIRECTORY."
            ) from error
        if not who.enters(self.directory):
            raise EmbeddedPostgresFailed(
                f"Postgres does not run as root, and the user it runs as may not enter {self.directory}; name a"
                " directory below an open one by WEIR_DATA_DIRECTORY, such as /var/lib/weir."
            )

    def _joins(self) -> bool:
        """Whether a Postgres runs here and has become ready; waits while one is starting or ending."""
        if not self.alive:
            return False
        ready_or_gone: Callable[[], bool] = lambda: self._ready() or not self.alive  # noqa: E731
        self._await(ready_or_gone, "neither becomes ready nor ends")
        return self._ready()

    def _ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self.alive and self._exists(int(lines[0]))

    def _exists(self, pid: int) -> bool:
        """Whether the first process of Postgres is still there; after a kill its others linger for a moment."""
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _pid_file(self) -> list[str]:
        try:
            return (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _start(self, who: Runner) -> None:
        version = self._cluster / "PG_VERSION"
        binaries = within_reach(find(int(version.read_text()) if version.exists() else None), who, self.directory)
        if not version.exists():
            self._make_cluster(binaries, who)
        self._forget_dead()
        tries = 3
        for attempt in range(1, tries + 1):
            self._launch(binaries, who, self._choose_port(anew=attempt > 1))
            if self._comes_up():
                return
        raise EmbeddedPostgresFailed(f"Postgres did not start in {self.directory}:\n{self._log_tail()}")

    def _make_cluster(self, binaries: Binaries, who: Runner) -> None:
        """A fresh cluster with the one database, whole or not at all: it is built aside and renamed."""
        building = self.directory / "cluster.new"
        careless = ["--no-sync"] if self._settings["fsync"] == "off" else []
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        os.chown(building, who.uid, who.gid)
        with tempfile.NamedTemporaryFile(mode="w", dir=self.directory) as password_file:
            password_file.write(self.password(SUPERUSER))
            password_file.flush()
            os.chown(password_file.name, who.uid, who.gid)
            self._run(
                who, binaries.program("initdb"), f"--pgdata={building}", f"--username={SUPERUSER}",
                f"--pwfile={password_file.name}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", *careless,
            )  # fmt: skip
        self._run(
            who, binaries.program("postgres"), "--single", "-D", str(building),
            "-c", f"fsync={self._settings['fsync']}", "postgres",
            given=f'CREATE DATABASE "{DATABASE}"\n',
        )  # fmt: skip
        building.rename(self._cluster)

    def _run(self, who: Runner, *command: str, given: str = "") -> None:
        done = subprocess.run(
            [*becoming(who), *command],
            input=given.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            env=environment(),
        )
        if done.returncode != 0:
            raise EmbeddedPostgresFailed(f"{Path(command[0]).name} failed:\n{done.stderr.decode(errors='replace')}")

    def _forget_dead(self) -> None:
        """Remove a postmaster.pid that a kill left behind, where its number now names some other program.

        Postgres takes such a number for a living server and refuses to start. Our lock says that ours is dead; a server
        that somebody started by hand does not hold it, so a number that names a postgres, or cannot be told, is left.
        """
        lines = self._pid_file()
        if not lines:
            return
        try:
            name = Path(f"/proc/{int(lines[0])}/comm").read_text().strip()
        except (OSError, ValueError):
            return
        if name not in ("postgres", "postmaster"):
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _choose_port(self, *, anew: bool) -> int:
        """The port kept, for those who are connected come back to it; another where it stays taken.

        The kernel lends its own range to whoever connects anywhere, so while Postgres is down a port from there could
        be taken by one of its own clients that tries to come back. A kept port is therefore one below that range.
        """
        file = self.directory / "port"
        if not anew and file.exists():
            kept = int(file.read_text())
            deadline = time.monotonic() + _PORT_SECONDS
            while not (free := _free(kept)) and time.monotonic() < deadline:
                time.sleep(0.05)
            if free:
                return kept
        candidates = (_PORT_MIN + secrets.randbelow(_PORT_MAX - _PORT_MIN) for _ in range(100))
        port = next((port for port in candidates if _free(port)), None)
        if port is None:
            raise EmbeddedPostgresFailed(f"Of a hundred ports tried from {_PORT_MIN} to {_PORT_MAX} none is free.")
        _write(file, str(port))
        return port

    def _launch(self, binaries: Binaries, who: Runner, port: int) -> None:
        options = [f"--{name}={value}" for name, value in sorted({**self._settings, "port": str(port)}.items())]
        self._reap()
        lock = os.open(self.directory / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
        file = self.directory / "postgres.log"
        if file.exists() and file.stat().st_size > _LOG_BYTES_MAX:
            file.rename(file.with_suffix(".log.1"))
        log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)  # free but for those who look whether it is
            self._child = subprocess.Popen(
                [*becoming(who), binaries.program("postgres"), "-D", str(self._cluster), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True,
                cwd="/", env=environment(),
            )  # fmt: skip
        finally:
            os.close(lock)
            os.close(log)

    def _comes_up(self) -> bool:
        """Whether the child that was launched becomes ready; False where it ends instead."""
        child = self._child
        assert child is not None

        def settled() -> bool:
            return child.poll() is not None or (self._ready() and self._pid_file()[0] == str(child.pid))

        self._await(settled, "does not become ready")
        if child.poll() is None:
            return True
        self._await(lambda: not self.alive, "ends, but not wholly")
        return False

    def _shut_down(self) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        self._await(lambda: not self.alive, "does not end")
        self._reap()

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait()
            self._child = None

    def _await(self, holds: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + self._start_seconds
        while not holds():
            if time.monotonic() > deadline:
                raise EmbeddedPostgresFailed(f"Postgres in {self.directory} {failure}:\n{self._log_tail()}")
            if self._child is not None:
                self._child.poll()
            time.sleep(0.01)

    def _log_tail(self) -> str:
        try:
            return "\n".join((self.directory / "postgres.log").read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return ""


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _try_lock(descriptor: int, mode: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of `file` within the block; raises EmbeddedPostgresFailed where it is not had in time."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresFailed(f"Another process has held {file} for {seconds:g} s.")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _write(file: Path, content: str) -> None:
    """Replace `file` whole, readable by us alone, so that a crash leaves the old content or the new."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    Path(temporary).rename(file)
