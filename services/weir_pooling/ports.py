"""What the handlers need from the world beside objects: the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from weir_chassis.revisions import Revision
from weir_pooling.domain.deeds import Deed


@dataclass(frozen=True, slots=True)
class Done:
    """What the ledger did: at which revision of it, and the reservation that was made, if one was."""

    revision: Revision
    reservation: str = ""


class Books(Protocol):
    """The ledger, as far as deeds are done there."""

    async def check(self, tenant: str, deed: Deed) -> None:
        """Raise the refusal that the ledger would answer the deed with now; changes nothing. Raises PeerAway."""
        ...

    async def carry_out(self, tenant: str, deed: Deed) -> Done:
        """Have the deed done, once however often it is asked for; raises the ledger's refusal, the same each time if it
        is definite. Raises PeerAway where it is not known whether it was done.
        """
        ...
