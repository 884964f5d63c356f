"""The table of levels: one column a channel group, one place a product, computed when something changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection.balances import Balances
from weir_allocation.columns import Flags, Indices, Units, channel_groups, reaching, supplies
from weir_allocation.network import Network

CUSTODY = -1
"""In place of a column: the channel is reached by custody, and no group gives it anything."""

_PRODUCTS_AT_FIRST = 64
_ROWS_AT_ONCE = 65_536
"""Stock items computed in one piece, so that a whole table needs little room beside itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a new network changes: `channels` says whether one came or went, `products` whose levels differ in any."""

    channels: bool
    products: Indices


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Levels as they stood at one instant; channels of one group share a place."""

    distinct: Units
    """Levels as `[product, place]`."""
    places: Indices
    """Place of each channel."""

    def row_by_row(self, begin: int, end: int) -> list[int]:
        """The levels of the products from `begin` up to `end`: those of the first in every channel, then the next."""
        levels: list[int] = self.distinct[begin:end, self.places].ravel().tolist()
        return levels


class Table:
    """Levels of every product in every channel group, for one network."""

    def __init__(self) -> None:
        """No channels, no products."""
        self.network = Network.of(warehouse_groups={}, channels=(), links=())
        self.columns: dict[str, int] = {}
        """Column of each channel, in order of channels."""
        self._groups: tuple[str, ...] = ()
        self._reaching: Flags = np.zeros((0, 0), dtype=np.bool_)
        self._levels: Units = np.zeros((0, _PRODUCTS_AT_FIRST), dtype=np.int64)
        self._products = 0
        """Products that have a place in the table."""

    def level(self, product: int, channel: str) -> int:
        """The level of one product; raises ChannelNotFound."""
        column = self.columns.get(channel)
        if column is None:
            raise ChannelNotFound(channel)
        return 0 if column == CUSTODY else self._levels.item(column, product)

    def chosen(self, channels: Sequence[str]) -> tuple[str, ...]:
        """The channels as asked, all in order where none is; raises ChannelNotFound."""
        for channel in channels:
            if channel not in self.columns:
                raise ChannelNotFound(channel)
        return tuple(channels or self.columns)

    def excerpt(self, products: Sequence[int], channels: Sequence[str]) -> Excerpt:
        """A copy of the levels of some products in channels that exist; NONE is a product never stocked: 0."""
        columns = [self.columns[channel] for channel in channels]
        distinct = np.array(sorted(set(columns) - {CUSTODY}), dtype=np.int64)
        numbers = np.array(products, dtype=np.int64)
        levels = np.zeros((len(products), len(distinct) + 1), dtype=np.int64)
        levels[:, :-1] = np.where(numbers >= 0, self._levels[np.ix_(distinct, numbers)], 0).T
        # What is reached by custody reads the last place, which holds zeros.
        place = {column: index for index, column in enumerate(distinct.tolist())} | {CUSTODY: len(distinct)}
        return Excerpt(levels, np.array([place[column] for column in columns], dtype=np.int64))

    def compute(self, balances: Balances, products: Sequence[int]) -> Indices:
        """Compute some products anew, each given once; returns new ones and those whose level changed anywhere."""
        known = self._products
        self._make_room(balances)
        rows, starts = balances.rows(products)
        computed = supplies(self._reaching, balances.location(rows), balances.available(rows), starts)
        numbers = np.array(products, dtype=np.int64)
        changed: Flags = (self._levels[:, numbers] != computed).any(axis=0) | (numbers >= known)
        self._levels[:, numbers] = computed
        return numbers[changed]

    def rebuild(self, balances: Balances, network: Network) -> Change:
        """Take over a network; only columns whose locations differ are computed anew."""
        former = (self.columns, self._groups, self._reaching, self._levels)
        self.network = network
        self._groups = channel_groups(network)
        column_of = {group: column for column, group in enumerate(self._groups)}
        self.columns = {
            name: CUSTODY if each.by_custody else column_of[each.channel_group]
            for name, each in network.channels.items()
        }
        self._reaching = reaching(network, self._groups, balances.locations)
        self._levels = np.zeros((len(self._groups), former[3].shape[1]), dtype=np.int64)
        self._make_room(balances)
        self._fill(balances, *former[1:])
        return self._difference(former[0], former[3])

    def _make_room(self, balances: Balances) -> None:
        """Follow the growth of products and locations; what is new reaches as the network says, and holds 0."""
        if self._reaching.shape[1] < len(balances.locations):
            fresh = reaching(self.network, self._groups, balances.locations[self._reaching.shape[1] :])
            self._reaching = np.concatenate((self._reaching, fresh), axis=1)
        self._products = len(balances.products)
        room = self._levels.shape[1]
        if room < len(balances.products):
            larger = np.zeros((len(self._groups), max(2 * room, len(balances.products))), dtype=np.int64)
            larger[:, :room] = self._levels
            self._levels = larger

    def _fill(self, balances: Balances, groups: tuple[str, ...], reached: Flags, levels: Units) -> None:
        column_of = {group: column for column, group in enumerate(groups)}
        touched = []
        for column, group in enumerate(self._groups):
            former = column_of.get(group)
            if former is not None and np.array_equal(reached[former], self._reaching[column, : reached.shape[1]]):
                self._levels[column, : levels.shape[1]] = levels[former]
            else:
                touched.append(column)
        if touched:
            self._fill_columns(balances, np.array(touched, dtype=np.int64))

    def _fill_columns(self, balances: Balances, columns: Indices) -> None:
        rows, starts = balances.all_rows()
        location, available = balances.location(rows), balances.available(rows)
        reached = self._reaching[columns]
        begin = 0
        while begin < len(starts):
            # Whole products until the piece is full; a product larger than a piece is one of its own.
            end = max(begin + 1, int(np.searchsorted(starts, starts[begin] + _ROWS_AT_ONCE)))
            last = int(starts[end]) if end < len(starts) else len(rows)
            piece = slice(int(starts[begin]), last)
            self._levels[columns, begin:end] = supplies(
                reached, location[piece], available[piece], starts[begin:end] - starts[begin]
            )
            begin = end

    def _difference(self, columns: dict[str, int], levels: Units) -> Change:
        differs = np.zeros(self._levels.shape[1], dtype=np.bool_)
        nothing = np.zeros(self._levels.shape[1], dtype=np.int64)
        pairs = {(columns[channel], self.columns[channel]) for channel in columns.keys() & self.columns.keys()}
        for before, after in sorted(pairs):
            old = nothing if before == CUSTODY else levels[before]
            new = nothing if after == CUSTODY else self._levels[after]
            differs[: len(old)] |= old != new[: len(old)]
            differs[len(old) :] |= new[len(old) :] != 0
        return Change(columns.keys() != self.columns.keys(), np.flatnonzero(differs))
