"""What the aggregator needs from the world: the contexts it follows, and the day."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar

from weir_aggregator.domain import BooksChange, Change
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


class Calendar(Protocol):
    """Which day it is, in UTC: a lot counts to the end of its last day there."""

    def today(self) -> date:
        """The day it is."""
        ...

    async def over(self, day: date) -> None:
        """Return once a day is over; not before, and little later."""
        ...
