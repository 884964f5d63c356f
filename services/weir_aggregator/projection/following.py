"""Keep a projection in step with the contexts and the day: export, then watch, and again where that breaks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import structlog

from weir_aggregator.domain import BooksChange, Change, ClaimChange, StockChange
from weir_aggregator.ports import Calendar, Commit, Feed, Feeds
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.book import PARTITIONING, POOLING, SHARING, SYNC
from weir_aggregator.projection.marks import LEDGER
from weir_aggregator.projection.shares import Shares
from weir_aggregator.projection.state import Projection
from weir_aggregator.projection.waiting import Queue
from weir_chassis.errors import Refusal
from weir_chassis.revisions import Revision
from weir_chassis.watch import Fenced

T = TypeVar("T")

log = structlog.get_logger(__name__)

JOINED_MAX = 64
"""Commits that wait to be taken over, at most; a commit holds up to a megabyte."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before a context is tried again: doubling from least to most, less by chance up to half."""

    least_seconds: float = 0.1
    most_seconds: float = 5.0

    def seconds(self, failures: int) -> float:
        """The wait after so many failures in a row, from 1."""
        longest = min(self.most_seconds, self.least_seconds * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads replicas, guards nothing


@dataclass(frozen=True, slots=True)
class _Side(Generic[T]):
    """One context of one tenant: where it is read, and what becomes of what is read."""

    context: str
    feed: Feed[T]
    begin: Callable[[], _Loading[T]]
    apply: Callable[[Commit[T]], None]


@dataclass(frozen=True, slots=True)
class _Loading(Generic[T]):
    """A state being read aside, while questions are answered from the one before."""

    put: Callable[[T], object]
    end: Callable[[Revision], None]


async def follow(
    projection: Projection, tenant: str, feeds: Feeds, calendar: Calendar, patience: Patience = Patience()
) -> None:
    """Load all contexts into the projection, keep them in step and turn its days; never ends by itself."""

    def begin_books() -> _Loading[BooksChange]:
        balances, queue = Balances(), Queue()
        shares = Shares(balances)

        def put(change: BooksChange) -> None:
            if isinstance(change, StockChange):
                balances.put(change)
            elif isinstance(change, ClaimChange):
                shares.put(change)
            else:
                queue.put(change)

        return _Loading(put, partial(projection.load_balances, balances, queue, shares))

    def begin_configuration() -> _Loading[Change]:
        changes: list[Change] = []
        return _Loading(changes.append, partial(projection.load_configuration, changes))

    configured = {
        SHARING: feeds.sharing,
        PARTITIONING: feeds.partitioning,
        SYNC: feeds.sync,
        POOLING: feeds.pooling,
    }
    sides = [
        _Side(context, feed, begin_configuration, projection.apply_configuration)
        for context, feed in configured.items()
    ]
    projection.turn(calendar.today())
    async with asyncio.TaskGroup() as tasks:
        books = _Side(LEDGER, feeds.ledger, begin_books, projection.apply_balances)
        tasks.create_task(_keep(books, tenant, patience))
        for side in sides:
            tasks.create_task(_keep(side, tenant, patience))
        tasks.create_task(_turn_days(projection, calendar))


async def _turn_days(projection: Projection, calendar: Calendar) -> None:
    """Turn day after day for ever; also where one could not be turned, which only a bug can cause."""
    while True:
        await calendar.over(projection.today)
        try:
            projection.turn(calendar.today())
        except Exception:
            log.exception("day could not be turned", day=projection.today.isoformat())


async def _keep(side: _Side[T], tenant: str, patience: Patience) -> None:
    """Export and watch one side for ever.

    A context that is away is tried again; so is one whose commits could not be applied, which only a bug can cause:
    the projection is then built anew rather than left behind without a word.
    """
    failures = 0
    while True:
        try:
            through = await _load(side, tenant)
            log.info("context loaded", context=side.context, tenant=tenant, number=through.number)
            failures = 0
            await _watch(side, tenant, through)
        except Fenced:
            log.warning("history cut, loading anew", context=side.context, tenant=tenant)
        except Refusal as refusal:
            log.warning("context away", context=side.context, tenant=tenant, reason=refusal.reason)
        except Exception:
            log.exception("context could not be followed", context=side.context, tenant=tenant)
        failures += 1
        await asyncio.sleep(patience.seconds(failures))


async def _load(side: _Side[T], tenant: str) -> Revision:
    loading = side.begin()
    through: Revision | None = None
    async with aclosing(side.feed.export(tenant)) as parts:
        async for part in parts:
            through = part.through
            for change in part.changes:
                loading.put(change)
    assert through is not None, "an export has at least one part"
    loading.end(through)
    return through


async def _watch(side: _Side[T], tenant: str, after: Revision) -> None:
    async with (
        aclosing(side.feed.watch(tenant, after)) as watched,
        aclosing(_joined(watched)) as commits,
    ):
        async for commit in commits:
            side.apply(commit)


async def _joined(commits: AsyncGenerator[Commit[T], None]) -> AsyncGenerator[Commit[T], None]:
    """The same, but what comes while one is taken over, and for as long again, is given as one commit.

    So many commits cost little more than one, and of a flood of them half of the time at most is spent on taking over:
    questions are answered in the other half.
    """
    come: asyncio.Queue[Commit[T] | Exception] = asyncio.Queue(JOINED_MAX)
    reading = asyncio.create_task(_read(commits, come))
    clock = asyncio.get_running_loop().time
    try:
        while True:
            found = [await come.get()]
            while not come.empty():
                found.append(come.get_nowait())
            whole = [each for each in found if isinstance(each, Commit)]
            if whole:
                begun = clock()
                yield Commit(whole[-1].through, [change for each in whole for change in each.changes])
                await asyncio.sleep(clock() - begun)
            if isinstance(found[-1], Exception):
                raise found[-1]
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(commits: AsyncGenerator[Commit[T], None], come: asyncio.Queue[Commit[T] | Exception]) -> None:
    try:
        async for commit in commits:
            await come.put(commit)
    except Exception as fault:
        await come.put(fault)
