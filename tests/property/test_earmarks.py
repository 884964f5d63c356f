"""Laws of what is earmarked for orders that wait, over generated histories of stock, lots, days, demands and
promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.projections import LEDGER, books, load_balances, load_configuration, loaded, network, policies, rules
from tests.kit.worlds import LOCATIONS, PRODUCTS, TODAY, World, holdings, stock, worlds
from tests.property.test_projection_laws import changes, listed
from weir_aggregator.domain import BooksChange, Count, Lot, Recorded, Waiting
from weir_aggregator.projection import Projection
from weir_allocation.fulfilment.model import Allocation, Line, Order, Wish
from weir_allocation.fulfilment.planner import plan
from weir_allocation.fulfilment.terms import terms
from weir_allocation.stock import ANY, EACH, Demand, Holdings, Stock, StockItem

FEWER = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

Earmarks = Mapping[StockItem, int]


@dataclass(frozen=True)
class Event:
    """What happens next; `choice` says to which demand, or how much of it."""

    kind: str
    choice: int
    wish: Wish
    stock: tuple[Stock, ...]
    days: int


def wishes() -> st.SearchStrategy[Wish]:
    """Orders of a few lines, some of a lot or in cartons, some with constraints."""
    line = st.builds(
        Line,
        st.sampled_from(PRODUCTS),
        st.sampled_from((1, 1, 2, 3, 5)),
        st.sampled_from((ANY, ANY, ANY, Demand("LOT1", EACH), Demand("", "CARTON"))),
    )
    some = st.sampled_from((frozenset[str](), frozenset[str](), frozenset(LOCATIONS[:2])))
    return st.builds(
        Wish,
        st.lists(line, min_size=1, max_size=3).map(tuple),
        st.booleans(),
        st.sampled_from((None, None, None, 1, 2)),
        st.sampled_from((False, False, True)),
        st.sampled_from((False, False, True)),
        some,
        some,
        st.sampled_from(({}, {}, {"L0": 5, "L1": 1})),
    )


def histories() -> st.SearchStrategy[tuple[World, list[Event]]]:
    """A tenant, and what happens to it."""
    kinds = (
        "wait",
        "wait",
        "wait",
        "stock",
        "stock",
        "some stock",
        "cancel",
        "promise",
        "promise all",
        "day",
        "export",
    )
    stocks = st.lists(stock(), min_size=1, max_size=2)
    event = st.tuples(
        st.sampled_from(kinds), st.integers(0, 7), st.integers(0, 3), st.integers(0, 1), st.integers(-1, 2)
    )
    wanted = st.lists(wishes(), min_size=1, max_size=4)
    return st.builds(
        lambda world, stocks, wanted, events: (
            world,
            [
                Event(kind, choice, wanted[which % len(wanted)], stocks[other % len(stocks)], days)
                for kind, choice, which, other, days in events
            ],
        ),
        worlds(),
        stocks,
        wanted,
        st.lists(event, min_size=2, max_size=12),
    )


@dataclass
class Standing:
    """One that waits, as the ledger has it."""

    arrived: int
    name: str
    recorded: Recorded
    open: list[int]

    def told(self, *, anew: bool) -> Waiting:
        """As a commit tells it; or anew, as the first one does and an export."""
        return Waiting(self.name, self.arrived, tuple(self.open), self.recorded if anew else None)

    def order(self, stock: Sequence[Stock], today: date) -> tuple[Order, list[int]]:
        """What is to be planned for it, and which of its lines that is about."""
        lines = [line for line, units in enumerate(self.open) if units]
        wish = self.recorded.wish
        wanted = tuple(replace(wish.lines[line], quantity=self.open[line]) for line in lines)
        return Order(replace(wish, lines=wanted), self.recorded.terms, holdings(stock), today), lines


@dataclass
class Ledger:
    """The books of one tenant and a projection that follows them."""

    world: World
    counts: dict[StockItem, tuple[int, int]] = field(default_factory=dict)
    lots: dict[tuple[str, str, str], date | None] = field(default_factory=dict)
    waiting: list[Standing] = field(default_factory=list)
    number: int = 1
    today: date = TODAY

    def __post_init__(self) -> None:
        """Configure the tenant; nothing is stocked."""
        self.projection = self.configured(loaded())
        self.projection.turn(self.today)

    def configured(self, projection: Projection) -> Projection:
        """The same, with all that is configured."""
        nothing = World({}, (), (), (), (), (), (), {}, ())
        made = changes(nothing, replace(self.world, policies=(), rules=(), limits={}))
        projection.apply_configuration(network(2, *made))
        projection.apply_configuration(policies(2, *changes(nothing, replace(nothing, policies=self.world.policies))))
        of_stores = replace(nothing, rules=self.world.rules, limits=self.world.limits)
        projection.apply_configuration(rules(2, *changes(nothing, of_stores)))
        return projection

    def happen(self, event: Event) -> None:
        """Let it happen."""
        self.number += 1
        open_ones = [each for each in self.waiting if any(each.open)]
        match event.kind:
            case "wait":
                self._wait(event)
            case "stock":
                self._stock(event.stock)
            case "some stock":
                self._stock([each for place, each in enumerate(event.stock) if place % 8 == event.choice])
            case "cancel" if open_ones:
                self._cancel(open_ones[event.choice % len(open_ones)], event.days)
            case "promise":
                self._promise(1)
            case "promise all":
                self._promise(1000)
            case "day":
                self.today = TODAY + timedelta(days=event.days)
                self.projection.turn(self.today)
            case "export":
                load_balances(self.projection, LEDGER.revision(self.number), self.told())

    def told(self) -> list[BooksChange]:
        """Everything, as an export tells it."""
        counts = [_count(item, counts) for item, counts in self.counts.items()]
        lots = [Lot(*lot, expiry) for lot, expiry in self.lots.items()]
        return [*lots, *counts, *(each.told(anew=True) for each in self.waiting if any(each.open))]

    def stock(self, earmarked: Earmarks) -> list[Stock]:
        """Every stock item, with some more of each reserved."""
        return [
            Stock(item, on_hand, reserved + earmarked.get(item, 0), self.lots.get((item.owner, item.sku, item.lot)))
            for item, (on_hand, reserved) in self.counts.items()
        ]

    def planned(self) -> dict[str, tuple[Allocation, ...]]:
        """What each demand gets: planned one after the other, each with what the ones before it leave."""
        taken: dict[StockItem, int] = {}
        found = {}
        for each in sorted(self.waiting, key=lambda each: (each.arrived, each.name)):
            if any(each.open):
                order, lines = each.order(self.stock(taken), self.today)
                found[each.name] = tuple(replace(one, line=lines[one.line]) for one in plan(order).allocations)
                for one in found[each.name]:
                    taken[one.item] = taken.get(one.item, 0) + one.quantity
        return found

    def _wait(self, event: Event) -> None:
        configuration = self.world.configuration()
        names = sorted(configuration.network.channels)
        channel = configuration.network.channels[names[event.choice % len(names)]]
        wish = event.wish
        if channel.by_custody:
            wish = replace(wish, lines=tuple(replace(line, custodians=("ann",)) for line in wish.lines))
        agreed = terms(configuration, channel, [line.product for line in wish.lines])
        each = Standing(
            self.number,
            f"w{event.choice}-{self.number}",
            Recorded(wish, channel.channel, agreed),
            [line.quantity for line in wish.lines],
        )
        self.waiting.append(each)
        self._commit([each.told(anew=True)])

    def _stock(self, stock: Sequence[Stock]) -> None:
        lots = [Lot(each.item.owner, each.item.sku, each.item.lot, each.expiry) for each in stock if each.item.lot]
        self.lots.update({(each.owner, each.sku, each.lot): each.expiry for each in lots})
        self.counts.update({each.item: (each.on_hand, each.reserved) for each in stock})
        self._commit([*lots, *(_count(each.item, self.counts[each.item]) for each in stock)])

    def _cancel(self, each: Standing, units: int) -> None:
        each.open = [max(0, left - units) if units > 0 else 0 for left in each.open]
        self._commit([each.told(anew=False)])

    def _promise(self, most: int) -> None:
        named = {each.name: each for each in self.waiting}
        touched: list[BooksChange] = []
        for promise in list(self.projection.promises())[:most]:
            each = named[promise.waiting]
            for line, units in promise.units:
                each.open[line] -= units
            assert min(each.open) >= 0
            assert not each.recorded.wish.whole or not any(each.open)
            for item, units in promise.lines:
                on_hand, reserved = self.counts[item]
                assert on_hand - reserved >= units
                self.counts[item] = on_hand, reserved + units
                touched.append(_count(item, self.counts[item]))
            touched.append(each.told(anew=False))
        self._commit(touched)

    def _commit(self, touched: Sequence[BooksChange]) -> None:
        self.projection.apply_balances(books(self.number, *touched))


def _plain(held: Holdings) -> list[Stock]:
    """Stock items in order, with nothing said about what is for whom."""
    return sorted(
        (replace(each, awaited=0) for product in held.values() for each in product), key=lambda each: each.item
    )


def _count(item: StockItem, counts: tuple[int, int]) -> Count:
    return Count(item.owner, item.sku, item.location, item.lot, item.uom, item.custodian, item.condition, *counts)


def gotten(projection: Projection) -> dict[str, dict[tuple[int, StockItem], int]]:
    """What the projection has for each demand: units of stock items by line."""
    found: dict[str, dict[tuple[int, StockItem], int]] = {}
    for promise in projection.promises():
        lines = [line for line, _ in promise.units]
        for (item, units), purpose in zip(promise.lines, promise.recorded.purposes, strict=True):
            given = found.setdefault(promise.waiting, {})
            given[lines[purpose.line], item] = given.get((lines[purpose.line], item), 0) + units
    return found


def due(planned: Mapping[str, tuple[Allocation, ...]]) -> dict[str, dict[tuple[int, StockItem], int]]:
    """The same of plans."""
    found: dict[str, dict[tuple[int, StockItem], int]] = {}
    for name, allocations in planned.items():
        for each in allocations:
            given = found.setdefault(name, {})
            given[each.line, each.item] = given.get((each.line, each.item), 0) + each.quantity
    return found


def total(planned: Mapping[str, tuple[Allocation, ...]]) -> dict[StockItem, int]:
    """Units of each stock item that demands get."""
    found: dict[StockItem, int] = {}
    for allocations in planned.values():
        for each in allocations:
            found[each.item] = found.get(each.item, 0) + each.quantity
    return found


@FEWER
@given(histories())
def test_first_come_first_served(history: tuple[World, list[Event]]) -> None:
    """After whatever happened each demand is earmarked just what its plan takes of what those before it leave, as if
    all were planned anew.
    """
    world, events = history
    ledger = Ledger(world)
    for event in events:
        ledger.happen(event)
        planned = ledger.planned()
        assert gotten(ledger.projection) == due(planned)
        assert ledger.projection.awaited(PRODUCTS) == total(planned)


@FEWER
@given(histories())
def test_nobody_else_sees_what_is_earmarked(history: tuple[World, list[Event]]) -> None:
    """At every mark all levels, explanations and stock for plans are those of the stock without the units that waiting
    demands get: no unit that arrives is seen before they were served.
    """
    world, events = history
    ledger = Ledger(world)
    plain = ledger.configured(loaded())
    for event in events:
        ledger.happen(event)
        left = ledger.stock(total(ledger.planned()))
        lots = [Lot(*lot, expiry) for lot, expiry in ledger.lots.items()]
        plain.turn(ledger.today)
        counts = [_count(each.item, (each.on_hand, each.reserved)) for each in left]
        load_balances(plain, LEDGER.revision(ledger.number), [*lots, *counts])
        assert listed(ledger.projection) == listed(plain)
        assert _plain(ledger.projection.holdings(PRODUCTS)) == _plain(plain.holdings(PRODUCTS))


@FEWER
@given(histories())
def test_a_replica_that_starts_now_earmarks_the_same(history: tuple[World, list[Event]]) -> None:
    """A projection that is loaded from an export has the earmarks and levels of one that followed every commit."""
    world, events = history
    ledger = Ledger(world)
    for event in events:
        ledger.happen(event)
    other = Projection(1 << 20)
    other.turn(ledger.today)
    load_balances(other, LEDGER.revision(ledger.number), ledger.told())
    load_configuration(other)
    ledger.configured(other)
    assert gotten(other) == gotten(ledger.projection)
    assert list(gotten(other)) == list(gotten(ledger.projection))
    assert listed(other) == listed(ledger.projection)


@FEWER
@given(histories())
def test_a_promise_that_arrives_changes_nothing_for_others(history: tuple[World, list[Event]]) -> None:
    """Once the ledger promised what was earmarked for the first one, everybody else is earmarked what they were, and no
    level is another. Of orders that say how many locations may send, each promise is an order of its own: they are left
    out here.
    """
    world, events = history
    events = [
        replace(each, wish=replace(each.wish, locations_max=None, one_location_per_line=False)) for each in events
    ]
    ledger = Ledger(world)
    for event in events:
        ledger.happen(event)
    before, levels = gotten(ledger.projection), listed(ledger.projection)
    ledger.happen(Event("promise", 0, Wish(()), (), 0))
    first = next(iter(before), "")
    assert gotten(ledger.projection) == {name: given for name, given in before.items() if name != first}
    assert listed(ledger.projection) == levels
