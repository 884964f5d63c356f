"""How a projection is kept in step: exports that break, histories that are cut, commits that cannot be applied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from typing import Any

import pytest

from tests.kit.projections import (
    LEDGER,
    SHARING,
    books,
    channel,
    count,
    group,
    level,
    link,
    network,
    policies,
    pools,
    rules,
    stands,
)
from weir_aggregator.domain import BooksChange, Change, Lot
from weir_aggregator.ports import Commit, Feeds
from weir_aggregator.projection import Patience, Projection, UtcCalendar, follow
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import Rule
from weir_chassis.errors import PeerAway
from weir_chassis.revisions import Origin, Revision
from weir_chassis.watch import Fenced

BIKE = ("", "BIKE")
NETWORK = network(1, group("w", "US"), channel("shop"), link("w", "shop"))
TODAY = date(2026, 3, 1)

Script = Sequence[Any]
"""What a feed does, one after the other: commits are given, exceptions raised, an event is waited for."""


class ScriptedFeed:
    """A context that exports and is watched as a script says; at the end of its scripts nothing happens any more."""

    def __init__(self, exports: Sequence[Script], watches: Sequence[Script] = ()) -> None:
        """The first export follows the first script, and so on."""
        self.watched_after: list[Revision] = []
        self._exports = iter(exports)
        self._watches = iter(watches)

    async def export(self, tenant: str) -> AsyncGenerator[Commit[Any], None]:
        async for commit in _played(next(self._exports, [asyncio.Event()])):
            yield commit

    async def watch(self, tenant: str, after: Revision) -> AsyncGenerator[Commit[Any], None]:
        self.watched_after.append(after)
        async for commit in _played([*next(self._watches, []), asyncio.Event()]):
            yield commit


async def _played(script: Script) -> AsyncIterator[Commit[Any]]:
    for each in script:
        if isinstance(each, asyncio.Event):
            await each.wait()
        elif isinstance(each, Exception):
            raise each
        else:
            yield each


class Days:
    """A calendar whose days end when a test says so."""

    def __init__(self) -> None:
        """It is TODAY."""
        self.day = TODAY
        self._turned = asyncio.Event()

    def today(self) -> date:
        return self.day

    async def over(self, day: date) -> None:
        while self.day <= day:
            await self._turned.wait()

    def turn(self, day: date) -> None:
        """Let it be another day."""
        self.day = day
        self._turned.set()
        self._turned = asyncio.Event()


@asynccontextmanager
async def following(
    ledger: ScriptedFeed, days: Days | None = None, **others: ScriptedFeed
) -> AsyncIterator[Projection]:
    """A projection that follows these feeds within the block, without patience."""
    projection = Projection(1 << 20)
    quick = Patience(least_seconds=0.0, most_seconds=0.0)
    configured = (
        others.get(commit.through.context, ScriptedFeed([[commit]]))
        for commit in (NETWORK, policies(1), rules(1), pools(1))
    )
    task = asyncio.create_task(follow(projection, "acme", Feeds(ledger, *configured), days or Days(), quick))
    try:
        yield projection
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    """Let others run until something holds; fails where it never does."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    pytest.fail("it never held")


def at(projection: Projection, number: int) -> Callable[[], bool]:
    """Whether all contexts are loaded and the ledger is at this number."""
    return lambda: projection.caught_up and projection.revisions[0].number == number


async def test_export_then_watch() -> None:
    """The parts of an export are one state; the watch goes on after it."""
    ledger = ScriptedFeed([[books(3, count("BIKE", "US", 5)), books(3, count("CAR", "US", 7))]], [[books(4)]])
    async with following(ledger) as projection:
        await until(at(projection, 4))
        assert level(projection, "shop", BIKE) == 5
        assert level(projection, "shop", ("", "CAR")) == 7
    assert [revision.number for revision in ledger.watched_after] == [3]


async def test_half_an_export_is_never_shown() -> None:
    """It breaks off in the middle: nothing of it is kept, and it is read again from the start."""
    gate = asyncio.Event()
    ledger = ScriptedFeed([[books(3, count("BIKE", "US", 5)), PeerAway()], [gate, books(9, count("CAR", "US", 7))]])
    async with following(ledger) as projection:
        await until(lambda: len(projection.revisions) == 4)
        assert projection.revisions[0].context == "sharing"
        gate.set()
        await until(at(projection, 9))
        assert level(projection, "shop", BIKE) == 0


@pytest.mark.parametrize("fault", [Fenced("REVISION_COMPACTED", "gone"), PeerAway(), RuntimeError("a bug")])
async def test_a_watch_that_cannot_go_on_leads_to_an_export(fault: Exception) -> None:
    """Meanwhile the former state answers; afterwards only what the new export holds is there."""
    gate = asyncio.Event()
    ledger = ScriptedFeed(
        [[books(1, count("BIKE", "US", 5), count("CAR", "US", 7))], [gate, books(9, count("BIKE", "US", 6))]],
        [[books(2, count("BIKE", "US", 4)), fault]],
    )
    async with following(ledger) as projection:
        await until(at(projection, 2))
        for _ in range(10):
            await asyncio.sleep(0)
        assert (level(projection, "shop", BIKE), level(projection, "shop", ("", "CAR"))) == (4, 7)
        gate.set()
        await until(at(projection, 9))
        assert (level(projection, "shop", BIKE), level(projection, "shop", ("", "CAR"))) == (6, 0)


async def test_two_histories_are_never_mixed() -> None:
    """A watch that suddenly speaks of another epoch is not applied: the books are exported anew."""
    restored = Origin("ledger", LEDGER.cluster, 2)
    ledger = ScriptedFeed(
        [[books(8, count("BIKE", "US", 5))], [Commit(restored.revision(3), [count("BIKE", "US", 1)])]],
        [[Commit(restored.revision(9), [count("CAR", "US", 99)])]],
    )
    async with following(ledger) as projection:
        await until(at(projection, 3))
        assert projection.revisions[:2] == (restored.revision(3), SHARING.revision(1))
        assert (level(projection, "shop", BIKE), level(projection, "shop", ("", "CAR"))) == (1, 0)


async def test_an_export_of_nothing_is_a_state_too() -> None:
    """A tenant that never did anything is caught up at revision 0."""
    empty: Commit[BooksChange] = Commit(LEDGER.revision(0), [])
    async with following(ScriptedFeed([[empty]]), sharing=ScriptedFeed([[network(0)]])) as projection:
        await until(at(projection, 0))


async def test_each_context_is_loaded_again_by_itself() -> None:
    """The history of partitioning is cut: its policies are read again, nothing else is, and its changes go on."""
    half = Policy("half", 1, Strategy.FIXED, parts=(Part("shop", quantity=2),))
    partitioning = ScriptedFeed(
        [[policies(3, stands(half))], [policies(7)]], [[Fenced("REVISION_COMPACTED", "gone")], [policies(8)]]
    )
    ledger = ScriptedFeed([[books(3, count("BIKE", "US", 5))]])
    async with following(ledger, partitioning=partitioning) as projection:
        await until(lambda: projection.caught_up and projection.revisions[2].number == 8)
        assert level(projection, "shop", BIKE) == 5
        assert projection.revisions[0].number == 3
    assert [revision.number for revision in partitioning.watched_after] == [3, 7]
    assert len(ledger.watched_after) == 1


async def test_configuration_that_comes_fast_is_taken_over_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred rules, one commit each, are far fewer computations; all of them are there in the end, and a fault
    among them loses none that came before.
    """
    applied: list[int] = []
    apply = Projection.apply_configuration

    def counted(projection: Projection, commit: Commit[Change]) -> None:
        applied.append(len(commit.changes))
        apply(projection, commit)

    monkeypatch.setattr(Projection, "apply_configuration", counted)
    many = [rules(n, stands(Rule(f"rule {n}", n, frozenset({"shop"}), rate_percent=50))) for n in range(2, 202)]
    gate = asyncio.Event()
    sync = ScriptedFeed([[rules(1)], [gate, rules(300)]], [[*many, PeerAway()]])
    ledger = ScriptedFeed([[books(3, count("BIKE", "US", 8))]])
    async with following(ledger, sync=sync) as projection:
        await until(lambda: projection.caught_up and projection.revisions[3].number == 201)
        assert level(projection, "shop", BIKE) == 4
        assert len(projection.configuration.rules) == 200
        assert (sum(applied), len(applied) < 20) == (200, True)
        gate.set()
        await until(lambda: projection.revisions[3].number == 300)
        assert level(projection, "shop", BIKE) == 8


async def test_days_are_turned_as_the_calendar_says() -> None:
    """It begins on the day that it is; when that is over, what expired then counts no more."""
    days = Days()
    held: list[BooksChange] = [count("BIKE", "US", 5, lot="L1"), Lot("", "BIKE", "L1", TODAY)]
    async with following(ScriptedFeed([[books(3, *held)]]), days) as projection:
        await until(at(projection, 3))
        assert (projection.today, level(projection, "shop", BIKE)) == (TODAY, 5)
        days.turn(TODAY + timedelta(days=3))
        await until(lambda: projection.today != TODAY)
        assert level(projection, "shop", BIKE) == 0
        assert projection.revisions[0].number == 3


async def test_the_calendar_of_utc() -> None:
    """A day that is over is over at once; the one that it is, is not."""
    calendar = UtcCalendar()
    await calendar.over(calendar.today() - timedelta(days=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(calendar.over(calendar.today() + timedelta(days=1)), 0.01)


def test_patience_grows_and_has_an_end() -> None:
    """Each failure waits up to twice as long as the one before, never longer than the most."""
    patience = Patience(least_seconds=0.1, most_seconds=5.0)
    assert all(0.05 <= patience.seconds(1) <= 0.1 for _ in range(20))
    assert all(0.2 <= patience.seconds(3) <= 0.4 for _ in range(20))
    assert all(2.5 <= patience.seconds(1000) <= 5.0 for _ in range(20))
