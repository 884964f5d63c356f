"""Division as tables: strategies, buffers, ranks, caps, and who takes part."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.kit.worlds import holdings
from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel, Network
from weir_allocation.pipeline import Question, explain
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.split import divide
from weir_allocation.stock import Stock, StockItem
from weir_allocation.trace import Step, Verdict

GROUPS = ("a", "b", "c")
BIKE = ("", "BIKE")


def policy(strategy: Strategy, *parts: Part, units: int = 0, percent: int = 0) -> Policy:
    """A policy for everything."""
    return Policy("policy", 1, strategy, parts=parts, buffer_units=units, buffer_percent=percent)


def weights(*weights: int) -> tuple[Part, ...]:
    """Groups by weight, all of one rank."""
    return tuple(Part(group, weight=weight) for group, weight in zip(GROUPS, weights, strict=True))


@pytest.mark.parametrize(
    ("divided", "units", "floors", "shares", "held_back"),
    [
        (policy(Strategy.EQUAL_DIVISION), 10, {"a": 6}, (6, 2, 2), 0),
        (policy(Strategy.EQUAL_DIVISION), 10, {"a": 6, "b": 3}, (6, 3, 1), 0),
        (policy(Strategy.EQUAL_DIVISION), 10, {"b": 3}, (4, 3, 3), 0),
        (policy(Strategy.EQUAL_DIVISION), 4, {"a": 3, "b": 3, "c": 3}, (3, 1, 0), 0),
        (policy(Strategy.EQUAL_DIVISION, Part("a", cap=9), Part("b", 1, cap=9)), 4, {"a": 9, "b": 9}, (4, 0, None), 0),
        (policy(Strategy.SAFETY_STOCK, units=4), 10, {"c": 5}, (1, 0, 5), 4),
        (policy(Strategy.SAFETY_STOCK, units=8), 10, {"c": 5}, (0, 0, 2), 8),
        (policy(Strategy.WEIGHTED, *weights(1, 0, 0)), 5, {"b": 2}, (3, 2, 0), 0),
        (policy(Strategy.WEIGHTED, Part("a", weight=1, cap=1), Part("b", weight=1)), 10, {"a": 9}, (1, 5, None), 4),
        (policy(Strategy.RANKED, Part("a", 1, percent=90), Part("b", 2, percent=10)), 10, {"b": 4}, (6, 4, None), 0),
        (policy(Strategy.RANKED, Part("a", 1, percent=50), Part("b", 2)), 10, {"b": 4}, (5, 4, None), 1),
        (policy(Strategy.FIXED, Part("a", quantity=9), Part("b", 1), Part("c", 2, quantity=9)), 10, {"b": 2, "c": 3},
            (5, 2, 3), 0),
    ],
)  # fmt: skip
def test_floors(
    divided: Policy, units: int, floors: dict[str, int], shares: tuple[int | None, ...], held_back: int
) -> None:
    """Each gets its floor before anybody gets more, as far as supply and caps go; then as the strategy says."""
    division = divide(divided, units, GROUPS, floors=floors)
    assert tuple(division.shares.get(group) for group in GROUPS) == shares
    assert division.held_back == held_back


@pytest.mark.parametrize(
    ("divided", "turns"),
    [
        (policy(Strategy.EQUAL_DIVISION), [(2, 1, 1), (1, 2, 1), (1, 1, 2), (2, 1, 1)]),
        (policy(Strategy.EQUAL_DIVISION, Part("a", 1), Part("b"), Part("c", 1)), [(1, 2, 1)] * 4),
        (policy(Strategy.FIXED, *(Part(group, quantity=3) for group in GROUPS)), [(3, 1, 0), (0, 3, 1), (1, 0, 3)]),
        (policy(Strategy.FIXED, Part("a", 1, quantity=3), Part("b", quantity=3), Part("c", quantity=3)),
            [(0, 3, 1), (0, 1, 3), (0, 3, 1)]),
    ],
)  # fmt: skip
def test_turns(divided: Policy, turns: list[tuple[int, ...]]) -> None:
    """Of groups of one rank another one comes first at each turn; a higher rank comes first always."""
    shares = [divide(divided, 4, GROUPS, turn=turn).shares for turn in range(len(turns))]
    assert [tuple(each[group] for group in GROUPS) for each in shares] == turns


@pytest.mark.parametrize(
    ("divided", "units", "shares", "held_back"),
    [
        (policy(Strategy.EQUAL_DIVISION), 100, (34, 33, 33), 0),
        (policy(Strategy.EQUAL_DIVISION), 2, (1, 1, 0), 0),
        (policy(Strategy.EQUAL_DIVISION, Part("c", 1), Part("a", 2), Part("b", 3)), 100, (33, 33, 34), 0),
        (policy(Strategy.EQUAL_DIVISION, *weights(5, 1, 1)), 9, (3, 3, 3), 0),
        (policy(Strategy.EQUAL_DIVISION, units=5), 9, (3, 3, 3), 0),
        (policy(Strategy.SAFETY_STOCK, units=10), 100, (30, 30, 30), 10),
        (policy(Strategy.SAFETY_STOCK, units=10), 7, (0, 0, 0), 7),
        (policy(Strategy.SAFETY_STOCK, percent=15), 10, (3, 3, 2), 2),
        (policy(Strategy.SAFETY_STOCK, *weights(2, 1, 1), units=2), 10, (4, 2, 2), 2),
        (policy(Strategy.WEIGHTED, *weights(3, 2, 1)), 10, (5, 3, 2), 0),
        (policy(Strategy.WEIGHTED, *weights(1, 1, 1)), 5, (2, 2, 1), 0),
        (policy(Strategy.WEIGHTED, *weights(0, 0, 0)), 5, (2, 2, 1), 0),
        (policy(Strategy.WEIGHTED, *weights(1, 0, 0)), 5, (5, 0, 0), 0),
        (policy(Strategy.RANKED, Part("b", 1, percent=50), Part("a", 2, minimum=9)), 10, (5, 5, None), 0),
        (policy(Strategy.RANKED, Part("a", percent=33)), 10, (3, None, None), 7),
        (policy(Strategy.RANKED, Part("a", percent=50, cap=2), Part("b", 1, percent=50)), 10, (2, 5, None), 3),
        (policy(Strategy.FIXED, Part("a", 2, quantity=6), Part("b", 1, quantity=7)), 10, (3, 7, None), 0),
        (policy(Strategy.FIXED, Part("a", quantity=6, cap=4), Part("b", 1, quantity=3)), 10, (4, 3, None), 3),
        (policy(Strategy.WEIGHTED, Part("a", weight=1, cap=1), Part("b", weight=1)), 10, (1, 5, None), 4),
    ],
)
def test_strategies(divided: Policy, units: int, shares: tuple[int | None, ...], held_back: int) -> None:
    """What each strategy makes of a supply; a group that is not named has no share."""
    division = divide(divided, units, GROUPS)
    assert tuple(division.shares.get(group) for group in GROUPS) == shares
    assert division.held_back == held_back


def test_weights_of_groups_that_are_elsewhere_do_not_make_the_others_alike() -> None:
    """Where only groups without weight are linked, nobody gets anything: the policy does weigh."""
    division = divide(policy(Strategy.WEIGHTED, *weights(1, 0, 0)), 5, ["b", "c"])
    assert (dict(division.shares), division.held_back) == ({"b": 0, "c": 0}, 5)


def test_among_nobody_all_is_held_back() -> None:
    """Where no group sells, the whole supply stays."""
    for strategy in Strategy:
        assert divide(policy(strategy), 5, []).held_back == 5


NETWORK = Network.of(
    warehouse_groups={"north": ["N1", "N2"], "south": ["S"]},
    channels=[
        *(Channel(f"{group}-shop", group) for group in GROUPS),
        Channel("a-outlet", "a"),
        Channel("rep", "r", True),
    ],
    links=[("north", "a"), ("north", "b"), ("south", "a"), ("south", "c"), ("north", "r"), ("north", "empty")],
)
STOCK = holdings(Stock(StockItem(*BIKE, location), units, 0) for location, units in {"N1": 6, "N2": 5, "S": 7}.items())


def share(configuration: Configuration, channel: str) -> tuple[int, list[Verdict]]:
    """The share of a channel, and what each warehouse group did."""
    question = Question(configuration, NETWORK.channels[channel], BIKE, STOCK, date(2026, 3, 1))
    traced = explain(question)
    return traced.share, [step.verdict for step in traced.steps[2].steps]


EQUAL = policy(Strategy.EQUAL_DIVISION)


def test_each_warehouse_group_is_divided_among_those_it_feeds() -> None:
    """A group's share is the sum of its shares; representatives and groups without channels take no part."""
    configuration = Configuration.of(NETWORK, policies=[EQUAL])
    assert share(configuration, "a-shop") == (6 + 4, [Verdict.DIVIDED, Verdict.DIVIDED])
    assert share(configuration, "a-outlet")[0] == 10
    assert share(configuration, "b-shop")[0] == 5
    assert share(configuration, "c-shop")[0] == 3


def test_without_a_policy_everyone_sees_the_whole_supply() -> None:
    """Nothing is divided, and the step of each warehouse group lets out what it took in."""
    assert share(Configuration.of(NETWORK), "a-shop") == (18, [Verdict.COUNTED, Verdict.COUNTED])
    assert share(Configuration.of(NETWORK), "b-shop") == (11, [Verdict.COUNTED])


def test_a_policy_that_names_groups_leaves_the_others_nothing() -> None:
    """The group that is named gets all, the other none, with the reason."""
    configuration = Configuration.of(NETWORK, policies=[policy(Strategy.EQUAL_DIVISION, Part("b"))])
    assert share(configuration, "b-shop") == (11, [Verdict.DIVIDED])
    assert share(configuration, "a-shop") == (0, [Verdict.NOT_NAMED, Verdict.NOT_NAMED])


def test_a_group_takes_part_where_one_of_its_channels_sells() -> None:
    """While one channel of a group sells the product the group has its share; when none does, others have it."""
    deny = Limits(denied=frozenset([BIKE]))
    one = Configuration.of(NETWORK, policies=[EQUAL], limits={"a-shop": deny})
    assert share(one, "b-shop")[0] == 5
    none = Configuration.of(NETWORK, policies=[EQUAL], limits={"a-shop": deny, "a-outlet": Limits(allowed=frozenset())})
    assert share(none, "b-shop")[0] == 11
    assert share(none, "a-shop") == (0, [Verdict.NOT_SOLD, Verdict.NOT_SOLD])


def test_the_first_policy_that_names_the_product_divides_alone() -> None:
    """Lower numbers are tried first; disabled ones and those for other products are passed over."""
    other = Policy("other", 0, Strategy.FIXED, frozenset([("", "CAR")]))
    off = Policy("off", 1, Strategy.FIXED, enabled=False)
    first = Policy("first", 2, Strategy.FIXED, frozenset([BIKE]), (Part("b", quantity=2),))
    configuration = Configuration.of(NETWORK, policies=[Policy("last", 3, Strategy.WEIGHTED), first, off, other])
    assert share(configuration, "b-shop")[0] == 2


def test_the_supply_that_is_divided_is_the_one_the_group_reaches() -> None:
    """Stores whose rule names warehouses have a share of what lies there; others of the whole."""
    rule = Rule("rule", 1, frozenset(["a-shop"]), warehouses=frozenset(["N1"]))
    configuration = Configuration.of(NETWORK, policies=[EQUAL], rules=[rule])
    assert share(configuration, "a-shop")[0] == 3
    assert share(configuration, "a-outlet")[0] == 10
    assert share(configuration, "b-shop")[0] == 5


BALANCED = replace(EQUAL, mode=Mode.BALANCED)


def spent(left: dict[tuple[str, str], int], *policies: Policy, rules: tuple[Rule, ...] = ()) -> list[Step]:
    """What each warehouse group gives to `a-shop` where channel groups have so much left."""
    configuration = Configuration.of(NETWORK, policies=policies or [BALANCED], rules=rules)
    question = Question(configuration, NETWORK.channels["a-shop"], BIKE, STOCK, date(2026, 3, 1), shares=left)
    return list(explain(question).steps[2].steps)


def told(step: Step) -> list[tuple[str, Verdict, int]]:
    """What a warehouse group gives to each, the one that asks first."""
    return [(each.name, each.verdict, each.units_out) for each in (step, *step.steps)]


def test_a_group_spends_what_it_has_left() -> None:
    """A supply that was divided gives each group its own; one that was not is divided as if it were all the time."""
    north, south = spent({("north", "a"): 3, ("north", "b"): 6})
    assert told(north) == [
        ("north", Verdict.BALANCED, 3),
        ("a", Verdict.BALANCED, 3),
        ("b", Verdict.BALANCED, 6),
        ("policy", Verdict.HELD_BACK, 2),
    ]
    assert (north.term("remaining_units"), north.steps[1].term("remaining_units")) == (3, 6)
    assert told(south) == [
        ("south", Verdict.DIVIDED, 4),
        ("a", Verdict.DIVIDED, 4),
        ("c", Verdict.DIVIDED, 3),
        ("policy", Verdict.HELD_BACK, 0),
    ]


def test_a_share_that_is_spent_gives_nothing() -> None:
    """What is left is for others; so it is for a group that came after the supply was divided."""
    for left in ({("north", "a"): 0, ("north", "b"): 9}, {("north", "b"): 9}):
        assert told(spent(left)[0])[:2] == [("north", Verdict.SHARE_SPENT, 0), ("a", Verdict.SHARE_SPENT, 0)]


def test_nobody_is_told_more_than_there_is() -> None:
    """Where groups have more left than the channel reaches it sees what is there, and what that leaves of the
    others'.
    """
    rule = Rule("rule", 1, frozenset(["a-shop"]), warehouses=frozenset(["N1"]))
    left = {("north", "a"): 4, ("north", "b"): 7, ("north", "gone"): 5}
    assert told(spent(left, BALANCED, rules=(rule,))[0]) == [
        ("north", Verdict.BALANCED, 4),
        ("a", Verdict.BALANCED, 4),
        ("b", Verdict.BALANCED, 2),
        ("gone", Verdict.BALANCED, 0),
        ("policy", Verdict.HELD_BACK, 0),
    ]
    assert told(spent({("north", "a"): 99})[0])[0] == ("north", Verdict.BALANCED, 11)


@pytest.mark.parametrize("other", [(EQUAL,), ()])
def test_shares_count_only_where_a_policy_divides_at_an_instant(other: tuple[Policy, ...]) -> None:
    """Under another policy, or none, what groups had left does not matter."""
    question = Question(
        Configuration.of(NETWORK, policies=other), NETWORK.channels["a-shop"], BIKE, STOCK, date(2026, 3, 1)
    )
    assert explain(replace(question, shares={("north", "a"): 1})) == explain(question)


def test_a_group_that_the_policy_does_not_name_has_its_reason() -> None:
    """Not spent, but never given: others divide it, or nobody of the group sells it."""
    named = replace(BALANCED, parts=(Part("b"),))
    assert told(spent({("north", "b"): 9}, named)[0]) == [
        ("north", Verdict.NOT_NAMED, 0),
        ("b", Verdict.BALANCED, 9),
        ("policy", Verdict.HELD_BACK, 2),
    ]
