"""Levels of stores: what they are to show, what they show, what is on its way. Migration 0005 explains every column."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_chassis.revisions import Revision
from weir_sync.domain.pushing import Decided, Standing
from weir_sync.domain.rules import Product
from weir_sync.domain.telling import Cause
from weir_sync.ports.leases import Lease

UNTOLD = -1
"""The level of what a store is told nothing of."""


def bell(tenant: str) -> str:
    """The name under which `Wakeups` rings where levels of a tenant have fallen due."""
    return f"levels of {tenant}"


class Told(NamedTuple):
    """The level of a SKU of a store, and the rule in force by which, empty for none; UNTOLD: it is told nothing."""

    connection: str
    store_sku: str
    product: Product
    level: int
    rule: str


class Covered(NamedTuple):
    """A store of which all levels are taken over, as it was configured then."""

    channel: str
    take_orders: bool


class Following(NamedTuple):
    """How far the levels of a tenant were taken over: the revision of each context, none for not at all, and the
    stores that are covered.
    """

    through: tuple[Revision, ...]
    covered: Mapping[str, Covered]


class Table(NamedTuple):
    """Levels of products in channels, row by row, UNTOLD where the store is told nothing; and the revisions up to which
    everything was told, none of part of something. `complete_end`: with it everything there is was told.
    """

    products: Sequence[Product]
    channels: Sequence[str]
    levels: Sequence[int]
    through: tuple[Revision, ...] = ()
    complete_end: bool = False


class Source(Protocol):
    """What computes levels."""

    def watched(self, tenant: str, channels: Sequence[str], after: Sequence[Revision]) -> AsyncGenerator[Table, None]:
        """The levels of channels after a mark, none for all of them, and every change; without end.

        Tells a table without rows as a sign of life. Goes on by itself where the connection breaks, from the beginning
        where what it was at is no more. Raises Refusal, with reason CHANNEL_NOT_FOUND where a channel is no more.
        """
        ...

    async def now(
        self, tenant: str, products: Sequence[Product], channels: Sequence[str], fresh: Sequence[Revision]
    ) -> Table:
        """The levels of up to 1000 products as they are at these revisions or later; raises Refusal."""
        ...


class Levels(Protocol):
    """The levels of all tenants, for whoever follows the aggregator; who writes holds the lease for it.

    Methods raise DatabaseAway, those that write LeaseLost.
    """

    async def following(self, tenant: str) -> Following:
        """How far levels were taken over."""
        ...

    async def tell(
        self,
        lease: Lease,
        told: Sequence[Told],
        cause: Cause,
        *,
        through: Sequence[Revision] = (),
        all_due: bool = False,
    ) -> int:
        """Take over levels, each SKU once: those that differ from what the store is to show fall due (or all of them),
        each with a record; what was due before and was not sent is skipped. Returns how many fell due.

        `through`, where it is told, is kept as the mark that they rest on, and orders that it includes are taken from
        what was unreported, or counted as sold after.
        """
        ...

    async def unlevelled(self, tenant: str, connection: str, *, after: str, limit: int) -> Sequence[str]:
        """SKUs that the store has listings of and no level, in order, after one."""
        ...

    async def cover(self, lease: Lease, connection: str, covered: Covered) -> None:
        """All levels of the store were taken over. Where it was covered before and its orders come in only from now
        on, what it was known to show is forgotten: what was sold until now is nobody's to tell.
        """
        ...

    async def uncover(self, lease: Lease, connections: Collection[str]) -> None:
        """These stores are no more, or are told nothing any more: what they were known to show is forgotten; so are the
        levels of those that are no more, and what of them was due is skipped.
        """
        ...

    async def forgive(self, lease: Lease, *, keep_seconds: float) -> int:
        """Units that were seen sold longer ago, and of which no order came in, were changed by hand in the store: they
        are not kept back any more, and their SKUs fall due. Returns how many SKUs.
        """
        ...


class Pushes(Protocol):
    """What is due of the levels of a store, for whoever holds the lease to tell it.

    Every method raises DatabaseAway, and LeaseLost where the lease is another's: then nothing was done. `decide` is
    asked within the transaction, may be asked again from the beginning, and has no effects.
    """

    async def reclaim(self, lease: Lease) -> int:
        """Take what former holders had in flight, or this one before it began anew, as being in doubt; returns how many
        SKUs.
        """
        ...

    async def take(self, lease: Lease, *, limit: int, decide: Callable[[Standing], Decided]) -> Sequence[Standing]:
        """SKUs that are due and not in flight, those to show 0 first, then by time: as decided, and kept so."""
        ...

    async def settle(
        self, lease: Lease, store_skus: Sequence[str], decide: Callable[[Standing], Decided | None]
    ) -> Sequence[Decided]:
        """SKUs as they stand now are decided, and kept so; None leaves one as it is. What has drifted falls due, what
        failed for good opens an alert, and what succeeded closes it.
        """
        ...

    async def to_check(self, lease: Lease, *, limit: int) -> Sequence[Standing]:
        """SKUs that are to be read back, and nothing is due of: longest first."""
        ...

    async def next_at(self, lease: Lease) -> datetime | None:
        """When the next SKU is due, or is to be read back; None: nothing is."""
        ...
