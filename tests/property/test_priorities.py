"""Any sequence of requests about what is tried in an order: what is accepted is what a plain dictionary allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from weir_chassis.configuration import priorities
from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.priorities import PRIORITY_MAX, create_ranked, reorder_ranked, update_ranked
from weir_chassis.configuration.rules import stamped
from weir_chassis.errors import Refusal
from weir_sync.domain.rules import Rule

MOST = 4
NAMES = st.sampled_from("abcdef")
PRIORITIES = st.sampled_from([0, 0, 1, 2, 3, PRIORITY_MAX - 1, PRIORITY_MAX])


class Places(RuleBasedStateMachine):
    """Rules as decisions leave them, beside the plainest model there is: each name's priority."""

    def __init__(self) -> None:
        """Both empty."""
        super().__init__()
        self.kept: dict[str, Rule] = {}
        self.model: dict[str, int] = {}
        self.revision = 0

    def ask(self, decide: Callable[[list[Rule]], Decision[Any]], after: dict[str, int] | None) -> None:
        """Decide; it must be accepted just where there is an `after`, and then lead to it in the changes it names."""
        before = dict(self.kept)
        try:
            decision = stamped(decide(list(before.values())), self.revision + 1)
        except Refusal:
            assert after is None
            return
        for change in decision.changes:
            assert isinstance(change.object, Rule)
            self.kept[change.object.rule] = change.object
        self.revision += bool(decision.changes)
        assert {name: each.priority for name, each in self.kept.items()} == after
        changed = {change.object.key[0] for change in decision.changes}
        assert changed == {name for name, each in self.kept.items() if each != before.get(name)}
        assert after is not None
        self.model = after

    def free(self, name: str, priority: int) -> bool:
        """Whether no other rule has the priority, and it is one."""
        others = [each for other, each in self.model.items() if other != name]
        return 1 <= priority <= PRIORITY_MAX and priority not in others

    @rule(name=NAMES, asked=PRIORITIES)
    def create(self, name: str, asked: int) -> None:
        """A new rule goes where it asks, or behind the last one."""
        priority = asked or max(self.model.values(), default=0) + 1
        allowed = name not in self.model and len(self.model) < MOST and self.free(name, priority)
        wanted = Rule(name, ("s",), priority=asked)
        after = {**self.model, name: priority} if allowed else None
        self.ask(lambda there: create_ranked(wanted, there, most=MOST), after)

    @rule(name=NAMES, asked=PRIORITIES, threshold=st.integers(0, 1), disabled=st.booleans())
    def update(self, name: str, asked: int, threshold: int, disabled: bool) -> None:
        """A rule goes where it asks, or stays, whatever else becomes of it."""
        priority = asked or self.model.get(name, 0)
        wanted = Rule(name, ("s",), threshold=threshold, disabled=disabled, priority=asked)
        after = {**self.model, name: priority} if name in self.model and self.free(name, priority) else None
        self.ask(lambda there: update_ranked(wanted, there), after)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        """A rule goes, and leaves a gap."""
        self.kept.pop(name, None)
        self.model.pop(name, None)

    @rule(data=st.data())
    def reorder(self, data: st.DataObject) -> None:
        """All there are, in any order."""
        names = data.draw(st.permutations(sorted(self.model)))
        after = {name: place for place, name in enumerate(names, start=1)}
        self.ask(lambda there: reorder_ranked(Rule, names, there), after)

    @rule(names=st.lists(NAMES, unique=True, max_size=4))
    def reorder_others(self, names: list[str]) -> None:
        """Any names, most often others than there are."""
        after = {name: place for place, name in enumerate(names, start=1)}
        self.ask(lambda there: reorder_ranked(Rule, names, there), after if set(names) == set(self.model) else None)

    @invariant()
    def each_has_its_own_place(self) -> None:
        """No two rules have one priority, and all are in range."""
        found = [each.priority for each in self.kept.values()]
        assert len(found) == len(set(found))
        assert all(1 <= each <= PRIORITY_MAX for each in found)


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_place_given_twice_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the model no longer agrees where nobody looks who has a priority."""
    machine = Places()
    machine.create("a", 1)
    monkeypatch.setattr(
        priorities, "_placed", lambda wanted, there, default: replace(wanted, priority=wanted.priority or default)
    )
    with pytest.raises(AssertionError):
        machine.create("b", 1)
