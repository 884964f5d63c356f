"""Who gets what of the units that are there: the demands that a change can affect, once along, in order of arrival.

What differs of each stock item is carried along. A demand that loses units, or comes to units it did not have, alters
what differs for those behind it; where nothing differs any more the walk is over. A promise that arrives takes away
just what was earmarked for it, so it ends with its own demand, however many wait behind that.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import date
from heapq import heappop, heappush
from typing import NamedTuple, TypeVar

import structlog

from weir_aggregator.domain import Product
from weir_aggregator.projection.demands import Demand, Held, Look, Place
from weir_allocation.fulfilment import planner
from weir_allocation.fulfilment.model import Order, Plan, Terms
from weir_allocation.fulfilment.terms import own_places
from weir_allocation.stock import Stock, StockItem

K = TypeVar("K")

log = structlog.get_logger(__name__)

PLANS_MAX = 10_000
"""Plans that are remembered: many demands are alike, and see as much as makes a difference to them."""
_BEFORE_ALL: Place = (-1, "")


class There(NamedTuple):
    """What is available of a stock item, as if nothing were earmarked."""

    units: int
    expiry: date | None


class Standing:
    """Demands in order of arrival, by what they read and by what they hold; nothing of products that none of them
    reads.
    """

    def __init__(self) -> None:
        """Nobody waits."""
        self.demands: dict[Place, Demand] = {}
        self.there: dict[Product, Mapping[StockItem, There]] = {}
        """What is available of each product that is read; none of it is earmarked."""
        self.readers: dict[Product, dict[Look, list[Place]]] = {}
        """Demands that read each product, in order, by how they look at it."""
        self.holders: dict[Product, list[Place]] = {}
        """Demands for which units of each product are earmarked, in order."""
        self.holding: list[Place] = []
        """Demands for which anything is earmarked, in order."""
        self.earmarked: dict[StockItem, int] = {}
        """Units of each stock item that are earmarked for anybody."""
        self._plans: dict[Hashable, tuple[Terms, Plan | None]] = {}

    def join(self, demand: Demand) -> None:
        """Let one more wait."""
        self.demands[demand.place] = demand
        for look in demand.looks:
            for product in look.reads:
                insort(self.readers.setdefault(product, {}).setdefault(look, []), demand.place)

    def leave(self, demand: Demand) -> None:
        """Let one that holds nothing wait no longer."""
        del self.demands[demand.place]
        for look in demand.looks:
            for product in look.reads:
                looking = self.readers[product]
                _remove(looking, look, demand.place)
                if not looking:
                    del self.readers[product]
                    self.there.pop(product, None)

    def hold(self, demand: Demand, held: Held) -> None:
        """Earmark these units for a demand, in place of those that were."""
        place = demand.place
        for product in demand.held.keys() - held.keys():
            _remove(self.holders, product, place)
        for product in held.keys() - demand.held.keys():
            insort(self.holders.setdefault(product, []), place)
        if held and not demand.held:
            insort(self.holding, place)
        elif demand.held and not held:
            del self.holding[bisect_left(self.holding, place)]
        for item, units in differences(demand.held, held):
            left = self.earmarked.pop(item, 0) + units
            if left:
                self.earmarked[item] = left
        demand.held = held

    def planned(self, demand: Demand, there: Mapping[StockItem, There], today: date) -> Plan | None:
        """The plan of a demand with what is there; None where it is plain that nothing can be filled.

        More units than can make a difference are as good as those: so demands that are alike have one plan.
        """
        units = {item: min(each.units, demand.units_max) for item, each in there.items()}
        if not demand.lines or demand.hopeless(units):
            return None
        key = (demand.shape, tuple((item, units[item], each.expiry) for item, each in there.items()))
        terms = demand.recorded.terms
        known = self._plans.get(key)
        if known is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            holdings: dict[Product, list[Stock]] = {}
            for item, each in there.items():
                holdings.setdefault((item.owner, item.sku), []).append(Stock(item, units[item], 0, each.expiry))
            # With the terms, so that no others get their identity while the plan is remembered.
            own = own_places(demand.wish, terms, holdings)
            known = self._plans[key] = terms, _plan(demand, Order(demand.wish, terms, holdings, today, sending=own))
        return known[1]

    def forget_plans(self) -> None:
        """Remember none: it is another day."""
        self._plans.clear()


class Walk:
    """One walk along those that stand, to be prepared, then gone."""

    def __init__(self, standing: Standing, today: date) -> None:
        """Nothing differs, and nobody is to be visited."""
        self.earmarked: dict[StockItem, None] = {}
        """Stock items of which more or less is earmarked than before."""
        self._standing = standing
        self._today = today
        self._due: list[tuple[Place, int]] = []
        """Places to be visited, the first on top; with the number of the look that leads there, or -1."""
        self._looks: list[Look] = []
        self._numbers: dict[Look, int] = {}
        self._differs: dict[StockItem, int] = {}
        """By how much more units of a stock item are left for whoever comes next."""
        self._altered: set[StockItem] = set()
        """Stock items that are others now to whoever comes next, however many units are left."""
        self._seen: dict[int, set[StockItem]] = {}
        """What differs of what each look sees."""
        self._left: dict[Product, tuple[Place, dict[StockItem, int]]] = {}
        """What those before a place leave of a product."""

    def visit(self, places: Iterable[Place]) -> None:
        """Have these visited, whatever differs."""
        for place in places:
            heappush(self._due, (place, -1))

    def stock(self, product: Product, there: Mapping[StockItem, There]) -> None:
        """Take over what is available of a product."""
        nothing = There(0, None)
        former = self._standing.there.get(product, {})
        self._standing.there[product] = there
        for item in {**former, **there}:
            before, after = former.get(item, nothing), there.get(item, nothing)
            if before.units and after.units and before.expiry != after.expiry:
                self._altered.add(item)
            if before != after:
                self._differ(item, after.units - before.units, _BEFORE_ALL)

    def go(self) -> None:
        """Earmark anew."""
        last = _BEFORE_ALL
        while self._due:
            place, number = heappop(self._due)
            if number >= 0 and not self._lead_on(place, number):
                continue
            if place != last:
                self._settle(self._standing.demands[place])
                last = place

    def _lead_on(self, place: Place, number: int) -> bool:
        """Have whoever looks alike visited next; False where nothing differs for them any more."""
        if not self._seen[number]:
            del self._seen[number]
            return False
        self._push(number, place)
        return True

    def _push(self, number: int, after: Place) -> None:
        look = self._looks[number]
        places = self._standing.readers[look.reads[0]][look]
        at = bisect_right(places, after)
        if at < len(places):
            heappush(self._due, (places[at], number))
        else:
            del self._seen[number]

    def _settle(self, demand: Demand) -> None:
        """Give a demand what it gets."""
        made = self._standing.planned(demand, self._left_for(demand), self._today)
        if made is not None and not demand.promisable(made):
            made = None
        held: dict[Product, dict[StockItem, int]] = {}
        for each in made.allocations if made else ():
            items = held.setdefault((each.item.owner, each.item.sku), {})
            items[each.item] = items.get(each.item, 0) + each.quantity
        demand.plan = made
        if held == demand.held:
            return
        former = demand.held
        self._standing.hold(demand, held)
        for item, units in differences(former, held):
            self.earmarked[item] = None
            self._differ(item, -units, demand.place)

    def _left_for(self, demand: Demand) -> dict[StockItem, There]:
        """What those before a demand leave of what it can be served with."""
        if not demand.lines:
            return {}
        found = {}
        for product in demand.reads:
            there = self._standing.there[product]
            for item, units in self._left_of(product, demand.place).items():
                if demand.fits(item):
                    found[item] = There(units, there[item].expiry)
        return found

    def _left_of(self, product: Product, place: Place) -> dict[StockItem, int]:
        """What those before a place leave of a product; the places asked for ascend."""
        known = self._left.get(product)
        if known is None:
            known = _BEFORE_ALL, {item: each.units for item, each in self._standing.there[product].items()}
        reached, left = known
        holders = self._standing.holders.get(product, [])
        for each in holders[bisect_left(holders, reached) : bisect_left(holders, place)]:
            for item, units in self._standing.demands[each].held[product].items():
                left[item] -= units
                if not left[item]:
                    del left[item]
        self._left[product] = place, left
        return left

    def _differ(self, item: StockItem, units: int, place: Place) -> None:
        """Let that many more units of a stock item be left for whoever comes after a place."""
        differs = self._differs.pop(item, 0) + units
        if differs:
            self._differs[item] = differs
        for look in self._standing.readers.get((item.owner, item.sku), ()):
            if look.fits(item):
                number = self._number(look)
                if not differs and item not in self._altered:
                    if number in self._seen:
                        self._seen[number].discard(item)
                elif number in self._seen:
                    self._seen[number].add(item)
                else:
                    self._seen[number] = {item}
                    self._push(number, place)

    def _number(self, look: Look) -> int:
        number = self._numbers.setdefault(look, len(self._looks))
        if number == len(self._looks):
            self._looks.append(look)
        return number


def differences(before: Held, after: Held) -> Iterator[tuple[StockItem, int]]:
    """How many more units of each stock item are held than before, where that differs."""
    for product in sorted({*before, *after}):
        former, latter = before.get(product, {}), after.get(product, {})
        for item in {**former, **latter}:
            units = latter.get(item, 0) - former.get(item, 0)
            if units:
                yield item, units


def _plan(demand: Demand, order: Order) -> Plan | None:
    """The plan of an order; None where none could be made, which only a bug can cause: nobody else is to suffer."""
    try:
        return planner.plan(order)
    except Exception:
        log.exception("order that waits could not be planned", waiting=demand.place[1])
        return None


def _remove(places: dict[K, list[Place]], key: K, place: Place) -> None:
    there = places[key]
    del there[bisect_left(there, place)]
    if not there:
        del places[key]
