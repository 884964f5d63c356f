"""Laws of division: whole units, none created, none lost."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.worlds import CHANNEL_GROUPS, policies, subsets
from weir_allocation.policy import Policy, Strategy
from weir_allocation.split import divide, ranked

UNITS = st.one_of(st.integers(0, 40), st.integers(0, 10**6), st.just(4 * 10**15 + 7))
GROUPS = subsets(CHANNEL_GROUPS, 0, len(CHANNEL_GROUPS))
BY_WEIGHT = (Strategy.EQUAL_DIVISION, Strategy.SAFETY_STOCK, Strategy.WEIGHTED)


@given(policies(), UNITS, GROUPS)
def test_shares_and_what_is_held_back_are_the_supply(policy: Policy, units: int, groups: tuple[str, ...]) -> None:
    """Their sum is the supply to the unit, and none of them is negative."""
    division = divide(policy, units, groups)
    assert sum(division.shares.values()) + division.held_back == units
    assert min(division.held_back, *division.shares.values(), 0) == 0


@given(policies(), UNITS, GROUPS)
def test_only_groups_that_are_there_and_named_get_a_share(policy: Policy, units: int, groups: tuple[str, ...]) -> None:
    """A share goes to each group that sells and is named, all where none is, and to no other; in rank order."""
    named = {part.channel_group for part in policy.parts} or set(groups)
    ranks = {part.channel_group: part.rank for part in policy.parts}
    wanted = sorted(named & set(groups), key=lambda group: (ranks.get(group, 0), group))
    assert list(divide(policy, units, groups).shares) == wanted


@given(policies(), UNITS, GROUPS)
def test_no_share_is_above_its_cap(policy: Policy, units: int, groups: tuple[str, ...]) -> None:
    """A cap holds in every strategy."""
    shares = divide(policy, units, groups).shares
    assert all(part.cap is None or shares[part.channel_group] <= part.cap for part in ranked(policy, groups))


@given(policies(BY_WEIGHT), UNITS, GROUPS)
def test_a_share_by_weight_is_its_due_rounded_down_or_up(policy: Policy, units: int, groups: tuple[str, ...]) -> None:
    """Before caps every share lies less than one unit off the exact fraction, and no larger remainder got less."""
    parts = ranked(policy, groups)
    if any(part.cap is not None for part in parts):
        return
    shares = list(divide(policy, units, groups).shares.values())
    weights = [part.weight if policy.weighs else 1 for part in parts]
    rest = units - policy.buffer(units)
    if not sum(weights):
        assert sum(shares) == 0
        return
    dues = [Fraction(rest * weight, sum(weights)) for weight in weights]
    assert sum(shares) == rest
    assert all(abs(share - due) < 1 for share, due in zip(shares, dues, strict=True))
    rounded_up = [due - share for share, due in zip(shares, dues, strict=True) if share > due]
    rounded_down = [due - share for share, due in zip(shares, dues, strict=True) if share < due]
    assert all(up + 1 >= down for up in rounded_up for down in rounded_down)
