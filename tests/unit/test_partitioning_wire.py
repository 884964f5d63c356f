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
}
"""What each strategy uses, beside rank and cap."""


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
    told = STRATEGIES_TOLD[strategy]
    for number in NUMBERS:
        parts = [{"channel_group": "a"}, {"channel_group": "b", "rank": 1, "cap": 0, number: 1}]
        assert bad(strategy=told, parts=parts) == ([] if number in USED[strategy] else [f"parts[1].{number}"])
    for number in ("buffer_units", "buffer_percent"):
        found = bad(strategy=told, parts=[{"channel_group": "a"}], **{number: 1})
        assert found == ([] if number in USED[strategy] else [number])


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
    asked = pb.Policy(
        policy="p",
        display_name="P",
        priority=3,
        strategy=pb.STRATEGY_SAFETY_STOCK,
        mode=pb.POLICY_MODE_CONTINUOUS,
        products=[{"owner": "o", "sku": "A"}],  # type: ignore[list-item]
        parts=[{"channel_group": "a", "rank": 2, "weight": 3, "cap": 0}],  # type: ignore[list-item]
        buffer_units=7,
        disabled=True,
        etag="5",
    )
    assert (
        answers.to_policy(requests.policy(service_pb.UpdatePolicyRequest(request_id="one", policy=asked))[1]) == asked
    )


def test_settings_of_an_empty_environment() -> None:
    """Nothing need be set: port 7103 on loopback, 200 policies, and a month of history."""
    settings = load(Settings, {})
    assert str(settings.server.listen) == "127.0.0.1:7103"
    assert (settings.policies_max, settings.history_keep_seconds) == (200, 30 * 24 * 3600)
