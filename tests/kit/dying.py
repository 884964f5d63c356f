"""A service that kills itself where it is told to, as a power cut would: partitioning, pooling, or sync.

WEIR_DIES_AT="add after" python -m tests.kit.dying serve partitioning --supervised

It dies right before or after the first call of a method of its ports; which ones there are say `STEPS`, of
partitioning, `DEEDS` and `COUNTED`, of pooling, and `PUSHES`, of sync.
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

PUSHES = ("tell after", "take after", "apply before", "apply after", "settle before", "settle after")
"""Levels were taken over; what is due was written down as on its way; it is about to be sent, was sent, and what became
of it is about to be, or was, written down.
"""


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

    async def dying(*arguments: Any, **options: Any) -> Any:
        answer = await done(*arguments, **options) if when == "after" else None
        if name != "take" or answer:  # until there is something due nothing is taken
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, dying)


def _owner(name: str) -> Any:
    """Whose method it is."""
    if name in ("carry_out", "_confirm"):
        from weir_pooling.peers.books import PeerBooks

        return PeerBooks
    if name == "tally":
        from weir_pooling.peers.tallies import PeerTallies

        return PeerTallies
    if name in ("tell", "take", "settle", "apply"):
        from weir_sync.connectors.grpc import GrpcStore
        from weir_sync.store.levels import PostgresLevels
        from weir_sync.store.pushes import PostgresPushes

        return {"tell": PostgresLevels, "apply": GrpcStore}.get(name, PostgresPushes)
    from weir_partitioning.peers.ceilings import PeerCeilings
    from weir_partitioning.store import PostgresDemand, PostgresEpochs

    return {"put": PeerCeilings, "count": PostgresDemand}.get(name, PostgresEpochs)


if __name__ == "__main__":
    main()
