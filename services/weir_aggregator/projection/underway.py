"""Units that this process has asked the ledger to promise, until the projection shows that they are.

Orders that come together would all be planned on the same best units, and all but a few be refused and planned again.
So what one was planned on is taken for promised by the next, and so is what it takes of a share.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from weir_aggregator.projection.spending import Share, Sold
from weir_allocation.fulfilment.model import Order, Plan
from weir_allocation.stock import Holdings, Stock, StockItem

Units = Mapping[StockItem, int]


class Taken(NamedTuple):
    """What one order takes."""

    units: Units
    spent: Mapping[Sold, int]
    """Units of shares."""

    def touches(self, wanted: Order) -> bool:
        """Whether another order could take any of it."""
        return any((item.owner, item.sku) in wanted.holdings for item in self.units)


class Underway:
    """What is under way of one tenant."""

    def __init__(self) -> None:
        """Nothing is."""
        self._asked: dict[asyncio.Future[None], Taken] = {}
        self._promised: list[tuple[int, Taken]] = []

    def left(self, wanted: Order, reached: int, shares: Sequence[Share] = ()) -> Order:
        """The order on what is left beside what is under way, at this revision of the ledger; itself if it is all.

        `shares` are those that its quotas are of.
        """
        self._promised = [each for each in self._promised if each[0] > reached]
        taken: Counter[StockItem] = Counter()
        spent: Counter[Sold] = Counter()
        for each in (*self._asked.values(), *(each for _, each in self._promised)):
            taken.update(each.units)
            spent.update(each.spent)
        holdings = beside(wanted.holdings, taken)
        if holdings is wanted.holdings:
            return wanted
        return replace(wanted, holdings=holdings, quotas=tuple(share.quota(spent[share.sold]) for share in shares))

    async def answered(self, wanted: Order) -> None:
        """Wait for the ledger's answers about all units that are asked for now and that the order could take.

        For all, not the next one: many who wait would all plan again after each.
        """
        asked = [answer for answer, taken in self._asked.items() if taken.touches(wanted)]
        if asked:
            await asyncio.wait(asked)

    def promised(self, wanted: Order) -> int | None:
        """The last revision at which units that the order could take were promised and not seen; None where none
        were.
        """
        return max((revision for revision, taken in self._promised if taken.touches(wanted)), default=None)

    @contextmanager
    def asking(self, found: Plan, spent: Mapping[Sold, int] | None = None) -> Iterator[Callable[[int], None]]:
        """Within the block the units of a plan are asked for, and what it has `spent` of shares; it tells the revision
        at which they were promised.
        """
        taken = Taken(units_of(found), spent or {})
        answer = asyncio.get_running_loop().create_future()
        self._asked[answer] = taken
        try:
            yield lambda revision: self._promised.append((revision, taken))
        finally:
            del self._asked[answer]
            answer.set_result(None)


def units_of(found: Plan) -> Units:
    """The units that a plan takes of each stock item."""
    units: Counter[StockItem] = Counter()
    for each in found.allocations:
        units[each.item] += each.quantity
    return units


def beside(holdings: Holdings, taken: Units) -> Holdings:
    """The stock as if these units were promised too; itself if it has none of them."""
    touched = {(item.owner, item.sku) for item in taken} & holdings.keys()
    if not touched:
        return holdings
    return {
        product: [_less(stock, taken) for stock in there] if product in touched else there
        for product, there in holdings.items()
    }


def _less(stock: Stock, taken: Units) -> Stock:
    units = taken.get(stock.item, 0)
    return replace(stock, reserved=stock.reserved + units) if units else stock
