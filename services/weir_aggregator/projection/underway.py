"""Units that this process has asked the ledger to promise, until the projection shows that they are.

Orders that come together would all be planned on the same best units, and all but a few be refused and planned again.
So what one was planned on is taken for promised by the next.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from weir_allocation.fulfilment.model import Order, Plan
from weir_allocation.stock import Stock, StockItem

Units = Mapping[StockItem, int]


class Underway:
    """What is under way of one tenant."""

    def __init__(self) -> None:
        """Nothing is."""
        self._asked: dict[asyncio.Future[None], Units] = {}
        self._promised: list[tuple[int, Units]] = []

    def left(self, wanted: Order, reached: int) -> Order:
        """The order on what is left beside what is under way, at this revision of the ledger; itself if it is all."""
        self._promised = [each for each in self._promised if each[0] > reached]
        taken: Counter[StockItem] = Counter()
        for units in (*self._asked.values(), *(units for _, units in self._promised)):
            taken.update(units)
        touched = sorted({(item.owner, item.sku) for item in taken} & wanted.holdings.keys())
        if not touched:
            return wanted
        holdings = {each: [_less(stock, taken) for stock in wanted.holdings[each]] for each in touched}
        return replace(wanted, holdings={**wanted.holdings, **holdings})

    async def answered(self, wanted: Order) -> bool:
        """Wait for the ledger's next answer about units that the order could take; False where none is to come."""
        asked = [
            answer
            for answer, units in self._asked.items()
            if any((item.owner, item.sku) in wanted.holdings for item in units)
        ]
        if asked:
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        return bool(asked)

    @contextmanager
    def asking(self, found: Plan) -> Iterator[Callable[[int], None]]:
        """Within the block the units of a plan are asked for; it tells the revision at which they were promised."""
        units: Counter[StockItem] = Counter()
        for each in found.allocations:
            units[each.item] += each.quantity
        answer = asyncio.get_running_loop().create_future()
        self._asked[answer] = units
        try:
            yield lambda revision: self._promised.append((revision, units))
        finally:
            del self._asked[answer]
            answer.set_result(None)


def _less(stock: Stock, taken: Units) -> Stock:
    units = taken.get(stock.item, 0)
    return replace(stock, reserved=stock.reserved + units) if units else stock
