"""What a policy may say: each number only under a strategy that uses it, everything in order, what is answered, and
what the service reads from its environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from weir.partitioning.v1 import partitioning_service_pb2 as service_pb
from weir.partitioning.v1 import policy_pb2 as pb
from weir_allocation import policy as allocation
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.errors import Malformed
from weir_chassis.settings import load
from weir_partitioning.app import Settings
from weir_partitioning.domain import Mode, Part, Policy, Product, Strategy
from weir_partitioning.wire import answers, requests
from weir_partitioning.wire.words import STRATEGIES_TOLD

NUMBERS = ("weight", "percent", "minimum", "quantity")
USED = {
    Strategy.EQUAL_DIVISION: set(),
    Strategy.SAFETY_STOCK: {"weight", "buffer_units", "buffer_percent"},
    Strategy.WEIGHTED: {"weight"},
    Strategy.RANKED: {"percent", "minimum"},
    Strategy.FIXED: {"quantity"},
    Strategy.DEMAND: {"weight", "demand_days", "damping_percent"},
}
"""What each strategy uses, beside rank and cap."""
MOVING: dict[str, Any] = {
    "threshold_percent": 0,
    "hysteresis_units": 0,
    "rebalance_interval": {"seconds": 60},
    "parts": [{"channel_group": "a", "protected_percent": 1}],
}
"""What only a policy uses that divides at an instant."""
BALANCED = {"mode": pb.POLICY_MODE_BALANCED}


@pytest.fixture(autouse=True)
def answering() -> Iterator[None]:
    """Requests are read within a call."""
    with call.acting(call.Call("/test", Principal("acme", "somebody", Role.ADMINISTRATOR))):
        yield


def read(**fields: Any) -> Policy:
    """The policy of these fields, as it would be created."""
    asked = {"policy": "p", "strategy": pb.STRATEGY_WEIGHTED, **fields}
    return requests.policy(service_pb.CreatePolicyRequest(request_id="one", policy=pb.Policy(**asked)))[1]


def bad(**fields: Any) -> list[str]:
    """The fields of a policy that are refused."""
    try:
        read(**fields)
    except Malformed as refusal:
        return [each.field.removeprefix("policy.") for each in refusal.violations]
    return []


def test_strategies_are_those_of_the_arithmetic() -> None:
    """Every strategy that a policy may name is one that the arithmetic knows, and the other way round."""
    assert [each.name for each in Strategy] == [each.name for each in allocation.Strategy]
    assert {f"STRATEGY_{each}" for each in Strategy} == set(pb.Strategy.keys()) - {"STRATEGY_UNSPECIFIED"}
    assert list(Part.__dataclass_fields__) == list(allocation.Part.__dataclass_fields__)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_number_that_is_not_used_is_refused(strategy: Strategy) -> None:
    """What a strategy uses is taken, what it does not use is refused by name, rank and cap are always taken."""
    told = {"strategy": STRATEGIES_TOLD[strategy], **BALANCED}
    for number in NUMBERS:
        parts = [{"channel_group": "a"}, {"channel_group": "b", "rank": 1, "cap": 0, number: 1}]
        assert bad(**told, parts=parts) == ([] if number in USED[strategy] else [f"parts[1].{number}"])
    for number in ("buffer_units", "buffer_percent", "demand_days", "damping_percent"):
        found = bad(**told, parts=[{"channel_group": "a"}], **{number: 1})
        assert found == ([] if number in USED[strategy] else [number])


@pytest.mark.parametrize("name", MOVING)
def test_what_moves_shares_is_refused_where_they_do_not_stand(name: str) -> None:
    """A policy that divides at each question has no use for what says when to divide anew, not even for zeros; one that
    divides at an instant does not enforce, for its shares hold anyway."""
    assert bad(**{name: MOVING[name]}) == [{"parts": "parts[0].protected_percent"}.get(name, name)]
    assert bad(**{name: MOVING[name]}, **BALANCED) == []
    assert bad(enforce=True) == []
    assert bad(enforce=True, **BALANCED) == ["enforce"]


def test_demand_is_for_instants() -> None:
    """What orders were promised lately divides at an instant only; where the mode is none that anybody knows, only the
    mode is refused."""
    for mode, found in ((0, ["mode"]), (pb.POLICY_MODE_CONTINUOUS, ["mode"]), (99, ["mode"]), (2, [])):
        assert bad(strategy=pb.STRATEGY_DEMAND, mode=mode) == found
    assert bad(mode=99, threshold_percent=1, enforce=True) == ["mode"]


def test_what_is_not_said_has_its_default() -> None:
    """A default is there where it is used, and nowhere else; a zero that is said is a zero."""
    plain, balanced, demand = read(), read(**BALANCED), read(strategy=pb.STRATEGY_DEMAND, **BALANCED)
    moving = [(each.threshold_percent, each.hysteresis_units, each.rebalance_seconds) for each in (plain, balanced)]
    assert moving == [(None, None, None), (20, 1, None)]
    assert [(each.demand_days, each.damping_percent) for each in (balanced, demand)] == [(None, None), (30, 50)]
    zeros = read(threshold_percent=0, hysteresis_units=0, damping_percent=0, strategy=pb.STRATEGY_DEMAND, **BALANCED)
    assert (zeros.threshold_percent, zeros.hysteresis_units, zeros.damping_percent) == (0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"strategy": pb.STRATEGY_RANKED}, ["parts"]),
        ({"strategy": pb.STRATEGY_FIXED}, ["parts"]),
        ({"strategy": pb.STRATEGY_EQUAL_DIVISION}, []),
        ({"strategy": 0}, ["strategy"]),
        ({"strategy": 99, "mode": 99}, ["mode", "strategy"]),
        ({"strategy": 0, "buffer_units": 1, "parts": [{"channel_group": "a", "quantity": 1}]}, ["strategy"]),
        ({"policy": ""}, ["policy"]),
        ({"priority": -1}, ["priority"]),
        ({"priority": 10**6 + 1}, ["priority"]),
        ({"parts": [{}]}, ["parts[0].channel_group"]),
        ({"parts": [{"channel_group": "a"}, {"channel_group": "b"}, {"channel_group": "a"}]}, ["parts[2]"]),
        ({"parts": [{"channel_group": "a", "rank": -1, "weight": 10**6 + 1, "cap": -1}]},
            ["parts[0].rank", "parts[0].cap", "parts[0].weight"]),
        ({"products": [{"sku": "A"}, {"owner": "o", "sku": "A"}, {"sku": "A"}]}, ["products[2]"]),
        ({"products": [{"owner": "o"}]}, ["products[0].sku"]),
        ({"strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_units": 1, "buffer_percent": 1}, ["buffer_percent"]),
        ({"strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_percent": 101}, ["buffer_percent"]),
        ({"threshold_percent": 101, "hysteresis_units": -1, **BALANCED}, ["threshold_percent", "hysteresis_units"]),
        ({"rebalance_interval": {"seconds": 59}, **BALANCED}, ["rebalance_interval"]),
        ({"rebalance_interval": {"seconds": 30 * 86_400, "nanos": 1}, **BALANCED}, ["rebalance_interval"]),
        ({"parts": [{"channel_group": "a", "protected_percent": 101}], **BALANCED}, ["parts[0].protected_percent"]),
        ({"strategy": pb.STRATEGY_DEMAND, "demand_days": 366, "damping_percent": 100, **BALANCED},
            ["demand_days", "damping_percent"]),
    ],
)  # fmt: skip
def test_what_is_refused(fields: dict[str, Any], found: list[str]) -> None:
    """Parts that are missing, unknown words, numbers out of range and what is named twice are refused by name."""
    assert sorted(bad(**fields)) == sorted(found)


@pytest.mark.parametrize(("percents", "found"), [((60, 40), []), ((100, 0), []), ((60, 41), ["parts"])])
def test_percentages_are_of_one_whole(percents: tuple[int, ...], found: list[str]) -> None:
    """Those of a policy add up to 100 at most."""
    parts = [{"channel_group": str(number), "percent": percent} for number, percent in enumerate(percents)]
    assert bad(strategy=pb.STRATEGY_RANKED, parts=parts) == found


def test_an_order_names_each_once() -> None:
    """A new order names at least one policy, and none of them twice."""
    for names, found in (((), ["policies"]), (("a", "b", "a"), ["policies[2]"]), (("a", " "), ["policies[1]"])):
        with pytest.raises(Malformed) as refused:
            requests.order(service_pb.ReorderPoliciesRequest(request_id="one", policies=names))
        assert [each.field for each in refused.value.violations] == found


def test_what_is_read_is_in_order() -> None:
    """Products come in order of owner and stock keeping unit, parts in rank order, then by group; unset is default."""
    policy = read(
        products=[{"sku": "B"}, {"owner": "o", "sku": "A"}, {"sku": "A"}],
        parts=[{"channel_group": "z"}, {"channel_group": "b", "rank": 1}, {"channel_group": "a", "rank": 1, "cap": 0}],
    )
    assert policy.products == (Product("", "A"), Product("", "B"), Product("o", "A"))
    assert policy.parts == (Part("z"), Part("a", rank=1, cap=0), Part("b", rank=1))
    assert (policy.priority, policy.mode, policy.disabled) == (0, Mode.CONTINUOUS, False)


def test_what_was_read_is_answered() -> None:
    """A policy with every field reads back as it was said."""
    asked: dict[str, Any] = {
        "policy": "p",
        "display_name": "P",
        "priority": 3,
        "products": [{"owner": "o", "sku": "A"}],
        "parts": [{"channel_group": "a", "rank": 2, "weight": 3, "cap": 0}],
        "disabled": True,
        "etag": "5",
    }
    continuous = {**asked, "strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_units": 7, "mode": 1, "enforce": True}
    assert answers.to_policy(read(**continuous)) == pb.Policy(**continuous)
    numbers = {"threshold_percent": 0, "hysteresis_units": 5, "demand_days": 365, "damping_percent": 0}
    balanced = {**asked, "strategy": pb.STRATEGY_DEMAND, "rebalance_interval": {"seconds": 90}, **numbers, **BALANCED}
    balanced["parts"][0]["protected_percent"] = 100
    assert answers.to_policy(read(**balanced)) == pb.Policy(**balanced)


def test_the_arithmetic_is_told_all_of_it() -> None:
    """Every field of a policy that divides reaches the arithmetic, with its defaults where a policy says nothing."""
    said = {
        "priority": 3,
        "products": [{"sku": "A"}],
        "parts": [{"channel_group": "a", "rank": 2, "weight": 3, "cap": 0, "protected_percent": 9}],
        "threshold_percent": 0,
        "hysteresis_units": 7,
        "rebalance_interval": {"seconds": 90},
        "demand_days": 5,
        "damping_percent": 0,
    }
    assert read(strategy=pb.STRATEGY_DEMAND, **said, **BALANCED).dividing() == allocation.Policy(
        "p",
        3,
        allocation.Strategy.DEMAND,
        products=frozenset({("", "A")}),
        parts=(allocation.Part("a", 2, weight=3, cap=0, protected_percent=9),),
        mode=allocation.Mode.BALANCED,
        threshold_percent=0,
        hysteresis_units=7,
        rebalance_seconds=90,
        demand_days=5,
        damping_percent=0,
    )
    assert read(priority=1, enforce=True, disabled=True).dividing() == allocation.Policy(
        "p", 1, allocation.Strategy.WEIGHTED, enforce=True, enabled=False
    )


def test_a_mark_is_of_what_divides() -> None:
    """Whatever makes other shares has another mark; names, places and when to divide anew have none."""
    plain = read(**BALANCED)
    same: list[dict[str, Any]] = [{"priority": 9}, {"display_name": "P"}, {"threshold_percent": 1}, {"disabled": True}]
    assert [read(**each, **BALANCED).mark == plain.mark for each in same] == [True] * 4
    others: list[dict[str, Any]] = [
        {"strategy": pb.STRATEGY_EQUAL_DIVISION},
        {"strategy": pb.STRATEGY_DEMAND},
        {"strategy": pb.STRATEGY_DEMAND, "demand_days": 1},
        {"strategy": pb.STRATEGY_DEMAND, "damping_percent": 1},
        {"strategy": pb.STRATEGY_SAFETY_STOCK},
        {"strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_units": 1},
        {"strategy": pb.STRATEGY_SAFETY_STOCK, "buffer_percent": 1},
        {"parts": [{"channel_group": "a"}]},
        {"parts": [{"channel_group": "a", "weight": 1}]},
        {"parts": [{"channel_group": "a", "protected_percent": 1}]},
    ]
    marks = {read(**each, **BALANCED).mark for each in others}
    assert len(marks | {plain.mark}) == 11


def test_settings_of_an_empty_environment() -> None:
    """Nothing need be set: port 7103 on loopback, 200 policies, and a month of history."""
    settings = load(Settings, {})
    assert str(settings.server.listen) == "127.0.0.1:7103"
    assert (settings.policies_max, settings.history_keep_seconds) == (200, 30 * 24 * 3600)
