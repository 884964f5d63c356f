"""What the handlers and the worker need from the world: epochs, walled by tenant and numbered in the order of
commits.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from weir_allocation.claims import Claim
from weir_allocation.rebalance import Epoch, Supply
from weir_allocation.stock import Product
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Revision, Vector


class SupplyKey(NamedTuple):
    """What epochs divide: what there is of a product in a warehouse group."""

    product: Product
    warehouse_group: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """An epoch that is there for good."""

    number: int
    epoch: Epoch
    books: Revision
    """Revision of the ledger that supply and claims were read at: whoever saw only older ones cannot judge after it."""
    in_force: bool = False
    """The ledger was told its ceilings."""
    cleared: tuple[Claim, ...] = ()
    """Claims that have a ceiling of an epoch before, and have no share in this one."""

    @property
    def supply(self) -> SupplyKey:
        """What it divided."""
        return supply_of(self.epoch)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claim of each of its shares, in their order."""
        return claims_of(self.epoch)

    @property
    def ceilings(self) -> Mapping[Claim, int | None]:
        """All that the ledger has to be told: ceilings in units of their claims, None for those that go."""
        told = zip(self.claims, self.epoch.shares, strict=True)
        set_now = {claim: share.ceiling(self.epoch.scale) for claim, share in told}
        return {**set_now, **dict.fromkeys(self.cleared)}


@dataclass(frozen=True, slots=True)
class Draft:
    """An epoch as it shall be."""

    epoch: Epoch
    books: Revision
    before: Numbered | None = None
    """The newest of the supply, that it was judged after; None: there was none."""

    @property
    def supply(self) -> SupplyKey:
        """What it divides."""
        return supply_of(self.epoch)

    @property
    def after(self) -> int:
        """Number of the epoch before; 0: there was none."""
        return self.before.number if self.before else 0

    @property
    def cleared(self) -> tuple[Claim, ...]:
        """Claims whose ceilings go with it: those of the epoch before, and of those before that the ledger was not told
        of.
        """
        if self.before is None:
            return ()
        former = (*self.before.claims, *(() if self.before.in_force else self.before.cleared))
        staying = set(claims_of(self.epoch))
        return tuple(claim for claim in former if claim not in staying)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of epochs in order of their numbers, and between which numbers every one is kept.

    Every epoch after number `oldest` is kept, up to `head`; `epochs` are those of them that were asked for.
    """

    oldest: int
    head: int
    epochs: tuple[Numbered, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """Which epochs are meant: those that have all that is named."""

    product: Product | None = None
    warehouse_group: str = ""
    channel_group: str = ""


class Epochs(Protocol):
    """The epochs of all tenants, walled from one another.

    Numbers of a tenant have no gaps, and their order is that of commits. Every method raises DatabaseAway.
    """

    async def newest(self, tenant: str, supplies: Collection[SupplyKey]) -> Mapping[SupplyKey, Numbered]:
        """The newest epoch of each of the supplies that was ever divided; one that was dissolved is one, too."""
        ...

    async def add(self, tenant: str, drafts: Sequence[Draft]) -> Sequence[Numbered]:
        """Keep up to 1000 epochs, each of another supply, all in one commit; those that are kept, in the order given.

        One whose supply has another newest epoch than it was judged after is left out: somebody else was first.
        """
        ...

    async def pending(self, tenant: str, *, limit: int) -> Sequence[Numbered]:
        """Newest epochs that the ledger may not have been told of, in order of their numbers."""
        ...

    async def enforce(self, tenant: str, numbers: Collection[int]) -> None:
        """The ledger was told of these epochs: they are in force, and what is older of their supplies is over."""
        ...

    async def due(self, tenant: str, now: datetime, *, limit: int) -> Sequence[SupplyKey]:
        """Supplies whose policy is to divide them at least every so often, and that were not divided and not `seen`
        for so long; those first that wait longest.
        """
        ...

    async def seen(self, tenant: str, supplies: Collection[SupplyKey], now: datetime) -> None:
        """These were judged, and nothing would move: their time begins anew."""
        ...

    async def standing(
        self, tenant: str, where: Where, *, start: SupplyKey | None = None, limit: int
    ) -> Sequence[Numbered]:
        """Newest epochs that have shares, in order of their supplies, from `start` on."""
        ...

    async def past(self, tenant: str, where: Where, *, before: int | None = None, limit: int) -> Sequence[Numbered]:
        """All epochs that are kept, newest first, below number `before`."""
        ...

    async def stretch(self, tenant: str, *, after: int, limit: int) -> Stretch:
        """The first epochs after a number, at most `limit`; none where some of them are gone, or it is the head."""
        ...

    async def forget(self, *, keep_seconds: float) -> int:
        """Give up epochs that are older, of every tenant, but the newest of each supply; returns how many."""
        ...


class Claimed(NamedTuple):
    """What the ledger counts under a claim, in units of the claim."""

    open: int
    """Promised to open orders."""
    fulfilled: int
    """Gone out."""


class Claims(Protocol):
    """What groups' orders have taken, as the ledger counts it."""

    async def claimed(
        self, tenant: str, claims: Sequence[Claim], fresh: Vector
    ) -> tuple[Mapping[Claim, Claimed], Revision]:
        """What is counted under each of the claims at the revision or later, in books that include `fresh`.

        Raises PeerAway, and what the ledger refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a wish to divide supplies anew has come."""

    supplies: int = 0
    """To look at."""
    seen: int = 0
    divided: int = 0
    moved: int = 0
    """Units that changed hands."""
    newest: int = 0
    """Number of the newest epoch, made or there before."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A wish as it is known: epochs above number `after` were made since it came."""

    after: int
    again: bool = False
    """It came before."""
    ended: Progress | None = None
    """How it ended; None: it has not."""


class Wishes(Protocol):
    """What callers wished to have divided anew, so that each wish is carried out once. Every method raises
    DatabaseAway.
    """

    async def begin(self, attempt: Attempt) -> Begun:
        """The wish, from its first arrival on; raises RequestIdReused where the id stands for another."""
        ...

    async def end(self, attempt: Attempt, progress: Progress) -> None:
        """It was carried out, and this is what came of it."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """A supply as the aggregator tells of it."""

    supply: Supply
    books: Revision
    """Revision of the ledger that units and claims are of."""

    @property
    def key(self) -> SupplyKey:
        """Which supply it is."""
        return SupplyKey(self.supply.product, self.supply.warehouse_group)


class Supplies(Protocol):
    """What there is to divide of every product that a policy divides at an instant, or that has shares of a division.

    Some at a time, up to 1000; those of a message are of one revision.
    """

    async def counted(self, tenant: str, products: Sequence[Product] | None, fresh: Vector) -> int:
        """How many `listed` gives; raises Refusal where that cannot be had."""
        ...

    def listed(
        self, tenant: str, products: Sequence[Product] | None, fresh: Vector
    ) -> AsyncGenerator[Sequence[Told], None]:
        """Those of up to 10000 products, or of all, as they are now; each supply once.

        Raises Refusal where they cannot be had, also half-way.
        """
        ...

    def watched(self, tenant: str) -> AsyncGenerator[Sequence[Told], None]:
        """All of them, then every one that may have changed, as it is then; without end.

        Begins anew by itself where the connection breaks, and gives all of them again. Raises Refusal where trying
        again is of no use.
        """
        ...


class Ceilings(Protocol):
    """What the ledger lets the groups claim."""

    async def put(self, tenant: str, epochs: Sequence[Numbered]) -> None:
        """Count orders against the shares of these epochs, each of another supply: the ceilings of a supply change in
        one commit.

        A claim for which a later epoch was put before stays as it is, so that putting one again does no harm. Raises
        Refusal; then some may have been put.
        """
        ...


class Sale(NamedTuple):
    """Units that orders of a channel were promised on a day, of a product that they ordered."""

    product: Product
    units: int
    channel: str
    day: date


class Sold(NamedTuple):
    """What orders were promised in a stretch of the ledger's history."""

    sales: Sequence[Sale]
    through: Revision
    """Everything up to here is counted."""
    more: bool
    """There is more after it."""


class Sales(Protocol):
    """What orders were promised, as the ledger remembers."""

    async def sold(self, tenant: str, after: Revision | None, since: datetime) -> Sold:
        """The next stretch after a revision, or from the oldest that is kept, of what was promised since.

        Raises Fenced where the ledger cannot go on from there, Refusal where it does not answer.
        """
        ...

    async def groups(self, tenant: str) -> Mapping[str, str]:
        """The channel group of every channel, as the network is now; raises Refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """How far demand was counted."""

    since: date
    """The first day that was counted whole."""
    through: Revision
    """Everything up to here was."""


class Demand(Protocol):
    """What the groups' orders were promised, by day; of all tenants, walled from one another."""

    async def counted(self, tenant: str) -> Counted | None:
        """How far it was counted; None where it never was."""
        ...

    async def count(self, tenant: str, sold: Sold, before: Counted | None, *, since: date) -> bool:
        """Count a stretch of history that follows what was counted `before`, from day `since` on; with None for the
        latter whatever was counted is forgotten.

        One commit with how far it then is; False, and nothing is done, where that is not as it was before: somebody
        else has counted. What is older than 365 days goes.
        """
        ...

    async def group(self, tenant: str, groups: Mapping[str, str]) -> None:
        """These are the channel groups of the channels now."""
        ...

    async def demand(
        self, tenant: str, products: Collection[Product], since: date
    ) -> Mapping[Product, Mapping[str, int]]:
        """Units of these products that orders of each channel group were promised on that day and after it."""
        ...


def supply_of(epoch: Epoch) -> SupplyKey:
    """What an epoch divides."""
    return SupplyKey(epoch.product, epoch.warehouse_group)


def claims_of(epoch: Epoch) -> tuple[Claim, ...]:
    """The claim of each share of an epoch."""
    return tuple(
        Claim(epoch.product, epoch.warehouse_group, share.channel_group, epoch.scale) for share in epoch.shares
    )
