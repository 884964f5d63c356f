"""The counts of every stock item of a tenant, as arrays."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from weir_aggregator.domain import Count, Product
from weir_allocation.columns import Flags, Indices, Units, available
from weir_allocation.goods import fit
from weir_allocation.stock import ANY, Condition, Stock, StockItem
from weir_allocation.trace import Verdict

T = TypeVar("T", bound=np.generic)

Variant = tuple[str, str, str, Condition]
"""Lot, unit of measure, custodian, condition: what sets stock items of one product at one location apart."""

NONE = -1
_LOCATION_BITS = 24
_VARIANT_BITS = 32
_ROWS_AT_FIRST = 64


class Balances:
    """Structure of arrays, one row a stock item; products, locations and variants are numbered as they are first seen.

    A row is never removed, so a product that was ever stocked keeps its number. The rows of a product are chained:
    `_first` names the newest of each product, `_next` the one before each row.
    """

    def __init__(self) -> None:
        """Nothing was ever stocked."""
        self.products: list[Product] = []
        self.locations: list[str] = []
        self._variants: list[Variant] = []
        self._product_of: dict[Product, int] = {}
        self._location_of: dict[str, int] = {}
        self._variant_of: dict[Variant, int] = {}
        self._row_of: dict[int, int] = {}
        self._first = array("i")
        self._next = array("i")
        self._ordered: list[int] = []
        self._product = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._location = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._variant = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._fit: Flags = np.zeros(_ROWS_AT_FIRST, dtype=np.bool_)
        self._on_hand: Units = np.zeros(_ROWS_AT_FIRST, dtype=np.int64)
        self._reserved: Units = np.zeros(_ROWS_AT_FIRST, dtype=np.int64)

    def __len__(self) -> int:
        """Stock items known."""
        return len(self._next)

    def put(self, count: Count) -> int:
        """Take over the counts of a stock item, whatever they were; returns the number of its product."""
        owner, sku, location, lot, uom, custodian, condition, on_hand, reserved = count
        product = self._product_of.get((owner, sku))
        place = self._location_of.get(location)
        variant = self._variant_of.get((lot, uom, custodian, condition))
        if product is None or place is None or variant is None:
            product, place, variant = self._numbered(count)
        key = (product << _LOCATION_BITS | place) << _VARIANT_BITS | variant
        row = self._row_of.get(key)
        if row is None:
            row = self._row_of[key] = self._append(product, place, variant)
        self._on_hand[row] = on_hand
        self._reserved[row] = reserved
        return product

    def number(self, product: Product) -> int:
        """The number of a product; NONE where it was never stocked."""
        return self._product_of.get(product, NONE)

    def stock(self, product: Product) -> list[Stock]:
        """All stock items of a product, in no order that means anything."""
        number = self.number(product)
        return [] if number == NONE else [self._stock(product, row) for row in self._chain(number)]

    def rows(self, products: Iterable[int]) -> tuple[Indices, Indices]:
        """The rows of some products, those of each side by side, and where each product begins."""
        rows: list[int] = []
        starts: list[int] = []
        for product in products:
            starts.append(len(rows))
            rows.extend(self._chain(product))
        return np.array(rows, dtype=np.int64), np.array(starts, dtype=np.int64)

    def all_rows(self) -> tuple[Indices, Indices]:
        """As `rows` of all products by number."""
        product = self._product[: len(self)]
        return np.argsort(product, kind="stable"), np.cumsum(np.bincount(product)) - np.bincount(product)

    def location(self, rows: Indices) -> Indices:
        """The number of the location of each row."""
        return self._location[rows].astype(np.int64)

    def available(self, rows: Indices) -> Units:
        """Units of each row that serve a demand for any lot in the default unit of measure."""
        return available(self._on_hand[rows], self._reserved[rows], self._fit[rows])

    def ordered(self, owner: str | None = None) -> Sequence[int]:
        """The numbers of all products, or of one owner's, in order of owner and stock keeping unit.

        Never altered once given out: a caller may walk along it while products are added.
        """
        if len(self._ordered) < len(self.products):
            fresh = range(len(self._ordered), len(self.products))
            self._ordered = sorted((*self._ordered, *fresh), key=self.products.__getitem__)
        if owner is None:
            return self._ordered
        begin = bisect_left(self._ordered, owner, key=lambda number: self.products[number][0])
        end = bisect_right(self._ordered, owner, key=lambda number: self.products[number][0])
        return self._ordered[begin:end]

    def _chain(self, product: int) -> Iterator[int]:
        row = self._first[product]
        while row != NONE:
            yield row
            row = self._next[row]

    def _stock(self, product: Product, row: int) -> Stock:
        lot, uom, custodian, condition = self._variants[self._variant[row]]
        location = self.locations[self._location[row]]
        item = StockItem(*product, location, lot, uom, custodian, condition)
        return Stock(item, int(self._on_hand[row]), int(self._reserved[row]))

    def _numbered(self, count: Count) -> tuple[int, int, int]:
        product = (count.owner, count.sku)
        if product not in self._product_of:
            self._product_of[product] = len(self.products)
            self.products.append(product)
            self._first.append(NONE)
        if count.location not in self._location_of:
            self._location_of[count.location] = len(self.locations)
            self.locations.append(count.location)
            assert len(self.locations) <= 1 << _LOCATION_BITS
        variant = (count.lot, count.uom, count.custodian, count.condition)
        if variant not in self._variant_of:
            self._variant_of[variant] = len(self._variants)
            self._variants.append(variant)
        return self._product_of[product], self._location_of[count.location], self._variant_of[variant]

    def _append(self, product: int, location: int, variant: int) -> int:
        row = len(self._next)
        if row == len(self._product):
            self._grow(2 * row)
        lot, uom, custodian, condition = self._variants[variant]
        item = StockItem(*self.products[product], self.locations[location], lot, uom, custodian, condition)
        self._product[row] = product
        self._location[row] = location
        self._variant[row] = variant
        self._fit[row] = fit(item, ANY) is Verdict.COUNTED
        self._next.append(self._first[product])
        self._first[product] = row
        return row

    def _grow(self, rows: int) -> None:
        self._product = _grown(self._product, rows)
        self._location = _grown(self._location, rows)
        self._variant = _grown(self._variant, rows)
        self._fit = _grown(self._fit, rows)
        self._on_hand = _grown(self._on_hand, rows)
        self._reserved = _grown(self._reserved, rows)


def _grown(column: NDArray[T], rows: int) -> NDArray[T]:
    """A copy with room for `rows`, zero where nothing was."""
    larger = np.zeros(rows, dtype=column.dtype)
    larger[: len(column)] = column
    return larger
