"""The worked examples of docs/partitioning.md: supplies are divided anew when the page says so, and as it says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.tree import ROOT
from tests.kit.divisions import BIKE, GROUPS, WAREHOUSE_GROUP, Happening, Lying, Ordered, Stopped, moments
from tests.kit.stories import Example, examples
from weir_allocation.policy import Policy
from weir_allocation.rebalance import Epoch, Reason, Supply, judge

PAGE = (ROOT / "docs" / "partitioning.md").read_text()
EXAMPLES = examples(PAGE)


class Divided:
    """A supply, what groups claim of it, and how it was divided last."""

    def __init__(self) -> None:
        """There is nothing, and no policy."""
        self.units = 0
        self.claimed: Counter[str] = Counter()
        self.groups = list(GROUPS)
        self.policy: Policy | None = None
        self.mark = 0
        self.epoch: Epoch | None = None
        self.now = datetime(2027, 1, 31, tzinfo=UTC)

    def after(self, happening: Happening) -> str:
        """Let it happen; why the supply was divided anew then, if it was."""
        match happening:
            case Lying(units):
                self.units = units
            case Ordered(group, units):
                self.claimed[group] += units
                self.units -= units
            case Stopped(group):
                self.groups.remove(group)
            case Policy():
                self.policy, self.mark = happening, self.mark + 1
        self.now += timedelta(seconds=1)
        supply = Supply(BIKE, WAREHOUSE_GROUP, self.units, tuple(self.groups), dict(self.claimed))
        made = judge(self.policy, supply, self.epoch, self.now, self.claimed, policy_mark=str(self.mark))
        if made is None:
            return ""
        self.epoch = made
        assert sum(share.balanced for share in made.shares) + made.held_back == made.supply == self.units
        return made.reason.name

    @property
    def left(self) -> dict[str, int]:
        """What each group of the epoch has left."""
        if self.epoch is None:
            return {}
        return {
            share.channel_group: share.balanced - (self.claimed[share.channel_group] - share.claimed)
            for share in self.epoch.shares
        }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_is_what_is_judged(example: Example) -> None:
    """After each line the supply is divided anew for the reason that stands there, or is not, and what groups have left
    is what stands there."""
    divided = Divided()
    for moment in moments(example.text):
        assert divided.after(moment.happening) == moment.reason, moment
        if moment.left is not None:
            assert divided.left == moment.left, moment


def test_every_example_is_run_and_every_reason_is_told() -> None:
    """Nothing in a block of code is read over, and the page has a line for each reason."""
    assert len(EXAMPLES) == PAGE.count("```example\n") == 5
    assert sum(moment.left is not None for each in EXAMPLES for moment in moments(each.text)) == PAGE.count("=>")
    told = PAGE[PAGE.index("| reason |") :]
    assert all(f"| {reason.name.lower()} |" in told for reason in Reason)
