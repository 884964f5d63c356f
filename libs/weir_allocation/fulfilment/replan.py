"""The plan anew for what an order was promised, once stock, locations or the wish have changed.

Units that are there, lie where they may and are still wanted stay. What else is wanted is planned beside them; where
that fills less than a plan of everything anew, everything is planned anew. Units that nothing takes the place of stay
promised where they are, though they may not be there: nothing is lost.

Of a bundle that is put together all parts stay or go; but parts of bundles of which something was sent already are
*loose*: they stay, for their bundles are half on their way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir_allocation.fulfilment.chosen import Chosen, Use
from weir_allocation.fulfilment.model import Allocation, Line, Order, Plan, Quota, Wish
from weir_allocation.fulfilment.objective import objective
from weir_allocation.fulfilment.planner import plan
from weir_allocation.fulfilment.reasons import missing
from weir_allocation.stock import ANY, EACH, Product, StockItem


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a reservation: units of a stock item that are promised to the order, or were."""

    place: int
    """Place of the line in the reservation, from 0."""
    line: int
    """Place in the wish of what the units are for, from 0; of a line that is not wanted any more, any other number."""
    item: StockItem
    open: int
    """Units that are promised and not sent."""
    fulfilled: int
    """Units that were sent."""
    serves_as: Product
    """As in the allocation that was promised, and the same for `bundles`."""
    bundles: int = 0


@dataclass(frozen=True, slots=True)
class Replanned:
    """What to change about a reservation, and how all that is open of it is planned then."""

    releases: Mapping[int, int]
    """Units to give up, by the place of the line in the reservation; at least 1."""
    allocations: tuple[Allocation, ...]
    """Units to promise, in order; `bundles` are those at the location after the change."""
    plan: Plan
    """What is open and can be sent; what is wanted beyond is missing, also where it stays promised."""


def replan(order: Order, standing: Sequence[Standing]) -> Replanned:
    """Move what has to be moved, and nothing else.

    `order` is all that is wanted, with what was sent already. Its holdings are as if the reservation promised
    nothing, without what was sent. `standing` are all lines of the reservation. An order that is wanted whole is
    filled as far as it can be: whoever asks may refuse what is missing. Quotas count for nothing: what was
    accepted stays accepted, and may move.
    """
    ground = _Ground(order, standing)
    best, anew = _settled(ground)
    return Replanned(*ground.changes(best.chosen.plus(best.kept)), _told(ground, best.chosen, anew))


def enlarge(order: Order, standing: Sequence[Standing], accepted: Wish) -> Replanned:
    """As `replan`, but what was accepted of the wish moves as if nothing else were wanted, and the rest comes beside
    it.

    `accepted` has the lines of the wish, with no more units. Quotas count for the rest alone; what they cost is in no
    bound. Lines that must come from one location get nothing more where they have something.
    """
    before, _ = _settled(_Ground(replace(order, wish=accepted), standing))
    ground = _Ground(order, standing)
    kept, wish = before.kept, ground.order.wish
    room = [line.quantity - kept.units(index) for index, line in enumerate(wish.lines)]
    if wish.one_location_per_line:
        had = [before.chosen.units(index) for index in range(len(room))]
        room = [has or (0 if kept.units(index) else room[index]) for index, has in enumerate(had)]
    lines = tuple(replace(line, quantity=units) for line, units in zip(wish.lines, room, strict=True))
    more = replace(ground.order, wish=replace(wish, lines=lines), quotas=order.quotas)
    _, chosen = _filled_up(more, before.chosen, ground.loose.items() + kept.items())
    quotas = _beside(more, before.chosen.plus(ground.loose))
    told = _told(ground, chosen, _Filling(ground, Chosen()), quotas)
    return Replanned(*ground.changes(chosen.plus(kept)), told)


def _settled(ground: _Ground) -> tuple[_Filling, _Filling]:
    """The best that what stays is filled up with, and what everything anew is."""
    staying = ground.staying()
    best = _Filling(ground, staying)
    best.settle()
    anew = _Filling(ground, Chosen()) if staying.uses else best
    if anew.chosen.units() > best.chosen.units():
        anew.settle()
        best = max(best, anew, key=lambda each: each.chosen.units())  # of two that fill as much the first
    return best, anew


class _Ground:
    """What stands, what of it is there, and what is wanted beyond what was sent."""

    def __init__(self, order: Order, standing: Sequence[Standing]) -> None:
        self._all = standing
        self._parts = [_parts(order, line) for line in order.wish.lines]
        mine = [each for each in standing if self._is_of_line(order, each)]
        self.stood: Counter[Use] = Counter()
        sent: Counter[Use] = Counter()
        for each in mine:
            sent[_use(each)] += each.fulfilled
            self.stood[_use(each)] += each.open if _fits(order, each) else 0
        self.there = {
            stock.item: 0 if stock.expired(order.today) else stock.available
            for product in sorted({(each.item.owner, each.item.sku) for each in mine})
            for stock in order.holdings.get(product, ())
        }
        self.loose = Chosen()
        """Parts that stay whatever else is planned, and the bundles that they complete."""
        self.ready = Chosen()
        """Those bundles, with the parts that are there for them and no others."""
        self.late: Counter[int] = Counter()
        """Bundles of each line that are half on their way."""
        gone = Counter({use.line: 0 for use in sent})
        for use, units in sent.items():
            gone[use.line] += 0 if use.part else units
        for at in sorted({use.at for use in sent if use.part}):
            gone[at[0]] += self._begun(at, sent)
        lines = tuple(
            replace(line, quantity=max(0, line.quantity - gone[index])) for index, line in enumerate(order.wish.lines)
        )
        sending = order.sending.union(each.item.location for each in mine if each.fulfilled)
        self.order = replace(order, wish=replace(order.wish, lines=lines, whole=False), sending=sending, quotas=())
        """What is to come of all that is wanted, but for the bundles that are half on their way."""

    def _is_of_line(self, order: Order, standing: Standing) -> bool:
        """Whether the units were promised to a line that is still there, as what it wants."""
        if not 0 <= standing.line < len(order.wish.lines):
            return False
        wanted = self._parts[standing.line] if standing.bundles else [order.wish.lines[standing.line].product]
        return standing.serves_as in wanted

    def _begun(self, at: tuple[int, str], sent: Counter[Use]) -> int:
        """How many bundles of a line are begun at a location; the parts that some of them wait for are set aside."""
        gone: Counter[Product] = Counter()
        for use, units in sent.items():
            if use.part and use.at == at:
                gone[use.serves_as] += units
        needs = self._parts[at[0]]
        begun = max(-(-gone[product] // quantity) for product, quantity in needs.items())
        late = begun - min(gone[product] // quantity for product, quantity in needs.items())
        complete = late
        there: dict[Product, Counter[Use]] = {}
        for product, quantity in needs.items():
            wanted = begun * quantity - gone[product]
            there[product] = self._set_aside(at, product, wanted)
            complete = min(complete, late - -(-(wanted - there[product].total()) // quantity))
        for product, quantity in needs.items():
            wanted = max(0, (begun - late + complete) * quantity - gone[product])
            for use, units in there[product].items():
                self.ready.add(use, min(wanted, units))
                wanted -= min(wanted, units)
        self.late[at[0]] += late
        self.loose.bundles[at] += complete
        self.ready.bundles[at] += complete
        return begun

    def _set_aside(self, at: tuple[int, str], product: Product, wanted: int) -> Counter[Use]:
        """Make units loose; returns those of them that are there, in order."""
        there: Counter[Use] = Counter()
        for use in self._uses(at, product):
            units = min(wanted, self.stood[use])
            found = min(units, self.there.get(use.item, 0))
            self.loose.add(use, units)
            if found:
                self.there[use.item] -= found
                there[use] = found
            wanted -= units
        return there

    def _uses(self, at: tuple[int, str], product: Product) -> list[Use]:
        """What stands at a location for bundles of a line as one component."""
        return sorted(use for use in self.stood if use.part and use.at == at and use.serves_as == product)

    def standing(self, item: StockItem) -> int:
        """Units of a stock item that stand for lines."""
        return sum(units for use, units in self.stood.items() if use.item == item)

    def staying(self) -> Chosen:
        """The units that are there, lie where they may and are wanted."""
        wish, chosen, left, stood = self.order.wish, Chosen(), Counter(self.there), self.stood - self.loose.uses
        for index, line in enumerate(wish.lines):
            here = sorted(use for use in stood if use.line == index and self._may_send(line, use.item.location))
            for use in (use for use in here if not use.part):
                units = min(stood[use], left[use.item], line.quantity - chosen.units(index))
                chosen.add(use, units)
                left[use.item] -= units
            for at in dict.fromkeys(use.at for use in here if use.part):
                left = self._bundled(at, line.quantity - chosen.units(index), chosen, left, stood)
        if wish.one_location_per_line:
            chosen = chosen.without(
                index
                for index, line in enumerate(wish.lines)
                if chosen.units(index) < line.quantity or len(chosen.locations(index)) > 1
            )
        more = chosen.locations() - self.order.sending
        most = wish.locations_max
        return Chosen() if most is not None and more and len(more | self.order.sending) > most else chosen

    def _may_send(self, line: Line, location: str) -> bool:
        terms = self.order.terms
        reached = terms.by_custody or location in terms.reach.get(line.product, ())
        return reached and location not in self.order.wish.excluded

    def _bundled(
        self,
        at: tuple[int, str],
        most: int,
        chosen: Chosen,
        left: Counter[StockItem],
        stood: Counter[Use],
    ) -> Counter[StockItem]:
        """Choose as many whole bundles that stand at a location as there is enough left for; returns what is left."""
        few, taken, after = 0, Chosen(), left
        while few < most:
            bundles = few + (most - few + 1) // 2
            made = self._made(at, bundles, left, stood)
            if made is None:
                most = bundles - 1
            else:
                few, (taken, after) = bundles, made
        chosen.uses.update(taken.uses)
        chosen.bundles[at] += few
        return after

    def _made(
        self, at: tuple[int, str], bundles: int, left: Counter[StockItem], stood: Counter[Use]
    ) -> tuple[Chosen, Counter[StockItem]] | None:
        """The parts of so many bundles out of those that stand, with what is left then; None where it is not enough."""
        after, mine = Counter(left), Chosen()
        for product, quantity in self._parts[at[0]].items():
            wanted = bundles * quantity
            for use in self._uses(at, product):
                units = min(wanted, stood[use], after[use.item])
                mine.add(use, units)
                after[use.item] -= units
                wanted -= units
            if wanted:
                return None
        return mine, after

    def kept(self, chosen: Chosen) -> Chosen:
        """What stays promised because nothing takes its place: of what stands and is not chosen, as much as is wanted.

        Units that are there rather than others.
        """
        kept, over = Chosen(), self.stood - self.loose.uses - chosen.uses
        there = Counter(self.there)
        there.subtract(chosen.items())
        any_number = Counter({use.item: sum(over.values()) for use in over})
        for index, line in enumerate(self.order.wish.lines):
            wanted = line.quantity - chosen.units(index)
            here = sorted((there[use.item] < over[use], use) for use in over if use.line == index)
            for use in (use for _, use in here if not use.part):
                kept.add(use, min(over[use], wanted - kept.units(index)))
            for at in dict.fromkeys(use.at for _, use in here if use.part):
                self._bundled(at, wanted - kept.units(index), kept, any_number, over)
        return kept

    def changes(self, promised: Chosen) -> tuple[dict[int, int], tuple[Allocation, ...]]:
        """What is given up, by place in the reservation, and what is promised anew, for so much to be promised."""
        standing = promised.plus(self.loose)
        left = Counter(standing.uses)
        releases = {}
        for each in self._all:
            use = _use(each)
            stays = min(each.open, left[use])
            left[use] -= stays
            if each.open > stays:
                releases[each.place] = each.open - stays
        new = (Allocation(use.line, use.item, units, use.serves_as, standing.bundles[use.at] if use.part else 0)
               for use, units in left.items() if units)  # fmt: skip
        return releases, tuple(sorted(new))


class _Filling:
    """What some units that stay are filled up with."""

    def __init__(self, ground: _Ground, staying: Chosen) -> None:
        self._ground = ground
        self._staying = staying
        self.plan, self.best = _filled_up(ground.order, staying, ground.loose.items())
        """The plan of what does not stay, and all there is then, if nothing else stayed promised."""
        self.chosen = self.best
        self.kept = ground.kept(self.chosen)

    def settle(self) -> None:
        """Plan without the units that stay promised because nothing takes their place: they cannot be promised anew."""
        held: Counter[StockItem] = Counter()
        while over := _overdrawn(self._ground, self.chosen, self.kept):
            kept = self.kept.items()
            for item in over:
                # All that stands, where what stays promised is more than it was: so this comes to an end soon.
                held[item] = self._ground.standing(item) if held[item] else kept[item]
            _, self.chosen = _filled_up(self._ground.order, self._staying, held + self._ground.loose.items())
            self.kept = self._ground.kept(self.chosen)


def _filled_up(order: Order, staying: Chosen, held: Counter[StockItem]) -> tuple[Plan, Chosen]:
    """The plan for what is wanted beside what stays, without units that are held, and both together."""
    taken = staying.items() + held
    wanted = [(index, line.quantity - staying.units(index)) for index, line in enumerate(order.wish.lines)]
    wanted = [(index, quantity) for index, quantity in wanted if quantity]
    lines = tuple(replace(order.wish.lines[index], quantity=quantity) for index, quantity in wanted)
    holdings = {
        product: [replace(stock, reserved=stock.reserved + taken[stock.item]) for stock in stocks]
        for product, stocks in order.holdings.items()
    }
    sending = order.sending | staying.locations()
    rest = plan(replace(order, wish=replace(order.wish, lines=lines), holdings=holdings, sending=sending))
    chosen = staying.plus(Chosen())
    together = {(each.line, each.item.location): each.bundles for each in rest.allocations if each.bundles}
    for (line, location), bundles in together.items():
        chosen.bundles[wanted[line][0], location] += bundles
    for each in rest.allocations:
        chosen.add(Use(wanted[each.line][0], each.item, each.serves_as, bool(each.bundles)), each.quantity)
    return rest, chosen


def _overdrawn(ground: _Ground, chosen: Chosen, kept: Chosen) -> list[StockItem]:
    """Stock items of which units are promised anew that do not fit beside those that stay promised."""
    new = sorted({use.item for use in chosen.uses - ground.stood})
    stays, promised = kept.items(), chosen.plus(kept).items()
    return [item for item in new if stays[item] and promised[item] > ground.there[item]]


def _beside(order: Order, chosen: Chosen) -> tuple[Quota, ...]:
    """The quotas of an order for what is chosen and all that it may take beside it."""
    there = Counter(chosen.bundles)
    for use, units in chosen.uses.items():
        there[use.at] += 0 if use.part else units
    of = [(line.product, line.demand.uom) for line in order.wish.lines]
    return tuple(
        each._replace(
            units=each.units
            + sum(
                units
                for (line, location), units in there.items()
                if of[line] == (each.product, each.uom) and location in each.locations
            )
        )
        for each in order.quotas
    )


def _told(ground: _Ground, chosen: Chosen, anew: _Filling, quotas: tuple[Quota, ...] = ()) -> Plan:
    """The plan of all that is open, beside the best there could be."""
    wish = ground.order.wish
    lines = tuple(replace(line, quantity=line.quantity + ground.late[index]) for index, line in enumerate(wish.lines))
    order = replace(ground.order, wish=replace(wish, lines=lines), quotas=quotas)
    allocations = chosen.plus(ground.ready).allocations()
    value = objective(order, allocations)
    return Plan(
        allocations=allocations,
        # What waits for parts that are not there is free for nobody else.
        missing=missing(order, chosen.plus(ground.loose).allocations()),
        objective=value,
        exact=anew.plan.exact and value == objective(order, anew.best.plus(ground.ready).allocations()),
        # Units that were lent before more was kept back stay lent, which no plan anew could do.
        filled_bound=max(value.filled, anew.plan.filled_bound + sum(ground.loose.bundles.values())),
        locations_bound=min(value.locations, anew.plan.locations_bound),
    )


def _use(standing: Standing) -> Use:
    return Use(standing.line, standing.item, standing.serves_as, bool(standing.bundles))


def _fits(order: Order, standing: Standing) -> bool:
    """Whether the units are still of the sort that their line wants."""
    line, item = order.wish.lines[standing.line], standing.item
    if order.wish.own_only and (item.owner, item.sku) != standing.serves_as:
        return False
    if order.terms.by_custody and item.custodian not in line.custodians:
        return False
    demand = ANY if standing.bundles else line.demand
    return item.uom == demand.uom and demand.lot in ("", item.lot)


def _parts(order: Order, line: Line) -> dict[Product, int]:
    """What a line can be put together from: the units of each component in one."""
    bundle = order.terms.sharing.bundles.get(line.product)
    together = bundle is not None and not line.demand.lot and line.demand.uom == EACH
    return dict(bundle.parts) if bundle is not None and together else {}
