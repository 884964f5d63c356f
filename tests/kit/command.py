"""The command `weir` for a test: a process of its own, its words and its exit status."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
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
        process = await self.begin(*words)
        out, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def begin(self, *words: str, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
        """Begin the line; whoever asks sees to its end."""
        named = {f"WEIR_{name.upper()}_TARGET": address for name, address in self.targets.items()}
        tenant = {"WEIR_TENANT": self.tenant} if self.tenant else {}
        environment = clean_environment(**named, **tenant, **self.environment)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weir_cli", *words),
            cwd=ROOT,
            env=environment,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
