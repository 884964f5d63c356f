"""Ledgers in processes of their own, to be killed; and sabotaged ones, which a checker must find out.

python -m tests.kit.ledger_process READY_FILE [SABOTAGE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

ROOT = Path(__file__).parents[2]
UNLOCKED = "unlocked"
"""Sabotage: balances are read without being locked, so two ledgers may promise the same units."""


class LedgerProcess:
    """A ledger that can be killed and started again; `channel` leads to where it runs now."""

    def __init__(self, directory: Path, name: str, database_url: str, sabotage: str = "") -> None:
        """Name it; nothing runs before `start`."""
        self._ready = directory / f"{name}.ready"
        self._log = directory / f"{name}.log"
        self._url = database_url
        self._sabotage = sabotage
        self._process: subprocess.Popen[bytes] | None = None
        self.channels: list[grpc.aio.Channel] = []

    @property
    def channel(self) -> grpc.aio.Channel:
        """A connection to the process that was started last."""
        return self.channels[-1]

    def launch(self) -> None:
        """Start it, without waiting for it."""
        self._ready.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "WEIR_DATABASE_URL": self._url,
            "WEIR_DATABASE_POOL_SIZE": "4",
            "WEIR_LISTEN": "127.0.0.1:0",
            "WEIR_NOTICE_SECONDS": "0",
            "WEIR_DRAIN_SECONDS": "2",
            "WEIR_LOG_LEVEL": "warning",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.ledger_process", str(self._ready), self._sabotage],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def poll(self) -> bool:
        """Whether it serves by now; fails where it has ended instead."""
        assert self._process is not None
        if not self._ready.exists():
            assert self._process.poll() is None, self._log.read_text()[-4000:]
            return False
        address = json.loads(self._ready.read_text())["address"]
        self.channels.append(grpc.aio.insecure_channel(address))
        return True

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, however it stands."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


@contextmanager
def processes(directory: Path, number: int, database_url: str, sabotage: str = "") -> Iterator[list[LedgerProcess]]:
    """Ledgers on one database, launched; whatever is left of them is ended with the block."""
    made = [LedgerProcess(directory, f"ledger {each}", database_url, sabotage) for each in range(number)]
    try:
        for each in made:
            each.launch()
        yield made
    finally:
        for each in made:
            each.stop()


def main(ready_file: str, sabotage: str = "") -> int:
    """Serve until told to end, or killed."""
    from weir_chassis import process
    from weir_chassis.settings import load
    from weir_ledger import app
    from weir_ledger.store import statements

    if sabotage == UNLOCKED:
        assert "FOR UPDATE" in statements.OPEN_BOOKS
        statements.OPEN_BOOKS = statements.OPEN_BOOKS.replace("FOR UPDATE", "")
    else:
        assert not sabotage
    settings = load(app.Settings, os.environ)
    return process.run(app.running, settings, service=app.SCHEMA, ready_file=Path(ready_file))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
