"""The command `weir` for a test: a process of its own, its words and its exit status.

A line that only runs to its end is forked from a process that has imported the command already: it is as much a process
of its own as `begin` starts, without the second or two that importing takes.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from tests.contract.tree import ROOT

END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Said:
    """What one line came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document it printed."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """The JSON documents it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what would tell a command of ours anything, and a width that cuts nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "OTEL_"))}
    return {**kept, "COLUMNS": "200", **more}


@dataclass(frozen=True, slots=True)
class Weir:
    """Somebody at a terminal: `await weir("receive", "BIKE", "DE1", "5")`."""

    targets: Mapping[str, str] = field(default_factory=dict)
    """Addresses by name of the service."""
    tenant: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """What else the command is told."""

    async def __call__(self, *words: str) -> Said:
        """Run the line to its end."""
        with tempfile.TemporaryDirectory() as directory:
            said = Path(directory)
            process = _forking().Process(target=_main, args=(words, self._told(), said))
            await asyncio.to_thread(process.start)
            try:
                await asyncio.to_thread(process.join, END_SECONDS)
                assert process.exitcode is not None, f"weir {' '.join(words)} does not end"
                return Said(process.exitcode, (said / "out").read_text(), (said / "err").read_text())
            finally:
                process.kill()
                process.join()
                process.close()

    async def begin(self, *words: str, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
        """Begin the line as a shell does; whoever asks sees to its end."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weir_cli", *words),
            cwd=ROOT,
            env=self._told(),
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    def _told(self) -> dict[str, str]:
        named = {f"WEIR_{name.upper()}_TARGET": address for name, address in self.targets.items()}
        tenant = {"WEIR_TENANT": self.tenant} if self.tenant else {}
        return clean_environment(**named, **tenant, **self.environment)


@cache
def _forking() -> ForkServerContext:
    """Makes processes that find all that the command needs imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "tests.kit.warmed"])
    return context


def _main(words: tuple[str, ...], environment: dict[str, str], said: Path) -> None:
    """What `python -m weir_cli` does with a line, in a process made for it."""
    from weir_cli.main import main

    for name, stream in (("out", sys.stdout), ("err", sys.stderr)):
        with (said / name).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["weir", *words]
    main()
