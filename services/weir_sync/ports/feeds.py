"""What takes stock in from warehouses, and what that needs from the world: what they said last, and the ledger."""

from __future__ import annotations

import enum
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_sync.domain.feeds import Figure, Line, Pull, Pulled, Reporting, Snapshot

Progress = Callable[[Pulled], Awaitable[None]]
"""Is told how far a pull has come, every now and then."""
Figures = Callable[[int], AsyncGenerator[Sequence[Figure], None]]
"""Gives the figures of an import from a number on, in pieces of up to 1000."""
Settled = Callable[[int], Awaitable[None]]
"""Is told how many lines of an import are settled, every now and then."""


class Feeds(Protocol):
    """Takes in what warehouses report."""

    async def pull(self, pull: Pull, progress: Progress) -> Pulled:
        """Take stock in from a warehouse to its end: what it reports goes into the ledger, and what it said last is
        kept. A bad line is kept with its fault and stops no other.

        Whoever dies on the way leaves nothing half done: the same pull goes on where it was, another one of the
        connection begins anew, and ends whichever is still going on there. Raises ConnectorFailed where the warehouse
        does not answer or will not, or its figures are of a moment that the ledger does not take; ConnectionNotFound;
        Refusal where another pull took over, or the ledger or the database is away.
        """
        ...


class Stage(enum.StrEnum):
    """How far a pull is."""

    READING = "READING"
    """The warehouse is asked, and what it says is kept."""
    TELLING = "TELLING"
    """All it said is kept; the ledger is told."""
    DONE = "DONE"


class Feed(NamedTuple):
    """The newest pull of a warehouse."""

    tenant: str
    connection: str
    number: int
    """Rises with each pull."""
    run: str
    stage: Stage
    cursor: str
    """Where the warehouse goes on from; empty: from the beginning."""
    told_at: datetime | None
    """Moment of the figures that the ledger was told last; None: of none."""
    snapshot: Snapshot | None
    """What the figures mean, once they are all there."""
    pulled: Pulled


class Reports(Protocol):
    """What warehouses said last, and how far pulls have come. Every method raises DatabaseAway, and those that are
    given a feed CallAborted, and change nothing, where another pull of the connection has begun since, or has got
    further.
    """

    async def begin(self, pull: Pull, mark: str) -> Feed | None:
        """Begin a pull, which ends the one before; or the newest one as it is, where it is the same and has read all.
        A cursor that was kept under another mark is of no use. None where there is no such connection.
        """
        ...

    async def keep(self, feed: Feed, lines: Sequence[Line], reported_at: datetime) -> None:
        """Keep what the warehouse said, each SKU, facility, lot and unit of measure once: up to 1000."""
        ...

    async def moved(self, feed: Feed) -> bool:
        """Whether lines of the pull are other stock items than they were, or were said under another mark before."""
        ...

    async def skip(self, feed: Feed) -> Pulled:
        """The warehouse said nothing new, not even that nothing changed; the pull is at its end."""
        ...

    async def seal(self, feed: Feed, snapshot: Snapshot, cursor: str | None) -> Feed:
        """All is kept; what the ledger is to be told is made of it, with what it refused before. With the end of the
        pull the cursor moves; None: it stays.
        """
        ...

    async def figures(self, feed: Feed, part: int, first: int, *, limit: int) -> Sequence[Figure]:
        """What the ledger is to be told in a part, by number, from the `first` on; numbers begin with 1."""
        ...

    async def refuse(self, feed: Feed, part: int, refused: Sequence[tuple[int, str]]) -> None:
        """Keep why the ledger refused figures of these numbers, with the lines that they are made of."""
        ...

    async def end(self, feed: Feed, *, unchanged: int) -> Pulled:
        """The ledger has all of it: the cursor moves, and what a full report did not name is not there any more, if
        that is what it means. How far the pull came.
        """
        ...

    async def reportings(
        self, tenant: str, connections: Collection[str], *, awaited: Collection[str]
    ) -> Sequence[Reporting]:
        """When these warehouses reported last; reports of those that are `awaited` are so from now on, if they were
        not before. Of one that was never asked nor awaited nothing is known.
        """
        ...


class Imported(NamedTuple):
    """How an import of the ledger ended, in figures."""

    applied: int
    stale: int
    refused: int


class Snapshots(Protocol):
    """The ledger, as far as it takes snapshots in."""

    async def take_in(
        self,
        tenant: str,
        request_id: str,
        snapshot: Snapshot,
        part: int,
        figures: Figures,
        settled: Settled,
    ) -> Imported:
        """Import a part of a snapshot, once however often it is asked for. Where the stream breaks it is gone on with
        from the figure that the ledger awaits.

        Raises Refusal where the ledger is away, or takes none of it.
        """
        ...

    def refused(self, tenant: str, request_id: str) -> AsyncIterator[Sequence[tuple[int, str]]]:
        """The numbers of the figures that an import refused, and why, in pieces. Raises PeerAway."""
        ...


class Late(Protocol):
    """How it is told that warehouses are late. Raises DatabaseAway."""

    async def say(self, tenant: str, late: Sequence[tuple[str, str]], in_time: Collection[str]) -> None:
        """These connections are late, of each a sentence that says so, and those in time: their health says so, and of
        each that is late an alert is open. An alert of one that is not late any more is closed.
        """
        ...
