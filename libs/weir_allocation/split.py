"""The third stage: how the supply of each warehouse group is divided among the channel groups it feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir_allocation.configuration import Configuration
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.reach import Reach
from weir_allocation.stock import Product
from weir_allocation.trace import Stage, Step, Subject, Terms, Verdict


@dataclass(frozen=True, slots=True)
class Division:
    """Whole units for each group, and the rest; together exactly the supply that was divided."""

    shares: Mapping[str, int]
    """By channel group, in rank order."""
    held_back: int


def divide(policy: Policy, units: int, groups: Sequence[str]) -> Division:
    """Divide a supply among channel groups, of which those count that the policy names.

    A group gets no more than its cap; what it gets less by that is held back.
    """
    parts = ranked(policy, groups)
    if policy.strategy in (Strategy.RANKED, Strategy.FIXED):
        shares = _served(policy.strategy, units, parts)
    else:
        shares = _proportional(policy, units - policy.buffer(units), parts)
    capped = [share if part.cap is None else min(share, part.cap) for part, share in zip(parts, shares, strict=True)]
    by_group = {part.channel_group: share for part, share in zip(parts, capped, strict=True)}
    return Division(by_group, units - sum(capped))


def ranked(policy: Policy, groups: Sequence[str]) -> list[Part]:
    """The parts of those groups that the policy divides among, in rank order."""
    parts = {part.channel_group: part for part in policy.parts}
    named = [parts[group] for group in groups if group in parts] if parts else [Part(group) for group in groups]
    return sorted(named, key=lambda part: (part.rank, part.channel_group))


def _proportional(policy: Policy, units: int, parts: Sequence[Part]) -> list[int]:
    """Largest remainders: each the whole part of its due, then one more for the largest remainders, ties by rank."""
    weights = [part.weight if policy.weighs else 1 for part in parts]
    total = sum(weights)
    if not total:
        return [0] * len(parts)
    shares = [units * weight // total for weight in weights]
    by_remainder = sorted(range(len(parts)), key=lambda index: (-(units * weights[index] % total), index))
    for index in by_remainder[: units - sum(shares)]:
        shares[index] += 1
    return shares


def _served(strategy: Strategy, units: int, parts: Sequence[Part]) -> list[int]:
    """What each wants, in rank order, until all is used."""
    left = units
    shares = []
    for part in parts:
        fixed = strategy is Strategy.FIXED
        wanted = part.quantity if fixed else max(units * part.percent // 100, part.minimum)
        share = min(wanted, left, left if part.cap is None else part.cap)
        shares.append(share)
        left -= share
    return shares


def split(configuration: Configuration, reach: Reach, product: Product, supplied: Step) -> Step:
    """The share of a channel: the sum of its channel group's shares of each warehouse group's supply, as it reaches it.

    Without a policy nothing is divided: the share is the whole supply.
    """
    units = {step.name: step.units_out for step in supplied.steps}
    policy = configuration.policy(product)
    steps = []
    for warehouse_group in configuration.network.feeding.get(reach.channel.channel_group, ()):
        locations = configuration.network.locations.get(warehouse_group, ())
        there = sum(units[location] for location in locations if location in reach.locations)
        steps.append(_group(configuration, policy, warehouse_group, reach.channel.channel_group, product, there))
    share = sum(step.units_out for step in steps)
    return Step(
        Stage.SPLIT, Subject.CHANNEL_GROUP, reach.channel.channel_group, Verdict.SUM, share, share, steps=tuple(steps)
    )


def _group(
    configuration: Configuration,
    policy: Policy | None,
    warehouse_group: str,
    channel_group: str,
    product: Product,
    units: int,
) -> Step:
    """What a channel group gets of the supply of one warehouse group, and everyone else."""
    if policy is None:
        return Step(Stage.SPLIT, Subject.WAREHOUSE_GROUP, warehouse_group, Verdict.COUNTED, units, units)
    selling = configuration.selling(warehouse_group, product)
    division = divide(policy, units, selling)
    if channel_group in division.shares:
        verdict = Verdict.DIVIDED
    else:
        verdict = Verdict.NOT_NAMED if channel_group in selling else Verdict.NOT_SOLD
    return Step(
        Stage.SPLIT,
        Subject.WAREHOUSE_GROUP,
        warehouse_group,
        verdict,
        units,
        division.shares.get(channel_group, 0),
        steps=_shares(policy, division, units),
    )


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
    held_back = division.held_back
    rest = Step(
        Stage.SPLIT,
        Subject.POLICY,
        policy.policy,
        Verdict.HELD_BACK,
        held_back,
        held_back,
        terms=(("buffer_units", policy.buffer(units)),),
    )
    return (*shares, rest)


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
