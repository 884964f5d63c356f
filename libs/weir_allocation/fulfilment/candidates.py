"""What each line of an order can draw on, and where: the data that every search of a plan works on.

Lines, places and limits are numbered. A *place* is a location at which something lies that the order can use; sets of
places are bit masks. A *limit* is a number of units that is given out once over the whole plan: what is available of a
stock item, what a link lends at one location, or what a quota allows the lines of one product. A *draw* is a way to use
a stock item for a line: for the line itself or for one component of its bundle; it counts against the limit of its
stock item and, where a link that keeps something back lends it, against that of the link too. Against a quota count
the units of lines: what is drawn for a line itself, and the bundles that are put together for it.

What a unit costs is packed into one whole number, so that costs add up and compare as the fields of the objective do:
bundles put together before units shared, those before harm, that before days until expiry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from weir_allocation.assembly import Need, whole_bundles
from weir_allocation.fulfilment.model import NEVER_DAYS, Line, Order
from weir_allocation.fulfilment.objective import expiry_days, harm, shared
from weir_allocation.sharing import Link
from weir_allocation.stock import EACH, Condition, Product, Stock, StockItem
from weir_allocation.trace import Verdict

NO_LIMIT = -1
"""The place of a link's limit in a draw that has none."""
DIRECT = -1
"""The component of a draw for the line itself."""


class Draw(NamedTuple):
    """One way to use a stock item for a line; in a list of them the one that is best to use comes first."""

    cost: int
    """Packed, for each unit."""
    item: StockItem
    serves_as: Product
    units: int
    """Available of the stock item."""
    line: int
    place: int
    stock: int
    """Number of the stock item's limit."""
    loan: int
    """Number of the link's limit, or NO_LIMIT."""
    component: int
    """Place among the parts of the line's bundle, or DIRECT."""
    quota: int = NO_LIMIT
    """Number of the quota's limit, or NO_LIMIT; parts of bundles have none."""


class Allowance(NamedTuple):
    """A quota that the lines of its product could exceed."""

    limit: int
    """Number of its limit."""
    mask: int
    """Its places."""
    units: int
    """At least 1: places of a quota of nothing are none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a bundle."""

    quantity: int
    """Units in one bundle."""
    draws: tuple[Draw, ...]


@dataclass(frozen=True, slots=True)
class LineCandidates:
    """What one line can be filled with."""

    line: int
    quantity: int
    direct: tuple[Draw, ...]
    """Best first, as are the draws of every part."""
    parts: tuple[Part, ...]
    """Empty unless the line can be put together from parts somewhere."""
    bundles: Mapping[int, int]
    """Most bundles that can be put together at each place, if no other line takes anything."""
    most: Mapping[int, int]
    """Most units of the line that each place can fill, if no other line takes anything; places with none are left
    out."""
    mask: int
    """The places of `most`."""
    simple: bool
    """Whether no two parts draw on the same stock."""
    allowances: tuple[Allowance, ...] = ()
    """What the line counts against together with all others of its product; no two have a place in common."""

    def quota(self, place: int) -> int:
        """Number of the limit that units of the line at a place count against, or NO_LIMIT."""
        return next((each.limit for each in self.allowances if each.mask >> place & 1), NO_LIMIT)

    def over(self, mask: int) -> int:
        """How many units of what each of some places can fill is more than quotas allow all of them."""
        there = ((each, mask & each.mask & self.mask) for each in self.allowances)
        return sum(max(0, sum(self.most[place] for place in places_of(here)) - each.units) for each, here in there)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What an order can be filled with."""

    order: Order
    lines: tuple[LineCandidates, ...]
    places: tuple[str, ...]
    """Locations, in order."""
    limits: tuple[int, ...]
    """Units of each limit."""
    bundle_cost: int
    """Packed, of one bundle put together."""
    fill_worth: int
    """More than all that any plan can cost."""

    @property
    def sending(self) -> int:
        """The places that send something of the order already."""
        return sum(1 << place for place, name in enumerate(self.places) if name in self.order.sending)


def candidates(order: Order) -> Candidates:
    """Look at everything that is held, once; nothing depends on the order in which it is given."""
    looking = _Looking(order)
    found = [looking.found(line) for line in order.wish.lines]
    locations = sorted({each.item.location for own, parts in found for finds in (own, *parts) for each in finds})
    numbers = _Numbers({location: place for place, location in enumerate(locations)})
    allowed = _allowed(order, numbers) if order.quotas else {}
    lines = tuple(_line(order, number, own, parts, numbers, allowed) for number, (own, parts) in enumerate(found))
    return Candidates(order, lines, tuple(locations), tuple(numbers.limits), looking.bundle_cost, looking.fill_worth)


def places_of(mask: int) -> list[int]:
    """The places of a set, in order."""
    places = []
    while mask:
        lowest = mask & -mask
        places.append(lowest.bit_length() - 1)
        mask ^= lowest
    return places


class _Find(NamedTuple):
    """Units that fit, before anything has a number."""

    cost: int
    item: StockItem
    units: int
    loan: tuple[object, int] | None
    """What names the limit of the link, and the limit."""
    serves_as: Product


def _best_first(find: _Find) -> tuple[int, str, str, str, str, str]:
    # As units of one line and component they differ in nothing else.
    item = find.item
    return find.cost, item.owner, item.sku, item.location, item.lot, item.custodian


Found = tuple[list[_Find], list[list[_Find]]]
"""What a line can use itself, and each part of its bundle."""


class _Looking:
    """How the stock that is held looks to the lines of one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._sharing = order.terms.sharing
        self._closed: dict[tuple[Product, str], frozenset[str]] = {}
        for quota in order.quotas:
            if not quota.units:
                closed = self._closed.get((quota.product, quota.uom), order.wish.excluded)
                self._closed[quota.product, quota.uom] = closed | quota.locations
        units = sum(line.quantity * self._units_of_one(line) for line in order.wish.lines)
        self._days_bits = (units * NEVER_DAYS).bit_length()
        self._harm_bits = (units * max(order.harm.values(), default=0)).bit_length()
        self.bundle_cost = 1 << (units.bit_length() + self._harm_bits + self._days_bits)
        self.fill_worth = self.bundle_cost << sum(line.quantity for line in order.wish.lines).bit_length()

    def found(self, line: Line) -> Found:
        """Everything that the line can draw on."""
        if line.product in self._order.terms.denied:
            return [], []
        own = self._finds(line, line.product, line.demand.lot, line.demand.uom)
        bundle = self._sharing.bundles.get(line.product)
        if bundle is None or line.demand.lot or line.demand.uom != EACH or self._sharing.nested(bundle):
            return own, []
        parts = [self._finds(line, product, "", EACH) for product, _ in bundle.parts]
        whole = set.intersection(*({each.item.location for each in part} for part in parts)) if parts else set()
        return own, [[each for each in part if each.item.location in whole] for part in parts]

    def _units_of_one(self, line: Line) -> int:
        """The most units that filling one unit of a line can take."""
        bundle = self._sharing.bundles.get(line.product)
        return max(1, sum(quantity for _, quantity in bundle.parts)) if bundle else 1

    def _finds(self, line: Line, product: Product, lot: str, uom: str) -> list[_Find]:
        """Units that serve as the product: its own, and what links lend; best first."""
        finds = [
            _Find(self._cost(line, stock, product), stock.item, stock.available, None, product)
            for stock in self._fitting(line, product, uom)
            if not lot or stock.item.lot == lot
        ]
        if not self._order.wish.own_only:
            for link in self._sharing.links_to(product):
                if self._sharing.verdict(link) is Verdict.COUNTED:
                    finds += self._lent(line, link, lot, uom)
        finds.sort(key=_best_first)
        return finds

    def _lent(self, line: Line, link: Link, lot: str, uom: str) -> Iterator[_Find]:
        """Units of the source that a link lends. Where something is kept back, the units of any lot are as good to
        keep, and what is left is a limit for all lines together.
        """
        fitting = [stock for stock in self._fitting(line, link.source, uom) if link.lends_at(stock.item.location)]
        there: dict[str, int] = {}
        for stock in fitting:
            there[stock.item.location] = there.get(stock.item.location, 0) + stock.available
        eyes = frozenset(line.custodians) if self._order.terms.by_custody else None
        for stock in fitting:
            spare = there[stock.item.location] - link.keep_back
            if spare > 0 and (not lot or stock.item.lot == lot):
                name = (link.source, link.destination, stock.item.location, uom, eyes)
                loan = (name, spare) if link.keep_back else None
                cost = self._cost(line, stock, link.destination)
                yield _Find(cost, stock.item, stock.available, loan, link.destination)

    def _fitting(self, line: Line, product: Product, uom: str) -> Iterator[Stock]:
        """The stock items with available units that serve the line where they lie, of any lot."""
        order = self._order
        by_custody = order.terms.by_custody
        excluded = self._closed.get((line.product, line.demand.uom), order.wish.excluded)
        reach = None if by_custody else order.terms.reach.get(line.product, frozenset())
        custodians = line.custodians if by_custody else ("",)
        for stock in order.holdings.get(product, ()):
            item = stock.item
            if (
                item.condition is Condition.SELLABLE
                and item.uom == uom
                and item.custodian in custodians
                and (reach is None or item.location in reach)
                and item.location not in excluded
                and stock.on_hand > stock.reserved
                and not stock.expired(order.today)
            ):
                yield stock

    def _cost(self, line: Line, stock: Stock, serves_as: Product) -> int:
        cost = int(shared(self._order, line, stock.item, serves_as))
        cost = cost << self._harm_bits | harm(self._order, stock.item)
        return cost << self._days_bits | expiry_days(self._order, stock)


class _Numbers:
    """Numbers for places and limits."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self.places = places
        self.limits: list[int] = []
        self._known: dict[object, int] = {}

    def limit(self, name: object, units: int) -> int:
        """The number of a limit, the same for the same name."""
        number = self._known.get(name)
        if number is None:
            number = self._known[name] = len(self.limits)
            self.limits.append(units)
        return number


Allowed = Mapping[tuple[Product, str], tuple[Allowance, ...]]
"""What the lines of a product in one unit of measure count against together."""


def _allowed(order: Order, numbers: _Numbers) -> Allowed:
    """The quotas that lines could exceed."""
    wanted: dict[tuple[Product, str], int] = {}
    for line in order.wish.lines:
        wanted[line.product, line.demand.uom] = wanted.get((line.product, line.demand.uom), 0) + line.quantity
    found: dict[tuple[Product, str], tuple[Allowance, ...]] = {}
    for quota in order.quotas:
        if 0 < quota.units < wanted.get((quota.product, quota.uom), 0):
            mask = sum(1 << place for location, place in numbers.places.items() if location in quota.locations)
            allowance = Allowance(numbers.limit(quota, quota.units), mask, quota.units)
            found[quota.product, quota.uom] = (*found.get((quota.product, quota.uom), ()), allowance)
    return found


def _line(
    order: Order, number: int, own: list[_Find], parts: list[list[_Find]], numbers: _Numbers, allowed: Allowed
) -> LineCandidates:
    """A line with everything numbered."""
    line = order.wish.lines[number]
    direct = _draws(own, number, DIRECT, numbers)
    made = tuple(
        Part(quantity, _draws(finds, number, component, numbers))
        for component, (finds, (_, quantity)) in enumerate(
            zip(parts, order.terms.sharing.bundles[line.product].parts, strict=True) if parts else ()
        )
    )
    bundles = _bundles(made, numbers.limits)
    most = {place: min(units, line.quantity) for place, units in drawable(direct, numbers.limits).items()}
    for place, units in bundles.items():
        most[place] = min(line.quantity, most.get(place, 0) + units)
    allowances = allowed.get((line.product, line.demand.uom), ())
    for allowance in allowances:
        for place in places_of(allowance.mask):
            if place in most:
                most[place] = min(most[place], allowance.units)
            if place in bundles:
                bundles[place] = min(bundles[place], allowance.units)
        direct = tuple(
            draw._replace(quota=allowance.limit) if allowance.mask >> draw.place & 1 else draw for draw in direct
        )
    mask = sum(1 << place for place in most)
    useful = tuple(
        Part(part.quantity, tuple(draw for draw in part.draws if draw.place in bundles)) for part in made if bundles
    )
    drawn = [draw.stock for part in useful for draw in part.draws]
    simple = len(set(drawn)) == len(drawn)
    return LineCandidates(number, line.quantity, direct, useful, bundles, most, mask, simple, allowances)


def _draws(finds: list[_Find], line: int, component: int, numbers: _Numbers) -> tuple[Draw, ...]:
    return tuple(
        Draw(
            find.cost,
            find.item,
            find.serves_as,
            find.units,
            line,
            numbers.places[find.item.location],
            numbers.limit(find.item, find.units),
            numbers.limit(*find.loan) if find.loan else NO_LIMIT,
            component,
        )
        for find in finds
    )


def drawable(draws: tuple[Draw, ...], limits: list[int]) -> dict[int, int]:
    """The most units that some draws, each of another stock item, can take together at each place."""
    lent: dict[tuple[int, int], int] = {}
    most: dict[int, int] = {}
    for draw in draws:
        if draw.loan == NO_LIMIT:
            most[draw.place] = most.get(draw.place, 0) + draw.units
        else:
            key = draw.place, draw.loan
            lent[key] = lent.get(key, 0) + draw.units
    for (place, loan), units in lent.items():
        most[place] = most.get(place, 0) + min(units, limits[loan])
    return most


def _bundles(parts: tuple[Part, ...], limits: list[int]) -> dict[int, int]:
    """The most bundles that can be put together at each place; places with none are left out."""
    places = sorted({draw.place for part in parts for draw in part.draws})
    made = {}
    for place in places:
        needs, units = [], {}
        for part in parts:
            drawn: dict[Product, list[Draw]] = {}
            for draw in part.draws:
                if draw.place == place:
                    drawn.setdefault((draw.item.owner, draw.item.sku), []).append(draw)
            needs.append(
                Need(
                    part.quantity, {each: sum(drawable(tuple(draws), limits).values()) for each, draws in drawn.items()}
                )
            )
            units.update({each: sum(draw.units for draw in draws) for each, draws in drawn.items()})
        number = whole_bundles(needs, units)
        if number:
            made[place] = number
    return made
