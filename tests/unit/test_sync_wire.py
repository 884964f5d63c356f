"""What a rule and limits of a store may say: defaults, order, what must stand beside what; and what is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from weir.sync.v1 import rule_pb2 as pb
from weir.sync.v1 import rule_service_pb2 as service_pb
from weir_chassis import call
from weir_chassis.auth import Principal, Role
from weir_chassis.configuration.objects import Change, Configured
from weir_chassis.errors import Malformed
from weir_chassis.settings import load
from weir_sync.app import Settings
from weir_sync.domain.rules import Product, Rounding, Rule, StoreLimits
from weir_sync.wire import rules as wire_rules

TV, RADIO = Product("", "TV"), Product("acme", "RADIO")


@pytest.fixture(autouse=True)
def answering() -> Iterator[None]:
    """Requests are read within a call."""
    with call.acting(call.Call("/test", Principal("acme", "somebody", Role.ADMINISTRATOR))):
        yield


def read(**fields: Any) -> Rule:
    """The rule of these fields, as it would be created."""
    asked = {"rule": "r", "stores": ["s"], **fields}
    return wire_rules.rule(service_pb.CreateRuleRequest(request_id="one", rule=pb.Rule(**asked)))[1]


def read_limits(told: pb.StoreLimits) -> StoreLimits:
    """The limits as they would be set."""
    return wire_rules.store_limits(service_pb.SetStoreLimitsRequest(request_id="one", store_limits=told))[1]


def bad(**fields: Any) -> list[str]:
    """The fields of a rule that are refused."""
    try:
        read(**fields)
    except Malformed as refusal:
        return [each.field.removeprefix("rule.") for each in refusal.violations]
    return []


def test_what_is_not_said_has_its_default() -> None:
    """All products and warehouses, all of the share, rounded down, no threshold and no priority store."""
    assert read() == Rule("r", ("s",))
    assert read(rate_percent=0).rate_percent == 0


@pytest.mark.parametrize("rounding", Rounding)
def test_every_rounding_can_be_asked_for(rounding: Rounding) -> None:
    """Each by its name, and it is told so again."""
    value = pb.Rounding.Value(f"ROUNDING_{rounding}")
    assert read(rounding=value).rounding is rounding
    assert wire_rules.to_rule(read(rounding=value)).rounding == value
    assert bad(rounding=len(Rounding) + 1) == ["rounding"]


def test_lists_are_put_in_order() -> None:
    """Whoever names the same stores, products and warehouses has said the same, in whatever order."""
    one = read(stores=["b", "a"], warehouses=["2", "1"], products=[RADIO._asdict(), TV._asdict()])
    assert (one.stores, one.warehouses, one.products) == (("a", "b"), ("1", "2"), (TV, RADIO))
    assert one == read(stores=["a", "b"], warehouses=["1", "2"], products=[TV._asdict(), RADIO._asdict()])


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"priority_store": "s"}, []),
        ({"priority_store": "s", "priority_quantity": 1}, []),
        ({"priority_store": "t"}, ["priority_store"]),
        ({"priority_store": "s "}, ["priority_store"]),
        ({"priority_quantity": 1}, ["priority_quantity"]),
        ({"priority_store": "t", "priority_quantity": 1}, ["priority_store"]),
        ({"priority_store": "t", "stores": []}, ["stores", "priority_store"]),
    ],
)
def test_a_priority_store_is_one_of_the_stores(fields: dict[str, Any], refused: list[str]) -> None:
    """Any other is refused, and a quantity without one; a quantity that does nothing is not."""
    assert bad(**fields) == refused


FULL = Rule(
    "r",
    ("a", "b"),
    "Name",
    (TV, RADIO),
    ("W",),
    threshold=5,
    rate_percent=0,
    constant=-7,
    rounding=Rounding.UP,
    priority_store="b",
    priority_quantity=6,
    disabled=True,
    priority=9,
    etag="4",
)


@pytest.mark.parametrize("rule", [Rule("r", ("s",), priority=1), FULL], ids=["plain", "full"])
def test_what_is_told_can_be_asked_for(rule: Rule) -> None:
    """An answer sent back as a request asks for the rule that it told, in the version that it told."""
    told = wire_rules.to_rule(rule)
    again = wire_rules.rule(service_pb.UpdateRuleRequest(request_id="one", rule=told))[1]
    assert (again, again.etag) == (rule, rule.etag)


@pytest.mark.parametrize("allowed", [None, (), (TV, RADIO)])
@pytest.mark.parametrize("denied", [(), (RADIO,)])
@pytest.mark.parametrize("most", [None, 0, 10**9])
def test_limits_can_be_asked_for_as_they_are_told(
    allowed: tuple[Product, ...] | None, denied: tuple[Product, ...], most: int | None
) -> None:
    """No list of allowed products is not an empty one, and no most is not 0."""
    limits = StoreLimits("s", denied, allowed, most, etag="3")
    told = wire_rules.to_store_limits(limits)
    assert (told.HasField("allowed"), told.HasField("max_quantity")) == (allowed is not None, most is not None)
    again = read_limits(told)
    assert (again, again.etag) == (limits, "3")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_change_tells_its_object(deleted: bool) -> None:
    """A rule or the limits of a store, as a whole, and whether it is gone."""
    rule, limits = pb.RulesChange(rule=wire_rules.to_rule(FULL)), pb.RulesChange(store_limits=pb.StoreLimits(store="s"))
    for each, told in ((FULL, rule), (StoreLimits("s"), limits)):
        told.deleted = deleted
        assert wire_rules.to_change(Change(each, deleted)) == told
    with pytest.raises(AssertionError):
        wire_rules.to_change(Change(Configured()))


def test_settings_of_an_empty_environment() -> None:
    """Nothing need be set: port 7104 on loopback, 200 rules, and a month of history."""
    settings = load(Settings, {})
    assert str(settings.server.listen) == "127.0.0.1:7104"
    assert (settings.rules_max, settings.history_keep_seconds) == (200, 30 * 24 * 3600)
