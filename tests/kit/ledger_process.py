"""Ledgers in processes of their own, to be killed; and sabotaged ones, which a checker must find out.

python -m tests.kit.ledger_process READY_FILE [SABOTAGE]

It ends with its standard input. Each line it reads there names the sabotage that it shall be under from then on, or
none; what it is under stands in READY_FILE.sabotage.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc

from tests.kit.connecting import connect
from tests.kit.waiting import until

ROOT = Path(__file__).parents[2]


class LedgerProcess:
    """A ledger that can be killed and started again; `channel` leads to where it runs now."""

    def __init__(self, directory: Path, name: str, database_url: str, environment: Mapping[str, str]) -> None:
        """Name it; nothing runs before `launch`."""
        self._ready = directory / f"{name}.ready"
        self._told = directory / f"{name}.ready.sabotage"
        self._log = directory / f"{name}.log"
        self._environment = {"WEIR_DATABASE_URL": database_url, **environment}
        self._sabotage = ""
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
            "WEIR_DATABASE_POOL_SIZE": "4",
            "WEIR_LISTEN": "127.0.0.1:0",
            "WEIR_NOTICE_SECONDS": "0",
            "WEIR_DRAIN_SECONDS": "2",
            "WEIR_LOG_LEVEL": "warning",
            **self._environment,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.ledger_process", str(self._ready), self._sabotage],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
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
        self.channels.append(connect(address))
        return True

    async def serving(self) -> None:
        """Wait until it serves."""
        await until(self.poll)

    async def become(self, sabotage: str) -> None:
        """Go on under another sabotage, or none."""
        if sabotage == self._sabotage:
            return
        assert self._process is not None
        assert self._process.stdin is not None
        self._sabotage = sabotage
        self._process.stdin.write(f"{sabotage}\n".encode())
        self._process.stdin.flush()
        await until(lambda: self._told.exists() and self._told.read_text() == sabotage)

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()

    def story(self) -> str:
        """Whether it runs, and what it logged last."""
        assert self._process is not None
        status = self._process.poll()
        state = "runs" if status is None else f"ended with status {status}"
        return f"{self._log.stem} {state}; it logged last:\n{self._log.read_text()[-4000:]}"

    def stop(self) -> None:
        """End it, however it stands."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


@contextmanager
def processes(directory: Path, database_urls: list[str], **environment: str) -> Iterator[list[LedgerProcess]]:
    """Ledgers, one for each way to the database, launched; whatever is left of them is ended with the block."""
    made = [LedgerProcess(directory, f"ledger {at}", url, environment) for at, url in enumerate(database_urls)]
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

    ready = Path(ready_file)
    under = _begin(ready, sabotage)
    threading.Thread(target=_listen, args=(ready, under), daemon=True).start()
    return process.run(app.running, load(app.Settings, os.environ), service=app.SCHEMA, ready_file=ready)


def _begin(ready: Path, sabotage: str) -> AbstractContextManager[None]:
    """Come under a sabotage, and say so; it holds until what is returned is left."""
    from tests.kit.sabotages import sabotaged

    under = sabotaged(sabotage)
    under.__enter__()
    draft = ready.with_suffix(".draft")
    draft.write_text(sabotage)
    draft.replace(ready.with_name(f"{ready.name}.sabotage"))
    return under


def _listen(ready: Path, under: AbstractContextManager[None]) -> None:
    """Do as the lines of the standard input say, and end with it."""
    for line in sys.stdin:
        under.__exit__(None, None, None)
        under = _begin(ready, line.strip())
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
