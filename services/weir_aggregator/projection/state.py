"""One tenant's projection: both contexts, the table made of them, and the mark they stand at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from weir_aggregator.domain import Count, Levels, NetworkChange, Product, Question, Selection
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.ports import Commit
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.book import NetworkBook
from weir_aggregator.projection.changes import Changes
from weir_aggregator.projection.table import Excerpt, Table
from weir_allocation.columns import Indices
from weir_allocation.pipeline import Trace, trace
from weir_allocation.stock import ANY
from weir_chassis.errors import RevisionForeign, RevisionNotReached
from weir_chassis.revisions import Revision, Vector

LEDGER = "ledger"
SHARING = "sharing"
CONTEXTS = (LEDGER, SHARING)

_NOTHING: Indices = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Picture:
    """Levels of all that was selected, as they stood at one instant."""

    products: Sequence[Product]
    channels: Sequence[str]
    excerpt: Excerpt

    def parts(self, rows_max: int) -> Iterator[Levels]:
        """The picture in parts of that many products; one part without products where none was selected."""
        for begin in range(0, max(1, len(self.products)), rows_max):
            part = self.products[begin : begin + rows_max]
            yield Levels(part, self.channels, self.excerpt.row_by_row(begin, begin + len(part)))


class Projection:
    """What is known of one tenant; every question is answered from one state, in one piece.

    The two contexts are loaded by `load_balances` and `load_network`, then kept by `apply_balances` and
    `apply_network`; before both are loaded it is not `caught_up` and has nothing to say. None of it awaits anything but
    `reach`, so that no question sees half a commit.
    """

    def __init__(self, log_bytes_max: int) -> None:
        """Nothing known; the log of changes may take `log_bytes_max`."""
        self.changes = Changes(log_bytes_max)
        self.revisions: tuple[Revision, ...] = ()
        """The mark: the revision of each context that answers rest on, in the order of CONTEXTS."""
        self._balances = Balances()
        self._book = NetworkBook()
        self._table = Table()
        self._reached: dict[str, Revision] = {}
        self._waiting: dict[asyncio.Future[None], Revision] = {}
        self._listeners: dict[asyncio.Event, None] = {}

    @property
    def caught_up(self) -> bool:
        """Whether both contexts are loaded."""
        return len(self.revisions) == len(CONTEXTS)

    def load_balances(self, balances: Balances, through: Revision) -> None:
        """Take over all counts as they stand at a revision, in place of what was known."""
        balances.ordered()
        self._balances = balances
        self._table = Table()
        self._table.rebuild(balances, self._book.network())
        self._loaded(through)

    def load_network(self, book: NetworkBook, through: Revision) -> None:
        """Take over the whole network as it stands at a revision, in place of what was known."""
        self._book = book
        self._table.rebuild(self._balances, book.network())
        self._loaded(through)

    def apply_balances(self, commit: Commit[Count]) -> None:
        """Take over one commit of the ledger; one that is known already changes nothing."""
        if self._known(commit.through):
            return
        products = list(dict.fromkeys(map(self._balances.put, commit.changes)))
        changed = self._table.compute(self._balances, products) if products else _NOTHING
        self._passed(commit.through, changed)

    def apply_network(self, commit: Commit[NetworkChange]) -> None:
        """Take over one commit of sharing; one that is known already changes nothing."""
        if self._known(commit.through):
            return
        for each in commit.changes:
            self._book.put(each)
        if not commit.changes:
            self._passed(commit.through, _NOTHING)
            return
        change = self._table.rebuild(self._balances, self._book.network())
        if change.channels:
            self._loaded(commit.through)
        else:
            self._passed(commit.through, change.products)

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

    def level(self, question: Question) -> tuple[int, int]:
        """Level and supply; raises ChannelNotFound. A lookup unless a lot or a unit of measure is asked for."""
        if question.demand == ANY:
            level = self._table.level(self._balances.number(question.product), question.channel)
            return level, level
        traced = self.explain(question)
        return traced.level, traced.supply

    def explain(self, question: Question) -> Trace:
        """How the level comes about; raises ChannelNotFound."""
        channel = self._table.network.channels.get(question.channel)
        if channel is None:
            raise ChannelNotFound(question.channel)
        stock = self._balances.stock(question.product)
        return trace(self._table.network, channel, question.product[1], stock, question.demand)

    def levels(self, products: Sequence[Product], channels: Sequence[str]) -> Levels:
        """The levels of some products in some channels, all of them where none is named; raises ChannelNotFound."""
        numbers = [self._balances.number(product) for product in products]
        chosen = self.chosen(channels)
        return Levels(products, chosen, self._table.excerpt(numbers, chosen).row_by_row(0, len(numbers)))

    def numbered_levels(self, numbers: Sequence[int], channels: Sequence[str]) -> Levels:
        """The levels of products by number, in channels that exist."""
        products = [self._balances.products[number] for number in numbers]
        return Levels(products, channels, self._table.excerpt(numbers, channels).row_by_row(0, len(numbers)))

    def picture(self, selection: Selection) -> Picture:
        """The levels of all products selected that were ever stocked, in their order; raises ChannelNotFound."""
        channels = self.chosen(selection.channels)
        numbers = self._balances.ordered(selection.owner)
        products = [self._balances.products[number] for number in numbers]
        return Picture(products, channels, self._table.excerpt(numbers, channels))

    def chosen(self, channels: Sequence[str]) -> tuple[str, ...]:
        """The channels as asked, all in their order where none is; raises ChannelNotFound."""
        return self._table.chosen(channels)

    def ordered(self, owner: str | None) -> Sequence[int]:
        """Numbers of the products ever stocked, of one owner or of all, in their order; stable while it is held."""
        return self._balances.ordered(owner)

    def changed_since(self, position: int, owner: str | None) -> list[int] | None:
        """Numbers of the products whose levels changed after a position of the log; None where that is forgotten."""
        changed = self.changes.since(position)
        if changed is None or owner is None:
            return changed
        return [number for number in changed if self._balances.products[number][0] == owner]

    def position_of(self, after: Vector) -> int | None:
        """The position of the log that a mark stands for; None where the log cannot tell."""
        if after.keys() != set(CONTEXTS):
            return None
        return self.changes.find(tuple(after[context].number for context in CONTEXTS))

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

    def _loaded(self, through: Revision) -> None:
        """What was before cannot be gone on from: another history, other channels, or other numbers of products."""
        self._move(through)
        self.changes.clear(self._mark())

    def _passed(self, through: Revision, changed: Indices) -> None:
        self._move(through)
        self.changes.record(self._mark(), changed)

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
        for event in self._listeners:
            event.set()
