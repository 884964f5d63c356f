"""The mark that a projection stands at, and who waits for a later one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from weir_aggregator.projection.book import PARTITIONING, POOLING, SHARING, SYNC
from weir_chassis.errors import RevisionForeign, RevisionNotReached
from weir_chassis.revisions import Revision, Vector

LEDGER = "ledger"
CONTEXTS = (LEDGER, SHARING, PARTITIONING, SYNC, POOLING)


class Marked:
    """Something that stands at a revision of each context, and moves on from pass to pass."""

    def __init__(self) -> None:
        """No context is loaded."""
        self.revisions: tuple[Revision, ...] = ()
        """The mark: the revision of each context that answers rest on, in the order of CONTEXTS."""
        self._reached: dict[str, Revision] = {}
        self._waiting: dict[asyncio.Future[None], Revision] = {}
        self._listeners: dict[asyncio.Event, None] = {}

    @property
    def caught_up(self) -> bool:
        """Whether all contexts are loaded."""
        return len(self.revisions) == len(CONTEXTS)

    async def reach(self, asked: Vector, seconds: float | None) -> None:
        """Wait until the state includes all revisions asked for; None waits for ever.

        Raises RevisionForeign where one is of another context, cluster or epoch, RevisionNotReached when the time is
        over.
        """
        try:
            async with asyncio.timeout(seconds):
                for index, each in enumerate(asked.values()):
                    await self._wait(each, f"freshness.at_least[{index}]")
        except TimeoutError:
            for each in asked.values():
                reached = self._reached[each.context]
                if not reached.includes(each):
                    raise RevisionNotReached(context=each.context, number=each.number, reached=reached.number) from None

    def check(self, revision: Revision, field: str) -> None:
        """Raises RevisionForeign unless the revision is of the history followed here, or of a later epoch of it.

        A later epoch is not foreign: the context was restored, and this projection has yet to learn it.
        """
        reached = self._reached.get(revision.context)
        if reached is None or reached.cluster != revision.cluster or reached.epoch > revision.epoch:
            raise RevisionForeign(context=revision.context, field=field)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set after each pass; the listener clears it."""
        event = asyncio.Event()
        self._listeners[event] = None
        try:
            yield event
        finally:
            del self._listeners[event]

    async def _wait(self, asked: Revision, field: str) -> None:
        while True:
            self.check(asked, field)
            if self._reached[asked.context].includes(asked):
                return
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[future] = asked
            try:
                await future
            finally:
                self._waiting.pop(future, None)

    def _known(self, through: Revision) -> bool:
        reached = self._reached[through.context]
        assert reached.origin == through.origin, "a watch stays within one history"
        return reached.number >= through.number

    def _mark(self) -> tuple[int, ...]:
        return tuple(revision.number for revision in self.revisions)

    def _move(self, through: Revision) -> None:
        assert through.context in CONTEXTS
        self._reached[through.context] = through
        self.revisions = tuple(self._reached[context] for context in CONTEXTS if context in self._reached)
        for future, asked in list(self._waiting.items()):
            met = asked.context == through.context and (asked.origin != through.origin or through.includes(asked))
            if met and not future.done():
                future.set_result(None)
        self._ring()

    def _ring(self) -> None:
        for event in self._listeners:
            event.set()
