"""Reasons are true: with the one thing away that stands against the nearest units, the order is filled with more.

WEIR_ALLOCATION_CASES says how many orders are tried: 1000 unless it is set.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random

from tests.kit.orders import SIZES, order
from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Missing, Order, Plan
from weir_allocation.fulfilment.planner import plan
from weir_allocation.sharing import NO_SHARING, Link
from weir_allocation.stock import EACH, Condition, Demand, Stock, StockItem
from weir_allocation.trace import Verdict

CASES = int(os.environ.get("WEIR_ALLOCATION_CASES") or 1000)


def lacking(seed: int) -> Order:
    """An order of which as much as possible is filled, with some of the reserved units for orders that wait."""
    wanted = order(seed, SIZES[seed % len(SIZES)])
    chance = Random(seed)
    awaited = {
        stock.item: chance.randint(1, stock.reserved)
        for stocks in wanted.holdings.values()
        for stock in stocks
        if stock.reserved and chance.random() < 0.5
    }
    return replace(wanted, wish=replace(wanted.wish, whole=False), awaited=awaited)


def wished(wanted: Order, **changes: object) -> Order:
    """The order with another wish."""
    return replace(wanted, wish=replace(wanted.wish, **changes))  # type: ignore[arg-type]


def termed(wanted: Order, **changes: object) -> Order:
    """The order under other terms."""
    return replace(wanted, terms=replace(wanted.terms, **changes))  # type: ignore[arg-type]


def linked(wanted: Order, change: Callable[[Link], Link]) -> Order:
    """The order with other links."""
    sharing = wanted.terms.sharing
    links = [change(link) for several in sharing.to.values() for link in several]
    return termed(wanted, sharing=NO_SHARING.changed(links=links, bundles=sharing.bundles.values()))


def stocked(wanted: Order, missing: Missing, change: Callable[[Stock], Stock]) -> Order:
    """The order with the nearest stock item otherwise."""
    assert missing.nearest is not None
    return put(wanted, [change(stock) if stock.item == missing.nearest.item else stock for stock in held(wanted)])


def held(wanted: Order) -> list[Stock]:
    """All that is held."""
    return [stock for stocks in wanted.holdings.values() for stock in stocks]


def put(wanted: Order, stock: Iterable[Stock]) -> Order:
    """The order with this held; what is of one stock item is one, whose units are not those another one lacks."""
    there: dict[StockItem, Stock] = {}
    for each in stock:
        known = there.get(each.item, replace(each, on_hand=0, reserved=0))
        on_hand = max(known.on_hand, known.reserved) + each.on_hand if known.on_hand else each.on_hand
        there[each.item] = replace(each, on_hand=on_hand, reserved=known.reserved + each.reserved)
    return replace(wanted, holdings=holdings(there.values()))


def demanded(wanted: Order, missing: Missing, demand: Demand) -> Order:
    """The order with another demand for the units of the line that are missing."""
    lines = list(wanted.wish.lines)
    line = lines[missing.line]
    lines[missing.line] = replace(line, quantity=missing.quantity, demand=demand)
    if line.quantity > missing.quantity:
        lines.append(replace(line, quantity=line.quantity - missing.quantity))
    return wished(wanted, lines=tuple(lines))


def everywhere(wanted: Order) -> Order:
    """The order with every location in reach, and every link lending everywhere."""
    locations = frozenset(stock.item.location for stocks in wanted.holdings.values() for stock in stocks)
    opened = termed(wanted, reach={line.product: locations for line in wanted.wish.lines})
    return linked(opened, lambda link: replace(link, locations=frozenset()))


def copied(wanted: Order, found: Plan, missing: Missing) -> list[Order]:
    """The order with as many as the nearest units that nobody has at each location too, for parts that lie apart."""
    assert missing.nearest is not None
    item = missing.nearest.item
    [stock] = [each for each in held(wanted) if each.item == item]
    free = stock.available - sum(each.quantity for each in found.allocations if each.item == item)
    locations = sorted({each.item.location for each in held(wanted)})
    return [
        put(wanted, [*held(wanted), replace(stock, item=replace(item, location=location), on_hand=free, reserved=0)])
        for location in locations
        if location != item.location
    ]


def without(wanted: Order, found: Plan, missing: Missing) -> list[Order]:
    """Every way to take the one thing away that keeps the nearest units from a line."""
    assert missing.nearest is not None
    item, line = missing.nearest.item, wanted.wish.lines[missing.line]
    match missing.verdict:
        case Verdict.TAKEN:
            return [wished(wanted, lines=(line,))]
        case Verdict.LOCATIONS_EXHAUSTED:
            return [wished(wanted, locations_max=None)]
        case Verdict.ONE_LOCATION:
            return [wished(wanted, one_location_per_line=False)]
        case Verdict.OWN_STOCK_ONLY:
            return [wished(wanted, own_only=False)]
        case Verdict.EXCLUDED:
            return [wished(wanted, excluded=frozenset())]
        case Verdict.SHARE_SPENT:
            return [replace(wanted, quotas=())]
        case Verdict.AWAITED | Verdict.ALL_RESERVED:
            return [stocked(wanted, missing, lambda stock: replace(stock, reserved=0))]
        case Verdict.KEPT_BACK:
            return [linked(wanted, lambda link: replace(link, keep_back=0))]
        case Verdict.LOT_MISMATCH:
            lot = replace(item, lot=line.demand.lot)
            of_lot = stocked(wanted, missing, lambda stock: replace(stock, item=lot))
            return [of_lot, demanded(wanted, missing, Demand(uom=line.demand.uom))]
        case Verdict.UOM_MISMATCH:
            return [
                *(demanded(wanted, missing, Demand(line.demand.lot, uom)) for uom in (item.uom, EACH)),
                *(
                    stocked(wanted, missing, lambda stock, uom=uom: replace(stock, item=replace(item, uom=uom)))  # type: ignore[misc]
                    for uom in (line.demand.uom, EACH)
                ),
            ]
        case Verdict.OTHER_WAREHOUSE:
            return [everywhere(wanted), *copied(wanted, found, missing)]
        case Verdict.LINK_INACTIVE:
            return [linked(wanted, lambda link: replace(link, active=True))]
        case Verdict.BUNDLE_SHARING_OFF:
            return [linked(wanted, lambda link: replace(link, bundles=True))]
        case Verdict.DENIED:
            return [termed(wanted, denied=frozenset())]
        case Verdict.EXPIRED:
            return [stocked(wanted, missing, lambda stock: replace(stock, expiry=wanted.today + timedelta(days=1)))]
        case Verdict.NOT_SELLABLE:
            sellable = replace(item, condition=Condition.SELLABLE)
            return [stocked(wanted, missing, lambda stock: replace(stock, item=sellable))]
        case Verdict.IN_CUSTODY:
            return [stocked(wanted, missing, lambda stock: replace(stock, item=replace(item, custodian="")))]
        case _:
            return []


def test_with_the_obstacle_away_more_is_filled() -> None:
    """Whatever stands against the nearest units is all that does: without it there is one unit more for the line."""
    met: Counter[Verdict] = Counter()
    for seed in range(CASES):
        wanted = lacking(seed)
        found = plan(wanted)
        for missing in found.missing:
            if missing.nearest is None:
                continue
            met[missing.verdict] += 1
            least = found.objective.filled
            if missing.verdict is Verdict.TAKEN:
                least = wanted.wish.lines[missing.line].quantity - missing.quantity
            more = [plan(each).objective.filled for each in without(wanted, found, missing)]
            assert not more or max(more) > least, (seed, missing)
    assert len(met) > 12, met
    assert met[Verdict.SHARE_SPENT] > CASES / 20, met
