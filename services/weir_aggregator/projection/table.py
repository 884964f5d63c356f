"""The table of levels: one column for channels that are always told the same, one place a product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weir_aggregator.domain import Availability, Levels, Product
from weir_aggregator.errors import ChannelNotFound
from weir_aggregator.projection.balances import NONE, Balances
from weir_aggregator.projection.custody import InCustody, Selling
from weir_aggregator.projection.shares import NO_CEILING, Claims, Places, Shares, scales
from weir_aggregator.projection.supplies import Ground, SupplyPicture
from weir_allocation.columns import NO_SHARES, Bundled, Columns, Flags, Indices, Lending, Rows, Units, exposure
from weir_allocation.columns import Shares as ColumnShares
from weir_allocation.configuration import Configuration
from weir_allocation.custody import View
from weir_allocation.policy import Mode

CUSTODY = -1
"""In place of a column: the channel is reached by custody, and no group gives it anything; what a person sells through
it is kept apart.
"""

_PRODUCTS_AT_FIRST = 64
_PRODUCTS_AT_ONCE = 65_536
"""Products computed in one piece, so that a whole table needs little room beside itself."""
_SUPPLY, _SHARE, _LEVEL = range(3)
_NARROW_MAX = np.iinfo(np.int32).max

Figures = NDArray[np.signedinteger[Any]]
"""Of 32 or 64 bits."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Levels as they stood at one instant; channels of one column share a place."""

    distinct: Figures
    """Levels as `[product, place]`."""
    places: Indices
    """Place of each channel."""
    sold: Selling | None = None
    """Those of channels that persons sell through, in place of these; None where there is none."""

    def rows(self, begin: int, end: int) -> Figures:
        """The levels of the products from `begin` up to `end`, as `[product, channel]`."""
        rows: Figures = self.distinct[begin:end, self.places]
        if self.sold is None:
            return rows
        rows = rows.astype(np.int64)
        rows[:, self.sold.places] = self.sold.levels(begin, end)
        return rows

    def row_by_row(self, begin: int, end: int) -> list[int]:
        """The same: those of the first in every channel, then the next."""
        levels: list[int] = self.rows(begin, end).ravel().tolist()
        return levels


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


class Table:
    """Supply, share and level of every product that has a number in each column, for one configuration on one day.

    They are kept in 32 bits until one comes that needs more; then all are in 64, until the table is made anew. The two
    sums of each product that make its exposure always have 64: twelve bytes a product and column, and sixteen a
    product.
    """

    def __init__(
        self,
        configuration: Configuration,
        balances: Balances,
        shares: Shares,
        today: date,
        lending: Lending | None = None,
    ) -> None:
        """Compute everything; whatever is in a link or a bundle must have its number.

        `shares` are of these balances; `lending` is that of a former table of the same balances, links and bundles.
        """
        self.columns = Columns(
            configuration,
            products=balances.products,
            numbers=balances.numbers,
            locations=balances.locations,
            lending=lending,
        )
        self.channels = column_of(configuration, self.columns)
        """Column of each channel, in order of channels."""
        self.places = Places.of(configuration.network)
        self.ground = Ground(configuration.network, self.places)
        self.in_custody = InCustody(configuration, balances)
        self._configuration = configuration
        self._balances = balances
        self._shares = shares
        self._today = today
        # The last stands for no policy.
        self._dividing = np.array([*(each.mode is Mode.BALANCED for each in configuration.policies), False])
        self._products = 0
        """Products that have a place in the table."""
        self._figures: Figures = np.zeros((3, self.columns.width, _PRODUCTS_AT_FIRST), dtype=np.int32)
        self._told: Units = np.zeros(_PRODUCTS_AT_FIRST, dtype=np.int64)
        self._reached: Units = np.zeros(_PRODUCTS_AT_FIRST, dtype=np.int64)
        self.compute(())

    def column(self, channel: str) -> int:
        """The column of a channel, or CUSTODY; raises ChannelNotFound."""
        column = self.channels.get(channel)
        if column is None:
            raise ChannelNotFound(channel)
        return column

    def availability(self, number: int, channel: str, view: View = View.BOTH) -> Availability | None:
        """Supply, share and level of a product in a channel; of one by custody as its seller views it, None where
        nobody sells through it. Raises ChannelNotFound.
        """
        column = self.column(channel)
        if column == CUSTODY:
            sold = channel in self.in_custody.custody.channels
            return self.in_custody.availability(number, channel, view) if sold else None
        figures = self._figures
        return Availability(
            figures.item(_SUPPLY, column, number),
            figures.item(_SHARE, column, number),
            figures.item(_LEVEL, column, number),
        )

    def chosen(self, channels: Sequence[str]) -> tuple[str, ...]:
        """The channels as asked, all in order where none is; raises ChannelNotFound."""
        for channel in channels:
            self.column(channel)
        return tuple(channels or self.channels)

    def excerpt(self, numbers: Sequence[int], channels: Sequence[str]) -> Excerpt:
        """A copy of the levels of some products, by number, in channels that exist."""
        distinct, places = self._places(channels)
        levels = np.zeros((len(numbers), len(distinct) + 1), dtype=self._figures.dtype)
        levels[:, :-1] = self._figures[_LEVEL][np.ix_(distinct, np.array(numbers, dtype=np.int64))].T
        return Excerpt(levels, places, self._sold(numbers, channels))

    def nowhere(self, products: Sequence[Product], channels: Sequence[str]) -> Excerpt:
        """The same of products of which there is nothing, with or without a number."""
        distinct, places = self._places(channels)
        levels = np.zeros((len(products), len(distinct) + 1), dtype=np.int64)
        levels[:, :-1] = self.columns.nowhere(products).level[distinct].T
        return Excerpt(levels, places, self.in_custody.sold(np.full(len(products), NONE), products, channels))

    def copied(self) -> tuple[Figures, Units]:
        """Copies of all levels, as `[column, product]`, and of the exposure of every product."""
        every = slice(self._products)
        return self._figures[_LEVEL, :, every].copy(), exposure(self._told[every], self._reached[every])

    def told(self, numbers: Indices) -> tuple[Units, Units]:
        """Of each product the sum of the levels of all stores, and what lies at all locations that any of them
        reaches.
        """
        return self._told[numbers], self._reached[numbers]

    def bundled(self, numbers: Indices) -> Bundled:
        """What stores are told of some products, given ascending, and of bundles together."""

        def rows(products: Indices) -> Rows:
            return read(self.columns, self._balances, products, self._today)

        return self.columns.bundled(numbers, rows, lambda products: self._figures[_LEVEL][:, products].astype(np.int64))

    def balanced(self, numbers: Indices) -> Flags:
        """Whether a policy divides each product at an instant."""
        flags: Flags = self._dividing[self.columns.policies(numbers)]
        return flags

    def divided(self, numbers: Indices) -> Flags:
        """Which products, given ascending, have a supply that a policy divides at an instant, or that has a ceiling."""
        claims, flags = self._shares.of(numbers), self.balanced(numbers)
        flags[np.searchsorted(numbers, claims.product[claims.ceiling != NO_CEILING])] = True
        return flags

    def supplies(self, numbers: Indices) -> SupplyPicture:
        """What there is to divide of some products, given ascending."""
        products = [self._balances.products[number] for number in numbers.tolist()]
        counts = scales(self._configuration.sharing, products)
        claims = self._shares.of(numbers).current(numbers, counts)
        names = [*(each.policy if each.mode is Mode.BALANCED else "" for each in self._configuration.policies), ""]
        return SupplyPicture(
            self.ground,
            products,
            policies=[names[each] for each in self.columns.policies(numbers).tolist()],
            scales=counts.tolist(),
            divisible=self.columns.divisible(numbers, read(self.columns, self._balances, numbers, self._today)),
            claims=replace(claims, product=np.searchsorted(numbers, claims.product)),
        )

    def standing(self) -> Claims:
        """All claims that have a ceiling, of products whose supply a policy divides at an instant."""
        claims = self._shares.of(self._shares.divided())
        return claims.where((claims.ceiling != NO_CEILING) & self.balanced(claims.product))

    def compute(self, products: Sequence[int] | Indices) -> Indices:
        """Compute some products anew, given by number, and those that got one since.

        Returns those that are new or have another level in any column, ascending.
        """
        known = self._products
        self._make_room()
        numbers: Indices = np.arange(known, self._products)
        if len(products):
            numbers = np.union1d(np.array(products, dtype=np.int64), numbers)
        pieces = [
            self._take(numbers[begin : begin + _PRODUCTS_AT_ONCE], known)
            for begin in range(0, len(numbers), _PRODUCTS_AT_ONCE)
        ]
        changed: Indices = np.concatenate(pieces) if pieces else numbers
        sold = self.in_custody.compute(self.columns.lending, numbers, known, self._today)
        return np.union1d(changed, sold) if len(sold) else changed

    def lend(self, configuration: Configuration, affected: Indices) -> Indices:
        """Take over other links and bundles, which can affect these products; returns what `compute` does.

        Whatever is in them must have its number, and nothing else may be configured otherwise.
        """
        self.columns.lend(configuration.sharing, affected.tolist())
        self._configuration = configuration
        return self.compute(affected)

    def sell(self, configuration: Configuration) -> Indices:
        """Take over other sellers; returns the products of which any level is another. Nothing else may be configured
        otherwise.
        """
        former = copy(self)
        self._configuration, self.in_custody = configuration, InCustody(configuration, self._balances)
        every = np.arange(self._products)
        self.in_custody.compute(self.columns.lending, every, 0, self._today)
        differs = np.zeros(self._products, dtype=np.bool_)
        self._sold_otherwise(former, differs)
        return np.flatnonzero(differs)

    def turn(self, today: date, affected: Indices) -> Indices:
        """Go over to another day, which can affect these products; returns what `compute` does."""
        self._today = today
        return self.compute(affected)

    def differing(self, former: Table) -> Indices:
        """The products that are new, or whose level is another in a channel that both tables have, ascending."""
        differs = np.zeros(self._products, dtype=np.bool_)
        differs[former._products :] = True
        channels = [each for each in self.channels if each in former.channels]
        for before, after in dict.fromkeys((former.channels[each], self.channels[each]) for each in channels):
            differs[: former._products] |= former._levels(before) != self._levels(after)[: former._products]
        self._sold_otherwise(former, differs)
        return np.flatnonzero(differs)

    def _sold_otherwise(self, former: Table, differs: Flags) -> None:
        """Note the products, known to both tables, whose level is another in a channel of both that a person sells or
        sold through.
        """
        terms = [each.in_custody.terms() for each in (former, self)]
        alike = former._configuration.sharing == self._configuration.sharing
        sold = [each for each in self.channels if each in former.channels and (each in terms[0] or each in terms[1])]
        given = np.zeros(self._products, dtype=np.bool_)
        for each in (former, self):
            given[each.in_custody.givings.products] = True
        given = given[: former._products]
        for channel in sold:
            before, after = (each.get(channel) for each in terms)
            if alike and before == after:
                continue
            # What nobody gives anything of is told otherwise only where groups feed the channel, or its limits deny it.
            fed = former.channels[channel] != CUSTODY or self.channels[channel] != CUSTODY
            denying = any(each is not None and each.denying for each in (before, after))
            anything = fed or (denying and (before is None or after is None or before.limits != after.limits))
            left = ~differs[: former._products]
            numbers = np.flatnonzero(left if anything else left & given)
            told = [each.excerpt(numbers.tolist(), (channel,)).rows(0, len(numbers))[:, 0] for each in (former, self)]
            differs[numbers] = told[0] != told[1]

    def _sold(self, numbers: Sequence[int], channels: Sequence[str]) -> Selling | None:
        products = [self._balances.products[number] for number in numbers] if self.in_custody.custody.channels else []
        return self.in_custody.sold(np.array(numbers, dtype=np.int64), products, channels)

    def _levels(self, column: int) -> Figures:
        if column == CUSTODY:
            return np.zeros(self._products, dtype=np.int64)
        return self._figures[_LEVEL, column, : self._products]

    def _places(self, channels: Sequence[str]) -> tuple[Indices, Indices]:
        """The distinct columns of channels, and the place of each channel among them; CUSTODY has the one behind."""
        columns = [self.channels[channel] for channel in channels]
        distinct = sorted(set(columns) - {CUSTODY})
        place = {column: index for index, column in enumerate(distinct)} | {CUSTODY: len(distinct)}
        return np.array(distinct, dtype=np.int64), np.array([place[each] for each in columns], dtype=np.int64)

    def _take(self, numbers: Indices, known: int) -> Indices:
        """Compute a piece; returns those at or above `known`, and those of which any level changed."""
        rows = read(self.columns, self._balances, numbers, self._today)
        made = self.columns.compute(numbers, rows, self._left(numbers))
        figures = np.stack((made.supply, made.share, made.level))
        if self._figures.dtype != np.int64 and figures.max(initial=0) > _NARROW_MAX:
            self._figures = self._figures.astype(np.int64)
        changed: Flags = (self._figures[_LEVEL][:, numbers] != made.level).any(axis=0) | (numbers >= known)
        self._figures[:, :, numbers] = figures
        self._told[numbers], self._reached[numbers] = made.told, made.reached
        return numbers[changed]

    def _left(self, numbers: Indices) -> ColumnShares:
        """What channel groups have left of their shares of some products, given ascending."""
        claims = self._shares.of(numbers)
        if not len(claims.product):
            return NO_SHARES
        products, sharing = self._balances.products, self._configuration.sharing
        counts = scales(sharing, (products[number] for number in numbers.tolist()))
        return claims.current(numbers, counts).left(self.places)

    def _make_room(self) -> None:
        """Follow the growth of products; what is new holds 0."""
        self._products = len(self._balances.products)
        room = len(self._told)
        if room < self._products:
            more = max(room, self._products - room)
            self._figures = np.pad(self._figures, ((0, 0), (0, 0), (0, more)))
            self._told = np.pad(self._told, (0, more))
            self._reached = np.pad(self._reached, (0, more))


def column_of(configuration: Configuration, columns: Columns) -> Mapping[str, int]:
    """The column of each channel, in order of channels; CUSTODY where it has none."""
    return {name: columns.columns.get(name, CUSTODY) for name in configuration.network.channels}


def read(columns: Columns, balances: Balances, numbers: Indices, today: date) -> Rows:
    """The stock that decides what products are computed to, whether anything was ever booked of them or not."""
    reads = columns.lending.reads(numbers)
    return balances.rows(reads[reads < len(balances.products)], today)
