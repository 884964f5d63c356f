"""What a plan must be, straight from what its words mean: which units may fill a line, which allocations go together,
how good they are, and which are best of all there are. Nothing here is of the planner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weir_allocation.fulfilment.model import FAR, NEVER_DAYS, Allocation, Line, Objective, Order, Quota
from weir_allocation.stock import ANY, EACH, Condition, Demand, Product, Stock, StockItem
from weir_allocation.trace import Verdict

NOTHING = Objective(0, 0, 0, 0, 0, 0, 0, 0)


class Slot(NamedTuple):
    """A stock item whose units may serve a line as a product."""

    stock: Stock
    serves_as: Product

    @property
    def way(self) -> tuple[Product, Product, str, str]:
        """What the units are lent over: one link, at one location, in one unit of measure."""
        item = self.stock.item
        return (item.owner, item.sku), self.serves_as, item.location, item.uom


def allowed(order: Order, line: Line) -> set[str]:
    """The locations that may send units of a line."""
    everywhere = {stock.item.location for held in order.holdings.values() for stock in held}
    reach = everywhere if order.terms.by_custody else order.terms.reach[line.product]
    return everywhere & reach - order.wish.excluded


def fitting(order: Order, line: Line, product: Product, demand: Demand) -> list[Stock]:
    """The stock items of a product that fit a demand of a line and have units left."""
    custodians = line.custodians if order.terms.by_custody else ("",)
    return [
        stock
        for stock in sorted(order.holdings.get(product, ()), key=lambda each: each.item)
        if stock.item.condition is Condition.SELLABLE
        and stock.item.custodian in custodians
        and stock.item.uom == demand.uom
        and demand.lot in ("", stock.item.lot)
        and not (stock.expiry and stock.expiry < order.today)
        and stock.on_hand > stock.reserved
    ]


def slots(order: Order, line: Line, product: Product, demand: Demand) -> list[Slot]:
    """The stock items that may serve a line as a product: its own, and those that links lend."""
    if line.product in order.terms.denied:
        return []
    there = allowed(order, line)
    found = [Slot(stock, product) for stock in fitting(order, line, product, demand)]
    sharing = order.terms.sharing
    for link in () if order.wish.own_only else sharing.links_to(product):
        if sharing.verdict(link) is Verdict.COUNTED:
            lent = fitting(order, line, link.source, demand)
            found += [Slot(stock, product) for stock in lent if link.lends_at(stock.item.location)]
    return [slot for slot in found if slot.stock.item.location in there]


def parts(order: Order, line: Line) -> dict[Product, tuple[int, list[Slot]]]:
    """What one of a bundle line takes when it is put together, and from where; empty if it cannot be."""
    bundle = order.terms.sharing.bundles.get(line.product)
    if bundle is None or line.demand.lot or line.demand.uom != EACH or order.terms.sharing.nested(bundle):
        return {}
    needed: Counter[Product] = Counter()
    for product, quantity in bundle.components:
        needed[product] += quantity
    return {product: (quantity, slots(order, line, product, ANY)) for product, quantity in sorted(needed.items())}


def lendable(order: Order, line: Line, slot: Slot) -> int | None:
    """The most units that may be lent over the way of a slot, by all lines together; None: they are not lent."""
    source, destination, location, uom = slot.way
    if source == destination:
        return None
    link = next(each for each in order.terms.sharing.links_to(destination) if each.source == source)
    held = [
        stock for stock in fitting(order, line, source, Demand(uom=uom)) if stock.item.location == location
    ]  # of any lot
    return max(0, sum(stock.on_hand - stock.reserved for stock in held) - link.keep_back)


def quota(order: Order, index: int, location: str) -> Quota | None:
    """What units of a line from a location count against."""
    line = order.wish.lines[index]
    mine = [each for each in order.quotas if (each.product, each.uom) == (line.product, line.demand.uom)]
    return next((each for each in mine if location in each.locations), None)


def locations_left(order: Order) -> int | None:
    """How many further locations may send."""
    most = order.wish.locations_max
    return None if most is None else max(0, most - len(order.sending))


def faults(order: Order, allocations: Sequence[Allocation]) -> list[str]:
    """All that is wrong with the allocations of a plan; empty where they may be promised."""
    found = [f"not in order: {allocations}"] if list(allocations) != sorted(allocations) else []
    units: Counter[StockItem] = Counter()
    lent: Counter[tuple[Product, Product, str, str]] = Counter()
    most: dict[tuple[Product, Product, str, str], int] = {}
    seen = Counter((each.line, each.item, each.serves_as) for each in allocations)
    found += [f"twice: {each}" for each, times in seen.items() if times > 1]
    for each in allocations:
        line = order.wish.lines[each.line]
        components = parts(order, line)
        may = (
            components.get(each.serves_as, (0, []))[1]
            if each.bundles
            else slots(order, line, line.product, line.demand)
        )
        slot = next((one for one in may if (one.stock.item, one.serves_as) == (each.item, each.serves_as)), None)
        if slot is None or each.quantity < 1:
            found.append(f"may not serve it: {each}")
            continue
        units[each.item] += each.quantity
        limit = lendable(order, line, slot)
        if limit is not None:
            lent[slot.way] += each.quantity
            most[slot.way] = limit
    held = {stock.item: stock for stocks in order.holdings.values() for stock in stocks}
    found += [f"more than there is: {item}" for item, taken in units.items() if taken > held[item].available]
    found += [f"more than is lent: {way}" for way, taken in lent.items() if taken > most[way]]
    found += _unwhole(order, allocations)
    shares: Counter[Quota] = Counter()
    for index in range(len(order.wish.lines)):
        for location in sorted({each.item.location for each in allocations if each.line == index}):
            share = quota(order, index, location)
            if share:
                there = [each for each in allocations if (each.line, each.item.location) == (index, location)]
                shares[share] += units_of(there)
    found += [f"more than the share: {share}" for share, taken in shares.items() if taken > share.units]
    used = {each.item.location for each in allocations} - order.sending
    left = locations_left(order)
    if left is not None and len(used) > left:
        found.append(f"too many locations: {used}")
    return found


def _unwhole(order: Order, allocations: Sequence[Allocation]) -> Iterator[str]:
    """What is wrong with lines and bundles as wholes."""
    for index, line in enumerate(order.wish.lines):
        of_line = [each for each in allocations if each.line == index]
        if units_of(of_line) > line.quantity or (
            order.wish.whole and allocations and units_of(of_line) < line.quantity
        ):
            yield f"line {index} has {units_of(of_line)}"
        if order.wish.one_location_per_line and len({each.item.location for each in of_line}) > 1:
            yield f"line {index} comes from several locations"
        for location in {each.item.location for each in of_line if each.bundles}:
            there = [each for each in of_line if each.bundles and each.item.location == location]
            counts: Counter[Product] = Counter()
            for each in there:
                counts[each.serves_as] += each.quantity
            bundles = {each.bundles for each in there}
            needed = {product: quantity * max(bundles) for product, (quantity, _) in parts(order, line).items()}
            if len(bundles) != 1 or counts != needed:
                yield f"line {index} has other parts at {location} than {bundles} bundles take: {counts}"


def units_of(allocations: Sequence[Allocation]) -> int:
    """The units that the allocations of one line fill."""
    together = {each.item.location: each.bundles for each in allocations if each.bundles}
    return sum(each.quantity for each in allocations if not each.bundles) + sum(together.values())


def worth(order: Order, allocations: Sequence[Allocation]) -> Objective:
    """How good allocations are."""
    wish = order.wish
    expiry = {stock.item: stock.expiry for stocks in order.holdings.values() for stock in stocks}
    lines = range(len(wish.lines))
    used = {each.item.location for each in allocations} - order.sending
    together = {(each.line, each.item.location): each.bundles for each in allocations if each.bundles}
    shared = harm = days = 0
    for each in allocations:
        item = each.item
        product = (item.owner, item.sku)
        second = order.terms.by_custody and item.custodian != wish.lines[each.line].custodians[0]
        shared += each.quantity if product != each.serves_as or second else 0
        harm += each.quantity * order.harm.get((product, item.location), 0)
        last = expiry[item]
        days += each.quantity * (NEVER_DAYS if last is None else min(NEVER_DAYS, max(0, (last - order.today).days)))
    return Objective(
        filled=sum(units_of([each for each in allocations if each.line == line]) for line in lines),
        locations=len(used),
        assembled=sum(together.values()),
        shared=shared,
        harm=harm,
        expiry_days=days,
        unpreferred=len(used - wish.preferred) if wish.preferred else 0,
        distance=sum(wish.distances.get(location, FAR) for location in used),
    )


def rank(objective: Objective) -> tuple[int, ...]:
    """Less is better."""
    return (-objective.filled, *objective[1:])


Tie = tuple[tuple[int, StockItem, Product, int], ...]


def tie(allocations: Sequence[Allocation]) -> Tie:
    """Decides between plans that are equally good: the least one, in which first lines have most of first items."""
    return tuple(sorted((each.line, each.item, each.serves_as, -each.quantity) for each in allocations))


class TooMany(Exception):
    """There are more ways to fill an order than anybody would try."""


class Exhaustive:
    """Every way to fill an order, tried one by one."""

    def __init__(self, order: Order, tries_max: int) -> None:
        self._order = order
        self._lines = order.wish.lines
        self._left = {stock.item: stock.available for held in order.holdings.values() for stock in held}
        self._lent: dict[tuple[Product, Product, str, str], int] = {}
        self._direct = [slots(order, line, line.product, line.demand) for line in self._lines]
        self._parts = [parts(order, line) for line in self._lines]
        for line, direct, components in zip(self._lines, self._direct, self._parts, strict=True):
            for slot in (*direct, *(each for _, some in components.values() for each in some)):
                limit = lendable(order, line, slot)
                if limit is not None:
                    self._lent[slot.way] = limit
        self._share = {each: each.units for each in order.quotas}
        self._tries_left = tries_max
        self._most = 0
        self._best: tuple[tuple[int, ...], Tie, list[Allocation]] = (rank(NOTHING), (), [])

    def best(self) -> tuple[Objective, tuple[Allocation, ...], int]:
        """The best there is, with the most units that can be filled at all; raises TooMany.

        Of several that are equally good the one with the least `tie`. Nothing for a whole order that cannot be
        filled.
        """
        self._line(0, [], 0)
        most = -self._best[0][0]
        wanted = sum(line.quantity for line in self._lines)
        allocations = () if self._order.wish.whole and most < wanted else tuple(self._best[2])
        return worth(self._order, allocations), allocations, most

    def _line(self, index: int, chosen: list[Allocation], units: int) -> None:
        """Fill the lines from this one on in every way."""
        rest = sum(line.quantity for line in self._lines[index:])
        if units + rest < self._most:
            return
        self._tries_left -= 1
        if not self._tries_left:
            raise TooMany
        if index == len(self._lines):
            self._judge(sorted(chosen), units)
            return
        for mine, count in self._ways(index):
            self._line(index + 1, [*chosen, *mine], units + count)

    def _judge(self, chosen: list[Allocation], units: int) -> None:
        left = locations_left(self._order)
        if left is not None and len({each.item.location for each in chosen} - self._order.sending) > left:
            return
        self._most = max(self._most, units)
        self._best = min(self._best, (rank(worth(self._order, chosen)), tie(chosen), chosen))

    def _ways(self, index: int) -> Iterator[tuple[list[Allocation], int]]:
        """Every way to fill some of a line with what is left; while one is looked at its units are gone."""
        line, components = self._lines[index], self._parts[index]
        places = sorted({slot.stock.item.location for _, some in components.values() for slot in some})
        for packed, units in self._amounts(index, self._direct[index], line.quantity, 0):
            for put_together, bundles in self._put_together(index, places, line.quantity - units):
                mine = [*packed, *put_together]
                if not self._order.wish.one_location_per_line or len({each.item.location for each in mine}) < 2:
                    yield mine, units + bundles

    def _put_together(self, index: int, places: list[str], most: int) -> Iterator[tuple[list[Allocation], int]]:
        """Every way to put bundles together at some places, up to so many."""
        yield [], 0
        for at, place in enumerate(places):
            for bundles in range(1, min(most, self._allowed(index, place, most)) + 1):
                self._count(index, place, bundles)
                for mine in self._at(index, place, bundles, sorted(self._parts[index])):
                    for others, more in self._put_together(index, places[at + 1 :], most - bundles):
                        yield [*mine, *others], bundles + more
                self._count(index, place, -bundles)

    def _at(self, index: int, place: str, bundles: int, components: list[Product]) -> Iterator[list[Allocation]]:
        """Every way to take the components of so many bundles at one place."""
        if not components:
            yield []
            return
        quantity, some = self._parts[index][components[0]]
        here = [slot for slot in some if slot.stock.item.location == place]
        for mine, units in self._amounts(index, here, quantity * bundles, bundles):
            if units == quantity * bundles:
                for others in self._at(index, place, bundles, components[1:]):
                    yield [*mine, *others]

    def _amounts(
        self, index: int, some: Sequence[Slot], most: int, bundles: int
    ) -> Iterator[tuple[list[Allocation], int]]:
        """Every way to take units from slots, up to so many."""
        yield [], 0
        for at, slot in enumerate(some):
            item, way = slot.stock.item, slot.way
            room = min(most, self._left[item], self._lent.get(way, most))
            room = room if bundles else self._allowed(index, item.location, room)
            for units in range(1, room + 1):
                self._take(item, way, units)
                self._count(index, item.location, 0 if bundles else units)
                for others, more in self._amounts(index, some[at + 1 :], most - units, bundles):
                    yield [Allocation(index, item, units, slot.serves_as, bundles), *others], units + more
                self._count(index, item.location, 0 if bundles else -units)
                self._take(item, way, -units)

    def _allowed(self, index: int, location: str, most: int) -> int:
        """How many units of a line its share allows from a location, up to so many."""
        share = quota(self._order, index, location)
        return min(most, self._share[share]) if share else most

    def _count(self, index: int, location: str, units: int) -> None:
        share = quota(self._order, index, location)
        if share:
            self._share[share] -= units

    def _take(self, item: StockItem, way: tuple[Product, Product, str, str], units: int) -> None:
        self._left[item] -= units
        if way in self._lent:
            self._lent[way] -= units
