"""What is earmarked for orders that wait, and what it costs to find out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.kit.projections import books, channel, count, group, level, link, loaded, network, stands
from weir_aggregator.domain import BackOrders, BooksChange, Lot, Recorded, Waiting
from weir_aggregator.projection import Projection
from weir_aggregator.projection.demands import Demand
from weir_aggregator.projection.earmarking import Standing
from weir_allocation.fulfilment import planner
from weir_allocation.fulfilment.model import Line, Order, Plan, Wish
from weir_allocation.fulfilment.terms import terms
from weir_allocation.sharing import Bundle
from weir_allocation.sharing import Link as Lends
from weir_allocation.stock import StockItem

BIKE, BELL, SET, SPARE = ("", "BIKE"), ("", "BELL"), ("", "SET"), ("", "SPARE")
AT_A = StockItem("", "BIKE", "A")
TODAY = date(2026, 3, 1)


class House:
    """A tenant with two regions, each with a shop: one of A and B, and one of C."""

    def __init__(self) -> None:
        """Nothing is stocked, and nothing waits."""
        changes = [group("west", "A", "B"), group("east", "C"), channel("shop"), channel("fair")]
        lends = stands(Lends("K", SPARE, BIKE, keep_back=1))
        made = [link("west", "shop"), link("east", "fair"), stands(Bundle(SET, ((BIKE, 1), (BELL, 2)))), lends]
        self.projection: Projection = loaded(changes=[*changes, *made])
        self.projection.turn(TODAY)
        self._number = 1

    def happen(self, *changes: BooksChange) -> None:
        """A commit of the ledger."""
        self._number += 1
        self.projection.apply_balances(books(self._number, *changes))

    def waits(self, name: str, *lines: Line, sells: str = "shop", whole: bool = False) -> Waiting:
        """A demand that begins to wait with the next commit."""
        configuration = self.projection.configuration
        agreed = terms(configuration, configuration.network.channels[sells], [each.product for each in lines])
        wish = Wish(lines, whole=whole)
        return Waiting(name, self._number + 1, tuple(each.quantity for each in lines), Recorded(wish, sells, agreed))

    def wait(self, name: str, *lines: Line, sells: str = "shop", whole: bool = False) -> None:
        """Begin to wait."""
        self.happen(self.waits(name, *lines, sells=sells, whole=whole))

    def gets(self) -> dict[str, list[tuple[str, str, int]]]:
        """What each demand is promised: product, location and units."""
        return {
            each.waiting: [(item.sku, item.location, units) for item, units in each.lines]
            for each in self.projection.promises()
        }


@pytest.fixture
def house() -> House:
    """Two regions."""
    return House()


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """Every order that a plan is made for."""
    made: list[Order] = []

    def noted(order: Order) -> Plan:
        made.append(order)
        return plan(order)

    plan = planner.plan
    monkeypatch.setattr(planner, "plan", noted)
    return made


def bikes(units: int) -> Line:
    """A line of bikes."""
    return Line(BIKE, units)


def test_what_arrives_is_for_those_who_wait(house: House) -> None:
    """In order of arrival, also by part; what is over is offered in the same pass."""
    house.wait("first", bikes(3))
    house.wait("second", bikes(2))
    house.happen(count("BIKE", "A", 4))
    assert house.gets() == {"first": [("BIKE", "A", 3)], "second": [("BIKE", "A", 1)]}
    assert level(house.projection, "shop", BIKE) == 0
    house.happen(count("BIKE", "A", 7))
    assert house.gets() == {"first": [("BIKE", "A", 3)], "second": [("BIKE", "A", 2)]}
    assert level(house.projection, "shop", BIKE) == 2
    assert house.projection.awaited([BIKE, BELL]) == {AT_A: 5}


def test_a_promise_says_what_it_is_for(house: House) -> None:
    """Lines of the demand and their units, what is promised for them, and an order of its own that is planned so."""
    house.wait("one", Line(BELL, 5), bikes(3), Line(SET, 2))
    house.happen(count("BIKE", "A", 4), count("BELL", "A", 2))
    [promise] = house.projection.promises()
    assert (promise.waiting, promise.demanded) == ("one", 3)
    units = dict(promise.units)
    assert sum(units.values()) == 5
    wish = promise.recorded.wish
    assert [line.quantity for line in wish.lines] == [units[line] for line in sorted(units)]
    assert len(promise.recorded.purposes) == len(promise.lines)
    plan = promise.recorded.plan
    assert plan is not None
    assert (plan.allocations, plan.missing, plan.objective.filled) == ((), (), 5)


def test_a_whole_order_gets_all_or_nothing(house: House) -> None:
    """Until all is there what it wants is for those behind it; then it comes first again."""
    house.wait("whole", bikes(2), Line(BELL, 1), whole=True)
    house.wait("later", bikes(2))
    house.happen(count("BIKE", "A", 3))
    assert house.gets() == {"later": [("BIKE", "A", 2)]}
    assert level(house.projection, "shop", BIKE) == 1
    house.happen(count("BELL", "B", 1))
    assert house.gets() == {"whole": [("BIKE", "A", 2), ("BELL", "B", 1)], "later": [("BIKE", "A", 1)]}
    assert level(house.projection, "shop", BIKE) == 0


def test_bundles_are_put_together_for_who_waits(house: House) -> None:
    """As many as parts lie in one place, beside what a link keeps back; the promise says which parts go together."""
    house.wait("one", Line(SET, 5))
    house.happen(count("BIKE", "A", 3), count("SPARE", "A", 3), count("BELL", "A", 11), count("BELL", "B", 9))
    [promise] = house.projection.promises()
    assert promise.units == ((0, 5),)
    assert sorted((item.sku, units) for item, units in promise.lines) == [("BELL", 10), ("BIKE", 3), ("SPARE", 2)]
    assert {(each.line, each.serves_as, each.bundles) for each in promise.recorded.purposes} == {
        (0, BIKE, 5),
        (0, BELL, 5),
    }
    assert level(house.projection, "shop", SET) == 0


def test_lots_and_days(house: House) -> None:
    """What expires first is earmarked, also where it is told later when that is; what has expired is not."""
    house.wait("one", bikes(1))
    house.happen(count("BIKE", "A", 2, lot="L1"), count("BIKE", "A", 2, lot="L2"))
    first, second = (StockItem("", "BIKE", "A", lot) for lot in ("L1", "L2"))
    assert house.projection.awaited([BIKE]) == {first: 1}
    house.happen(Lot("", "BIKE", "L2", TODAY + timedelta(days=9)))
    assert house.projection.awaited([BIKE]) == {second: 1}
    house.happen(Lot("", "BIKE", "L1", TODAY + timedelta(days=1)))
    assert house.projection.awaited([BIKE]) == {first: 1}
    house.projection.turn(TODAY + timedelta(days=2))
    assert house.projection.awaited([BIKE]) == {second: 1}
    assert level(house.projection, "shop", BIKE) == 1


def test_it_is_served_under_the_terms_it_was_accepted_under(house: House) -> None:
    """A link that comes later lends it nothing, one that goes still does; where it reached it still does."""
    house.wait("one", bikes(3))
    house.projection.apply_configuration(
        network(2, stands(Lends("K", SPARE, BIKE, keep_back=1), deleted=True), link("west", "shop", deleted=True))
    )
    house.happen(count("SPARE", "B", 3))
    assert house.gets() == {"one": [("SPARE", "B", 2)]}


def test_nothing_is_kept_once_nobody_waits(house: House) -> None:
    """After the last demand is gone, promised or cancelled, nothing of it is left; stock goes on as if it had not
    been.
    """
    house.wait("one", bikes(3), Line(SET, 1))
    house.wait("two", bikes(1))
    house.happen(count("BIKE", "A", 9), count("BELL", "A", 9))
    house.happen(Waiting("two", 3, (0,), None), Waiting("one", 2, (0, 0), None))
    standing = house.projection._queue._standing
    kept = (standing.demands, standing.there, standing.readers, standing.holders, standing.earmarked, standing.holding)
    assert not any(kept)
    assert not house.projection._queue._places
    assert not house.projection._balances._earmarked
    assert level(house.projection, "shop", BIKE) == 9


def test_who_says_not_how_is_left_to_others(house: House) -> None:
    """A demand that was not made here is earmarked nothing, whatever becomes of it."""
    house.happen(Waiting("theirs", 2, (3,), None))
    house.happen(count("BIKE", "A", 9))
    house.happen(Waiting("theirs", 2, (1,), None))
    assert house.gets() == {}
    assert level(house.projection, "shop", BIKE) == 9


def test_back_orders(house: House) -> None:
    """As many units may wait and do as was told last; of other products none."""
    house.happen(BackOrders("", "BIKE", 9, 0))
    house.happen(BackOrders("", "BIKE", 7, 3))
    assert house.projection.back_orders(BIKE) == (7, 3)
    assert house.projection.back_orders(BELL) == (0, 0)


def test_thousands_on_one_product_cost_no_plan_each(house: House, plans: list[Order]) -> None:
    """Where nothing is there for them no plan is made, and where something is one plan does for all that are alike;
    what happens elsewhere, or is promised as it was earmarked, makes none.
    """
    many = 3000
    house.happen(count("BIKE", "C", 9), *(house.waits(f"{number:04}", bikes(1)) for number in range(many)))
    house.happen(count("BIKE", "C", 8))
    assert not plans
    house.happen(count("BIKE", "A", 1000))
    assert len(house.gets()) == 1000
    assert len(plans) <= 2
    promised = [Waiting(f"{number:04}", 2, (0,), None) for number in range(500)]
    house.happen(count("BIKE", "A", 1000, 500), *promised)
    house.happen(count("BIKE", "A", 900, 400))
    assert len(house.gets()) == 500
    assert len(plans) <= 2


def test_only_whom_a_change_reaches_is_looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes what differs ends it for those behind; a promise ends with its own demand, and what happens in
    another region, or to goods that nobody wants, reaches nobody.
    """
    looked: list[str] = []
    planned = Standing.planned

    def noted(standing: Standing, demand: Demand, *rest: Any) -> Plan | None:
        looked.append(demand.place[1])
        return planned(standing, demand, *rest)

    monkeypatch.setattr(Standing, "planned", noted)

    def reached(*changes: BooksChange) -> list[str]:
        looked.clear()
        house.happen(*changes)
        return looked

    house.happen(count("BIKE", "C", 9), *(house.waits(f"{number:02}", bikes(2)) for number in range(50)))
    assert reached(count("BIKE", "C", 8), count("BELL", "A", 3)) == []
    assert reached(count("BIKE", "A", 3)) == ["00", "01"]
    assert reached(count("BIKE", "A", 4)) == ["00", "01"]
    assert reached(count("BIKE", "A", 4, 2), Waiting("00", 2, (0,), None)) == ["00"]
    assert reached(count("BIKE", "A", 2)) == []
    assert reached(count("BIKE", "A", 1)) == ["01"]
    assert reached(count("BIKE", "A", 2), Waiting("07", 2, (1,), None)) == ["01", "07"]
    assert reached(house.waits("99", bikes(1))) == ["99"]


def test_whole_orders_that_lack_a_line_cost_no_plan(house: House, plans: list[Order]) -> None:
    """However much comes of the others."""
    lines = (bikes(1), Line(BELL, 2))
    house.happen(*(house.waits(f"{number:03}", *lines, whole=True) for number in range(100)))
    house.happen(count("BIKE", "A", 50), count("BELL", "A", 1))
    house.happen(count("BIKE", "A", 60))
    assert not plans
    house.happen(count("BELL", "A", 2))
    assert list(house.gets()) == ["000"]


def test_a_demand_that_cannot_be_planned(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with it, those behind it are served, and levels are told."""
    plan = planner.plan

    def broken(order: Order) -> Plan:
        if order.wish.lines[0].quantity == 7:
            raise RuntimeError("a bug")
        return plan(order)

    monkeypatch.setattr(planner, "plan", broken)
    house.wait("one", bikes(7))
    house.wait("two", bikes(2))
    house.happen(count("BIKE", "A", 3))
    assert house.gets() == {"two": [("BIKE", "A", 2)]}
    assert level(house.projection, "shop", BIKE) == 1


def test_more_than_the_ledger_takes_at_once(house: House) -> None:
    """Of a whole order that one request cannot promise nothing is earmarked; of another one as much as one takes is
    promised first.
    """
    lots = [count("BIKE", "A", 1, lot=f"{number:03}") for number in range(600)]
    house.wait("whole", bikes(600), whole=True)
    house.wait("other", bikes(600))
    house.happen(*lots)
    [promise] = house.projection.promises()
    assert (promise.waiting, promise.units, len(promise.lines)) == ("other", ((0, 500),), 500)
    assert level(house.projection, "shop", BIKE) == 0
