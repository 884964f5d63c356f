"""Follow the levels of one tenant, or what there is to divide: everything first or what is missing, then every
change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from weir_aggregator.domain import Selection, SupplyUpdate, Update
from weir_aggregator.projection.state import Projection
from weir_chassis.errors import RevisionNotReached
from weir_chassis.revisions import Revision, Vector

T = TypeVar("T")

CELLS_MAX = 65_536
"""Levels in one message."""
ROWS_MAX = 2_000
"""Products in one message, however few the channels."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a watcher hears something."""

    heartbeat_seconds: float = 5.0
    """Longest silence."""
    pause_seconds: float = 0.01
    """Rest after each change sent, so that changes that come fast are told together."""


Told = tuple[Update, tuple[Revision, ...]]
"""An update, and the mark up to which everything was told; empty in a complete list before its last message."""

ToldOfSupplies = tuple[SupplyUpdate, tuple[Revision, ...]]
"""An update, and the mark it rests on."""


def rows_max(channels: Sequence[str]) -> int:
    """Products that one message may hold."""
    return max(1, min(ROWS_MAX, CELLS_MAX // max(1, len(channels))))


async def updates(
    projection: Projection, selection: Selection, after: Vector, pace: Pace
) -> AsyncGenerator[Told, None]:
    """Every change of the levels selected, after a mark or from the beginning; without end.

    However slowly this is read, it holds no more than the numbers of the products still to be told, and tells their
    newest levels. Raises ChannelNotFound, also later on when a channel that was asked for goes; RevisionForeign.
    """
    for index, revision in enumerate(after.values()):
        projection.check(revision, f"after[{index}]")
    projection.chosen(selection.channels)
    with projection.listening() as moved:
        async for heartbeat in _reaching(projection, after, pace):
            yield heartbeat
        watcher = _Watcher(projection, selection, after)
        async for told in _paced(moved, watcher.next, lambda: (Update(), watcher.through), pace):
            yield told
            if told[0].levels is not None and told[1]:
                await asyncio.sleep(pace.pause_seconds)


async def supply_updates(projection: Projection, pace: Pace) -> AsyncGenerator[ToldOfSupplies, None]:
    """What there is to divide, and every change of it; without end.

    Everything is told again where that cannot be told apart from what changed. However slowly this is read, it holds
    no more than the numbers of the products still to be told, and tells their newest state.
    """
    with projection.listening() as moved:
        watcher = _SupplyWatcher(projection)
        async for told in _paced(moved, watcher.next, lambda: (SupplyUpdate(), projection.revisions), pace):
            yield told
            if watcher.idle:
                await asyncio.sleep(pace.pause_seconds)


async def _paced(
    moved: asyncio.Event, following: Callable[[], T | None], heartbeat: Callable[[], T], pace: Pace
) -> AsyncGenerator[T, None]:
    """Whatever follows, as soon as there is something, and heartbeats while there is nothing; without end."""
    clock = asyncio.get_running_loop().time
    due = clock() + pace.heartbeat_seconds
    while True:
        moved.clear()
        told = following()
        if told is None and clock() >= due:
            told = heartbeat()
        if told is None:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await moved.wait()
            continue
        yield told
        due = clock() + pace.heartbeat_seconds


async def _reaching(projection: Projection, after: Vector, pace: Pace) -> AsyncGenerator[Told, None]:
    """Heartbeats until the projection is where the watcher already was, perhaps at another replica."""
    while True:
        try:
            await projection.reach(after, pace.heartbeat_seconds)
        except RevisionNotReached:
            yield Update(), tuple(after.values())
        else:
            return


class _Watcher:
    """What one watcher was told and is still to be told, by numbers of products."""

    def __init__(self, projection: Projection, selection: Selection, after: Vector) -> None:
        self.through: tuple[Revision, ...] = ()
        """The mark up to which everything was told."""
        self._projection = projection
        self._selection = selection
        self._position = projection.position_of(after)
        self._complete = False
        self._all: Sequence[int] = ()
        """Products of the complete list under way, in order."""
        self._told = 0
        """How many of them were told."""
        self._changed: dict[int, None] = {}
        """Products that changed and were not told since, longest first."""
        if self._position is not None:
            # A mark does not say on which day it was reached, here or at another replica.
            self._changed.update(dict.fromkeys(projection.expired(selection.owner)))

    def next(self) -> Told | None:
        """The next message, with levels as they are now; None where nothing is to be told, and the mark moves on."""
        begin = not self._go_on()
        if begin:
            self._start()
        if not self._complete and not self._changed:
            self.through = self._projection.revisions
            return None
        channels = self._projection.chosen(self._selection.channels)
        numbers = self._pick(rows_max(channels))
        end = self._told == len(self._all) and not self._changed
        if end:
            self.through = self._projection.revisions
        update = Update(
            self._projection.numbered_levels(numbers, channels),
            complete=self._complete,
            complete_begin=begin,
            complete_end=self._complete and end,
        )
        self._complete = self._complete and not end
        return update, self.through

    def _go_on(self) -> bool:
        """Take note of what changed since the last message; False where the log cannot tell."""
        if self._position is None:
            return False
        changed = self._projection.changed_since(self._position, self._selection.owner)
        if changed is None:
            return False
        self._changed.update(dict.fromkeys(changed))
        self._position = self._projection.changes.position
        return True

    def _start(self) -> None:
        """Begin a complete list."""
        self._position = self._projection.changes.position
        self._complete = True
        self._all = self._projection.ordered(self._selection.owner)
        self._told = 0
        self._changed.clear()
        self.through = ()

    def _pick(self, most: int) -> list[int]:
        """The next products to tell: those of the complete list first, then those that changed longest ago."""
        numbers = list(self._all[self._told : self._told + most])
        self._told += len(numbers)
        numbers += islice(self._changed, most - len(numbers))
        for number in numbers:
            self._changed.pop(number, None)
        return numbers


class _SupplyWatcher:
    """What is still to be told of supplies, by numbers of products."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._position: int | None = None
        self._all: Sequence[int] = ()
        """Products that are divided, while everything is told; those told are in it still."""
        self._told = 0
        """How many of them were told."""
        self._complete = False
        self._touched: dict[int, None] = {}
        """Products that changed and were not told since, longest first."""

    @property
    def idle(self) -> bool:
        """Whether nothing is known that is still to be told."""
        return not self._complete and not self._touched

    def next(self) -> ToldOfSupplies | None:
        """The next message, of what is so now; None where nothing is to be told."""
        touched = None if self._position is None else self._projection.touched.since(self._position)
        if touched is None:
            self._all, self._told, self._complete = self._projection.divided().tolist(), 0, True
            self._touched.clear()
        else:
            self._touched.update(dict.fromkeys(touched))
        self._position = self._projection.touched.position
        if self.idle:
            return None
        most = self._projection.supplies_max
        numbers = list(self._all[self._told : self._told + most])
        self._told += len(numbers)
        numbers += islice(self._touched, most - len(numbers))
        numbers = list(dict.fromkeys(numbers))
        for number in numbers:
            self._touched.pop(number, None)
        end = self._complete and self._told == len(self._all)
        if end:
            self._complete, self._all, self._told = False, (), 0
        return SupplyUpdate(self._projection.supplies(numbers), complete_end=end), self._projection.revisions
