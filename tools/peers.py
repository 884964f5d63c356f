"""Make the environments of the foreign systems that `make test-peers` runs, each once, and their databases.

They lie in `.peers`, one folder each: `venv`, and the database of a system that is set up and holds nothing yet. A
folder that was not finished, or whose sources have changed, is made anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.venv import environment_of_uv

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "peers"
PEERS = ROOT / ".peers"
PASSWORD = "secret"  # noqa: S105  # of systems that hold nothing and listen to this machine alone


def found_oscar(folder: Path, python: Path) -> None:
    """Write the database of a shop that sells nothing yet."""
    run([python, "founded.py"], cwd=SOURCES / "oscar", **oscar(folder / "shop.sqlite"))


def oscar(database: Path) -> dict[str, str]:
    """What a shop with this database is told."""
    return {"SHOP_DATABASE": str(database), "DJANGO_SETTINGS_MODULE": "settings"}


def found_tryton(folder: Path, python: Path) -> None:
    """Write the database of an ERP with its module for stock and nobody in it but its administrator."""
    secret = folder / "password"
    secret.write_text(PASSWORD)
    database = folder / "wms.sqlite"
    database.touch()
    command: list[str | Path] = [python.with_name("trytond-admin"), "-c", SOURCES / "tryton.conf", "-d", "wms"]
    command += ["-u", "stock", "--activate-dependencies", "--email", "weir@example.com"]
    run(command, cwd=folder, TRYTONPASSFILE=str(secret), **tryton(folder))


def tryton(folder: Path) -> dict[str, str]:
    """What an ERP whose databases lie in `folder` is told."""
    return {"TRYTOND_DATABASE__PATH": str(folder)}


FOUNDED: Mapping[str, Callable[[Path, Path], None]] = {"oscar": found_oscar, "tryton": found_tryton}


def make(peer: str) -> None:
    """Make one, unless it stands already."""
    folder, lock = PEERS / peer, SOURCES / f"requirements-{peer}.lock"
    stamp, content = folder / "made", _content(peer)
    if stamp.exists() and stamp.read_text() == content:
        return
    print(f"weir: making .peers/{peer}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    uv = [sys.executable, "-m", "uv"]
    python = folder / "venv" / "bin" / "python"
    run([*uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], cwd=ROOT, **environment_of_uv())
    sync: list[str | Path] = [*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, lock]
    run(sync, cwd=ROOT, **environment_of_uv())
    FOUNDED[peer](folder, python)
    stamp.write_text(content)


def _content(peer: str) -> str:
    """All that a folder is made from, and where it was made: environments do not move."""
    digest = hashlib.sha256(str(PEERS).encode())
    sources = [SOURCES / f"requirements-{peer}.lock", SOURCES / f"{peer}.conf", Path(__file__)]
    for source in [*sources, *sorted((SOURCES / peer).glob("*.py"))]:
        digest.update(source.read_bytes() if source.exists() else b"-")
    return digest.hexdigest()


def run(command: list[str | Path], *, cwd: Path, **environment: str) -> None:
    """Run one step; where it fails it has said why, and nothing of Python's need follow."""
    status = subprocess.call([str(word) for word in command], cwd=cwd, env={**os.environ, **environment})
    if status:
        sys.exit(status)


if __name__ == "__main__":
    for peer in FOUNDED:
        make(peer)
