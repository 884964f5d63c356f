"""Rules and limits as tables: what a store is told of its share, what its rule lets it reach, and what is told too
much.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.kit.worlds import holdings
from weir_allocation.configuration import Configuration
from weir_allocation.exposure import exposure
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, Trace, explain
from weir_allocation.policy import Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.stock import Stock, StockItem
from weir_allocation.trace import Stage, Step, Verdict

TODAY = date(2026, 3, 1)
BIKE = ("", "BIKE")
CAR = ("", "CAR")
NETWORK = Network.of(
    warehouse_groups={"north": ["N1", "N2"], "south": ["S"]},
    channels=[Channel("shop", "all"), Channel("outlet", "all"), Channel("till", "north"), Channel("rep", "all", True)],
    links=[("north", "all"), ("south", "all"), ("north", "north")],
)
STORES = frozenset(["shop", "outlet", "till"])
STOCK = holdings(
    Stock(StockItem(*BIKE, location), units, 0) for location, units in {"N1": 6, "N2": 5, "S": 7, "ATTIC": 2}.items()
)


EVERY = Rule("rule", 1, STORES)
"""A rule for all stores and products."""


def asked(channel: str, *rules: Rule, limits: Limits | None = None) -> Trace:
    """What a channel may sell of the bike."""
    configuration = Configuration.of(NETWORK, rules=rules, limits={channel: limits} if limits else {})
    return explain(Question(configuration, NETWORK.channels[channel], BIKE, STOCK, TODAY))


def stage(traced: Trace, stage: Stage) -> Step:
    """The step of one stage."""
    [step] = [each for each in traced.steps if each.stage is stage]
    return step


def test_a_product_that_no_rule_names_passes_straight_through() -> None:
    """Its level is the share, whatever other rules say."""
    traced = asked("shop", replace(EVERY, products=frozenset([CAR]), rate_percent=10))
    assert (traced.level, stage(traced, Stage.OFFER).verdict) == (18, Verdict.COUNTED)


@pytest.mark.parametrize(
    ("rule", "level", "verdict"),
    [
        (EVERY, 18, Verdict.OFFERED),
        (replace(EVERY, rate_percent=50), 9, Verdict.OFFERED),
        (replace(EVERY, rate_percent=150), 27, Verdict.OFFERED),
        (replace(EVERY, constant=4), 22, Verdict.OFFERED),
        (replace(EVERY, constant=-20), 0, Verdict.OFFERED),
        (replace(EVERY, threshold=20), 18, Verdict.OFFERED),
        (replace(EVERY, threshold=21), 0, Verdict.BELOW_THRESHOLD),
        (replace(EVERY, threshold=21, constant=4), 0, Verdict.BELOW_THRESHOLD),
        (replace(EVERY, priority_store="till", priority_quantity=21), 0, Verdict.KEPT_FOR_PRIORITY_STORE),
        (replace(EVERY, priority_store="shop", priority_quantity=21), 18, Verdict.OFFERED),
        (replace(EVERY, priority_store="till", priority_quantity=20), 18, Verdict.OFFERED),
        (replace(EVERY, priority_store="elsewhere", priority_quantity=21), 18, Verdict.OFFERED),
        (replace(EVERY, stores=frozenset(["till"])), 0, Verdict.NOT_UPDATED),
        (replace(EVERY, enabled=False, threshold=21), 18, Verdict.COUNTED),
    ],
)
def test_what_a_rule_makes_of_a_share(rule: Rule, level: int, verdict: Verdict) -> None:
    """Of 18 reached out of 20 that lie anywhere."""
    traced = asked("shop", rule)
    assert (traced.level, stage(traced, Stage.OFFER).verdict) == (level, verdict)
    assert traced.told is (verdict is not Verdict.NOT_UPDATED)


def test_the_rule_looks_at_its_own_warehouses_and_everything_in_them() -> None:
    """The supply of a rule is one figure, whatever each store reaches: also what lies where no store reaches."""
    traced = asked("till", replace(EVERY, warehouses=frozenset(["S", "ATTIC"]), threshold=9))
    [won] = stage(traced, Stage.OFFER).steps
    assert (won.verdict, won.term("supply_units"), won.term("threshold_units")) == (Verdict.WON, 9, 9)
    assert stage(traced, Stage.OFFER).verdict is Verdict.OFFERED


def test_a_rule_s_warehouses_are_all_that_its_stores_reach() -> None:
    """What lies elsewhere does not serve them, and says that it is outside the rule; other stores keep their reach."""
    only = replace(EVERY, stores=frozenset(["shop"]), warehouses=frozenset(["N1", "S"]))
    traced = asked("shop", only)
    assert (traced.supply, traced.level) == (13, 13)
    verdicts = {step.name: step.verdict for step in stage(traced, Stage.SUPPLY).steps}
    assert verdicts == {
        "ATTIC": Verdict.NOT_GROUPED,
        "N1": Verdict.COUNTED,
        "N2": Verdict.OUTSIDE_RULE,
        "S": Verdict.COUNTED,
    }
    other = asked("outlet", only)
    assert (other.supply, other.share, other.told) == (18, 18, False)


def test_the_first_rule_that_names_the_product_wins_alone() -> None:
    """Those behind it are named as outranked, whatever they would have said."""
    first = replace(EVERY, rule="first", priority=1, products=frozenset([BIKE]), rate_percent=50)
    traced = asked(
        "shop",
        replace(EVERY, rule="last", priority=3, constant=9),
        replace(EVERY, rule="second", priority=2, threshold=99),
        first,
    )
    assert traced.level == 9
    assert [(step.name, step.verdict) for step in stage(traced, Stage.OFFER).steps] == [
        ("first", Verdict.WON),
        ("second", Verdict.OUTRANKED),
        ("last", Verdict.OUTRANKED),
    ]


@pytest.mark.parametrize(
    ("limits", "level", "verdict"),
    [
        (Limits(), 18, Verdict.COUNTED),
        (Limits(max_quantity=18), 18, Verdict.COUNTED),
        (Limits(max_quantity=5), 5, Verdict.LIMITED),
        (Limits(max_quantity=0), 0, Verdict.LIMITED),
        (Limits(denied=frozenset([BIKE])), 0, Verdict.DENIED),
        (Limits(allowed=frozenset([CAR])), 0, Verdict.DENIED),
        (Limits(allowed=frozenset([BIKE])), 18, Verdict.COUNTED),
        (Limits(denied=frozenset([BIKE]), allowed=frozenset([BIKE])), 0, Verdict.DENIED),
    ],
)
def test_what_a_store_is_told_at_most(limits: Limits, level: int, verdict: Verdict) -> None:
    """Limits come last; a product that the store does not sell is not told at all."""
    traced = asked("shop", limits=limits)
    assert (traced.level, stage(traced, Stage.CAP).verdict) == (level, verdict)
    assert traced.told is (verdict is not Verdict.DENIED)


def test_a_representative_is_neither_divided_nor_offered() -> None:
    """A channel by custody ends after supply, as nothing of a group is for it."""
    traced = asked("rep", replace(EVERY, constant=9))
    assert [step.stage for step in traced.steps] == [Stage.REACH, Stage.SUPPLY]
    assert (traced.level, traced.told) == (0, True)


@pytest.mark.parametrize(
    ("policies", "rules", "limits", "wanted"),
    [
        ((), (), {}, 18 + 18 + 11 - 18),
        ((Policy("equal", 1, Strategy.EQUAL_DIVISION),), (), {"outlet": Limits(denied=frozenset([BIKE]))}, 0),
        ((), (), {"shop": Limits(denied=frozenset([BIKE])), "outlet": Limits(denied=frozenset([BIKE]))}, 0),
        ((), (replace(EVERY, constant=3),), {}, 21 + 21 + 14 - 18),
        ((), (replace(EVERY, stores=frozenset(["till"]), constant=3),), {}, 14 - 11),
        ((), (replace(EVERY, warehouses=frozenset(["N1"])),), {}, 6 + 6 + 6 - 6),
        ((), (replace(EVERY, threshold=99),), {}, 0),
    ],
)
def test_exposure(
    policies: tuple[Policy, ...], rules: tuple[Rule, ...], limits: dict[str, Limits], wanted: int
) -> None:
    """All levels together, less what lies where any store that is told reaches; a store that is not told counts
    neither.
    """
    configuration = Configuration.of(NETWORK, policies=policies, rules=rules, limits=limits)
    assert exposure(configuration, BIKE, STOCK, TODAY) == wanted


def test_exposure_under_sharing_with_everyone() -> None:
    """Where n stores see all of A, they are told (n - 1) * A too much."""
    network = Network.of(
        warehouse_groups={"all": ["W"]},
        channels=[Channel(f"store {number}", f"group {number}") for number in range(5)],
        links=[("all", f"group {number}") for number in range(5)],
    )
    stock = holdings([Stock(StockItem(*BIKE, "W"), 7, 0)])
    assert exposure(Configuration.of(network), BIKE, stock, TODAY) == 4 * 7
    divided = Configuration.of(network, policies=[Policy("equal", 1, Strategy.EQUAL_DIVISION)])
    assert exposure(divided, BIKE, stock, TODAY) == 0


def test_a_location_is_in_one_group_at_most() -> None:
    """Where several claim it, the last by identifier holds it, and its units count once."""
    network = Network.of(
        warehouse_groups={"one": ["W"], "two": ["W"]},
        channels=[Channel("shop", "shop"), Channel("other", "other")],
        links=[("one", "shop"), ("two", "shop"), ("one", "other")],
    )
    stock = holdings([Stock(StockItem(*BIKE, "W"), 7, 0)])
    levels = [
        explain(Question(Configuration.of(network), network.channels[name], BIKE, stock, TODAY)).level
        for name in ("shop", "other")
    ]
    assert levels == [7, 0]
