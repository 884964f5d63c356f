"""The third stage: how the supply of each warehouse group is divided among the channel groups it feeds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from weir_allocation.configuration import Configuration
from weir_allocation.policy import Mode, Part, Policy, Strategy
from weir_allocation.reach import Reach
from weir_allocation.stock import Product
from weir_allocation.trace import Stage, Step, Subject, Terms, Verdict

_SERVING = (Strategy.RANKED, Strategy.FIXED)

Shares = Mapping[tuple[str, str], int]
"""What channel groups have left of their shares, by warehouse group and channel group."""


@dataclass(frozen=True, slots=True)
class Division:
    """Whole units for each group, and the rest; together exactly the supply that was divided."""

    shares: Mapping[str, int]
    """By channel group, in rank order; those of one rank as they take turns."""
    held_back: int


def divide(
    policy: Policy,
    units: int,
    groups: Sequence[str],
    *,
    floors: Mapping[str, int] | None = None,
    turn: int = 0,
    weights: Mapping[str, int] | None = None,
) -> Division:
    """Divide a supply among channel groups, of which those count that the policy names.

    A group gets no more than its cap; what it gets less by that is held back. It gets no less than its floor as far as
    its cap and the supply go, served in rank order, and the buffer comes before. `turn` says which of the groups of one
    rank comes first, with each one the next. `weights` are those of a policy that says DEMAND; None: as it names them.
    """
    return deal(policy, units, turned(ranked(policy, groups), turn), floors or {}, weights)


def deal(
    policy: Policy,
    units: int,
    parts: Sequence[Part],
    floors: Mapping[str, int],
    weights: Mapping[str, int] | None = None,
) -> Division:
    """As `divide`, among parts of the policy in the order in which they are served."""
    rest = units - policy.buffer(units)
    least = _least(parts, rest, floors) if floors else [0] * len(parts)
    if policy.strategy in _SERVING:
        shares = _served(policy.strategy, units, parts, least)
    elif weights is not None:
        shares = _proportional(rest, [weights[part.channel_group] for part in parts], least)
    else:
        shares = _proportional(rest, [part.weight for part in parts] if policy.weighs else [1] * len(parts), least)
    capped = [share if part.cap is None else min(share, part.cap) for part, share in zip(parts, shares, strict=True)]
    given = {part.channel_group: share for part, share in zip(parts, capped, strict=True)}
    return Division(given, units - sum(capped))


def ranked(policy: Policy, groups: Sequence[str]) -> list[Part]:
    """The parts of those groups that the policy divides among, in rank order."""
    parts = {part.channel_group: part for part in policy.parts}
    named = [parts[group] for group in groups if group in parts] if parts else [Part(group) for group in groups]
    return sorted(named, key=attrgetter("rank", "channel_group"))


def turned(parts: Sequence[Part], turn: int) -> Sequence[Part]:
    """Parts in rank order, those of each rank turned around: a, b, c at the first turn as b, c, a."""
    ranks = [part.rank for part in parts]
    order: list[Part] = []
    while len(order) < len(parts):
        begin = len(order)
        end = bisect_right(ranks, ranks[begin])
        first = begin + turn % (end - begin)
        order += parts[first:end]
        order += parts[begin:first]
    return order


def _least(parts: Sequence[Part], units: int, floors: Mapping[str, int]) -> list[int]:
    """The fewest units that each may get."""
    least = []
    for part in parts:
        floor = min(floors.get(part.channel_group, 0), units, units if part.cap is None else part.cap)
        least.append(floor)
        units -= floor
    return least


def _proportional(units: int, weights: Sequence[int], least: Sequence[int]) -> list[int]:
    """By weights; those who would get less than the least get that, and the others divide what it leaves."""
    shares = _by_remainders(units, weights)
    if not any(least):
        return shares
    weighing = list(weights)
    met = [False] * len(weighing)
    while short := [index for index, share in enumerate(shares) if share < least[index]]:
        for index in short:
            units -= least[index]
            weighing[index], met[index] = 0, True
        divided = _by_remainders(units, weighing)
        shares = [least[index] if met[index] else share for index, share in enumerate(divided)]
    return shares


def _by_remainders(units: int, weights: Sequence[int]) -> list[int]:
    """Largest remainders: each the whole part of its due, then one more for the largest remainders, ties in order."""
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    shares = [units * weight // total for weight in weights]
    left = units - sum(shares)
    if left:
        by_remainder = sorted(range(len(weights)), key=lambda index: (-(units * weights[index] % total), index))
        for index in by_remainder[:left]:
            shares[index] += 1
    return shares


def _served(strategy: Strategy, units: int, parts: Sequence[Part], least: Sequence[int]) -> list[int]:
    """What each wants, in order, until all is used but the least of those who come later."""
    left = units - sum(least)
    shares = []
    for part, floor in zip(parts, least, strict=True):
        fixed = strategy is Strategy.FIXED
        wanted = part.quantity if fixed else max(units * part.percent // 100, part.minimum)
        wanted = wanted if part.cap is None else min(wanted, part.cap)
        share = max(floor, min(wanted, floor + left))
        shares.append(share)
        left -= share - floor
    return shares


def split(configuration: Configuration, reach: Reach, product: Product, supplied: Step, shares: Shares) -> Step:
    """The share of a channel: the sum of its channel group's shares of each warehouse group's supply, as it reaches it.

    Without a policy nothing is divided: the share is the whole supply. Where a policy divides at an instant, and the
    supply of a warehouse group was divided, `shares` say what its channel groups have left; one that is not in it has
    nothing. Until it is divided for the first time it counts as if it were all the time.
    """
    units = {step.name: step.units_out for step in supplied.steps}
    policy = configuration.policy(product)
    channel_group = reach.channel.channel_group
    steps = []
    for warehouse_group in configuration.network.feeding.get(channel_group, ()):
        locations = configuration.network.locations.get(warehouse_group, ())
        there = sum(units[location] for location in locations if location in reach.locations)
        if policy is None:
            step = Step(Stage.SPLIT, Subject.WAREHOUSE_GROUP, warehouse_group, Verdict.COUNTED, there, there)
        else:
            selling = configuration.selling(warehouse_group, product)
            left = {group: units for (where, group), units in shares.items() if where == warehouse_group}
            if left and policy.mode is Mode.BALANCED:
                step = _spending(policy, warehouse_group, channel_group, selling, there, left)
            else:
                step = _dividing(policy, warehouse_group, channel_group, selling, there)
        steps.append(step)
    share = sum(step.units_out for step in steps)
    return Step(Stage.SPLIT, Subject.CHANNEL_GROUP, channel_group, Verdict.SUM, share, share, steps=tuple(steps))


def _dividing(policy: Policy, warehouse_group: str, channel_group: str, selling: Sequence[str], units: int) -> Step:
    """What a channel group gets of the supply of one warehouse group, and everyone else."""
    division = divide(policy, units, selling)
    verdict = Verdict.DIVIDED if channel_group in division.shares else _why_nothing(channel_group, selling)
    return Step(
        Stage.SPLIT,
        Subject.WAREHOUSE_GROUP,
        warehouse_group,
        verdict,
        units,
        division.shares.get(channel_group, 0),
        steps=_shares(policy, division, units),
    )


def _spending(
    policy: Policy,
    warehouse_group: str,
    channel_group: str,
    selling: Sequence[str],
    units: int,
    left: Mapping[str, int],
) -> Step:
    """What a channel group has left of its share of one warehouse group's supply, and everyone else.

    It may be more than there is as the channel reaches it; then the others' part of it shows as less than they have.
    """
    sharing = [part.channel_group for part in ranked(policy, selling)]
    groups = [*sharing, *sorted(left.keys() - set(sharing))]
    own = min(left.get(channel_group, 0), units)
    rest = units - own
    steps = []
    for group in groups:
        share = own if group == channel_group else min(left.get(group, 0), rest)
        rest -= 0 if group == channel_group else share
        steps.append(_left(Subject.CHANNEL_GROUP, group, left.get(group, 0), share, share))
    buffer = min(rest, policy.buffer(units))
    steps.append(_held_back(policy, rest, buffer))
    if channel_group in groups:
        outcome = _left(Subject.WAREHOUSE_GROUP, warehouse_group, left.get(channel_group, 0), units, own)
    else:
        verdict = _why_nothing(channel_group, selling)
        outcome = Step(Stage.SPLIT, Subject.WAREHOUSE_GROUP, warehouse_group, verdict, units, 0)
    return replace(outcome, steps=tuple(steps))


def _left(subject: Subject, name: str, left: int, units_in: int, units_out: int) -> Step:
    verdict = Verdict.BALANCED if left else Verdict.SHARE_SPENT
    return Step(Stage.SPLIT, subject, name, verdict, units_in, units_out, terms=(("remaining_units", left),))


def _why_nothing(channel_group: str, selling: Sequence[str]) -> Verdict:
    return Verdict.NOT_NAMED if channel_group in selling else Verdict.NOT_SOLD


def _shares(policy: Policy, division: Division, units: int) -> tuple[Step, ...]:
    parts = {part.channel_group: part for part in policy.parts}
    shares = [
        Step(
            Stage.SPLIT,
            Subject.CHANNEL_GROUP,
            group,
            Verdict.DIVIDED,
            share,
            share,
            terms=_terms(policy, parts.get(group, Part(group))),
        )
        for group, share in division.shares.items()
    ]
    return (*shares, _held_back(policy, division.held_back, policy.buffer(units)))


def _held_back(policy: Policy, units: int, buffer: int) -> Step:
    terms = (("buffer_units", buffer),)
    return Step(Stage.SPLIT, Subject.POLICY, policy.policy, Verdict.HELD_BACK, units, units, terms=terms)


def _terms(policy: Policy, part: Part) -> Terms:
    """What the policy says of a group, as far as it matters to the strategy."""
    terms = [("rank", part.rank)]
    if policy.weighs:
        terms.append(("weight", part.weight))
    if policy.strategy is Strategy.RANKED:
        terms += [("percent", part.percent), ("minimum_units", part.minimum)]
    if policy.strategy is Strategy.FIXED:
        terms.append(("quantity_units", part.quantity))
    if part.cap is not None:
        terms.append(("cap_units", part.cap))
    return tuple(terms)
