"""The fourth stage: what the sync rule that wins for the product makes of a share."""

from __future__ import annotations

from collections.abc import Mapping

from weir_allocation.configuration import Configuration
from weir_allocation.network import Channel
from weir_allocation.rules import Rule
from weir_allocation.stock import Product
from weir_allocation.trace import Stage, Step, Subject, Terms, Verdict


def offer(
    configuration: Configuration, channel: Channel, product: Product, share: int, places: Mapping[str, Step]
) -> Step:
    """What a store would be told of its share; nothing where the verdict is NOT_UPDATED.

    A product that no rule names passes straight through. `places` says what lies where, reached or not: the rule looks
    at the supply of its own warehouses.
    """
    naming = [rule for rule in configuration.rules if rule.names(product)]
    if not naming:
        return Step(Stage.OFFER, Subject.CHANNEL, channel.channel, Verdict.COUNTED, share, share)
    rule = naming[0]
    units = rule_supply(rule, places)
    verdict = _verdict(rule, channel.channel, units)
    offered = rule.rounding.percent(share, rule.rate_percent) + rule.constant if verdict is Verdict.OFFERED else 0
    steps = (
        Step(Stage.OFFER, Subject.RULE, rule.rule, Verdict.WON, terms=_terms(rule, units)),
        *(Step(Stage.OFFER, Subject.RULE, other.rule, Verdict.OUTRANKED) for other in naming[1:]),
    )
    return Step(Stage.OFFER, Subject.CHANNEL, channel.channel, verdict, share, offered, steps=steps)


def rule_supply(rule: Rule, places: Mapping[str, Step]) -> int:
    """What the rule's warehouses hold for the product, all of them where it names none: one figure for all stores."""
    return sum(
        step.units_out for location, step in places.items() if not rule.warehouses or location in rule.warehouses
    )


def _verdict(rule: Rule, store: str, units: int) -> Verdict:
    if store not in rule.stores:
        return Verdict.NOT_UPDATED
    if units < rule.threshold:
        return Verdict.BELOW_THRESHOLD
    if rule.prefers and units < rule.priority_quantity and store != rule.priority_store:
        return Verdict.KEPT_FOR_PRIORITY_STORE
    return Verdict.OFFERED


def _terms(rule: Rule, units: int) -> Terms:
    terms = [
        ("supply_units", units),
        ("threshold_units", rule.threshold),
        ("rate_percent", rule.rate_percent),
        ("constant_units", rule.constant),
    ]
    if rule.prefers:
        terms.append(("priority_units", rule.priority_quantity))
    return tuple(terms)
