"""The counts of every stock item of a tenant, as arrays, and the last day of every lot."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from weir_aggregator.domain import Count, Lot, Product, StockChange
from weir_allocation.columns import Flags, Held, Indices, Rows, Units, available, last_day, unexpired
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
_WALKED_MAX = 16
"""Stock items of one product that are looked through for one of them; of a product with more, each is noted."""
_CHAINED_PART = 32
"""Of fewer products than one in so many the rows are found by walking their chains, of more by looking at all rows."""
_STOCKS_MAX = 4096
"""Products whose stock items are kept as they are asked for, until one of them changes."""
_WALKED_AT_ONCE = 32
"""As many products or more have their chains walked side by side, fewer one after the other."""


class Balances:
    """Structure of arrays, one row a stock item; products, locations and variants are numbered as they are first seen.

    Nothing is ever removed, so a product keeps its number. The rows of a product are chained: `_first` names the newest
    of each product, `_next` the one before each row. A stock item takes some forty bytes, a product some two hundred,
    most of them its name; only of products with many stock items each one is in a dictionary too.
    """

    def __init__(self) -> None:
        """Nothing was ever stocked."""
        self.products: list[Product] = []
        self.locations: list[str] = []
        self.custodians: list[str] = []
        self._variants: list[Variant] = []
        self._held = array("i")
        """Of each variant the number of the custodian in whose custody it serves a demand that names nothing, or
        NONE.
        """
        self._product_of: dict[Product, int] = {}
        self._location_of: dict[str, int] = {}
        self._variant_of: dict[Variant, int] = {}
        self._custodian_of: dict[str, int] = {}
        self._row_of: dict[int, int] = {}
        self._last_days: dict[tuple[str, str, str], int] = {}
        self._first = array("i")
        self._next = array("i")
        self._rows = array("i")
        self._ordered = array("i")
        self._product = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._location = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._variant = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._last_day = np.zeros(_ROWS_AT_FIRST, dtype=np.int32)
        self._fit: Flags = np.zeros(_ROWS_AT_FIRST, dtype=np.bool_)
        self._on_hand: Units = np.zeros(_ROWS_AT_FIRST, dtype=np.int64)
        self._reserved: Units = np.zeros(_ROWS_AT_FIRST, dtype=np.int64)
        self._earmarked: dict[int, int] = {}
        self._stocks: dict[int, Sequence[Stock]] = {}

    def __len__(self) -> int:
        """Stock items known."""
        return len(self._next)

    @property
    def numbers(self) -> Mapping[Product, int]:
        """The number of each product: its place in `products`."""
        return self._product_of

    def put(self, change: StockChange) -> int:
        """Take over a stock item or a lot, whatever was known of it; returns the number of its product.

        NONE for a lot of a product that has no number.
        """
        return self._put_lot(change) if isinstance(change, Lot) else self._put_count(change)

    def earmark(self, item: StockItem, units: int) -> int:
        """Count so many units of a stock item that is known as reserved, beside those that are promised, in place of
        what was earmarked before; returns the number of its product.
        """
        product = self._product_of[item.owner, item.sku]
        variant = self._variant_of[item.lot, item.uom, item.custodian, item.condition]
        row = self._find(product, self._location_of[item.location], variant)
        assert row is not None
        self._reserved[row] += units - self._earmarked.pop(row, 0)
        self._stocks.pop(product, None)
        if units:
            self._earmarked[row] = units
        return product

    def enter(self, product: Product) -> int:
        """The number of a product, a new one where it has none."""
        number = self._product_of.get(product)
        if number is None:
            number = self._product_of[product] = len(self.products)
            self.products.append(product)
            self._first.append(NONE)
            self._rows.append(0)
        return number

    def number(self, product: Product) -> int:
        """The number of a product; NONE where it has none."""
        return self._product_of.get(product, NONE)

    def stock(self, product: Product) -> Sequence[Stock]:
        """All stock items of a product, in no order that means anything; what is earmarked is among the reserved.

        Never altered once given out.
        """
        number = self.number(product)
        stocks = self._stocks.get(number, ())
        if not stocks and number != NONE:
            if len(self._stocks) >= _STOCKS_MAX:
                self._stocks.clear()
            stocks = self._stocks[number] = tuple(self._stock(product, row) for row in self._chain(number))
        return stocks

    def rows(self, products: Indices, today: date) -> Rows:
        """The stock items of some products with what they give on a day to a demand that names nothing.

        None of a lot whose last day is over.
        """
        rows = self._rows_of(products)
        fit = self._fit[rows] & unexpired(self._last_day[rows].astype(np.int64), today)
        return Rows(
            self._product[rows].astype(np.int64),
            self._location[rows].astype(np.int64),
            available(self._on_hand[rows], self._reserved[rows], fit),
        )

    def held(self, products: Indices, today: date) -> Held:
        """The stock items of some products that are in custody, with what they give on a day to such a demand."""
        rows = self._rows_of(products) if self.custodians else products[:0]
        custodian = np.frombuffer(self._held, dtype=np.int32)[self._variant[rows]].astype(np.int64)
        rows, custodian = rows[custodian != NONE], custodian[custodian != NONE]
        fresh = unexpired(self._last_day[rows].astype(np.int64), today)
        return Held(
            self._product[rows].astype(np.int64),
            self._location[rows].astype(np.int64),
            custodian,
            available(self._on_hand[rows], self._reserved[rows], fresh),
        )

    def in_custody(self) -> Indices:
        """The products of which anything was ever in custody, ascending."""
        if not self.custodians:
            return np.zeros(0, dtype=np.int64)
        held = np.frombuffer(self._held, dtype=np.int32)[self._variant[: len(self)]] != NONE
        found = np.zeros(len(self.products), dtype=np.bool_)
        found[self._product[: len(self)][held]] = True
        return np.flatnonzero(found)

    def expiring(self, first: date, end: date) -> Indices:
        """Products that have a lot with its last day from `first` on and before `end`, ascending."""
        last_days = self._last_day[: len(self)]
        rows = np.flatnonzero((last_days >= first.toordinal()) & (last_days < end.toordinal()))
        return np.unique(self._product[rows]).astype(np.int64)

    def ordered(self, owner: str | None = None) -> Sequence[int]:
        """The numbers of all products, or of one owner's, in order of owner and stock keeping unit.

        Never altered once given out: a caller may walk along it while products are added.
        """
        if len(self._ordered) < len(self.products):
            fresh = range(len(self._ordered), len(self.products))
            self._ordered = array("i", sorted((*self._ordered, *fresh), key=self.products.__getitem__))
        if owner is None:
            return self._ordered
        begin = bisect_left(self._ordered, owner, key=lambda number: self.products[number][0])
        end = bisect_right(self._ordered, owner, key=lambda number: self.products[number][0])
        return self._ordered[begin:end]

    def _put_count(self, count: Count) -> int:
        owner, sku, location, lot, uom, custodian, condition, on_hand, reserved = count
        product = self.enter((owner, sku))
        place = self._location_of.get(location)
        variant = self._variant_of.get((lot, uom, custodian, condition))
        if place is None or variant is None:
            place, variant = self._numbered(count)
        row = self._find(product, place, variant)
        if row is None:
            row = self._append(product, place, variant)
        self._on_hand[row] = on_hand
        self._reserved[row] = reserved + self._earmarked.get(row, 0)
        self._stocks.pop(product, None)
        return product

    def _put_lot(self, lot: Lot) -> int:
        self._last_days[lot.owner, lot.sku, lot.lot] = last_day(lot.expiry)
        product = self.number((lot.owner, lot.sku))
        if product != NONE:
            self._stocks.pop(product, None)
            for row in self._chain(product):
                if self._variants[self._variant[row]][0] == lot.lot:
                    self._last_day[row] = last_day(lot.expiry)
        return product

    def _rows_of(self, products: Indices) -> Indices:
        if len(products) < _WALKED_AT_ONCE:
            return np.array([row for product in products.tolist() for row in self._chain(product)], dtype=np.int64)
        if len(products) * _CHAINED_PART < len(self.products):
            return self._chains(products)
        wanted = np.zeros(len(self.products), dtype=np.bool_)
        wanted[products] = True
        return np.flatnonzero(wanted[self._product[: len(self)]])

    def _chain(self, product: int) -> Iterator[int]:
        row = self._first[product]
        while row != NONE:
            yield row
            row = self._next[row]

    def _chains(self, products: Indices) -> Indices:
        """The rows of some products, a step along all chains at a time."""
        found = [np.zeros(0, dtype=np.int32)]
        rows = np.frombuffer(self._first, dtype=np.int32)[products]
        while len(rows := rows[rows != NONE]):
            found.append(rows)
            rows = np.frombuffer(self._next, dtype=np.int32)[rows]
        return np.concatenate(found).astype(np.int64)

    def _find(self, product: int, place: int, variant: int) -> int | None:
        if self._rows[product] > _WALKED_MAX:
            return self._row_of.get(_key(product, place, variant))
        row = self._first[product]
        while row != NONE:
            if self._location[row] == place and self._variant[row] == variant:
                return row
            row = self._next[row]
        return None

    def _stock(self, product: Product, row: int) -> Stock:
        lot, uom, custodian, condition = self._variants[self._variant[row]]
        location = self.locations[self._location[row]]
        item = StockItem(*product, location, lot, uom, custodian, condition)
        expiry = date.fromordinal(self._last_day[row])
        counts = int(self._on_hand[row]), int(self._reserved[row])
        return Stock(item, *counts, None if expiry == date.max else expiry, self._earmarked.get(row, 0))

    def _numbered(self, count: Count) -> tuple[int, int]:
        if count.location not in self._location_of:
            self._location_of[count.location] = len(self.locations)
            self.locations.append(count.location)
            assert len(self.locations) <= 1 << _LOCATION_BITS
        variant = (count.lot, count.uom, count.custodian, count.condition)
        if variant not in self._variant_of:
            self._variant_of[variant] = len(self._variants)
            self._variants.append(variant)
            self._held.append(self._custodian(variant))
        return self._location_of[count.location], self._variant_of[variant]

    def _custodian(self, variant: Variant) -> int:
        """The number of the custodian of a variant; NONE where it has none, or serves no demand that names nothing."""
        custodian = variant[2]
        if not custodian or fit(StockItem("", "", "", *variant), ANY, (custodian,)) is not Verdict.COUNTED:
            return NONE
        if custodian not in self._custodian_of:
            self._custodian_of[custodian] = len(self.custodians)
            self.custodians.append(custodian)
        return self._custodian_of[custodian]

    def _append(self, product: int, place: int, variant: int) -> int:
        row = len(self._next)
        if row == len(self._product):
            self._grow(2 * row)
        owner, sku = self.products[product]
        lot, uom, custodian, condition = self._variants[variant]
        item = StockItem(owner, sku, self.locations[place], lot, uom, custodian, condition)
        self._product[row] = product
        self._location[row] = place
        self._variant[row] = variant
        self._last_day[row] = self._last_days.get((owner, sku, lot), last_day(None))
        self._fit[row] = fit(item, ANY) is Verdict.COUNTED
        self._next.append(self._first[product])
        self._first[product] = row
        self._rows[product] += 1
        if self._rows[product] > _WALKED_MAX:
            self._note(product)
        return row

    def _note(self, product: int) -> None:
        """Note the newest row of a product; all of them where it is the first that is noted."""
        for row in self._chain(product) if self._rows[product] == _WALKED_MAX + 1 else (self._first[product],):
            self._row_of[_key(product, int(self._location[row]), int(self._variant[row]))] = row

    def _grow(self, rows: int) -> None:
        self._product = _grown(self._product, rows)
        self._location = _grown(self._location, rows)
        self._variant = _grown(self._variant, rows)
        self._last_day = _grown(self._last_day, rows)
        self._fit = _grown(self._fit, rows)
        self._on_hand = _grown(self._on_hand, rows)
        self._reserved = _grown(self._reserved, rows)


def _key(product: int, place: int, variant: int) -> int:
    return (product << _LOCATION_BITS | place) << _VARIANT_BITS | variant


def _grown(column: NDArray[T], rows: int) -> NDArray[T]:
    """A copy with room for `rows`, zero where nothing was."""
    larger = np.zeros(rows, dtype=column.dtype)
    larger[: len(column)] = column
    return larger
