"""Dividing anew as tables: golden cases, each reason, what is protected, what demand weighs, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.rebalance import Epoch, EpochShare, Reason, Supply, judge

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BIKE = ("", "BIKE")
EQUAL = Policy("fair", 1, Strategy.EQUAL_DIVISION, mode=Mode.BALANCED)


def supply(units: int, groups: str = "abc", scale: int = 1, **claimed: int) -> Supply:
    """What there is to divide among groups, each named by a letter."""
    return Supply(BIKE, "EU", units, tuple(groups), claimed, scale)


def epoch(policy: Policy = EQUAL, held_back: int = 0, turn: int = 0, **balanced: int) -> Epoch:
    """A division, with nothing claimed before."""
    shares = tuple(EpochShare(group, units, 0) for group, units in balanced.items())
    units = sum(balanced.values()) + held_back
    made = Epoch(BIKE, "EU", Reason.FIRST, NOON, policy.policy, "mark", units, held_back, 1, shares, units, turn)
    return replace(made, weighed_on=NOON.date() if policy.strategy is Strategy.DEMAND else None)


def judged(
    policy: Policy | None,
    there: Supply,
    before: Epoch | None = None,
    *,
    now: datetime = NOON,
    mark: str = "mark",
    asked: bool = False,
    **demand: int,
) -> Epoch | None:
    """What is to be done."""
    return judge(policy, there, before, now, demand, policy_mark=mark, asked=asked)


def shares(made: Epoch | None) -> dict[str, int]:
    """What each group got."""
    assert made is not None
    return {share.channel_group: share.balanced for share in made.shares}


@pytest.mark.parametrize(("claimed", "after"), [(79, None), (80, 60), (100, 50)])
def test_a_share_is_divided_anew_at_the_threshold(claimed: int, after: int | None) -> None:
    """Golden case 3: of 100 balanced, 20 remaining are divided anew, 21 are not."""
    made = judged(EQUAL, supply(200 - claimed, "ab", a=claimed), epoch(a=100, b=100))
    if after is None:
        assert made is None
    else:
        assert made is not None
        assert (made.reason, shares(made), made.moved) == (Reason.THRESHOLD, {"a": after, "b": after}, 100 - after)


def test_a_share_of_nothing_has_no_threshold() -> None:
    """Golden case 3: never while balanced is 0."""
    fixed = replace(EQUAL, strategy=Strategy.FIXED, parts=(Part("a", quantity=9), Part("b", 1, quantity=9)))
    assert judged(fixed, supply(9, "ab"), epoch(a=0, b=9)) is None


def test_ranks_with_minimums() -> None:
    """Golden: 1000 as 40 % at least 100, 10 %, 20 % at least 300, 30 % are 400, 100, 300, 200."""
    parts = (
        Part("a", 1, percent=40, minimum=100),
        Part("b", 2, percent=10),
        Part("c", 3, percent=20, minimum=300),
        Part("d", 4, percent=30),
    )
    made = judged(replace(EQUAL, strategy=Strategy.RANKED, parts=parts), supply(1000, "abcd"))
    assert shares(made) == {"a": 400, "b": 100, "c": 300, "d": 200}
    assert made is not None
    assert (made.supply, made.held_back, made.moved, made.reason) == (1000, 0, 1000, Reason.FIRST)


@pytest.mark.parametrize(("protected", "after"), [(0, (50, 5)), (50, (30, 25)), (80, (15, 40)), (100, (5, 50))])
def test_a_higher_rank_takes_what_is_not_protected(protected: int, after: tuple[int, int]) -> None:
    """A shop at least 50 of which it sold 45 may take of the market's 50 what that need not keep, and no more."""
    parts = (Part("a", 1, percent=40, minimum=50), Part("b", 2, percent=60, protected_percent=protected))
    policy = replace(EQUAL, strategy=Strategy.RANKED, parts=parts)
    first = judged(policy, supply(100, "ab"))
    assert shares(first) == {"a": 50, "b": 50}
    made = judged(policy, supply(55, "ab", a=45), first)
    if protected == 100:
        assert made is None
    else:
        assert made is not None
        assert tuple(shares(made).values()) == after
        assert made.moved == after[0] - 5


@pytest.mark.parametrize(
    ("there", "before", "reason"),
    [
        (supply(9), None, Reason.FIRST),
        (supply(9), replace(epoch(), policy=""), Reason.FIRST),
        (supply(0), None, None),
        (supply(9, ""), None, None),
        (supply(9), epoch(a=3, b=3, c=3), None),
        (supply(12), epoch(a=3, b=3, c=3), Reason.SUPPLY),
        (supply(8), epoch(a=3, b=3, c=3), Reason.SUPPLY),
        (supply(8, a=1), epoch(a=3, b=3, c=3), None),
        (supply(9, a=1), epoch(a=3, b=3, c=3), Reason.SUPPLY),
        (supply(10, a=-1), epoch(a=3, b=3, c=3), None),
        (supply(5, a=4), epoch(a=3, b=3, c=3), Reason.SUPPLY),
        (supply(9, "ab"), epoch(a=3, b=3, c=3), Reason.GROUPS),
        (supply(9, "abcd"), epoch(a=3, b=3, c=3), Reason.GROUPS),
        (supply(9, ""), epoch(a=3, b=3, c=3), Reason.GROUPS),
        (supply(9, scale=2), epoch(a=3, b=3, c=3), Reason.GROUPS),
        (supply(9, "c"), epoch(replace(EQUAL, policy="other"), a=9), Reason.POLICY),
        (supply(6, a=3), epoch(a=3, b=3, c=3), Reason.THRESHOLD),
        (supply(1, a=3, b=3, c=2), epoch(a=3, b=3, c=3, turn=1), Reason.THRESHOLD),
        (supply(1, a=3, b=3, c=2), epoch(a=3, b=3, c=3, turn=2), None),
    ],
)
def test_reasons(there: Supply, before: Epoch | None, reason: Reason | None) -> None:
    """What there is, what was claimed and the epoch before say why a supply is divided anew, if it is."""
    made = judged(EQUAL, there, before)
    assert (made.reason if made else None) == reason


def test_who_took_too_much_leaves_the_others_less() -> None:
    """Where a group got past its ceiling the others have no more left than there is, whatever the hysteresis."""
    made = judged(replace(EQUAL, hysteresis_units=100), supply(5, a=4), epoch(a=3, b=3, c=3))
    assert made is not None
    assert (made.reason, sum(shares(made).values()), made.held_back) == (Reason.SUPPLY, 5, 0)


def test_what_moves_is_what_is_lost_or_gained() -> None:
    """Whichever is more: where the supply fell what groups lost, where it rose what they gained."""
    for there, moved in ((supply(6), 3), (supply(15), 6), (supply(5, a=3, b=1), 1)):
        made = judged(EQUAL, there, epoch(a=3, b=3, c=3))
        assert made is not None
        assert made.moved == moved


def test_what_is_protected_is_rounded_up() -> None:
    """Half of five is three: no other group is given the third one."""
    policy = replace(EQUAL, strategy=Strategy.FIXED, parts=(Part("a", quantity=9), Part("b", 1, protected_percent=50)))
    assert shares(judged(policy, supply(9, "ab"), epoch(policy, a=4, b=5), asked=True)) == {"a": 6, "b": 3}


@pytest.mark.parametrize(("units", "hysteresis", "anew"), [(11, 2, True), (11, 3, False), (10, 1, True), (8, 99, True)])
def test_little_is_not_worth_it(units: int, hysteresis: int, anew: bool) -> None:
    """Fewer units than the hysteresis move nobody, unless groups have more left than there is."""
    made = judged(replace(EQUAL, hysteresis_units=hysteresis), supply(units), epoch(a=3, b=3, c=3))
    assert (made is not None) == anew


def test_another_policy_is_followed_whatever_it_moves() -> None:
    """A policy that changed makes an epoch that knows it, even where nobody gets another share; and only one."""
    before = epoch(a=4, b=3, c=3)
    made = judged(replace(EQUAL, hysteresis_units=50), supply(10), before, mark="other")
    assert made is not None
    assert (made.reason, made.policy_mark, made.moved, made.turn) == (Reason.POLICY, "other", 0, before.turn)
    assert shares(made) == shares(before)
    assert judged(replace(EQUAL, hysteresis_units=50), supply(10), made, mark="other") is None


@pytest.mark.parametrize("policy", [None, replace(EQUAL, mode=Mode.CONTINUOUS)])
def test_what_no_policy_divides_at_an_instant_is_dissolved(policy: Policy | None) -> None:
    """Nobody has a share any more; once, and only where somebody had."""
    made = judged(policy, supply(7, a=2), epoch(a=3, b=3, c=3))
    assert made is not None
    assert (made.reason, made.policy, made.shares, made.supply, made.held_back) == (Reason.DISSOLVED, "", (), 7, 7)
    assert made.moved == 7
    assert judged(policy, supply(7, a=2), made) is None
    assert judged(policy, supply(7)) is None
    assert judged(EQUAL, supply(7, a=2), made) is not None


def test_a_schedule_is_due_when_its_time_is_over() -> None:
    """At that instant, if anything moves by it; a request counts at any time, but not where nothing moves."""
    hourly = replace(EQUAL, rebalance_seconds=3600.0)
    before, there = epoch(a=3, b=3, c=3), supply(7, a=2)
    assert judged(hourly, there, before, now=NOON + timedelta(minutes=59)) is None
    made = judged(hourly, there, before, now=NOON + timedelta(hours=1))
    assert made is not None
    assert made.reason is Reason.SCHEDULE
    assert judged(hourly, supply(9), before, now=NOON + timedelta(hours=1), asked=True) is None
    made = judged(hourly, there, before, asked=True)
    assert made is not None
    assert made.reason is Reason.REQUEST


def test_claims_of_a_bundle_count_parts() -> None:
    """With two parts a unit, a part given up is no whole unit; what was claimed counts for what it is."""
    before = replace(epoch(a=3, b=3), scale=2, supply=6)
    assert judged(EQUAL, supply(4, "ab", 2, a=4), before) is None
    assert judged(EQUAL, supply(4, "ab", 2, a=3), before) is None
    assert judged(EQUAL, supply(5, "ab", 2, a=3), before) is None
    made = judged(EQUAL, supply(6, "ab", 2, a=4), before)
    assert made is not None
    assert (made.reason, [share.before for share in made.shares]) == (Reason.SUPPLY, [1, 3])
    assert [share.ceiling(2) for share in made.shares] == [10, 6]


DEMANDED = Policy(
    "sold", 1, Strategy.DEMAND, parts=(Part("a", weight=2), Part("b"), Part("c", weight=1)), mode=Mode.BALANCED
)


def test_demand_weighs_what_was_ordered() -> None:
    """At first as much as the orders of each group were promised, at least the weight of its part."""
    made = judged(DEMANDED, supply(18), a=1, b=6)
    assert made is not None
    assert [(share.weight, share.demand) for share in made.shares] == [(2, 1), (6, 6), (1, 0)]
    assert (shares(made), made.weighed_on) == ({"a": 4, "b": 12, "c": 2}, date(2026, 3, 1))
    plain = judged(replace(DEMANDED, parts=()), supply(9), b=7)
    assert plain is not None
    assert [share.weight for share in plain.shares] == [1, 7, 1]


@pytest.mark.parametrize(
    ("former", "demand", "damping", "weight"),
    [(10, 20, 50, 15), (20, 10, 50, 15), (10, 13, 50, 12), (13, 10, 50, 11), (10, 20, 0, 20), (10, 20, 90, 11)],
)
def test_weights_go_part_of_the_way_in_a_day(former: int, demand: int, damping: int, weight: int) -> None:
    """Damping says which part of the way is not gone; rounded towards where it leads. Within a day nothing moves."""
    policy = replace(DEMANDED, damping_percent=damping)
    before = epoch(policy, a=5, b=5, c=5)
    before = replace(before, shares=tuple(replace(share, weight=former) for share in before.shares))
    tomorrow = judged(policy, supply(40), before, now=NOON + timedelta(days=1), a=demand, b=demand, c=demand)
    today = judged(policy, supply(40), before, a=demand, b=demand, c=demand)
    assert tomorrow is not None
    assert today is not None
    assert {share.weight for share in tomorrow.shares} == {weight}
    assert {share.weight for share in today.shares} == {former}


def test_each_day_weights_go_on() -> None:
    """Days on which nothing was divided count as well: after two of them a quarter of the way is not gone."""
    before = epoch(DEMANDED, a=5, b=5, c=5)
    before = replace(before, shares=tuple(replace(share, weight=10) for share in before.shares))
    later = judged(DEMANDED, supply(40), before, now=NOON + timedelta(days=2), a=20, b=30, c=10)
    assert later is not None
    assert [share.weight for share in later.shares] == [18, 25, 10]


def test_no_weight_is_below_that_of_the_part() -> None:
    """Where a policy comes to weigh a group more, so it does on the same day."""
    before = judged(DEMANDED, supply(18))
    more = replace(DEMANDED, parts=(Part("a", weight=2), Part("b", weight=9), Part("c")))
    made = judged(more, supply(18), before, mark="other")
    assert made is not None
    assert [share.weight for share in made.shares] == [2, 9, 1]


def test_remainders_fall_evenly_on_products() -> None:
    """Of many products with one unit more than divides, each group gets the odd one of about as many."""
    odd = Counter[str]()
    for number in range(3000):
        there = replace(supply(4), product=("", f"SKU-{number}"))
        odd.update(group for group, units in shares(judged(EQUAL, there)).items() if units == 2)
    assert all(900 < odd[group] < 1100 for group in "abc")


def test_remainders_fall_evenly_over_time() -> None:
    """Divided again and again, each group gets the odd unit in its turn; of a higher rank always."""
    odd = Counter[str]()
    before, units = epoch(a=2, b=1, c=1), 4
    for _ in range(30):
        units += 3
        made = judged(EQUAL, supply(units), before)
        assert made is not None
        assert made.turn == before.turn + 1
        odd.update(group for group, share in shares(made).items() if share == units // 3 + 1)
        before = made
    assert odd == {"a": 10, "b": 10, "c": 10}
    ranked = replace(EQUAL, parts=(Part("a", 2), Part("b", 1), Part("c", 2)))
    assert {shares(judged(ranked, supply(4), epoch(turn=turn, a=0, b=0, c=1)))["b"] for turn in range(9)} == {2}
