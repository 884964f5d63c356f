"""What the handlers need from the world: what pooling keeps, and the ledger."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from weir_chassis.configuration.objects import Key
from weir_chassis.configuration.ports import Objects
from weir_chassis.revisions import Revision, Vector
from weir_pooling.domain.alerts import Tally
from weir_pooling.domain.cases import Period, UsageSum
from weir_pooling.domain.deeds import Deed, Item
from weir_pooling.domain.views import Count, Going, StockQuery


class Pooling(Objects, Protocol):
    """What pooling keeps of one tenant, as it stands at one moment."""

    async def used(self, period: Period, persons: frozenset[str] | None, *, after: Key, limit: int) -> list[UsageSum]:
        """The first `limit` sums past the one of a key, in order: of what was marked in a period and not taken back,
        in cases of any of the persons or from their custody; None: of everybody.
        """
        ...

    async def going(self, items: Collection[Item], viewer: str) -> Mapping[Item, Going]:
        """What of these stock items is on its way, and to the viewer; of none of which nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """What the ledger did: at which revision of it, and the reservation that was made, if one was."""

    revision: Revision
    reservation: str = ""


class Books(Protocol):
    """The ledger, as far as deeds are done there."""

    async def check(self, tenant: str, deed: Deed) -> Done:
        """What the ledger would do now, which changes nothing; raises what it would refuse the deed with. Raises
        PeerAway.
        """
        ...

    async def carry_out(self, tenant: str, deed: Deed) -> Done:
        """Have the deed done, once however often it is asked for; raises the ledger's refusal, the same each time if it
        is definite. Raises PeerAway where it is not known whether it was done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """Some of what is in somebody's custody at a revision of the ledger; `more` where there may be more of it."""

    counts: Sequence[Count]
    revision: Revision
    more: bool


class Holdings(Protocol):
    """The ledger of the tenant whose call is being answered, as far as it says who holds what."""

    async def held(
        self,
        custodian: str,
        asked: StockQuery,
        *,
        after: Item | None,
        limit: int,
        fresh: Vector,
        at: Revision | None = None,
    ) -> Held:
        """The first `limit` stock items in somebody's custody after another, in the order of the ledger, of which units
        are there or promised: now, from books that include `fresh`, or as they were at a revision.

        Raises PeerAway, and what the ledger refuses.
        """
        ...


class Touched(NamedTuple):
    """What a commit of the ledger touched: products in somebody's custody, as custodian, owner and SKU."""

    through: Revision
    products: Sequence[tuple[str, str, str]]


class Tallies(Protocol):
    """The ledger, as far as it says how much is available in somebody's custody, and when that may have changed."""

    async def head(self, tenant: str) -> Revision:
        """The newest revision; raises PeerAway."""
        ...

    async def tally(self, tenant: str, custodian: str, owner: str, skus: Sequence[str], *, fresh: Revision) -> Tally:
        """Count up to 100 products of an owner, in books that include `fresh`; of every lot, in the unit EACH.

        Raises PeerAway.
        """
        ...

    def touched(self, tenant: str, after: Revision) -> AsyncGenerator[Touched, None]:
        """What is touched by each commit after a revision, for ever. Raises Fenced where history is gone, PeerAway."""
        ...
