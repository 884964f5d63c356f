"""One tenant's projection: all contexts, the table made of them, and the mark they stand at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain, islice

import numpy as np

from weir_aggregator.domain import (
    Availability,
    BooksChange,
    Change,
    ClaimChange,
    Count,
    Exposure,
    Levels,
    Product,
    Promise,
    Question,
    Selection,
    StockChange,
    Supplies,
)
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.ports import Commit
from weir_aggregator.projection.balances import NONE, Balances
from weir_aggregator.projection.book import EMPTY, KINDS, Book
from weir_aggregator.projection.changes import Changes
from weir_aggregator.projection.marks import CONTEXTS, Marked
from weir_aggregator.projection.shares import Place, Shares
from weir_aggregator.projection.supplies import SupplyPicture
from weir_aggregator.projection.supposed import Instant
from weir_aggregator.projection.table import Picture, Table
from weir_aggregator.projection.underway import Underway
from weir_aggregator.projection.waiting import Queue
from weir_allocation import claims, pipeline
from weir_allocation.columns import UNTOLD, Indices, exposure
from weir_allocation.configuration import Configuration
from weir_allocation.custody import View
from weir_allocation.pipeline import Trace
from weir_allocation.policy import Mode
from weir_allocation.stock import ANY, EACH, Holdings, StockItem
from weir_chassis.revisions import Revision, Vector

_NOTHING: Indices = np.zeros(0, dtype=np.int64)


class Projection(Marked):
    """What is known of one tenant; every question is answered from one state, in one piece.

    The books of the ledger are loaded by `load_balances` and kept by `apply_balances`; what is configured in each of
    the other contexts by `load_configuration` and `apply_configuration`. Before all are loaded it is not `caught_up`,
    has computed nothing and has nothing to say. None of it awaits anything but `reach`, so that no question sees half
    a commit.
    """

    def __init__(self, log_bytes_max: int) -> None:
        """Nothing known; each of the logs may take `log_bytes_max`."""
        super().__init__()
        self.changes = Changes(log_bytes_max)
        """Products whose levels changed."""
        self.touched = Changes(log_bytes_max)
        """Products of which there may be more or less to divide, or to claim."""
        self.shortfalls = 0
        """Grows whenever promised units may not be there that were before."""
        self.today = date.min
        """The day that answers are for; lots expire by it."""
        self.underway = Underway()
        self._balances = Balances()
        self._queue = Queue()
        self._shares = Shares(self._balances)
        self._book = EMPTY
        self._table = Table(self.configuration, self._balances, self._shares, self.today)

    @property
    def configuration(self) -> Configuration:
        """What is configured."""
        return self._book.configuration

    def load_balances(self, balances: Balances, queue: Queue, shares: Shares, through: Revision) -> None:
        """Take over the books as they stand at a revision, in place of what was known; shares are of these balances."""
        self._queue, self._shares = queue, shares
        self.shortfalls += 1
        self._earmark(balances, _NOTHING)
        self._loaded(balances, self._book, through)

    def load_configuration(self, changes: Iterable[Change], through: Revision) -> None:
        """Take over all objects of one context as they stand at a revision, in place of what was known."""
        self._loaded(self._balances, self._book.without(KINDS[through.context]).changed(changes), through)

    def apply_balances(self, commit: Commit[BooksChange]) -> None:
        """Take over one commit of the ledger; one that is known already changes nothing."""
        if self._known(commit.through):
            return
        stocked: list[int] = []
        limited: list[int] = []
        for each in commit.changes:
            number, of_ceiling = self._take(each)
            (limited if of_ceiling else stocked).append(number)
        touched, limits = self._earmark(self._balances, _distinct(stocked)), _distinct(limited)
        changed = affected = _NOTHING
        if (len(touched) or len(limits)) and self.caught_up:
            affected = self._table.columns.lending.readers(touched)
            changed = self._table.compute(np.union1d(affected, limits))
        self._passed(commit.through, changed)
        self._touch(affected, limits)

    def apply_configuration(self, commit: Commit[Change]) -> None:
        """Take over a commit of one of the other contexts; one that is known already changes nothing."""
        if self._known(commit.through):
            return
        book, table = self._book.changed(commit.changes), self._table
        changed, touched = self._reconfigured(book.configuration) if self.caught_up else (_NOTHING, None)
        self._book = book
        self._passed(commit.through, changed)
        if table.channels.keys() != self._table.channels.keys():
            self.changes.clear(self._mark())
        if touched is None:
            self.touched.clear(self._mark())
        else:
            self._touch(touched)

    def turn(self, today: date) -> None:
        """Go over to another day: lots that have expired by then count no more. The mark stays."""
        if today == self.today:
            return
        expiring = self._balances.expiring(*sorted((self.today, today)))
        self.today = today
        touched = np.union1d(expiring, self._earmark(self._balances, _NOTHING))
        if self.caught_up:
            affected = self._table.columns.lending.readers(touched)
            changed = self._table.turn(today, affected)
            self.changes.record(self._mark(), changed)
            self._touch(affected)
            self._ring()

    def availability(self, question: Question) -> Availability:
        """Supply, share and level; raises ChannelNotFound. A lookup unless a lot or a unit of measure is asked for."""
        number = self._balances.number(question.product)
        if question.demand == ANY and number != NONE:
            found = self._table.availability(number, question.channel, question.view or View.BOTH)
            if found is not None:
                return found
        traced = self.explain(question)
        return Availability(traced.supply, traced.share, traced.level if traced.told else UNTOLD)

    def explain(self, question: Question) -> Trace:
        """How the level comes about; raises ChannelNotFound."""
        return pipeline.explain(self.posed(question))

    def posed(self, question: Question) -> pipeline.Question:
        """The question with all that the stages need to answer it, which no commit alters; raises ChannelNotFound."""
        channel = self.configuration.network.channels.get(question.channel)
        if channel is None:
            raise ChannelNotFound(question.channel)
        product, demand = question.product, question.demand
        holdings = self.holdings(self.configuration.sharing.reads(product))
        shares = self.remaining(product) if demand.uom == EACH else {}
        seen = demand, shares, question.view or View.BOTH
        return pipeline.Question(self.configuration, channel, product, holdings, self.today, *seen)

    def remaining(self, product: Product) -> Mapping[Place, int]:
        """What channel groups have left of their shares of a product, in the supplies that are divided at an instant.

        By warehouse group and channel group; a supply of which no group is named is not divided, a group that is not
        named where others are has nothing left.
        """
        policy = self.configuration.policy(product)
        if policy is None or policy.mode is not Mode.BALANCED:
            return {}
        return self._shares.remaining(product, claims.scale(self.configuration.sharing, product))

    def back_orders(self, product: Product) -> tuple[int, int]:
        """How many units of a product may wait, over all orders, and how many do."""
        return self._queue.back_orders(product)

    def awaited(self, products: Iterable[Product]) -> Mapping[StockItem, int]:
        """The units of some products that are earmarked for orders that wait."""
        return self._queue.awaited(products)

    def promises(self) -> Iterator[Promise]:
        """What is earmarked for each order that waits, first come first served; to be read before anything else
        happens.
        """
        return self._queue.promises()

    def holdings(self, products: Iterable[Product]) -> Holdings:
        """All stock items of some products."""
        return {product: self._balances.stock(product) for product in products}

    def exposures(self, products: Sequence[Product]) -> list[Exposure]:
        """What stores are told of some products, and what there is of them."""
        nowhere = self._table.columns.nowhere(products).told.tolist()
        numbers = [self._balances.number(product) for product in products]
        known = self._exposed(np.array([number for number in numbers if number != NONE], dtype=np.int64))
        return [
            Exposure(product, levels, 0, 0, levels) if number == NONE else next(known)
            for product, number, levels in zip(products, numbers, nowhere, strict=True)
        ]

    def exposed(self, owner: str | None, most: int) -> tuple[list[Exposure], int, int]:
        """The most exposed products, of one owner or of all, the most exposed first, then by product.

        Also how many are exposed at all, and by how many units together.
        """
        numbers = np.array(self._balances.ordered(owner), dtype=np.int64)
        beyond = exposure(*self._table.told(numbers))
        first = np.argsort(-beyond, kind="stable")[: min(most, np.count_nonzero(beyond))]
        return list(self._exposed(numbers[first])), int(np.count_nonzero(beyond)), int(beyond.sum())

    def instant(self) -> Instant:
        """All that levels are made of, as it is now."""
        levels, beyond = self._table.copied()
        return Instant(
            book=self._book,
            products=list(self._balances.products),
            ordered=self._balances.ordered(),
            locations=list(self._balances.locations),
            rows=self._balances.rows(np.arange(len(self._balances.products)), self.today),
            claims=self._table.standing(),
            columns=self._table.columns,
            channels=self._table.channels,
            levels=levels,
            exposure=beyond,
            in_custody=self._table.in_custody.standing(self.today),
        )

    def levels(self, products: Sequence[Product], channels: Sequence[str]) -> Levels:
        """The levels of some products in some channels, all of them where none is named; raises ChannelNotFound."""
        chosen = self.chosen(channels)
        numbers = [self._balances.number(product) for product in products]
        known = [number for number in numbers if number != NONE]
        levels = self._table.excerpt(known, chosen).row_by_row(0, len(known))
        if len(known) == len(numbers):
            return Levels(products, chosen, levels)
        unknown = [product for product, number in zip(products, numbers, strict=True) if number == NONE]
        others = iter(self._table.nowhere(unknown, chosen).row_by_row(0, len(unknown)))
        found = iter(levels)
        rows = [islice(others if number == NONE else found, len(chosen)) for number in numbers]
        return Levels(products, chosen, list(chain.from_iterable(rows)))

    def numbered_levels(self, numbers: Sequence[int], channels: Sequence[str]) -> Levels:
        """The levels of products by number, in channels that exist."""
        products = [self._balances.products[number] for number in numbers]
        return Levels(products, channels, self._table.excerpt(numbers, channels).row_by_row(0, len(numbers)))

    def picture(self, selection: Selection) -> Picture:
        """The levels of all products selected that have a number, in their order; raises ChannelNotFound."""
        channels = self.chosen(selection.channels)
        numbers = self._balances.ordered(selection.owner)
        products = [self._balances.products[number] for number in numbers]
        return Picture(products, channels, self._table.excerpt(numbers, channels))

    def supply_picture(self, products: Sequence[Product]) -> SupplyPicture:
        """What there is to divide of the products that are divided at an instant; if any are named, of no others."""
        numbers = _distinct([self._balances.number(product) for product in products])
        divided = self.divided()
        return self._table.supplies(np.intersect1d(numbers, divided) if products else divided)

    def supplies(self, numbers: Sequence[int]) -> Supplies:
        """What there is to divide of some products, by number, each once: no more than `supplies_max`."""
        return next(self._table.supplies(np.array(sorted(numbers), dtype=np.int64)).parts())

    @property
    def supplies_max(self) -> int:
        """Products of which one message may tell what there is to divide."""
        return self._table.ground.products_max

    def divided(self) -> Indices:
        """Numbers of the products that a policy divides at an instant, or for which the ledger has a ceiling."""
        every = np.arange(len(self._balances.products))
        return every[self._table.divided(every)]

    def chosen(self, channels: Sequence[str]) -> tuple[str, ...]:
        """The channels as asked, all in their order where none is; raises ChannelNotFound."""
        return self._table.chosen(channels)

    def ordered(self, owner: str | None) -> Sequence[int]:
        """Numbers of the products ever stocked, in a link or in a bundle, of one owner or of all, in their order.

        Stable while it is held.
        """
        return self._balances.ordered(owner)

    def changed_since(self, position: int, owner: str | None) -> list[int] | None:
        """Numbers of the products whose levels changed after a position of the log; None where that is forgotten."""
        changed = self.changes.since(position)
        return None if changed is None else self._owned(changed, owner)

    def expired(self, owner: str | None) -> list[int]:
        """Numbers of the products whose levels went down when a day ended, at whatever mark."""
        expired = self._balances.expiring(date.min, self.today)
        return self._owned(self._table.columns.lending.readers(expired).tolist(), owner)

    def position_of(self, after: Vector) -> int | None:
        """The position of the log that a mark stands for; None where the log cannot tell."""
        if after.keys() != set(CONTEXTS):
            return None
        return self.changes.find(tuple(after[context].number for context in CONTEXTS))

    def _exposed(self, numbers: Indices) -> Iterator[Exposure]:
        told, reached = self._table.told(numbers)
        ascending, places = np.unique(numbers, return_inverse=True)
        bundled = self._table.bundled(ascending)
        columns = told, reached, bundled.units[places], bundled.exposure[places]
        for number, *counts in zip(numbers.tolist(), *(each.tolist() for each in columns), strict=True):
            yield Exposure(self._balances.products[number], *counts)

    def _owned(self, numbers: list[int], owner: str | None) -> list[int]:
        if owner is None:
            return numbers
        return [number for number in numbers if self._balances.products[number][0] == owner]

    def _reconfigured(self, configuration: Configuration) -> tuple[Indices, Indices | None]:
        """Compute what another configuration can change; returns the products that it does, and those of which there
        may be more or less to divide: None where these can be any.
        """
        former, known = self.configuration, len(self._balances.products)
        if configuration == former:
            return _NOTHING, _NOTHING
        alike = configuration.sharing == former.sharing
        if not alike:
            _enter(configuration, self._balances)
        if former.lends_alone(configuration):
            affected = configuration.sharing.affected(former.sharing)
            fresh = range(known, len(self._balances.products))
            touched = _distinct([*(self._balances.number(product) for product in affected), *fresh])
            return self._table.lend(configuration, touched), touched
        if former.sells_alone(configuration):
            return self._table.sell(configuration), _NOTHING
        lending = self._table.columns.lending if alike else None
        table = Table(configuration, self._balances, self._shares, self.today, lending)
        changed, self._table = table.differing(self._table), table
        return changed, _NOTHING if replace(former, rules=configuration.rules) == configuration else None

    def _take(self, change: BooksChange) -> tuple[int, bool]:
        """Take over what the ledger tells; returns the number of the product whose stock or shares it changes, or
        NONE, and whether it is but another ceiling.
        """
        if isinstance(change, StockChange):
            self.shortfalls += isinstance(change, Count) and change.on_hand < change.reserved
            return self._balances.put(change), False
        if isinstance(change, ClaimChange):
            number, recounted = self._shares.put(change)
            return number, not recounted
        self._queue.put(change)
        return NONE, False

    def _earmark(self, balances: Balances, touched: Indices) -> Indices:
        """Earmark anew after the stock of some products changed, by number; returns them and those of which more or
        less is earmarked than before.
        """
        products = (balances.products[number] for number in touched.tolist())
        earmarks = self._queue.settle(products, balances.stock, self.today)
        earmarked = [balances.earmark(item, units) for item, units in earmarks.items()]
        return np.union1d(touched, np.array(earmarked, dtype=np.int64)) if earmarked else touched

    def _loaded(self, balances: Balances, book: Book, through: Revision) -> None:
        """Make the table anew once all is there that it is made of.

        What was before cannot be gone on from: another history, other channels, or other numbers of products.
        """
        if {through.context, *self._reached} == set(CONTEXTS):
            _enter(book.configuration, balances)
            balances.ordered()
            self._table = Table(book.configuration, balances, self._shares, self.today)
        self._balances, self._book = balances, book
        self._move(through)
        self.changes.clear(self._mark())
        self.touched.clear(self._mark())

    def _touch(self, affected: Indices, limited: Indices = _NOTHING) -> None:
        """Note the products of which there may be more or less to divide, and those that are not divided and have
        another ceiling all the same; where they are, ceilings are the doing of whoever divides.
        """
        if self.caught_up:
            undivided = limited[~self._table.balanced(limited)]
            touched = np.union1d(affected[self._table.divided(affected)], undivided)
            if len(touched):
                self.touched.record(self._mark(), touched)

    def _passed(self, through: Revision, changed: Indices) -> None:
        self._move(through)
        self.changes.record(self._mark(), changed)


def _distinct(numbers: Sequence[int]) -> Indices:
    """The numbers that are of products, each once, ascending."""
    known = [number for number in numbers if number != NONE]
    return np.unique(np.array(known, dtype=np.int64))


def _enter(configuration: Configuration, balances: Balances) -> None:
    """Give a number to every product that is in a link or a bundle."""
    for product in configuration.sharing.named():
        balances.enter(product)
