"""A service that kills itself where it is told to, as a power cut would: partitioning, or pooling.

WEIR_DIES_AT="add after" python -m tests.kit.dying serve partitioning --supervised

It dies right before or after the first call of a method of its ports; which ones there are say `STEPS`, of
partitioning, and `DEEDS` and `COUNTED`, of pooling.
"""

from __future__ import annotations

import os
import signal
from typing import Any

STEPS = tuple(f"{name} {when}" for name in ("add", "put", "enforce", "count") for when in ("before", "after"))
"""Keeping epochs, telling the ledger, noting that it was told; counting demand."""
DEEDS = ("carry_out before", "_confirm before", "carry_out after")
"""A deed is written down and not begun; reserved and not confirmed; done and not concluded."""

COUNTED = "tally after"
"""What is available was counted, and nothing was made of it."""


def main() -> None:
    """Run the command line, of which the rest of our arguments are those."""
    step = os.environ.pop("WEIR_DIES_AT", "")
    if step:
        _die_at(*step.split())
    from weir_cli.main import main as run

    run()


def _die_at(name: str, when: str) -> None:
    owner = _owner(name)
    done = getattr(owner, name)

    async def dying(*arguments: Any, **options: Any) -> None:
        if when == "after":
            await done(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


def _owner(name: str) -> Any:
    """Whose method it is."""
    if name in ("carry_out", "_confirm"):
        from weir_pooling.peers.books import PeerBooks

        return PeerBooks
    if name == "tally":
        from weir_pooling.peers.tallies import PeerTallies

        return PeerTallies
    from weir_partitioning.peers.ceilings import PeerCeilings
    from weir_partitioning.store import PostgresDemand, PostgresEpochs

    return {"put": PeerCeilings, "count": PostgresDemand}.get(name, PostgresEpochs)


if __name__ == "__main__":
    main()
