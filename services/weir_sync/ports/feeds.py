"""What takes stock in from warehouses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from weir_sync.domain.feeds import Pull, Pulled

Progress = Callable[[Pulled], Awaitable[None]]
"""Is told how far a pull has come, every now and then."""


class Feeds(Protocol):
    """Takes in what warehouses report."""

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        """Take stock in from a warehouse to its end: what it reports goes into the ledger, and what it said last is
        kept. A bad line is kept with its fault and stops no other.

        Whoever dies on the way leaves nothing half done: the same pull goes on where it was, another one of the
        connection begins anew, and ends whichever is still going on there. Raises ConnectorFailed where the warehouse
        does not answer or will not, Refusal where the ledger or the database is away, or the ledger takes none of it.
        """
        ...
