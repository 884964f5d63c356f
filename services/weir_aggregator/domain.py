"""What the aggregator is told and what it is asked, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from weir_allocation.claims import Claim
from weir_allocation.custody import View
from weir_allocation.fulfilment.model import Plan, Terms, Wish
from weir_allocation.network import Channel
from weir_allocation.policy import Policy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import Condition, Demand, StockItem

Product = tuple[str, str]
"""Owner and stock keeping unit. A plain tuple: a projection holds hundreds of thousands of them, and these the garbage
collector need not visit."""


class Count(NamedTuple):
    """The counts of one stock item as they stand after a commit."""

    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    condition: Condition
    on_hand: int
    reserved: int


class Lot(NamedTuple):
    """What is known of a lot after a commit."""

    owner: str
    sku: str
    lot: str
    expiry: date | None
    """Last day on which its units count; None: they never expire."""


class Point(NamedTuple):
    """A revision as it is written down."""

    context: str
    cluster: str
    epoch: int
    number: int


UNWANTED = -1
"""In place of a line of a wish: it is in the wish no longer."""


class Purpose(NamedTuple):
    """What a line of a reservation is for."""

    line: int
    """Line of the wish, from 0; UNWANTED where all units were given up since, because the wish is another."""
    serves_as: Product
    """Product the units serve as: that of the line, or a component of it."""
    bundles: int = 0
    """Bundles of which the units were made parts when the line was promised; 0: none."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How an order was planned."""

    wish: Wish
    channel: str
    terms: Terms
    purposes: tuple[Purpose, ...] = ()
    """Of each line of the reservation, in their order; none of what waits."""
    plan: Plan | None = None
    """As it was answered; what is read has no allocations where these are the lines of the reservation. None of what
    waits beside a reservation."""
    revisions: tuple[Point, ...] = ()
    """What the terms rest on, one of each context."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A demand that waits for units, as it stands after a commit."""

    waiting: str
    arrived: int
    """Number of the revision with which it began to wait: demands stand in the order of these, then of identifiers."""
    open: tuple[int, ...]
    """Units of each line that still wait; nothing waits of one that has ended."""
    recorded: Recorded | None
    """What is wanted and how it may be filled, line by line; its wish holds what waited at first. It is told once, when
    the demand begins to wait; never of a demand that others fill."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Units for one demand that waits."""

    waiting: str
    demanded: int
    """Lines of the demand."""
    units: tuple[tuple[int, int], ...]
    """Lines of the demand, from 0, and the units of each that wait no longer."""
    lines: tuple[tuple[StockItem, int], ...]
    """What is promised for them."""
    recorded: Recorded
    """How that was planned: an order of its own, of the units promised."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Promised units of a stock item that are not there."""

    item: StockItem
    units: int
    opened: int
    """Moment at which it opened, in nanoseconds."""
    reservations: tuple[str, ...]
    """The reservations it hits, newest first; not all of them where there are many."""


class BackOrders(NamedTuple):
    """How many units of a product may wait, over all orders, and how many do, after a commit."""

    owner: str
    sku: str
    limit: int
    waiting: int


class ClaimChange(NamedTuple):
    """What is claimed under a key of the ledger after a commit, and how much may be."""

    key: str
    claimed: int
    ceiling: int | None
    """None where none is set."""
    claim: Claim | None
    """What the key stands for; told once, and None ever after, as of a key that is not of a share."""


StockChange = Count | Lot
"""What the ledger tells of stock."""
WaitingChange = Waiting | BackOrders
"""What the ledger tells of orders that wait."""
BooksChange = StockChange | WaitingChange | ClaimChange
"""What the ledger tells."""


@dataclass(frozen=True, slots=True)
class WarehouseGroup:
    """Locations pooled together."""

    warehouse_group: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupLink:
    """The stock of a warehouse group feeds a channel group."""

    warehouse_group: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What one store is never told."""

    store: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class LateFeed:
    """A location whose warehouse has not reported in time, and how much of what lies there counts for no store."""

    location: str
    percent: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in whose custody goods may be, and the channel that he sells through; empty: none."""

    user: str
    channel: str


@dataclass(frozen=True, slots=True)
class Pool:
    """A hub, its members, and whether it has opened its stock to them."""

    pool: str
    hub: str
    members: tuple[str, ...]
    hub_access: bool


Configured = (
    WarehouseGroup | Channel | GroupLink | Link | Bundle | Policy | Rule | StoreLimits | LateFeed | Person | Pool
)
"""What sharing, partitioning, sync and pooling tell of."""


@dataclass(frozen=True, slots=True)
class Change:
    """One configured object as it stands after a commit; or, if `deleted`, as it last stood."""

    object: Configured
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What may one channel sell of one product?"""

    product: Product
    channel: str
    demand: Demand
    view: View | None = None
    """Whose custody counts, of a channel by custody; None: nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Availability:
    """What one channel may sell of one product, and what that is made of."""

    supply: int
    """Units that the locations reached hold for the product."""
    share: int
    """Units of the supply that are the channel group's."""
    level: int
    """UNTOLD where the store is told nothing."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What all stores together are told of a product, and what there is of it."""

    product: Product
    levels: int
    """Sum of the levels of all stores."""
    supply: int
    """Units at all locations that any of these stores reaches."""
    bundled: int
    """Units that go into bundles if all are sold that stores are told of bundles, beyond those that lie packed."""
    bundled_exposure: int
    """Units told beyond what there is, those in bundles too."""

    @property
    def exposure(self) -> int:
        """Units told beyond what there is."""
        return max(0, self.levels - self.supply)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the table a list or a watch is about."""

    channels: tuple[str, ...] = ()
    """As asked; empty: all."""
    owner: str | None = None
    """Only products of this owner; None: of all."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of some products in some channels, all of one state."""

    products: Sequence[Product]
    channels: Sequence[str]
    levels: Sequence[int]
    """Those of the first product in every channel, then those of the second; UNTOLD where the store is told nothing."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a watcher is told at once."""

    levels: Levels | None = None
    """Levels that may have changed; None in a heartbeat."""
    complete: bool = False
    """Part of a complete list, which replaces all that was told before."""
    complete_begin: bool = False
    complete_end: bool = False


@dataclass(frozen=True, slots=True)
class Supplies:
    """What there is to divide of some products, in columns, all of one state."""

    products: Sequence[Product]
    policies: Sequence[str]
    """Policy that divides each product at an instant; empty where none does."""
    scales: Sequence[int]
    """What each unit of each product counts under a claim."""
    warehouse_groups: Sequence[str]
    channel_groups: Sequence[str]
    supply_products: Sequence[int]
    """Product of each supply, by its place, as all below; in this order, then by warehouse group."""
    supply_warehouse_groups: Sequence[int]
    units: Sequence[int]
    """Units of each supply."""
    share_supplies: Sequence[int]
    """Supply of each share, by its place, as all below; in this order, then by channel group."""
    share_channel_groups: Sequence[int]
    selling: Sequence[bool]
    """Whether the channel group is linked and sells the product."""
    claimed: Sequence[int]
    """What is claimed of each share, in units of the claim."""
    ceilings: Sequence[int]
    """Most that may be, likewise; -1 where none is set."""


@dataclass(frozen=True, slots=True)
class SupplyUpdate:
    """What a watcher of supplies is told at once."""

    supplies: Supplies | None = None
    """Supplies that may have changed; None in a heartbeat."""
    complete_end: bool = False
    """The last of those that show everything."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Levels that would be others, by product, then channel; UNTOLD where a store is told nothing or is not there."""

    products: Sequence[Product]
    """One for each level, as all of them."""
    channels: Sequence[str]
    before: Sequence[int]
    after: Sequence[int]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a change of the configuration comes to."""

    levels: int
    """Levels that differ."""
    products: int
    """Products that have one."""
    channels: int
    """Channels that have one."""
    exposure_before: int
    """Units that stores are told beyond what there is, over all products, as it is."""
    exposure_after: int
    """The same as it would be."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """Plan an order, and have its units promised."""

    request_id: str
    digest: bytes
    """What tells the request from another one under the same identifier."""
    wish: Wish
    channel: str
    hold_seconds: float | None = None
    """None: as long as is usual."""
    order: str = ""
    back_order: bool = False
    """What cannot be filled waits, as far as it may."""
    validate_only: bool = False
    sold: bool = False
    """It was sold already: what is not there is promised all the same."""


@dataclass(frozen=True, slots=True)
class Replan:
    """Plan what is promised again, and have moved what has to be."""

    request_id: str
    digest: bytes
    reservation: str
    rejected: frozenset[str] = frozenset()
    """Locations that shall not send."""
    wish: Wish | None = None
    """What is wanted instead; None: as before."""
    channel: str = ""
    """The channel that the other wish names."""
    validate_only: bool = False
