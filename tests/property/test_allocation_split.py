"""Laws of division: whole units, none created, none lost."""

from __future__ import annotations

from dataclasses import replace
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


FLOORS = st.dictionaries(st.sampled_from(CHANNEL_GROUPS), st.integers(0, 30))
TURNS = st.integers(0, 7)


@given(policies(), UNITS, GROUPS, FLOORS, TURNS)
def test_floors_are_kept(
    policy: Policy, units: int, groups: tuple[str, ...], floors: dict[str, int], turn: int
) -> None:
    """As far as caps and the supply less its buffer go; shares and what is held back stay the supply."""
    division = divide(policy, units, groups, floors=floors, turn=turn)
    parts, rest = ranked(policy, groups), units - policy.buffer(units)
    assert sum(division.shares.values()) + division.held_back == units
    assert division.held_back >= policy.buffer(units)
    least = {
        part.channel_group: min(floors.get(part.channel_group, 0), units if part.cap is None else part.cap)
        for part in parts
    }
    if sum(least.values()) <= rest:
        assert all(division.shares[group] >= floor for group, floor in least.items())
    else:
        assert sum(division.shares.values()) == rest
    assert all(part.cap is None or division.shares[part.channel_group] <= part.cap for part in parts)


@given(policies(), UNITS, GROUPS, FLOORS, TURNS)
def test_floors_take_no_more_than_they_must(
    policy: Policy, units: int, groups: tuple[str, ...], floors: dict[str, int], turn: int
) -> None:
    """Where nobody would get less than its floor anyway they change nothing."""
    freely = divide(policy, units, groups, turn=turn).shares
    if all(share >= floors.get(group, 0) for group, share in freely.items()):
        assert divide(policy, units, groups, floors=floors, turn=turn).shares == freely


@given(UNITS, GROUPS.filter(bool))
def test_a_whole_round_of_turns_is_fair(units: int, groups: tuple[str, ...]) -> None:
    """Over as many turns as there are groups, those that are alike in everything get the same."""
    policy = Policy("fair", 0, Strategy.EQUAL_DIVISION)
    rounds = [divide(policy, units, groups, turn=turn).shares for turn in range(3, 3 + len(groups))]
    assert {sum(each[group] for each in rounds) for group in groups} == {units}


@given(policies((Strategy.WEIGHTED,)), UNITS, GROUPS, TURNS)
def test_demand_divides_by_weights(policy: Policy, units: int, groups: tuple[str, ...], turn: int) -> None:
    """By the weights that are given, as WEIGHTED does by those of its parts."""
    weights = {part.channel_group: part.weight for part in ranked(policy, groups)}
    by_demand = replace(policy, strategy=Strategy.DEMAND)
    divided = divide(policy, units, groups, turn=turn)
    assert divide(by_demand, units, groups, turn=turn) == divided
    if any(weights.values()) or not policy.weighs:
        given_weights = weights if policy.weighs else dict.fromkeys(weights, 1)
        assert divide(by_demand, units, groups, turn=turn, weights=given_weights) == divided
