"""Orders that wait: in what order they came, what of the stock is theirs, and how much of each product may wait."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from weir_aggregator.domain import BackOrders, Product, Promise, WaitingChange
from weir_aggregator.projection.demands import Demand, Place
from weir_aggregator.projection.earmarking import Standing, There, Walk
from weir_allocation.fulfilment.model import Terms
from weir_allocation.stock import Stock, StockItem

StockOf = Callable[[Product], Sequence[Stock]]
"""The stock items of a product, with what is earmarked among the reserved units."""


class Queue:
    """What the ledger told of orders that wait, and what is earmarked for them.

    Each demand is planned as its order was wished, under the terms it was accepted under, with the units that those
    before it leave; what the plan takes is earmarked: nobody else's until it is promised. A whole order is earmarked
    nothing until it can be filled whole. Harm to other products is not weighed, for who waits comes first. So earmarks
    follow from the books and the day alone, whatever happened before: every replica has the same.
    """

    def __init__(self) -> None:
        """Nothing waits, and nothing may."""
        self._standing = Standing()
        self._places: dict[str, Place] = {}
        self._changed: dict[Place, None] = {}
        self._agreed: dict[Hashable, Terms] = {}
        """Terms that are alike are one object here, for there are few and they are large."""
        self._back_orders: dict[Product, BackOrders] = {}
        self._today: date | None = None

    def put(self, change: WaitingChange) -> None:
        """Take over a demand or how much may wait, whatever was known of it; `settle` draws the consequences."""
        if isinstance(change, BackOrders):
            self._back_orders[change.owner, change.sku] = change
            return
        place = self._places.get(change.waiting)
        if place is not None:
            self._standing.demands[place].want(change.open)
        elif change.recorded is not None and any(change.open):
            terms = self._agreed.setdefault(_key(change.recorded.terms), change.recorded.terms)
            demand = Demand(change, replace(change.recorded, terms=terms))
            self._standing.join(demand)
            place = self._places[change.waiting] = demand.place
        else:
            return
        self._changed[place] = None

    def back_orders(self, product: Product) -> tuple[int, int]:
        """How many units of a product may wait, over all orders, and how many do."""
        known = self._back_orders.get(product)
        return (0, 0) if known is None else (known.limit, known.waiting)

    def awaited(self, products: Iterable[Product]) -> Mapping[StockItem, int]:
        """The units of some products that are earmarked."""
        standing = self._standing
        found = [product for product in products if product in standing.holders]
        return {
            item: standing.earmarked[item]
            for product in found
            for item in standing.there[product]
            if item in standing.earmarked
        }

    def promises(self) -> Iterator[Promise]:
        """What is earmarked for each demand, in order of arrival, as far as the ledger takes it at once."""
        for place in self._standing.holding:
            yield self._standing.demands[place].promise()

    def settle(self, touched: Iterable[Product], stock_of: StockOf, today: date) -> Mapping[StockItem, int]:
        """Earmark anew after demands changed, and after the stock of some products did or the day.

        Returns what is earmarked now of each stock item of which that is another number than before.
        """
        standing = self._standing
        if not standing.demands:
            return {}
        walk = Walk(standing, today)
        if today != self._today:
            self._today = today
            standing.forget_plans()
            touched = [*standing.readers]
            walk.visit(standing.demands)
        walk.visit(self._changed)
        unknown = [product for place in self._changed for product in standing.demands[place].reads]
        there = {product for product in unknown if product not in standing.there}
        for product in dict.fromkeys((*(each for each in touched if each in standing.readers), *sorted(there))):
            walk.stock(product, self._stocked(product, stock_of))
        walk.go()
        for demand in [standing.demands[place] for place in self._changed]:
            if not demand.lines:
                del self._places[demand.place[1]]
                standing.leave(demand)
        self._changed.clear()
        if not standing.demands:
            self._agreed.clear()
        return {item: standing.earmarked.get(item, 0) for item in walk.earmarked}

    def _stocked(self, product: Product, stock_of: StockOf) -> dict[StockItem, There]:
        """What is available of a product, as if nothing were earmarked."""
        assert self._today is not None
        earmarked = self._standing.earmarked
        found = {}
        for stock in stock_of(product):
            if stock.item in earmarked:
                stock = replace(stock, reserved=stock.reserved - earmarked[stock.item])
            if stock.available and not stock.expired(self._today):
                found[stock.item] = There(stock.available, stock.expiry)
        return found


def _key(terms: Terms) -> Hashable:
    """What tells terms from others."""
    sharing, reach = terms.sharing, terms.reach
    lending = tuple((each, sharing.to[each]) for each in sorted(sharing.to))
    bundles = tuple(sharing.bundles[each] for each in sorted(sharing.bundles))
    reached = tuple((each, reach[each]) for each in sorted(reach))
    return lending, bundles, reached, terms.denied, terms.by_custody
