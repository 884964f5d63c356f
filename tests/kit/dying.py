"""A partitioning service that kills itself where it is told to, as a power cut would.

WEIR_DIES_AT="add after" python -m tests.kit.dying serve partitioning --supervised

It dies right before or after the first call of a method of its ports; which ones there are says `STEPS`.
"""

from __future__ import annotations

import os
import signal
from typing import Any

STEPS = tuple(f"{name} {when}" for name in ("add", "put", "enforce", "count") for when in ("before", "after"))
"""Keeping epochs, telling the ledger, noting that it was told; counting demand."""


def main() -> None:
    """Run the command line, of which the rest of our arguments are those."""
    step = os.environ.pop("WEIR_DIES_AT", "")
    if step:
        _die_at(*step.split())
    from weir_cli.main import main as run

    run()


def _die_at(name: str, when: str) -> None:
    from weir_partitioning.peers.ceilings import PeerCeilings
    from weir_partitioning.store import PostgresDemand, PostgresEpochs

    owner: Any = {"put": PeerCeilings, "count": PostgresDemand}.get(name, PostgresEpochs)
    done = getattr(owner, name)

    async def dying(*arguments: Any, **options: Any) -> None:
        if when == "after":
            await done(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if __name__ == "__main__":
    main()
