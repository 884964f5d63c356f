"""What would be if something were configured otherwise, computed beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from weir_aggregator.domain import Product
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.table import Table, column_of
from weir_allocation.columns import Columns, Indices, Levels, Rows
from weir_allocation.configuration import Configuration


class Supposed:
    """Levels as they are and as they would be, of the state there was when it was made, whatever becomes of it.

    It numbers products as the projection does, and those that only the other configuration names behind them.
    """

    def __init__(
        self, before: Configuration, after: Configuration, *, table: Table, balances: Balances, today: date
    ) -> None:
        """`table` is what `before` makes of `balances` on a day."""
        numbers = balances.numbers
        fresh = list(dict.fromkeys(product for product in after.sharing.named() if product not in numbers))
        self.products: Sequence[Product] = [*balances.products, *fresh]
        """By number."""
        numbers = {**numbers, **{product: len(numbers) + place for place, product in enumerate(fresh)}}
        self.before: Mapping[str, int] = table.channels
        """Column of each channel as it is, CUSTODY where it has none."""
        self.affected: Indices = np.arange(len(self.products))
        """Numbers of the products whose levels can differ, ascending; those of others are the same."""
        if before.lends_alone(after):
            affected = after.sharing.affected(before.sharing)
            self.affected = np.array(sorted(numbers[product] for product in affected), dtype=np.int64)
        self._columns = Columns(after, products=self.products, numbers=numbers, locations=balances.locations)
        self.after: Mapping[str, int] = column_of(after, self._columns)
        """Column of each channel as it would be."""
        known = self.affected[self.affected < len(balances.products)]
        unknown = [self.products[number] for number in self.affected[len(known) :].tolist()]
        # Copies of all that is looked at, so that they may be gone through in pieces while commits are taken over.
        self._levels = table.kept(known).beside(table.columns.nowhere(unknown))
        reads = self._columns.lending.reads(self.affected)
        self._rows = balances.rows(reads[reads < len(balances.products)], today)

    def compute(self, numbers: Indices) -> tuple[Levels, Levels]:
        """Some of those affected, given ascending by number, as they are and as they would be."""
        before = self._levels.of(np.searchsorted(self.affected, numbers))
        read = np.zeros(len(self.products), dtype=np.bool_)
        read[self._columns.lending.reads(numbers)] = True
        rows = np.flatnonzero(read[self._rows.product])
        return before, self._columns.compute(numbers, Rows(*(each[rows] for each in self._rows)))
