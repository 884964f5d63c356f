"""Whether a supply that was divided at an instant is to be divided anew, and into which shares.

Decided from state alone: what there is now, what the ledger counts, and the epoch before. So nothing is lost with a
message, and whoever decides again comes to the same.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.split import Division, deal, ranked, turned
from weir_allocation.stock import Product

_TURNS = 1 << 16
"""A supply begins with a turn below this."""


class Reason(enum.Enum):
    """Why a supply was divided anew."""

    FIRST = enum.auto()
    """It had not been divided before, or no longer."""
    THRESHOLD = enum.auto()
    """A group had spent most of its share."""
    SUPPLY = enum.auto()
    """There is more or less of it than orders of the groups explain."""
    GROUPS = enum.auto()
    """Other groups sell the product, or are linked; or a bundle is put together otherwise."""
    POLICY = enum.auto()
    """Another policy divides it, or the same one otherwise."""
    SCHEDULE = enum.auto()
    """The time that the policy sets was over."""
    REQUEST = enum.auto()
    """Somebody asked for it."""
    DISSOLVED = enum.auto()
    """No policy divides it at an instant any more."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is to divide of a product in a warehouse group, and what groups have claimed of it."""

    product: Product
    warehouse_group: str
    units: int
    groups: tuple[str, ...]
    """Channel groups that are linked and sell the product."""
    claimed: Mapping[str, int] = field(default_factory=dict)
    """What the ledger counts under the claim of each channel group, in units of the claim; one that is not in it has
    claimed nothing."""
    scale: int = 1
    """What each unit of the product counts under a claim."""


@dataclass(frozen=True, slots=True)
class EpochShare:
    """What one channel group got in an epoch."""

    channel_group: str
    balanced: int
    """Units it got."""
    claimed: int
    """What the ledger counted under its claim right before, in units of the claim."""
    before: int = 0
    """Units it had left right before."""
    demand: int = 0
    """For DEMAND: units that its orders were promised in the days that count."""
    weight: int = 0
    """What it weighed; 0 where the strategy uses no weights."""

    def ceiling(self, scale: int) -> int:
        """The most that may be claimed for it, in units of the claim."""
        return self.claimed + self.balanced * scale

    def remaining(self, scale: int, claimed: int) -> int:
        """Whole units it has left when so much is claimed, in units of the claim; never negative."""
        return max(0, self.balanced + (self.claimed - claimed) // scale)


@dataclass(frozen=True, slots=True)
class Epoch:
    """One division of a supply: the shares and what is held back are together what there was."""

    product: Product
    warehouse_group: str
    reason: Reason
    divided_at: datetime
    """In UTC."""
    policy: str = ""
    """Empty where it was dissolved; then there are no shares."""
    policy_mark: str = ""
    """The version of the policy: another one divides otherwise."""
    supply: int = 0
    held_back: int = 0
    scale: int = 1
    shares: tuple[EpochShare, ...] = ()
    """In rank order."""
    moved: int = 0
    """Units that changed hands: gained by groups together, or lost, whichever is more."""
    turn: int = 0
    """Moves on with every epoch; of groups of one rank it says who comes first."""
    weighed_on: date | None = None
    """For DEMAND: the day on which weights were taken; they stay for the day."""


_DAMPED_DAYS = 365
"""Days after which nothing is left of a former weight that would matter."""
_HELD = (Reason.THRESHOLD, Reason.SUPPLY, Reason.SCHEDULE, Reason.REQUEST)
"""Reasons that do not count where too little would change hands."""


def judge(
    policy: Policy | None,
    supply: Supply,
    epoch: Epoch | None,
    now: datetime,
    demand: Mapping[str, int],
    *,
    policy_mark: str,
    asked: bool = False,
) -> Epoch | None:
    """The epoch that a supply needs now, with the first reason there is for it; None where it needs none.

    `policy` is the one that wins for the product, `epoch` the newest of the supply. A policy that does not divide at an
    instant counts as none. `demand` says what the orders of each channel group were promised in the days that count for
    DEMAND. Who judges what came of it, nothing else having changed, gets None.

    A supply is not divided for the first time while there is nothing in it, or nobody to divide it among. Later, as
    many units have to change hands as the policy says, one at least, unless groups have more left than there is; but
    another policy and other groups are followed whatever they move.
    """
    if policy is None or policy.mode is not Mode.BALANCED:
        return _dissolved(supply, epoch, now)
    left = _left(supply, epoch)
    parts = ranked(policy, supply.groups)
    if epoch is None or not epoch.policy:
        reason = Reason.FIRST if parts and supply.units else None
    elif (epoch.policy, epoch.policy_mark) != (policy.policy, policy_mark):
        reason = Reason.POLICY
    elif {part.channel_group for part in parts} != left.keys() or supply.scale != epoch.scale:
        reason = Reason.GROUPS
    else:
        reason = _reason(policy, supply, epoch, left, now, asked=asked)
    if reason is None:
        return None
    by_demand = policy.strategy is Strategy.DEMAND
    weights = _weights(policy, parts, epoch, demand, now.date()) if by_demand else None
    division, turn, moved = _divided(policy, supply, parts, epoch, left, weights)
    if reason in _HELD and moved < max(1, policy.hysteresis_units) and sum(left.values()) <= supply.units:
        return None
    return Epoch(
        product=supply.product,
        warehouse_group=supply.warehouse_group,
        reason=reason,
        divided_at=now,
        policy=policy.policy,
        policy_mark=policy_mark,
        supply=supply.units,
        held_back=division.held_back,
        scale=supply.scale,
        shares=tuple(
            [
                EpochShare(
                    part.channel_group,
                    division.shares[part.channel_group],
                    supply.claimed.get(part.channel_group, 0),
                    left.get(part.channel_group, 0),
                    demand.get(part.channel_group, 0) if by_demand else 0,
                    weights[part.channel_group] if weights else part.weight if policy.weighs else 0,
                )
                for part in parts
            ]
        ),
        moved=moved,
        turn=turn,
        weighed_on=now.date() if by_demand else None,
    )


def _dissolved(supply: Supply, epoch: Epoch | None, now: datetime) -> Epoch | None:
    """The end of an epoch: nobody has a share of the supply."""
    if epoch is None or not epoch.shares:
        return None
    return Epoch(
        supply.product,
        supply.warehouse_group,
        Reason.DISSOLVED,
        now,
        supply=supply.units,
        held_back=supply.units,
        scale=supply.scale,
        moved=sum(_left(supply, epoch).values()),
        turn=epoch.turn,
    )


def _left(supply: Supply, epoch: Epoch | None) -> dict[str, int]:
    """Units that each channel group of an epoch has left; where claims count otherwise by now, none."""
    if epoch is None:
        return {}
    if supply.scale != epoch.scale:
        return {share.channel_group: 0 for share in epoch.shares}
    claimed = supply.claimed
    return {
        share.channel_group: share.remaining(epoch.scale, claimed.get(share.channel_group, 0)) for share in epoch.shares
    }


def _reason(
    policy: Policy, supply: Supply, epoch: Epoch, left: Mapping[str, int], now: datetime, *, asked: bool
) -> Reason | None:
    """Why a supply may need another epoch where the same policy divides it among the same groups."""
    if _disturbed(supply, epoch):
        return Reason.SUPPLY
    for share in epoch.shares:
        units = left[share.channel_group]
        if units < share.balanced and units * 100 <= policy.threshold_percent * share.balanced:
            return Reason.THRESHOLD
    seconds = policy.rebalance_seconds
    if seconds is not None and now >= epoch.divided_at + timedelta(seconds=seconds):
        return Reason.SCHEDULE
    return Reason.REQUEST if asked else None


def _disturbed(supply: Supply, epoch: Epoch) -> bool:
    """Whether the supply is another by a whole unit than orders of the groups explain, or a group took too much."""
    expected = epoch.supply * epoch.scale
    for share in epoch.shares:
        taken = supply.claimed.get(share.channel_group, 0) - share.claimed
        if taken > share.balanced * epoch.scale:
            return True
        expected -= taken
    return abs(supply.units * epoch.scale - expected) >= epoch.scale


def _weights(
    policy: Policy, parts: Sequence[Part], epoch: Epoch | None, demand: Mapping[str, int], today: date
) -> dict[str, int]:
    """What each channel group weighs under DEMAND: what its orders were promised, at least the weight of its part.

    Each day since the epoch before weighed them it goes part of the way there; for the rest of a day it stays.
    """
    former: dict[str, int] = {}
    days = 0
    if epoch is not None and epoch.weighed_on is not None:
        former = {share.channel_group: share.weight for share in epoch.shares}
        days = min(max(0, (today - epoch.weighed_on).days), _DAMPED_DAYS)
    kept, whole = policy.damping_percent**days, 100**days
    weights = {}
    for part in parts:
        floor = part.weight if policy.weighs else 1
        target = max(floor, demand.get(part.channel_group, 0))
        before = former.get(part.channel_group, target)
        way = abs(before - target) * kept // whole
        weights[part.channel_group] = max(floor, target + way if before > target else target - way)
    return weights


def _divided(
    policy: Policy,
    supply: Supply,
    parts: Sequence[Part],
    epoch: Epoch | None,
    left: Mapping[str, int],
    weights: Mapping[str, int] | None,
) -> tuple[Division, int, int]:
    """The division, its turn, and what changes hands by it; the turn moves on where that is enough at either one."""
    floors = {
        part.channel_group: -(-left.get(part.channel_group, 0) * part.protected_percent // 100)
        for part in parts
        if part.protected_percent
    }
    turn = epoch.turn if epoch else zlib.crc32("\n".join((*supply.product, supply.warehouse_group)).encode()) % _TURNS
    order = turned(parts, turn)
    division = deal(policy, supply.units, order, floors, weights)
    moved, least = _moved(division.shares, left), max(1, policy.hysteresis_units)
    if epoch is not None and moved >= least:
        next_order = turned(parts, turn + 1)
        further = division if next_order == order else deal(policy, supply.units, next_order, floors, weights)
        further_moved = _moved(further.shares, left)
        if further_moved >= least:
            return further, turn + 1, further_moved
    return division, turn, moved


def _moved(shares: Mapping[str, int], left: Mapping[str, int]) -> int:
    """Units that change hands: what groups gain, or what they lose, whichever is more."""
    gains = sum([max(0, units - left.get(group, 0)) for group, units in shares.items()])
    return gains + max(0, sum(left.values()) - sum(shares.values()))
