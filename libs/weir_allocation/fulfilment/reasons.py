"""Why a plan leaves units of a line out, and which units come nearest to filling it.

Every unit that could serve a line is looked at together with all that stands against it: the unit itself, the link
that would lend it, where it lies, who else has it. The reason that is told is the one that is nearest to being
overcome, of units against which nothing else stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

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
    together: dict[tuple[int, str], int] = {}
    for each in allocations:
        if each.bundles:
            together[each.line, each.item.location] = each.bundles
        else:
            units[each.line] = units.get(each.line, 0) + each.quantity
    for (line, _), bundles in together.items():
        units[line] = units.get(line, 0) + bundles
    return units


@dataclass(frozen=True, slots=True)
class _Units:
    """Units of one stock item, and all that stands against their serving a line."""

    item: StockItem
    units: int
    against: frozenset[Verdict]

    def also(self, more: Iterable[Verdict]) -> _Units:
        """The same with more that stands against them."""
        return replace(self, against=self.against.union(more))


class _State:
    """What the allocations of an order leave."""

    def __init__(self, order: Order, allocations: Sequence[Allocation]) -> None:
        self.order = order
        self.filled = filled(allocations)
        self.sending = order.sending.union(each.item.location for each in allocations)
        self.locations: dict[int, set[str]] = {}
        self._taken: dict[StockItem, dict[int, int]] = {}
        self._drawn: dict[tuple[Product, Product, str, str], dict[int, int]] = {}
        for each in allocations:
            self.locations.setdefault(each.line, set()).add(each.item.location)
            _add(self._taken.setdefault(each.item, {}), each)
            _add(self._drawn.setdefault(_way(each.item, each.serves_as), {}), each)

    def units(self, index: int, product: Product, demand: Demand) -> Iterator[_Units]:
        """The units that could serve a line as this product, with what stands against each but where it lies."""
        for stock in self._seen(index, product):
            yield from self._portions(index, stock, self._unfit(stock, demand))
        for link in self.order.terms.sharing.links_to(product):
            yield from self._lent(index, link, demand)

    def _lent(self, index: int, link: Link, demand: Demand) -> Iterator[_Units]:
        """The units of the source of a link; those that it keeps back, or lends to other lines, are not free."""
        verdict = self.order.terms.sharing.verdict(link)
        against = {verdict} - {Verdict.COUNTED}
        if self.order.wish.own_only:
            against.add(Verdict.OWN_STOCK_ONLY)
        spare: dict[str, int] = {}
        for stock in self._seen(index, link.source):
            location = stock.item.location
            blocks = against | self._unfit(stock, demand)
            if not link.lends_at(location):
                blocks.add(Verdict.OTHER_WAREHOUSE)
            drawn = self._drawn.get(_way(stock.item, link.destination), {})
            others = sum(units for line, units in drawn.items() if line != index)
            if location not in spare:
                spare[location] = self._spare(index, link, location, demand) - sum(drawn.values())
            for each in self._portions(index, stock, blocks):
                if each.against:
                    yield each
                    continue
                free = min(each.units, max(0, spare[location]))
                spare[location] -= free
                lent = min(each.units - free, others)
                yield replace(each, units=free)
                yield replace(each, units=lent).also([Verdict.TAKEN])
                yield replace(each, units=each.units - free - lent).also([Verdict.KEPT_BACK])

    def _spare(self, index: int, link: Link, location: str, demand: Demand) -> int:
        """What a link lends at a location, whatever the lot."""
        any_lot = replace(demand, lot="")
        units = sum(
            stock.available
            for stock in self._seen(index, link.source)
            if stock.item.location == location and not self._unfit(stock, any_lot)
        )
        return max(0, units - link.keep_back)

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
        yield _Units(stock.item, free, blocks)
        yield _Units(stock.item, others, blocks | {Verdict.TAKEN})
        yield _Units(stock.item, awaited, blocks | {Verdict.AWAITED})
        yield _Units(stock.item, promised - awaited, blocks | {Verdict.ALL_RESERVED})


def _way(item: StockItem, serves_as: Product) -> tuple[Product, Product, str, str]:
    return (item.owner, item.sku), serves_as, item.location, item.uom


def _add(units: dict[int, int], allocation: Allocation) -> None:
    units[allocation.line] = units.get(allocation.line, 0) + allocation.quantity


def _reason(state: _State, index: int) -> tuple[Verdict, _Units | None]:
    """What stands in the way of one unit more for a line, and the most units that it alone keeps away."""
    line = state.order.wish.lines[index]
    seen = [
        each.also(_away(state, index, each.item.location)) for each in state.units(index, line.product, line.demand)
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


def _away(state: _State, index: int, location: str) -> Iterator[Verdict]:
    """What stands against a location's sending something for a line."""
    order, line = state.order, state.order.wish.lines[index]
    if not order.terms.by_custody and location not in order.terms.reach.get(line.product, ()):
        yield Verdict.OTHER_WAREHOUSE
    if location in order.wish.excluded:
        yield Verdict.EXCLUDED
    if order.wish.one_location_per_line and state.locations.get(index, {location}) != {location}:
        yield Verdict.ONE_LOCATION
    most = order.wish.locations_max
    if most is not None and location not in state.sending and len(state.sending) >= most:
        yield Verdict.LOCATIONS_EXHAUSTED


def _parts(state: _State, index: int, bundle: Bundle) -> Iterator[_Units]:
    """Units of components that keep one bundle more from being put together.

    At each location those of the component of which there is least; where it has units at other locations only, these.
    Where they are too few, or further components are short, that counts as nothing lying there.
    """
    against = set(_unbundled(state, state.order.wish.lines[index], bundle))
    units = {product: list(state.units(index, product, ANY)) for product, _ in bundle.parts}
    for location in sorted({each.item.location for seen in units.values() for each in seen}):
        free = {
            product: sum(each.units for each in seen if each.item.location == location and not each.against)
            for product, seen in units.items()
        }
        scarcest, quantity = min(bundle.parts, key=lambda part: (free[part[0]] // part[1], part[0]))
        short = {product for product, each in bundle.parts if free[product] < each}
        lacking = quantity - free[scarcest]
        here = against.union(_away(state, index, location), [Verdict.EMPTY] if short - {scarcest} else [])
        for each in units[scarcest]:
            elsewhere = [Verdict.OTHER_WAREHOUSE] if each.item.location != location else []
            if bool(each.against or elsewhere) == bool(short):
                yield each.also([*here, *elsewhere, *([Verdict.EMPTY] if each.units < lacking else [])])


def _unbundled(state: _State, line: Line, bundle: Bundle) -> Iterator[Verdict]:
    """What stands against putting a bundle together at all."""
    if state.order.terms.sharing.nested(bundle):
        yield Verdict.BUNDLE_NESTED
    if line.demand.uom != EACH:
        yield Verdict.UOM_MISMATCH
    if line.demand.lot:
        yield Verdict.LOT_MISMATCH
