"""Why a plan leaves units of a line out, and which units come nearest to filling it.

Every unit that could serve a line is looked at together with all that stands against it: the unit itself, the link
that would lend it, where it lies, who else has it. The reason that is told is the one that is nearest to being
overcome, of units against which nothing else stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weir_allocation.assembly import Need, whole_bundles
from weir_allocation.fulfilment.model import Allocation, Alternative, Line, Missing, Order
from weir_allocation.sharing import Bundle, Link
from weir_allocation.stock import ANY, EACH, Condition, Demand, Product, Stock, StockItem, serving_order
from weir_allocation.trace import Verdict

_NEAREST = (
    Verdict.ORDER_INCOMPLETE,
    Verdict.TAKEN,
    Verdict.LOCATIONS_EXHAUSTED,
    Verdict.ONE_LOCATION,
    Verdict.OWN_STOCK_ONLY,
    Verdict.EXCLUDED,
    Verdict.SHARE_SPENT,
    Verdict.AWAITED,
    Verdict.KEPT_BACK,
    Verdict.LOT_MISMATCH,
    Verdict.UOM_MISMATCH,
    Verdict.OTHER_WAREHOUSE,
    Verdict.LINK_INACTIVE,
    Verdict.BUNDLE_SHARING_OFF,
    Verdict.BUNDLE_KIND_MISMATCH,
    Verdict.BUNDLE_NESTED,
    Verdict.DENIED,
    Verdict.EXPIRED,
    Verdict.NOT_SELLABLE,
    Verdict.IN_CUSTODY,
    Verdict.ALL_RESERVED,
    Verdict.EMPTY,
)
"""What stands in the way, what is easiest to overcome first."""


def missing(
    order: Order, allocations: Sequence[Allocation], attempt: Sequence[Allocation] | None = None
) -> tuple[Missing, ...]:
    """The units of each line that a plan leaves out, by line, with the reason and the nearest alternative.

    `allocations` are the plan's. Of a whole order that cannot be filled they are none, and `attempt` is what would
    fill most of it: lines that it fills are missing because the order is incomplete, the others for their own reasons.
    """
    state = _State(order, allocations if attempt is None else attempt)
    planned = filled(allocations)
    found = []
    for index, line in enumerate(order.wish.lines):
        quantity = line.quantity - planned.get(index, 0)
        if not quantity:
            continue
        if state.filled.get(index, 0) == line.quantity:
            found.append(Missing(index, quantity, Verdict.ORDER_INCOMPLETE))
        else:
            verdict, nearest = _reason(state, index)
            lacking = line.quantity - state.filled.get(index, 0)
            alternative = Alternative(nearest.item, min(nearest.units, lacking), verdict) if nearest else None
            found.append(Missing(index, quantity, verdict, alternative))
    return tuple(found)


def filled(allocations: Iterable[Allocation]) -> dict[int, int]:
    """The units of each line that allocations fill; a bundle put together is one, however many parts it has."""
    units: dict[int, int] = {}
    for (line, _), there in _filled_there(allocations).items():
        units[line] = units.get(line, 0) + there
    return units


def _filled_there(allocations: Iterable[Allocation]) -> dict[tuple[int, str], int]:
    """The units of each line that allocations at each location fill."""
    units: dict[tuple[int, str], int] = {}
    together: dict[tuple[int, str], int] = {}
    for each in allocations:
        at = each.line, each.item.location
        units[at] = units.get(at, 0) + (0 if each.bundles else each.quantity)
        together[at] = max(together.get(at, 0), each.bundles)
    return {at: there + together[at] for at, there in units.items()}


def _spent(order: Order, allocations: Sequence[Allocation]) -> dict[tuple[Product, str], set[str]]:
    """The locations from which no more units may come of lines of a product in a unit of measure."""
    spent: dict[tuple[Product, str], set[str]] = {}
    if not order.quotas:
        return spent
    taken: dict[tuple[Product, str], dict[str, int]] = {}
    for (index, location), units in _filled_there(allocations).items():
        line = order.wish.lines[index]
        there = taken.setdefault((line.product, line.demand.uom), {})
        there[location] = there.get(location, 0) + units
    for quota in order.quotas:
        there = taken.get((quota.product, quota.uom), {})
        if sum(units for location, units in there.items() if location in quota.locations) >= quota.units:
            spent.setdefault((quota.product, quota.uom), set()).update(quota.locations)
    return spent


@dataclass(frozen=True, slots=True)
class _Units:
    """Units of one stock item, and all that stands against their serving a line."""

    item: StockItem
    units: int
    against: frozenset[Verdict]
    free: bool = False
    """Nobody has them, and they fit as components do."""

    @property
    def source(self) -> Product:
        """Product of the stock item."""
        return self.item.owner, self.item.sku

    def also(self, more: Iterable[Verdict]) -> _Units:
        """The same with more that stands against them."""
        return replace(self, against=self.against.union(more))


class _State:
    """What the allocations of an order leave."""

    def __init__(self, order: Order, allocations: Sequence[Allocation]) -> None:
        self.order = order
        self.filled = filled(allocations)
        self.sending = order.sending.union(each.item.location for each in allocations)
        self.spent = _spent(order, allocations)
        self.locations: dict[int, set[str]] = {}
        self._taken: dict[StockItem, dict[int, int]] = {}
        self._drawn: dict[tuple[Product, Product, str, str], dict[int, int]] = {}
        for each in allocations:
            self.locations.setdefault(each.line, set()).add(each.item.location)
            _add(self._taken.setdefault(each.item, {}), each)
            source = (each.item.owner, each.item.sku)
            _add(self._drawn.setdefault((source, each.serves_as, each.item.location, each.item.uom), {}), each)

    def units(self, index: int, product: Product, demand: Demand) -> Iterator[_Units]:
        """The units that could serve a line as this product, with what stands against each but where it lies."""
        for stock in self._seen(index, product):
            yield from self._portions(index, stock, self._unfit(stock, demand))
        for link in self.order.terms.sharing.links_to(product):
            yield from self._lent(index, link, demand)

    def _lent(self, index: int, link: Link, demand: Demand) -> Iterator[_Units]:
        """The units of the source of a link, with what stands against its lending them; what it may not lend is kept
        back, whatever else stands against it.
        """
        judge = self.order.terms.sharing.verdict
        against = {judge(link), judge(replace(link, active=True))} - {Verdict.COUNTED}
        if self.order.wish.own_only:
            against.add(Verdict.OWN_STOCK_ONLY)
        any_lot = replace(demand, lot="")
        there: dict[str, list[Stock]] = {}
        for stock in self._seen(index, link.source):
            there.setdefault(stock.item.location, []).append(stock)
        for location, stocks in there.items():
            blocks = against if link.lends_at(location) else against | {Verdict.OTHER_WAREHOUSE}
            pool = {stock.item: stock.available for stock in stocks if not self._unfit(stock, any_lot)}
            drawn = self._drawn.get((link.source, link.destination, location, demand.uom), {})
            others = sum(units for line, units in drawn.items() if line != index)
            spare = sum(pool.values()) - link.keep_back - sum(drawn.values())
            seen = [
                each for stock in stocks for each in self._portions(index, stock, blocks | self._unfit(stock, demand))
            ]
            for each in sorted(seen, key=lambda each: bool(each.against)):
                # What is promised, or does not fit, would add to what is there: the source has enough to keep then.
                counted = each.item in pool and not each.against & {Verdict.AWAITED, Verdict.ALL_RESERVED}
                room = spare if counted else spare + each.units
                free = min(each.units, max(0, room + others if Verdict.TAKEN in each.against else room))
                yield replace(each, units=free)
                if each.against:
                    yield replace(each, units=each.units - free).also([Verdict.KEPT_BACK])
                else:
                    spare -= free
                    lent = min(each.units - free, others)
                    yield replace(each, units=lent).also([Verdict.TAKEN])
                    yield replace(each, units=each.units - free - lent).also([Verdict.KEPT_BACK])

    def left(self, index: int, product: Product, location: str) -> int:
        """Units of a product at a location that any line could have as a component, and none has."""
        return sum(
            stock.available - sum(self._taken.get(stock.item, {}).values())
            for stock in self._seen(index, product)
            if stock.item.location == location and not self._unfit(stock, ANY)
        )

    def _seen(self, index: int, product: Product) -> Iterator[Stock]:
        """The stock items of a product that the line may know of: of a channel by custody those of its persons."""
        custodians = self.order.wish.lines[index].custodians if self.order.terms.by_custody else None
        for stock in sorted(self.order.holdings.get(product, ()), key=serving_order):
            if custodians is None or stock.item.custodian in custodians:
                yield stock

    def _unfit(self, stock: Stock, demand: Demand) -> set[Verdict]:
        """All that is wrong with a stock item itself."""
        item = stock.item
        wrong = {
            Verdict.NOT_SELLABLE: item.condition is not Condition.SELLABLE,
            Verdict.IN_CUSTODY: bool(item.custodian) and not self.order.terms.by_custody,
            Verdict.UOM_MISMATCH: item.uom != demand.uom,
            Verdict.LOT_MISMATCH: bool(demand.lot) and item.lot != demand.lot,
            Verdict.EXPIRED: stock.expired(self.order.today),
        }
        return {verdict for verdict, holds in wrong.items() if holds}

    def _portions(self, index: int, stock: Stock, against: set[Verdict]) -> Iterator[_Units]:
        """The units of a stock item that the line does not have, by who has them."""
        taken = self._taken.get(stock.item, {})
        others = sum(units for line, units in taken.items() if line != index)
        promised = min(max(0, stock.on_hand), stock.reserved)
        awaited = min(promised, self.order.awaited.get(stock.item, 0))
        free = max(0, stock.on_hand - stock.reserved) - sum(taken.values())
        blocks = frozenset(against)
        yield _Units(stock.item, free, blocks, not self._unfit(stock, ANY))
        yield _Units(stock.item, others, blocks | {Verdict.TAKEN})
        yield _Units(stock.item, awaited, blocks | {Verdict.AWAITED})
        yield _Units(stock.item, promised - awaited, blocks | {Verdict.ALL_RESERVED})


def _add(units: dict[int, int], allocation: Allocation) -> None:
    units[allocation.line] = units.get(allocation.line, 0) + allocation.quantity


def _reason(state: _State, index: int) -> tuple[Verdict, _Units | None]:
    """What stands in the way of one unit more for a line, and the most units that it alone keeps away."""
    line = state.order.wish.lines[index]
    if state.order.terms.by_custody and not line.custodians and line.product not in state.order.terms.denied:
        return Verdict.HUB_ACCESS_OFF, None
    seen = [
        each.also(_away(state, index, each.item.location, each.item.uom))
        for each in state.units(index, line.product, line.demand)
    ]
    bundle = state.order.terms.sharing.bundles.get(line.product)
    if bundle is not None:
        seen += _parts(state, index, bundle)
    if line.product in state.order.terms.denied:
        alike = [each for each in seen if not each.against]
        return Verdict.DENIED, _most(alike)
    blocked = [each for each in seen if each.units > 0 and each.against]
    alone = [each for each in blocked if len(each.against) == 1]
    if not blocked:
        return Verdict.EMPTY, None
    verdict = min((_last(each) for each in alone or blocked), key=_NEAREST.index)
    return verdict, _most([each for each in alone if verdict in each.against])


def _last(units: _Units) -> Verdict:
    """The hardest to overcome of all that stands against units."""
    return max(units.against, key=_NEAREST.index)


def _most(units: Sequence[_Units]) -> _Units | None:
    return min((each for each in units if each.units > 0), key=lambda each: (-each.units, each.item), default=None)


def _away(state: _State, index: int, location: str, uom: str) -> Iterator[Verdict]:
    """What stands against a location's sending something for a line in a unit of measure."""
    order, line = state.order, state.order.wish.lines[index]
    if not order.terms.by_custody and location not in order.terms.reach.get(line.product, ()):
        yield Verdict.OTHER_WAREHOUSE
    if location in order.wish.excluded:
        yield Verdict.EXCLUDED
    if location in state.spent.get((line.product, uom), ()):
        yield Verdict.SHARE_SPENT
    if order.wish.one_location_per_line and state.locations.get(index, {location}) != {location}:
        yield Verdict.ONE_LOCATION
    most = order.wish.locations_max
    if most is not None and location not in state.sending and len(state.sending) >= most:
        yield Verdict.LOCATIONS_EXHAUSTED


def _parts(state: _State, index: int, bundle: Bundle) -> Iterator[_Units]:
    """Units of components with which one bundle more could be put together at some location.

    They may lie there, or elsewhere; where nothing is short they are those of the scarcest component.
    """
    against = set(_unbundled(state, state.order.wish.lines[index], bundle))
    units = {product: list(state.units(index, product, ANY)) for product, _ in bundle.parts}
    for location in sorted({each.item.location for seen in units.values() for each in seen}):
        here = against.union(_away(state, index, location, EACH))
        bench = _Bench(state, index, bundle, location, units)
        if bench.makes_one():
            scarcest = bench.scarcest()
            yield from (
                each.also(here) for each in units[scarcest] if not each.against and each.item.location == location
            )
            continue
        for product, seen in units.items():
            for each in seen:
                there = frozenset() if each.item.location == location else frozenset([Verdict.OTHER_WAREHOUSE])
                blocks = each.against | there
                # The same reason twice, for the part and for the bundle, would look like one.
                alone = blocks and not (each.against and there) and not blocks & here
                if alone and bench.makes_one(product, each):
                    yield each.also(blocks | here)


class _Bench:
    """The free parts of a bundle at one location."""

    def __init__(
        self, state: _State, index: int, bundle: Bundle, location: str, units: Mapping[Product, Sequence[_Units]]
    ) -> None:
        self._bundle = bundle
        self._location = location
        self._limits: dict[Product, dict[Product, int]] = {product: {} for product, _ in bundle.parts}
        for product, seen in units.items():
            limits = self._limits[product]
            for each in seen:
                if not each.against and each.item.location == location:
                    limits[each.source] = limits.get(each.source, 0) + each.units
        sources = sorted({each.source for seen in units.values() for each in seen})
        self._left = {source: state.left(index, source, location) for source in sources}

    def scarcest(self) -> Product:
        """The component that allows fewest bundles."""
        return min(self._bundle.parts, key=lambda part: (sum(self._limits[part[0]].values()) // part[1], part[0]))[0]

    def makes_one(self, product: Product | None = None, more: _Units | None = None) -> bool:
        """Whether one bundle can be put together, with more units for one component."""
        limits, left = dict(self._limits), self._left
        if product is not None and more is not None:
            mine = dict(limits[product])
            mine[more.source] = mine.get(more.source, 0) + more.units
            limits[product] = mine
            if not more.free or more.item.location != self._location:
                left = {**left, more.source: left[more.source] + more.units}
        if any(sum(limits[part].values()) < quantity for part, quantity in self._bundle.parts):
            return False
        return whole_bundles([Need(quantity, limits[part]) for part, quantity in self._bundle.parts], left) > 0


def _unbundled(state: _State, line: Line, bundle: Bundle) -> Iterator[Verdict]:
    """What stands against putting a bundle together at all."""
    if state.order.terms.sharing.nested(bundle):
        yield Verdict.BUNDLE_NESTED
    if line.demand.uom != EACH:
        yield Verdict.UOM_MISMATCH
    if line.demand.lot:
        yield Verdict.LOT_MISMATCH
