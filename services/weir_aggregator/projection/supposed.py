"""What would be if something were configured otherwise, computed beside the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from weir_aggregator.domain import Product
from weir_aggregator.projection.balances import Balances
from weir_aggregator.projection.table import Table, column_of, computed
from weir_allocation.columns import Columns, Indices, Levels
from weir_allocation.configuration import Configuration


class Supposed:
    """Levels as they are and as they would be; of one state as long as nothing is awaited in between.

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
        self._table = table
        self._balances = balances
        self._today = today

    def compute(self, numbers: Indices) -> tuple[Levels, Levels]:
        """Some products, given ascending by number, as they are and as they would be."""
        known = numbers[numbers < len(self._balances.products)]
        fresh = [self.products[number] for number in numbers[len(known) :].tolist()]
        before = self._table.kept(known).beside(self._table.columns.nowhere(fresh))
        return before, computed(self._columns, self._balances, numbers, self._today)
