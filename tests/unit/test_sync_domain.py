"""Rules and limits of stores as tables: what warns, what each decision changes, and what is as good as none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir_allocation import rules as allocation
from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import EtagStale
from weir_sync.domain.rules import Product, Rounding, Rule, StoreLimits, WarningCode, set_store_limits

RULE = Rule("r", ("s", "t"))
PREFERRING = replace(RULE, priority_store="s", threshold=5, priority_quantity=10)
TV, RADIO = Product("", "TV"), Product("acme", "RADIO")


@pytest.mark.parametrize(
    ("threshold", "quantity", "warned"),
    [(5, 10, False), (5, 6, False), (5, 5, True), (10, 10, True), (11, 10, True), (0, 0, True), (0, 1, False)],
)
def test_a_priority_store_that_is_ignored_warns(threshold: int, quantity: int, warned: bool) -> None:
    """A priority store counts above the threshold only; at it and below, the rule says so with both numbers."""
    rule = replace(PREFERRING, threshold=threshold, priority_quantity=quantity)
    told = [
        (
            WarningCode.PRIORITY_IGNORED,
            f"The priority store 's' is ignored: its quantity {quantity} is not above the threshold {threshold}.",
        )
    ]
    assert rule.warnings == (told if warned else [])


@pytest.mark.parametrize("quantity", range(4))
@pytest.mark.parametrize("threshold", range(4))
@pytest.mark.parametrize("store", ["", "s"])
def test_warnings_are_told_of_what_the_arithmetic_ignores(threshold: int, quantity: int, store: str) -> None:
    """A rule warns just where it has a priority store and the arithmetic does not prefer it."""
    rule = replace(RULE, threshold=threshold, priority_store=store, priority_quantity=quantity if store else 0)
    computed = allocation.Rule(
        rule.rule,
        1,
        frozenset(rule.stores),
        threshold=rule.threshold,
        priority_store=rule.priority_store,
        priority_quantity=rule.priority_quantity,
    )
    assert bool(rule.warnings) == (store != "" and not computed.prefers)


def test_roundings_are_those_of_the_arithmetic() -> None:
    """Every way to round that a rule may name is one that the arithmetic knows, and the other way round."""
    assert [each.name for each in Rounding] == [each.name for each in allocation.Rounding]


@pytest.mark.parametrize(
    ("limits", "any_limit"),
    [
        (StoreLimits("s"), False),
        (StoreLimits("s", etag="4"), False),
        (StoreLimits("s", denied=(TV,)), True),
        (StoreLimits("s", allowed=(TV, RADIO)), True),
        (StoreLimits("s", allowed=()), True),
        (StoreLimits("s", max_quantity=0), True),
        (StoreLimits("s", max_quantity=10**9), True),
    ],
)
def test_what_limits(limits: StoreLimits, any_limit: bool) -> None:
    """Denied products, a list of allowed ones, an empty one above all, and a maximum limit; nothing else does."""
    assert limits.limits is any_limit


NONE, SOME, OTHER = StoreLimits("s"), StoreLimits("s", denied=(TV,)), StoreLimits("s", max_quantity=5)


@pytest.mark.parametrize(
    ("wanted", "current", "after", "changes"),
    [
        (SOME, None, SOME, [(SOME, False)]),
        (OTHER, SOME, OTHER, [(OTHER, False)]),
        (SOME, SOME, SOME, []),
        (NONE, SOME, NONE, [(SOME, True)]),
        (NONE, None, NONE, []),
    ],
)
def test_limits_that_limit_nothing_are_removed(
    wanted: StoreLimits,
    current: StoreLimits | None,
    after: StoreLimits,
    changes: list[tuple[StoreLimits, bool]],
) -> None:
    """What is set is stored where it differs; what limits nothing is not kept, and not removed twice."""
    decision = set_store_limits(wanted, current)
    assert decision.object == after
    assert [(change.object, change.deleted) for change in decision.changes] == changes


def test_limits_have_an_etag_while_they_are_there() -> None:
    """What is stored has the revision as its mark, what was removed none, in a check as in the outcome."""
    current = replace(SOME, etag="3")
    assert stamped(set_store_limits(OTHER, current), 4).object.etag == "4"
    assert set_store_limits(OTHER, current).object.etag == "3"
    gone = set_store_limits(replace(NONE, etag="3"), current)
    assert gone == Decision(NONE, (Change(current, deleted=True),))
    assert (gone.object.etag, stamped(gone, 4).object.etag) == ("", "")
    assert stamped(gone, 4).changes[0].object.etag == "3"


@pytest.mark.parametrize("current", [None, replace(SOME, etag="3")])
def test_limits_of_another_version_are_not_overwritten(current: StoreLimits | None) -> None:
    """An etag that is not the one there is, or of what is not there, is stale."""
    for wanted in (SOME, NONE):
        with pytest.raises(EtagStale):
            set_store_limits(replace(wanted, etag="2"), current)
