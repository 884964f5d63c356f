"""The golden cases of the arithmetic, by their numbers."""

from __future__ import annotations

from datetime import date

import pytest

from tests.kit.worlds import holdings
from weir_allocation.balance import exhausted
from weir_allocation.configuration import Configuration
from weir_allocation.goods import Goods
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import Rounding, Rule
from weir_allocation.sharing import NO_SHARING, Bundle, Link
from weir_allocation.sources import sources
from weir_allocation.split import divide
from weir_allocation.stock import ANY, EACH, Demand, Product, Stock, StockItem
from weir_allocation.trace import Stage, Subject, Verdict

TODAY = date(2026, 3, 1)
EUROPE = Network.of(
    warehouse_groups={"europe": ["DE1", "DE2", "FR"]},
    channels=[Channel("shop-de", "webshops"), Channel("shop-fr", "webshops"), Channel("amazon-de", "amazon-de")],
    links=[("europe", "webshops"), ("europe", "amazon-de")],
)
STORES = ("shop-de", "shop-fr", "amazon-de")


def product(sku: str) -> Product:
    """A product of the tenant itself."""
    return "", sku


def units(sku: str, location: str, on_hand: int, reserved: int = 0, *, lot: str = "", uom: str = EACH) -> Stock:
    """Sellable units in the custody of the location."""
    return Stock(StockItem("", sku, location, lot, uom), on_hand, reserved)


def asked(configuration: Configuration, channel: str, sku: str, *stock: Stock, demand: Demand = ANY) -> Trace:
    """What a channel may sell."""
    network = configuration.network
    return explain(Question(configuration, network.channels[channel], product(sku), holdings(stock), TODAY, demand))


def levels(configuration: Configuration, sku: str, *stock: Stock) -> dict[str, int]:
    """What every channel may sell."""
    return {channel: asked(configuration, channel, sku, *stock).level for channel in configuration.network.channels}


def test_case_two_equal_division() -> None:
    """Europe's 180, divided equally between the webshops and Amazon, are 90 and 90; both webshops show 90."""
    half = Policy("half", 1, Strategy.EQUAL_DIVISION)
    stock = [units("BIKE", "DE1", 50), units("BIKE", "DE2", 30), units("BIKE", "FR", 100)]
    assert levels(Configuration.of(EUROPE, policies=[half]), "BIKE", *stock) == dict.fromkeys(STORES, 90)


@pytest.mark.parametrize(("remaining", "anew"), [(20, True), (21, False), (0, True), (100, False)])
def test_case_three_balanced_shares(remaining: int, anew: bool) -> None:
    """Of a balanced share of 100 the last 20 are few enough to divide anew, 21 are not."""
    assert exhausted(balanced=100, remaining=remaining) is anew


def test_case_three_nothing_balanced() -> None:
    """A share that was 0 when it was divided is never divided anew for that."""
    assert not exhausted(balanced=0, remaining=0)


@pytest.mark.parametrize(
    ("units_there", "rate", "threshold", "preferred", "wanted"),
    [
        (1000, 100, 0, 0, (1000, 1000, 1000)),
        (1000, 50, 0, 0, (500, 500, 500)),
        (9, 100, 5, 10, (9, 0, 0)),
        (9, 100, 10, 10, (0, 0, 0)),
        (10, 100, 10, 10, (10, 10, 10)),
        (10, 100, 5, 10, (10, 10, 10)),
        (4, 100, 5, 10, (0, 0, 0)),
        (5, 100, 5, 10, (5, 0, 0)),
    ],
)
def test_case_four_sync_rules(
    units_there: int, rate: int, threshold: int, preferred: int, wanted: tuple[int, ...]
) -> None:
    """A rate counts in every store; below P only the priority store sells; P <= T is void; A = T passes."""
    rule = Rule(
        "rule",
        1,
        frozenset(STORES),
        threshold=threshold,
        rate_percent=rate,
        priority_store=STORES[0],
        priority_quantity=preferred,
    )
    told = levels(Configuration.of(EUROPE, rules=[rule]), "BIKE", units("BIKE", "FR", units_there))
    assert tuple(told[store] for store in STORES) == wanted


@pytest.mark.parametrize(
    ("share", "rate", "rounding", "wanted"),
    [
        (23, 60, Rounding.DOWN, 13),
        (29, 20, Rounding.UP, 6),
        (29, 20, Rounding.NEAREST, 6),
        (53, 10, Rounding.NEAREST, 5),
        (1, 90, Rounding.DOWN, 0),
        (3, 50, Rounding.DOWN, 1),
        (3, 50, Rounding.NEAREST, 2),
        (100, 30, Rounding.UP, 30),
    ],
)
def test_case_five_rounding(share: int, rate: int, rounding: Rounding, wanted: int) -> None:
    """13.8 down is 13; 5.8 up and to the nearest 6; 5.3 to the nearest 5; 90 % of 1 are 0; 50 % of 3 are 1; a half is
    up.
    """
    rule = Rule("rule", 1, frozenset(STORES), rate_percent=rate, rounding=rounding)
    told = levels(Configuration.of(EUROPE, rules=[rule]), "BIKE", units("BIKE", "FR", share))
    assert told == dict.fromkeys(STORES, wanted)


def test_case_six_a_bundle() -> None:
    """A kit of one bike and two batteries, with 10 and 7 there, can be put together 3 times."""
    kit = Bundle(product("KIT"), ((product("BIKE"), 1), (product("BATTERY"), 2)))
    configuration = Configuration.of(EUROPE, sharing=NO_SHARING.changed(bundles=[kit]))
    assert asked(configuration, "shop-de", "KIT", units("BIKE", "FR", 10), units("BATTERY", "FR", 7)).level == 3


@pytest.mark.parametrize(("bidirectional", "back"), [(False, 0), (True, 4)])
def test_case_seven_links(bidirectional: bool, back: int) -> None:
    """SPACE-1 may use the stock of TV-1; TV-1 may use that of SPACE-1 only where the link goes both ways."""
    link = Link("link", product("TV-1"), product("SPACE-1"), bidirectional)
    configuration = Configuration.of(EUROPE, sharing=NO_SHARING.changed(links=[link]))
    stock = (units("TV-1", "FR", 7), units("SPACE-1", "FR", 4))
    assert asked(configuration, "shop-de", "SPACE-1", *stock).level == 11
    assert asked(configuration, "shop-de", "TV-1", *stock).level == 7 + back


@pytest.mark.parametrize(
    ("stock", "demand", "verdict"),
    [
        (units("TV-1", "FR", 7, lot="L2"), Demand(lot="L1"), Verdict.LOT_MISMATCH),
        (units("TV-1", "FR", 7), Demand(uom="CARTON"), Verdict.UOM_MISMATCH),
        (units("TV-1", "US", 7), ANY, Verdict.OTHER_WAREHOUSE),
        (units("TV-1", "FR", 7), ANY, Verdict.COUNTED),
    ],
)
def test_case_eight_three_refusals(stock: Stock, demand: Demand, verdict: Verdict) -> None:
    """Another lot, another unit of measure, another warehouse: three refusals with three reasons."""
    link = Link("link", product("TV-1"), product("SPACE-1"))
    configuration = Configuration.of(EUROPE, sharing=NO_SHARING.changed(links=[link]))
    traced = asked(configuration, "shop-de", "SPACE-1", stock, demand=demand)
    [lent] = [step for place in traced.steps[1].steps for step in place.steps if step.subject is Subject.LINK]
    assert lent.verdict is verdict
    assert traced.level == (7 if verdict is Verdict.COUNTED else 0)
    goods = Goods(holdings([stock]), demand, TODAY)
    _, source = sources(product("SPACE-1"), configuration.sharing, goods, EUROPE.grouped)
    assert source.verdict is verdict


def test_case_nine_two_borrowers_of_one_source() -> None:
    """A bundle of A and B, which both borrow from 10 units of S and have none of their own, can be made 5 times."""
    sharing = NO_SHARING.changed(
        links=[Link(sku, product("S"), product(sku)) for sku in ("A", "B")],
        bundles=[Bundle(product("AB"), ((product("A"), 1), (product("B"), 1)))],
    )
    traced = asked(Configuration.of(EUROPE, sharing=sharing), "shop-de", "AB", units("S", "FR", 10))
    assert traced.level == 5
    [assembly] = [step for place in traced.steps[1].steps for step in place.steps]
    assert (assembly.verdict, assembly.units_in, assembly.units_out) == (Verdict.COUNTED_ONCE, 10, 5)


def test_case_eleven_a_group_that_promised_more_than_it_has() -> None:
    """Reserved 30 of what now holds 25 leaves 0 for every channel, never less, however it is divided and offered."""
    configuration = Configuration.of(
        EUROPE,
        policies=[Policy("half", 1, Strategy.EQUAL_DIVISION)],
        rules=[Rule("rule", 1, frozenset(STORES), constant=-3)],
    )
    assert levels(configuration, "BIKE", units("BIKE", "FR", 25, reserved=30)) == dict.fromkeys(STORES, 0)


def test_ranked_shares() -> None:
    """Of 1000: 40 % at least 100, 10 %, 20 % at least 300, 30 % are 400, 100, 300 and the 200 that are left."""
    parts = (
        Part("first", 1, percent=40, minimum=100),
        Part("second", 2, percent=10),
        Part("third", 3, percent=20, minimum=300),
        Part("fourth", 4, percent=30),
    )
    division = divide(Policy("ranked", 1, Strategy.RANKED, parts=parts), 1000, [part.channel_group for part in parts])
    assert division.shares == {"first": 400, "second": 100, "third": 300, "fourth": 200}
    assert division.held_back == 0


def test_every_stage_has_its_step() -> None:
    """A trace is made of the five stages in their order."""
    stages = [step.stage for step in asked(Configuration.of(EUROPE), "shop-de", "BIKE").steps]
    assert stages == list(Stage)
