"""Laws of dividing anew, on generated policies, orders and deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.worlds import CHANNEL_GROUPS, policies
from weir_allocation.policy import Mode, Policy, Strategy
from weir_allocation.rebalance import Epoch, Reason, Supply, judge
from weir_allocation.split import ranked

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BIKE = ("", "BIKE")
MARK = "first"
HELD = (Reason.SUPPLY, Reason.THRESHOLD, Reason.SCHEDULE, Reason.REQUEST)
"""Reasons that count only where enough would change hands."""
MANY = settings(deadline=None, max_examples=150)
some_group = st.sampled_from(CHANNEL_GROUPS)


@dataclass
class Market:
    """A supply of which channel groups take, as a ledger counts it: in units of the claim, of which each unit has some.

    Orders take whole units, and may be given back in parts; so what lies there may not make a whole unit.
    """

    policy: Policy
    lying: int
    scale: int = 1
    groups: tuple[str, ...] = CHANNEL_GROUPS
    claimed: dict[str, int] = field(default_factory=dict)
    demand: dict[str, int] = field(default_factory=dict)
    epoch: Epoch | None = None
    now: datetime = NOON

    @property
    def supply(self) -> Supply:
        """What there is to divide."""
        return Supply(BIKE, "EU", self.lying // self.scale, self.groups, dict(self.claimed), self.scale)

    def judged(self, *, asked: bool = False) -> Epoch | None:
        """What is to be done now."""
        return judge(self.policy, self.supply, self.epoch, self.now, self.demand, policy_mark=MARK, asked=asked)

    def divided(self, *, asked: bool = False) -> Epoch | None:
        """What is to be done, and it is done."""
        made = self.judged(asked=asked)
        self.epoch = made or self.epoch
        return made

    @property
    def left(self) -> dict[str, int]:
        """What each channel group has left of its share."""
        if self.epoch is None:
            return {}
        claimed = self.claimed
        return {
            share.channel_group: share.remaining(self.scale, claimed.get(share.channel_group, 0))
            for share in self.epoch.shares
        }

    def take(self, group: str, units: int) -> None:
        """An order of a group, of no more than it has left."""
        taken = min(units, self.left.get(group, 0)) * self.scale
        self.claimed[group] = self.claimed.get(group, 0) + taken
        self.lying -= taken

    def give_back(self, group: str, parts: int) -> None:
        """A part of the orders of a group is given up."""
        given = min(parts, self.claimed.get(group, 0))
        self.claimed[group] = self.claimed.get(group, 0) - given
        self.lying += given


@st.composite
def balanced(draw: st.DrawFn) -> Policy:
    """A policy that divides at an instant."""
    return replace(
        draw(policies(modes=(Mode.BALANCED,))),
        policy="fair",
        products=None,
        threshold_percent=draw(st.sampled_from((0, 20, 20, 60, 100))),
        hysteresis_units=draw(st.sampled_from((0, 1, 1, 3, 10))),
        damping_percent=draw(st.sampled_from((0, 50, 99))),
    )


TRADES = st.lists(st.tuples(st.booleans(), some_group, st.integers(1, 12)), max_size=8)
"""Orders, and what is given up of them."""


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """A supply that was divided, and of which groups have taken since."""
    scale = draw(st.sampled_from((1, 1, 2, 3)))
    market = Market(draw(balanced()), draw(st.integers(1, 60)) * scale, scale)
    market.demand = draw(st.dictionaries(some_group, st.integers(0, 40)))
    market.groups = tuple(sorted(draw(st.sets(some_group, min_size=1))))
    # What was claimed before does not matter.
    market.claimed = draw(st.dictionaries(some_group, st.integers(0, 20)))
    market.divided()
    trade(market, draw(TRADES))
    return market


def trade(market: Market, trades: Sequence[tuple[bool, str, int]]) -> None:
    """Orders of groups that have shares, and what is given up of them."""
    for takes, group, units in trades:
        if group in market.left:
            (market.take if takes else market.give_back)(group, units)


def check(market: Market, made: Epoch, left: dict[str, int]) -> None:
    """The laws of every epoch; `left` is what groups had left before it."""
    supply, policy = market.supply, market.policy
    shares = {share.channel_group: share.balanced for share in made.shares}
    assert sum(shares.values()) + made.held_back == made.supply == supply.units
    assert min(made.held_back, *shares.values(), 0) == 0
    rest = supply.units - policy.buffer(supply.units)
    parts = ranked(policy, supply.groups)
    assert [share.channel_group for share in made.shares] == [part.channel_group for part in parts]
    floors = 0
    for part in parts:
        share = shares[part.channel_group]
        most = rest if part.cap is None else min(part.cap, rest)
        floor = min(-(-left.get(part.channel_group, 0) * part.protected_percent // 100), most)
        floors += floor
        assert share <= most
        assert share >= floor or floors > rest
    gains = sum(max(0, share - left.get(group, 0)) for group, share in shares.items())
    losses = sum(max(0, units - shares.get(group, 0)) for group, units in left.items())
    assert made.moved == max(gains, losses)
    for each in made.shares:
        assert each.claimed == market.claimed.get(each.channel_group, 0)
        assert each.before == left.get(each.channel_group, 0)


@MANY
@given(markets(), st.integers(-8, 8), st.sets(some_group), st.booleans())
def test_shares_and_what_is_held_back_are_the_supply(market: Market, come: int, groups: set[str], asked: bool) -> None:
    """However it came to an epoch: to the unit, none negative, none above its cap, none below what is protected."""
    market.lying = max(0, market.lying + come)
    market.groups = tuple(sorted(groups)) or market.groups
    left = market.left
    made = market.divided(asked=asked)
    if made is not None:
        check(market, made, left)


@MANY
@given(markets(), st.integers(-8, 8), st.booleans())
def test_nothing_is_done_twice(market: Market, come: int, asked: bool) -> None:
    """Whatever the policy: who judges again right after an epoch, nothing having changed, finds nothing to do."""
    market.lying = max(0, market.lying + come)
    for _ in range(2):
        market.divided(asked=asked)
        assert market.judged() is None
        # What is protected is less at each request, for less is left then.
        if not any(part.protected_percent for part in market.policy.parts):
            assert not asked or market.judged(asked=True) is None


@MANY
@given(markets(), TRADES)
def test_orders_of_the_groups_explain_themselves(market: Market, trades: Sequence[tuple[bool, str, int]]) -> None:
    """They are no other supply; what groups have left and what is held back is all the time what there is."""
    for each in trades:
        trade(market, [each])
        held_back = market.epoch.held_back if market.epoch else market.supply.units
        if market.scale == 1:
            assert sum(market.left.values()) + held_back == market.supply.units
        assert sum(market.left.values()) <= market.supply.units
        made = market.divided()
        assert made is None or made.reason in (Reason.THRESHOLD, Reason.FIRST)


@MANY
@given(markets(), st.integers(-8, 8).filter(bool))
def test_a_supply_that_changed_otherwise_is_divided_anew(market: Market, come: int) -> None:
    """By a whole unit more or less: if enough changes hands by it, or there is less than the groups have left.

    Of bundles that were given up in parts, it may take one more.
    """
    if market.epoch is None or market.lying + come * market.scale < 0 or abs(come) < min(2, market.scale):
        return
    market.lying += come * market.scale
    left, supply = sum(market.left.values()), market.supply.units
    made = market.judged()
    if made is not None:
        assert made.reason is Reason.SUPPLY
        assert made.moved >= max(1, market.policy.hysteresis_units) or left > supply
    else:
        eager = replace(market, policy=replace(market.policy, hysteresis_units=0)).judged()
        assert left <= supply
        assert eager is None or eager.moved < market.policy.hysteresis_units or eager.turn != market.epoch.turn


@MANY
@given(markets(), st.integers(1, 5), some_group)
def test_who_took_too_much_is_made_good(market: Market, units: int, group: str) -> None:
    """Where more was claimed than a ceiling allows the others' shares are cut to what there is."""
    over = (market.left.get(group, 0) + units) * market.scale
    if group not in market.left or over > market.lying:
        return
    market.claimed[group] = market.claimed.get(group, 0) + over
    market.lying -= over
    market.divided()
    assert sum(market.left.values()) <= market.supply.units
    assert market.judged() is None


@MANY
@given(markets())
def test_what_nobody_asked_for_has_a_reason(market: Market) -> None:
    """Divided anew for little only where another policy or other groups demand it."""
    made = market.judged()
    if made is not None and market.epoch is not None and made.reason in HELD:
        left = sum(market.left.values())
        assert made.moved >= max(1, market.policy.hysteresis_units) or left > market.supply.units


@MANY
@given(markets(), st.integers(1, 40))
def test_weights_of_demand_go_towards_demand(market: Market, days: int) -> None:
    """From day to day nearer and never past it; within a day not at all; never below the weight of the part."""
    market = replace(market, policy=replace(market.policy, strategy=Strategy.DEMAND), epoch=None)
    if market.divided() is None:
        return
    market.demand = {group: 3 * units + 1 for group, units in market.demand.items()}
    parts = {part.channel_group: part for part in market.policy.parts}
    for _ in range(days):
        before = {share.channel_group: share.weight for share in market.epoch.shares} if market.epoch else {}
        market.now += timedelta(days=1)
        market.lying += 7 * market.scale
        made = market.divided()
        if made is None:
            continue
        weights = {share.channel_group: share.weight for share in made.shares}
        for share in made.shares:
            part, was = parts.get(share.channel_group), before[share.channel_group]
            target = max(part.weight if part else 0, market.demand.get(share.channel_group, 0))
            assert share.weight >= (part.weight if part else 0)
            assert min(was, target) <= share.weight <= max(was, target, 1)
            assert share.demand == market.demand.get(share.channel_group, 0)
        market.lying += 7 * market.scale
        again = market.divided()
        assert again is None or {share.channel_group: share.weight for share in again.shares} == weights
