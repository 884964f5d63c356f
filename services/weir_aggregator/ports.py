"""What the aggregator needs from the world: the contexts it follows, the day, and a ledger that promises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, NamedTuple, Protocol, TypeVar

from weir_aggregator.domain import BooksChange, Change, Promise, Recorded, Replan, Reserve, Shortfall
from weir_allocation.fulfilment.model import Allocation
from weir_allocation.stock import StockItem
from weir_chassis.revisions import Revision

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Commit(Generic[T]):
    """What one commit changed, or one part of an export holds; empty where only the mark moves on."""

    through: Revision
    """Everything up to here is known once this is applied; the revision an export was read at."""
    changes: Sequence[T]


class Feed(Protocol[T]):
    """One context as it is followed: its state at a revision, then every commit after it, for one tenant.

    Changes carry what stands after them, so that taking one over twice does no harm.
    """

    def export(self, tenant: str) -> AsyncGenerator[Commit[T], None]:
        """The state at one revision, in parts that all carry it; at least one part, also where nothing is there.

        Raises Refusal where the context cannot be reached, also half-way.
        """
        ...

    def watch(self, tenant: str, after: Revision) -> AsyncGenerator[Commit[T], None]:
        """Every commit after a revision, whole, in order, without gaps; without end.

        Takes up again by itself where the connection breaks. Raises Fenced where the history after the last commit
        given cannot be had any more: the state has to be exported anew.
        """
        ...


BooksFeed = Feed[BooksChange]
"""The books of the ledger: counts of stock items, and lots."""

ConfigurationFeed = Feed[Change]
"""What is configured in another context: its objects."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """Every context that is followed."""

    ledger: BooksFeed
    sharing: ConfigurationFeed
    partitioning: ConfigurationFeed
    sync: ConfigurationFeed
    pooling: ConfigurationFeed


class Calendar(Protocol):
    """Which day it is, in UTC: a lot counts to the end of its last day there."""

    def today(self) -> date:
        """The day it is."""
        ...

    async def over(self, day: date) -> None:
        """Return once a day is over; not before, and little later."""
        ...


class Counted(NamedTuple):
    """What the ledger counts the units of an allocation under, up to the ceiling that holds when it promises them."""

    claim: str
    weight: int
    """What each unit counts."""


class PromisedLine(NamedTuple):
    """What a reservation promises of one stock item."""

    item: StockItem
    open: int
    fulfilled: int
    counted: Counted | None = None
    """What its units count under, if anything."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A reservation, as it stands at a revision."""

    reservation: str
    running: bool
    """Held or confirmed: units of it may be moved."""
    lines: tuple[PromisedLine, ...]
    changed: Revision
    """What changed it last."""
    revision: Revision
    """What it was read at."""
    recorded: Recorded | None
    """How it was planned; None where it does not say."""
    message: object = field(repr=False)
    """As the ledger tells of it, for the answer."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What became of an order: units that are promised, units that wait, or both."""

    reservation: object | None = field(repr=False)
    """As the ledger tells of it, for the answer; None where all of the order waits."""
    waiting: object | None = field(repr=False)
    """The same of what waits; None where nothing does."""
    revision: Revision
    recorded: Recorded
    """How it was planned by the attempt that is answered, with its allocations: this one, or an earlier one."""


@dataclass(frozen=True, slots=True)
class Amended:
    """A reservation after units of it were moved."""

    reservation: object = field(repr=False)
    """As the ledger tells of it, for the answer."""
    recorded: Recorded
    """How it is planned, by the attempt that is answered, with allocations for what is open."""
    revision: Revision
    released: int
    promised: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Units of a reservation that are to lie elsewhere."""

    releases: tuple[tuple[int, int], ...]
    """Lines of it, from 0, and the units of each that are given up."""
    lines: tuple[Allocation, ...]
    """What is promised in their place."""
    counted: tuple[Counted | None, ...]
    """What each of these counts under, if anything."""


class Overtaken(Exception):
    """The books or the reservation are not what a plan was made for: they changed by `number`, a revision of the
    ledger.

    None where that is not known.
    """

    def __init__(self, number: int | None) -> None:
        """Nothing was promised or moved."""
        super().__init__(number)
        self.number = number


class Promises(Protocol):
    """The ledger, which promises units to orders; asked for the tenant of the call that is answered.

    Each raises what the ledger refuses as it is, and PeerAway where it cannot be reached; what became of a call that
    was lost is found out by repeating it.
    """

    async def reserve(
        self,
        asked: Reserve,
        planned: Recorded,
        counted: Sequence[Counted | None],
        waits: Recorded | None,
        missing: Sequence[int] | None = None,
    ) -> Reserved:
        """Promise the allocations of the plan, all or none, and let wait what `waits` wants, in one commit.

        Of each allocation `counted` says what it counts under, if anything; and of what was sold already `missing` how
        many units may not be there, None: all. A request id that was used for the same
        request answers what was made then. Raises Overtaken, Malformed or LinesExhausted where there is more than can
        be kept or promised at once.
        """
        ...

    async def made(self, asked: Reserve) -> Reserved | int:
        """What was made under the request id by the same request; if nothing was, the number of the ledger's newest
        revision.

        Raises RequestIdReused where another request had it.
        """
        ...

    async def reservation(self, reservation: str) -> Promised:
        """A reservation as it is now."""
        ...

    async def amend(self, asked: Replan, standing: Promised, moves: Moves, planned: Recorded) -> Amended:
        """Move units, all or none, in one commit; `planned` has a purpose for each line the reservation then has.

        A request id that was used for the same request answers what was made then. Raises Overtaken, also where the
        reservation is no longer as it stood, Malformed or LinesExhausted where there is more than can be kept or
        promised at once.
        """
        ...

    async def amended(self, asked: Replan) -> Amended | None:
        """What was moved under the request id by the same request; None if nothing was, of a reservation that is open.

        Raises RequestIdReused where another request had it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of promises to orders that wait."""

    refused: Mapping[str, str | None]
    """Each demand that was asked for: why it was refused; None of one that was promised its units."""
    revision: Revision
    """What it is so at."""


class Arrivals(Protocol):
    """The ledger, as workers use it that answer no call: for a tenant that is named.

    Each raises what the ledger refuses as it is, and PeerAway where it cannot be reached.
    """

    async def promise(self, tenant: str, promises: Iterable[Promise], planned: Revision) -> Answered:
        """Promise units to as many of the first of these as one request takes, at least one, each by itself.

        The same promises planned at the same revision are one request, whoever makes it and however often.
        """
        ...

    async def shortfalls(self, tenant: str) -> Sequence[Shortfall]:
        """Everything that is short now, in order of stock items."""
        ...
