"""What would be if something were configured otherwise, computed beside the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from weir_aggregator.domain import Change, Product
from weir_aggregator.projection.book import Book
from weir_aggregator.projection.custody import Standing
from weir_aggregator.projection.settling import settled
from weir_aggregator.projection.shares import Claims, Places, scales
from weir_aggregator.projection.table import Figures, column_of
from weir_allocation.columns import Columns, Custody, Flags, Given, Held, Indices, Rows, Units


@dataclass(frozen=True, slots=True)
class Instant:
    """All that levels are made of at one instant; no commit alters any of it."""

    book: Book
    products: Sequence[Product]
    """By number."""
    ordered: Sequence[int]
    """Numbers of all products, in order of products."""
    locations: Sequence[str]
    """By number."""
    rows: Rows
    """Every stock item."""
    claims: Claims
    """What is left of shares, of products whose supply a policy divides at an instant."""
    columns: Columns
    """Those of the table, which goes on: they may be asked for what is the same for ever, `nowhere`, and no more."""
    channels: Mapping[str, int]
    """Column of each channel, CUSTODY where it has none."""
    levels: Figures
    """As `[column, product]`."""
    exposure: Units
    """By product."""
    in_custody: Standing


class Side(NamedTuple):
    """Some products, as they are or as they would be."""

    level: Figures
    """As `[column, product]`."""
    exposure: Units
    """By product."""
    sold: Units
    """As `[channel, product]`, of those in custody that persons sell through."""


class Supposed:
    """Levels as they are and as they would be, of one instant.

    Shares stay what they are where a policy still divides at an instant: what a rebalance would make of them is not
    foretold.

    It numbers products as the projection does, and those that only the changes name behind them. That takes time for a
    large tenant; as an instant is never altered, it may be made and asked in another thread.
    """

    def __init__(self, instant: Instant, changes: Iterable[Change]) -> None:
        """Later changes are taken on top of earlier ones."""
        before, known = instant.book.configuration, len(instant.products)
        after = instant.book.changed(settled(instant.book.objects, changes)).configuration
        numbers = {product: number for number, product in enumerate(instant.products)}
        fresh = list(dict.fromkeys(product for product in after.sharing.named() if product not in numbers))
        numbers.update({product: known + place for place, product in enumerate(fresh)})
        self.products: Sequence[Product] = [*instant.products, *fresh]
        """By number."""
        self.before: Mapping[str, int] = instant.channels
        """Column of each channel as it is, CUSTODY where it has none."""
        self._columns = Columns(after, products=self.products, numbers=numbers, locations=instant.locations)
        self.after: Mapping[str, int] = column_of(after, self._columns)
        """Column of each channel as it would be."""
        self.affected: Indices = np.arange(len(self.products))
        """Numbers of the products whose levels can differ, ascending; those of others are the same."""
        if before.lends_alone(after):
            affected = after.sharing.affected(before.sharing)
            self.affected = np.array(sorted(numbers[product] for product in affected), dtype=np.int64)
        self.sold_before: Mapping[str, int] = instant.in_custody.custody.channels
        """Number of each channel that a person sells through, as it is."""
        self._custody = Custody(after, custodians=instant.in_custody.custodians, locations=instant.locations)
        self.sold_after: Mapping[str, int] = self._custody.channels
        """The same as it would be."""
        self._in_custody = instant.in_custody
        nowhere = instant.columns.nowhere(fresh)
        self._levels = np.concatenate((instant.levels, nowhere.level), axis=1)
        self._exposure = np.concatenate((instant.exposure, nowhere.exposure))
        every = np.arange(len(self.products))
        self._rows = instant.rows
        self._shares = instant.claims.current(every, scales(after.sharing, self.products)).left(
            Places.of(after.network)
        )

    @property
    def exposure(self) -> int:
        """Units that stores are told beyond what there is, over all products, as it is."""
        return int(self._exposure.sum())

    def compute(self, numbers: Indices) -> tuple[Side, Side]:
        """Some products, given ascending by number, as they are and as they would be."""
        read = np.zeros(len(self.products), dtype=np.bool_)
        read[self._columns.lending.reads(numbers)] = True
        rows, held = (_where(each, read[each.product]) for each in (self._rows, self._in_custody.held))
        computed = self._columns.compute(numbers, Rows(*rows), self._shares)
        given = self._custody.compute(self._columns.lending, numbers, Held(*held))
        before = Side(
            self._levels[:, numbers],
            self._exposure[numbers],
            self._sold(self._in_custody.custody, self._in_custody.given, numbers),
        )
        return before, Side(computed.level, computed.exposure, self._sold(self._custody, given, numbers))

    def _sold(self, custody: Custody, given: Given, numbers: Indices) -> Units:
        products = [self.products[number] for number in numbers.tolist()]
        return custody.levels(list(custody.channels), products, given.placed(numbers))


def _where(columns: Iterable[Indices], flags: Flags) -> Iterator[Indices]:
    return (each[flags] for each in columns)
