"""Generated orders over small networks, where everything meets everything; the same order for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from tests.kit.worlds import holdings
from weir_allocation.fulfilment.model import Line, Order, Quota, Terms, Wish
from weir_allocation.sharing import NO_SHARING, Bundle, Link, Sharing
from weir_allocation.stock import ANY, EACH, Condition, Demand, Holdings, Product, Stock, StockItem

TODAY = date(2026, 3, 1)
PERSONS = ("ann", "bob")
SORTS = (
    ("LOT1", EACH, "", Condition.SELLABLE),
    ("LOT2", EACH, "", Condition.SELLABLE),
    ("LOT1", "CARTON", "", Condition.SELLABLE),
    ("", "CARTON", "", Condition.SELLABLE),
    ("", EACH, "", Condition.HOLD),
    ("", EACH, "ann", Condition.SELLABLE),
)
"""Lot, unit of measure, custodian and condition of what is not the plain sort."""
DEMANDS = (*[ANY] * 12, Demand("LOT1"), Demand(uom="CARTON"), Demand("LOT1", "CARTON"))
DAYS = (None, 0, 1, 5, -1)
"""Days until lots expire."""


@dataclass(frozen=True)
class Size:
    """How large orders are: the most of each."""

    lines: int = 3
    quantity: int = 3
    places: int = 3
    plain: int = 4
    """Plain products."""
    parents: int = 2
    """Products that are bundles, mostly."""
    links: int = 5
    on_hand: int = 3
    stocked: tuple[float, ...] = (0.4, 0.7, 0.9)
    """In which part of the places a plain product lies; parents are packed in three of ten."""

    def products(self) -> list[Product]:
        """Plain products, one of which belongs to another owner, and parents."""
        plain = [("", f"A{number}") for number in range(self.plain - 1)]
        return [*plain, ("other", "A0"), *(("", f"K{number}") for number in range(self.parents))]


SMALL = Size()
SIZES = (
    SMALL,
    Size(lines=2, plain=3, parents=1, links=6, on_hand=5, stocked=(0.35,)),
    Size(lines=2, quantity=4, places=4),
    Size(lines=4, quantity=2),
    Size(lines=2, plain=3, parents=2, links=8),
)
"""Few enough ways to try all of them."""


def order(seed: int, size: Size = SMALL) -> Order:
    """An order of few units from few locations, one of all that the seeds make."""
    return _Maker(Random(seed), size).order()


class _Maker:
    """Draws an order part by part."""

    def __init__(self, chance: Random, size: Size) -> None:
        self._chance = chance
        self._size = size
        self._products = size.products()
        self._plain, self._parents = self._products[: size.plain], self._products[size.plain :]
        self._places = [
            f"L{number:02}" for number in range(chance.choice((1, *range(2, size.places + 1), size.places)))
        ]

    def order(self) -> Order:
        chance = self._chance
        by_custody = chance.random() < 0.1
        custodians = chance.choice([("ann",), ("ann", "bob"), ("bob", "ann")]) if by_custody else ()
        lines = tuple(replace(self._line(), custodians=custodians) for _ in range(chance.randint(1, self._size.lines)))
        reach = {line.product: self._some(0.85) for line in lines}
        denied = frozenset(line.product for line in lines if chance.random() < 0.02)
        harm = {
            (product, place): chance.randint(1, 2) for product in self._products for place in sorted(self._some(0.3))
        }
        sharing = NO_SHARING.changed(links=self._links(), bundles=self._bundles())
        return Order(
            self._wish(lines),
            Terms(sharing, reach, denied, by_custody),
            self._holdings(PERSONS if by_custody else ("",)),
            TODAY,
            harm if chance.random() < 0.6 else {},
            self._some(0.3) if chance.random() < 0.2 else frozenset(),
            quotas=self._quotas(lines) if chance.random() < 0.5 else (),
        )

    def _quotas(self, lines: Sequence[Line]) -> tuple[Quota, ...]:
        """What is left of shares in warehouse groups: mostly little, rarely of nothing at all."""
        chance, places = self._chance, self._places
        number = chance.randint(1, 2)
        groups = [frozenset(places[first::number]) for first in range(number)]
        return tuple(
            Quota(product, group, chance.choice((0, 1, 1, 1, 2, 2, 3, 4)) * max(1, self._size.lines // 10), uom)
            for product, uom in sorted({(line.product, line.demand.uom) for line in lines})
            for group in groups
            if chance.random() < 0.7
        )

    def _line(self) -> Line:
        chance = self._chance
        products = self._parents if self._parents and chance.random() < 0.5 else self._plain
        return Line(chance.choice(products), chance.randint(1, self._size.quantity), chance.choice(DEMANDS))

    def _wish(self, lines: tuple[Line, ...]) -> Wish:
        chance = self._chance
        return Wish(
            lines,
            whole=chance.random() < 0.3,
            locations_max=chance.randint(1, 3) if chance.random() < 0.3 else None,
            one_location_per_line=chance.random() < 0.2,
            own_only=chance.random() < 0.1,
            preferred=self._some(0.4) if chance.random() < 0.4 else frozenset(),
            excluded=self._some(0.2) if chance.random() < 0.3 else frozenset(),
            distances={place: chance.randint(0, 3) for place in sorted(self._some(0.8)) if chance.random() < 0.7},
        )

    def _some(self, share: float) -> frozenset[str]:
        return frozenset(place for place in self._places if self._chance.random() < share)

    def _links(self) -> list[Link]:
        """Links one way and both ways, mostly among those of a kind; of a pair in one direction one."""
        chance = self._chance
        found: dict[tuple[Product, Product], Link] = {}
        for number in range(chance.randint(0, self._size.links)):
            alike = self._parents if len(self._parents) > 1 and chance.random() < 0.3 else self._plain
            source, destination = chance.sample(alike if chance.random() < 0.95 else self._products, 2)
            both = chance.random() < 0.3
            if (source, destination) in found or (destination, source) in found:
                continue
            found[source, destination] = Link(
                f"K{number}",
                source,
                destination,
                both,
                self._some(0.6) if chance.random() < 0.2 else frozenset(),
                chance.randint(0, 1),
                number,
                chance.choice((0, 0, 0, 1, 2)),
                chance.random() < 0.8,
                chance.random() < 0.9,
            )
        return list(found.values())

    def _bundles(self) -> list[Bundle]:
        """Bundles that share components, and now and then nest."""
        chance, found = self._chance, []
        for parent in self._parents:
            others = [product for product in self._parents if product != parent]
            parts = chance.sample(self._plain, min(len(self._plain), chance.choice((1, 2, 2, 2, 3))))
            if others and chance.random() < 0.05:
                parts = [*parts[1:], chance.choice(others)]
            if chance.random() < 0.8:
                found.append(Bundle(parent, tuple((part, chance.choice((1, 1, 1, 2))) for part in parts)))
        return found

    def _holdings(self, custodians: Sequence[str]) -> Holdings:
        """A few units of each product in many places, some reserved, and a few of other sorts."""
        chance = self._chance
        lots = {lot: chance.choice(DAYS) for lot in ("LOT1", "LOT2")}
        counts: dict[StockItem, int] = {}
        scarce = chance.choice(self._size.stocked)
        for product in self._products:
            share = scarce if product in self._plain else 0.3
            for place in self._places:
                for custodian in custodians:
                    if chance.random() < share:
                        counts[StockItem(*product, place, custodian=custodian)] = chance.randint(1, self._size.on_hand)
                if chance.random() < 0.2:
                    item = _sorted(product, place, chance.choice(SORTS))
                    counts[item] = chance.randint(0, self._size.on_hand)
        return holdings(
            Stock(item, on_hand, chance.choice((0, 0, 0, 0, 1, 2)), _last_day(lots.get(item.lot)))
            for item, on_hand in counts.items()
        )


def _sorted(product: Product, place: str, sort: tuple[str, str, str, Condition]) -> StockItem:
    owner, sku = product
    return StockItem(owner, sku, place, *sort)


def _last_day(days: int | None) -> date | None:
    return None if days is None else TODAY + timedelta(days=days)


def shuffled(order: Order, chance: Random) -> Order:
    """The same order with stock items, links and bundles given in another order."""
    held = list(order.holdings.items())
    reach = list(order.terms.reach.items())
    return replace(
        order,
        terms=replace(
            order.terms, sharing=_mixed(order.terms.sharing, chance), reach=dict(chance.sample(reach, len(reach)))
        ),
        holdings={
            product: chance.sample(list(stocks), len(stocks)) for product, stocks in chance.sample(held, len(held))
        },
    )


def _mixed(sharing: Sharing, chance: Random) -> Sharing:
    links = [link for several in sharing.to.values() for link in several]
    bundles = [
        replace(each, components=tuple(chance.sample(each.components, len(each.components))))
        for each in sharing.bundles.values()
    ]
    return NO_SHARING.changed(links=chance.sample(links, len(links)), bundles=chance.sample(bundles, len(bundles)))
