"""What a caller leaves to the service that keeps an object is settled as that service would."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from weir_aggregator.domain import Change, StoreLimits
from weir_aggregator.projection.book import EMPTY
from weir_aggregator.projection.settling import settled
from weir_allocation.policy import Policy, Strategy
from weir_allocation.rules import NO_LIMITS, Rule
from weir_allocation.sharing import Link

A, B, C = ("", "A"), ("", "B"), ("", "C")


def rule(name: str, priority: int = 0) -> Rule:
    """A rule of one store."""
    return Rule(name, priority, frozenset(["shop"]))


def policy(name: str, priority: int = 0) -> Policy:
    """A policy for all."""
    return Policy(name, priority, Strategy.EQUAL_DIVISION)


def gone(object_: Rule | Policy | Link) -> Change:
    """An object that would be gone."""
    return Change(object_, deleted=True)


THERE = EMPTY.changed([Change(each) for each in (rule("five", 5), rule("two", 2), policy("three", 3))])
LINKED = THERE.changed([Change(Link("old", A, B, created=7)), Change(Link("older", A, C, created=4))])


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ([Change(rule("new"))], [6]),
        ([Change(rule("new")), Change(rule("newer"))], [6, 7]),
        ([Change(rule("new", 9)), Change(rule("newer"))], [9, 10]),
        ([Change(rule("two"))], [2]),
        ([Change(rule("two", 8)), Change(rule("two"))], [8, 8]),
        ([gone(rule("two")), Change(rule("two"))], [0, 6]),
        ([Change(policy("new")), Change(rule("new"))], [4, 6]),
        ([Change(Link("new", B, C))], [8]),
        ([Change(Link("new", A, B, keep_back=1))], [7]),
        ([Change(Link("new", B, C, created=1)), Change(Link("newer", C, A))], [8, 9]),
    ],
)
def test_places(changes: Sequence[Change], places: list[int]) -> None:
    """Whoever names a place has it; else an object stays where it is, and a new one comes last; links always do."""
    found = [each.object for each in settled(LINKED.objects, changes)]
    assert [each.created if isinstance(each, Link) else getattr(each, "priority", None) for each in found] == places


def test_the_rest_is_as_it_was_said() -> None:
    """What has no place, and what would be gone, is left alone."""
    changes = [Change(StoreLimits("shop", NO_LIMITS)), gone(rule("two")), gone(rule("never"))]
    assert list(settled(LINKED.objects, changes)) == changes


def test_the_first_of_all() -> None:
    """Where nothing is there yet counting begins at 1."""
    assert [each.object for each in settled(EMPTY.objects, [Change(rule("new"))])] == [rule("new", 1)]
