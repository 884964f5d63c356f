"""Reach and supply as tables: what counts, what does not, and the reason given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.reach import reach
from weir_allocation.stock import ANY, EACH, Condition, Demand, Stock, StockItem
from weir_allocation.trace import Stage, Step, Subject, Verdict

GOLDEN = Network.of(
    warehouse_groups={"europe": ["FR", "DE2", "DE1"], "us": ["US"], "berlin": ["BERLIN"], "idle": ["NO"], "bare": []},
    channels=[
        Channel("shop-eu", "eu"),
        Channel("market-eu", "eu"),
        Channel("shop-us", "us"),
        Channel("till", "till"),
        Channel("nobody", "nobody"),
        Channel("rep", "eu", by_custody=True),
    ],
    links=[("europe", "eu"), ("us", "us"), ("berlin", "till"), ("bare", "us")],
)


def item(location: str, *, lot: str = "", uom: str = EACH, custodian: str = "") -> StockItem:
    """A stock item of the product that all these tests are about."""
    return StockItem("", "BIKE", location, lot, uom, custodian)


def stock(location: str, on_hand: int, reserved: int = 0) -> Stock:
    """Sellable units in the custody of the location, without a lot."""
    return Stock(item(location), on_hand, reserved)


GOLDEN_STOCK = [stock("DE1", 50), stock("DE2", 30), stock("FR", 100), stock("US", 80), stock("BERLIN", 12)]


def asked(channel: str, there: list[Stock], demand: Demand = ANY) -> Trace:
    """The trace of the product in a channel of the golden network."""
    return traced_in(GOLDEN, channel, there, demand)


def traced_in(network: Network, channel: str, there: list[Stock], demand: Demand = ANY) -> Trace:
    """The trace of the product in a channel, where nothing is shared, divided or ruled."""
    configuration = Configuration.of(network)
    holdings = {("", "BIKE"): there}
    return explain(Question(configuration, network.channels[channel], ("", "BIKE"), holdings, date(2026, 3, 1), demand))


def steps(step: Step) -> Iterator[Step]:
    """A step and all it is made of."""
    yield step
    for each in step.steps:
        yield from steps(each)


def verdicts(traced: Trace, subject: Subject, stage: Stage = Stage.SUPPLY) -> dict[str, Verdict]:
    """The verdict of each step about such a subject, by name."""
    found = (step for root in traced.steps for step in steps(root))
    return {step.name: step.verdict for step in found if (step.stage, step.subject) == (stage, subject)}


@pytest.mark.parametrize(
    ("channel", "level"), [("shop-eu", 180), ("market-eu", 180), ("shop-us", 80), ("till", 12), ("nobody", 0)]
)
def test_golden_case_one(channel: str, level: int) -> None:
    """Warehouses of 50, 30, 100, 80 and 12 give Europe 180, the US 80, Berlin 12, and an unlinked channel nothing."""
    assert asked(channel, GOLDEN_STOCK).level == level


def test_golden_case_eleven() -> None:
    """Reserved 30 of what now holds 25 leaves 0, not -5."""
    traced = asked("till", [stock("BERLIN", 25, reserved=30)])
    assert (traced.level, traced.supply) == (0, 0)
    assert verdicts(traced, Subject.STOCK_ITEM) == {"BERLIN": Verdict.ALL_RESERVED}


def test_reach_says_why_a_location_does_not_count() -> None:
    """A location of another group is not linked, one in no group is not grouped; both are named where stock lies."""
    reached = reach(GOLDEN, GOLDEN.channels["shop-eu"])
    wanted = {"DE1": Verdict.COUNTED, "US": Verdict.NOT_LINKED, "NO": Verdict.NOT_LINKED, "MARS": Verdict.NOT_GROUPED}
    assert {location: reached.verdict(location) for location in wanted} == wanted
    traced = asked("shop-eu", [*GOLDEN_STOCK, stock("MARS", 7)])
    assert verdicts(traced, Subject.LOCATION) == {
        "BERLIN": Verdict.NOT_LINKED,
        "DE1": Verdict.COUNTED,
        "DE2": Verdict.COUNTED,
        "FR": Verdict.COUNTED,
        "MARS": Verdict.NOT_GROUPED,
        "US": Verdict.NOT_LINKED,
    }


def test_reach_names_every_group_and_location_in_order() -> None:
    """The step of a channel is made of its groups, those of their locations; a group without any is named too."""
    step = reach(GOLDEN, GOLDEN.channels["shop-us"]).step
    assert [(each.name, each.verdict) for each in step.steps] == [("bare", Verdict.EMPTY), ("us", Verdict.COUNTED)]
    assert [each.name for each in reach(GOLDEN, GOLDEN.channels["shop-eu"]).step.steps[0].steps] == ["DE1", "DE2", "FR"]
    assert reach(GOLDEN, GOLDEN.channels["nobody"]).step.verdict is Verdict.NOT_LINKED


def test_a_representative_is_not_reached_by_groups() -> None:
    """A channel by custody gets nothing from the groups of its channel group, and is told so."""
    traced = asked("rep", GOLDEN_STOCK)
    assert traced.level == 0
    assert traced.steps[0].verdict is Verdict.BY_CUSTODY
    assert set(verdicts(traced, Subject.LOCATION).values()) == {Verdict.BY_CUSTODY}


@pytest.mark.parametrize(
    ("there", "demand", "verdict", "units"),
    [
        (Stock(item("DE1"), 9, 2), ANY, Verdict.COUNTED, 7),
        (Stock(item("DE1"), 9, 9), ANY, Verdict.ALL_RESERVED, 0),
        (Stock(item("DE1"), 9, 9, awaited=2), ANY, Verdict.AWAITED, 0),
        (Stock(item("DE1"), 9, 8, awaited=2), ANY, Verdict.COUNTED, 1),
        (Stock(item("DE1"), 0, 0), ANY, Verdict.EMPTY, 0),
        (Stock(item("DE1"), 0, 3), ANY, Verdict.EMPTY, 0),
        (Stock(StockItem("", "BIKE", "DE1", condition=Condition.HOLD), 9, 0), ANY, Verdict.NOT_SELLABLE, 0),
        (Stock(StockItem("", "BIKE", "DE1", condition=Condition.DAMAGED), 9, 0), ANY, Verdict.NOT_SELLABLE, 0),
        (Stock(item("DE1", custodian="ann"), 9, 0), ANY, Verdict.IN_CUSTODY, 0),
        (Stock(item("DE1", uom="CARTON"), 9, 0), ANY, Verdict.OTHER_UOM, 0),
        (Stock(item("DE1", uom="CARTON"), 9, 0), Demand(uom="CARTON"), Verdict.COUNTED, 9),
        (Stock(item("DE1"), 9, 0), Demand(uom="CARTON"), Verdict.OTHER_UOM, 0),
        (Stock(item("DE1", lot="L1"), 9, 0), ANY, Verdict.COUNTED, 9),
        (Stock(item("DE1", lot="L1"), 9, 0), Demand(lot="L1"), Verdict.COUNTED, 9),
        (Stock(item("DE1", lot="L2"), 9, 0), Demand(lot="L1"), Verdict.OTHER_LOT, 0),
        (Stock(item("DE1"), 9, 0), Demand(lot="L1"), Verdict.OTHER_LOT, 0),
        (Stock(StockItem("", "BIKE", "DE1", "L2", "BOX", "ann", Condition.HOLD), 9, 0), ANY, Verdict.NOT_SELLABLE, 0),
        (Stock(StockItem("", "BIKE", "DE1", "L2", "BOX", "ann"), 9, 0), Demand("L1"), Verdict.IN_CUSTODY, 0),
        (Stock(StockItem("", "BIKE", "DE1", "L2", "BOX"), 9, 0), Demand("L1"), Verdict.OTHER_UOM, 0),
    ],
)
def test_one_stock_item(there: Stock, demand: Demand, verdict: Verdict, units: int) -> None:
    """What one stock item gives to a demand, and the first reason where it gives nothing."""
    traced = asked("shop-eu", [there], demand)
    assert verdicts(traced, Subject.STOCK_ITEM) == {"DE1": verdict}
    assert traced.level == units


def test_what_lies_where_the_channel_does_not_reach_is_told_but_not_given() -> None:
    """The step of such a location takes its units in and lets none out."""
    [us] = [step for step in asked("till", GOLDEN_STOCK).steps[1].steps if step.name == "US"]
    assert (us.verdict, us.units_in, us.units_out) == (Verdict.NOT_LINKED, 80, 0)


def test_a_reached_location_without_stock_is_empty() -> None:
    """Every reached location has its step, also where the product was never stocked."""
    traced = asked("shop-eu", [])
    assert verdicts(traced, Subject.LOCATION) == dict.fromkeys(("DE1", "DE2", "FR"), Verdict.EMPTY)


def test_a_link_from_a_group_that_is_not_there_feeds_nothing() -> None:
    """Half-known networks are computed as far as they go, without an accident."""
    network = Network.of(warehouse_groups={}, channels=[Channel("shop", "shop")], links=[("gone", "shop")])
    traced = traced_in(network, "shop", GOLDEN_STOCK)
    assert traced.level == 0
    assert verdicts(traced, Subject.WAREHOUSE_GROUP, Stage.REACH) == {"gone": Verdict.EMPTY}
