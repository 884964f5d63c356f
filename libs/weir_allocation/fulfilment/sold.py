"""Where units are promised that were sold already, and are not there.

What a plan leaves of a line goes whole to the one location that would be best if it had enough: the one that has most
of it after all, where something else than want of stock stands against it, then as the objective says: one that sends
already, a preferred one, a near one, the first by name. A bundle is promised as its components, which are what comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from weir_allocation.fulfilment.model import FAR, Allocation, Line, Order, Plan
from weir_allocation.stock import EACH, Condition, Demand, Product, Stock, StockItem


def as_sold(order: Order) -> Order:
    """An order that was sold already: as much of it as there is, also of products that the channel does not sell."""
    return replace(order, wish=replace(order.wish, whole=False), terms=replace(order.terms, denied=frozenset()))


def short(order: Order, found: Plan) -> tuple[Allocation, ...] | None:
    """What is promised of the units that a plan of `order`, which is not whole, leaves out: by line.

    None where no location may send something that a line leaves. At one location all bundles of a line together are
    the `bundles` of each of their parts: `joined` says so of those of the plan.
    """
    state = _State(order, found.allocations)
    promised: list[Allocation] = []
    for missing in found.missing:
        line = order.wish.lines[missing.line]
        places = _places(order, line)
        if not places:
            return None
        best = min(places, key=partial(state.merit, missing.line, missing.quantity))
        needs = _needs(order, line)
        bundles = 0 if needs == [(line.product, 1)] else missing.quantity
        for part, each in needs:
            taken = Allocation(missing.line, state.item(line, part, best), each * missing.quantity, part, bundles)
            state.take(taken)
            promised.append(taken)
    return tuple(promised)


def joined(there: Iterable[Allocation], missing: Iterable[Allocation]) -> tuple[Allocation, ...]:
    """What is there and what is missing, in this order, with the bundles of each line at each location added up."""
    both = [tuple(there), tuple(missing)]
    bundles: Counter[tuple[int, str]] = Counter()
    for part in both:
        made = {(each.line, each.item.location): each.bundles for each in part}
        bundles.update(made)
    return tuple(
        replace(each, bundles=bundles[each.line, each.item.location]) if each.bundles else each
        for part in both
        for each in part
    )


class _State:
    """Units that nobody is promised, whatever else stands against them, and what sends."""

    def __init__(self, order: Order, taken: Iterable[Allocation]) -> None:
        """What is left beside what is taken."""
        self._order = order
        self._sending = set(order.sending)
        self._taken: Counter[StockItem] = Counter()
        self._of: dict[int, set[str]] = {}
        for each in taken:
            self.take(each)

    def take(self, taken: Allocation) -> None:
        """Units are promised."""
        self._taken[taken.item] += taken.quantity
        self._sending.add(taken.item.location)
        self._of.setdefault(taken.line, set()).add(taken.item.location)

    def merit(self, index: int, quantity: int, location: str) -> tuple[bool, int, bool, bool, int, str]:
        """How good it would be to promise units of a line at a location; less is better."""
        wish, line = self._order.wish, self._order.wish.lines[index]
        there = min(self.units(line, part, location) // each for part, each in _needs(self._order, line))
        return (
            wish.one_location_per_line and location not in self._of.get(index, {location}),
            -min(there, quantity),
            location not in self._sending,
            bool(wish.preferred) and location not in wish.preferred,
            wish.distances.get(location, FAR),
            location,
        )

    def units(self, line: Line, product: Product, location: str) -> int:
        """How many there are for a line at a location."""
        return sum(self._left(stock) for stock in self._fitting(line, product, location))

    def item(self, line: Line, product: Product, location: str) -> StockItem:
        """The stock item there that has most, of those alike the first; a plain one where nothing ever lay there."""
        demand = _demand(line, product)
        plain = StockItem(*product, location, demand.lot, demand.uom, _custodian(self._order, line))
        known = sorted(self._fitting(line, product, location), key=lambda each: (-self._left(each), each.item))
        return known[0].item if known else plain

    def _left(self, stock: Stock) -> int:
        return max(0, stock.available - self._taken[stock.item])

    def _fitting(self, line: Line, product: Product, location: str) -> Iterator[Stock]:
        demand, custodian = _demand(line, product), _custodian(self._order, line)
        for stock in self._order.holdings.get(product, ()):
            item = stock.item
            if (
                (item.location, item.custodian, item.uom) == (location, custodian, demand.uom)
                and item.condition is Condition.SELLABLE
                and demand.lot in ("", item.lot)
                and not stock.expired(self._order.today)
            ):
                yield stock


def _needs(order: Order, line: Line) -> list[tuple[Product, int]]:
    """What one unit of a line is made of: the components of a bundle, else itself."""
    sharing = order.terms.sharing
    bundle = sharing.bundles.get(line.product)
    if bundle is None or not bundle.parts or line.demand != Demand() or sharing.nested(bundle):
        return [(line.product, 1)]
    return list(bundle.parts)


def _places(order: Order, line: Line) -> list[str]:
    """The locations that may send a line, in order; of a channel by custody those where the person has something."""
    if order.terms.by_custody:
        custodian = _custodian(order, line)
        held = (stock.item for there in order.holdings.values() for stock in there)
        found = {item.location for item in held if item.custodian == custodian}
    else:
        found = set(order.terms.reach.get(line.product, ()))
    return sorted(found - order.wish.excluded)


def _custodian(order: Order, line: Line) -> str:
    return line.custodians[0] if order.terms.by_custody and line.custodians else ""


def _demand(line: Line, product: Product) -> Demand:
    return line.demand if product == line.product else Demand(uom=EACH)
