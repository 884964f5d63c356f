"""The first stage: which locations may serve a channel."""

from __future__ import annotations

from dataclasses import dataclass

from weir_allocation.custody import Seller, View
from weir_allocation.network import Channel, Network
from weir_allocation.rules import Rule
from weir_allocation.trace import Stage, Step, Subject, Verdict


@dataclass(frozen=True, slots=True)
class Reach:
    """What a channel reaches, and the step that says so."""

    step: Step
    locations: frozenset[str]
    """The locations that may serve the channel."""
    network: Network
    channel: Channel
    custodians: frozenset[str] | None = None
    """Persons in whose custody goods serve it, wherever they lie; None: goods in the custody of locations do."""

    def verdict(self, location: str) -> Verdict:
        """COUNTED for a location that is reached; otherwise why it is not."""
        if self.channel.by_custody:
            return Verdict.BY_CUSTODY if self.custodians is None else Verdict.COUNTED
        if location in self.locations:
            return Verdict.COUNTED
        group = self.network.grouped.get(location)
        if group is None:
            return Verdict.NOT_GROUPED
        linked = group in self.network.feeding.get(self.channel.channel_group, ())
        return Verdict.OUTSIDE_RULE if linked else Verdict.NOT_LINKED


def reach(
    network: Network,
    channel: Channel,
    rule: Rule | None = None,
    seller: Seller | None = None,
    view: View = View.BOTH,
) -> Reach:
    """The reach of a channel: its channel group, the warehouse groups linked to that, their locations.

    `rule` is the one that wins for the product; where it names warehouses, its stores reach no others. A channel by
    custody reaches no location through groups, whatever is linked to its channel group: it is served from the custody
    that its `seller` sees in this view, and from nowhere where it has none.
    """
    if channel.by_custody:
        persons = () if seller is None else tuple(seller.steps(view))
        step = Step(Stage.REACH, Subject.CHANNEL, channel.channel, Verdict.BY_CUSTODY, steps=persons)
        custodians = None if seller is None else frozenset(seller.custodians(view))
        return Reach(step, frozenset(), network, channel, custodians)
    locations = reached(network, channel, rule)
    groups = tuple(_group(network, group, locations) for group in network.feeding.get(channel.channel_group, ()))
    verdict = Verdict.SUM if groups else Verdict.NOT_LINKED
    step = Step(Stage.REACH, Subject.CHANNEL, channel.channel, verdict, steps=groups)
    return Reach(step, locations, network, channel)


def reached(network: Network, channel: Channel, rule: Rule | None = None) -> frozenset[str]:
    """The locations of the reach of a channel, without the steps that say so."""
    if channel.by_custody:
        return frozenset()
    locations = network.reached(channel.channel_group)
    if rule is not None and rule.warehouses and channel.channel in rule.stores:
        locations &= rule.warehouses
    return locations


def _group(network: Network, warehouse_group: str, reached: frozenset[str]) -> Step:
    steps = tuple(
        Step(
            Stage.REACH,
            Subject.LOCATION,
            location,
            Verdict.COUNTED if location in reached else Verdict.OUTSIDE_RULE,
        )
        for location in network.locations.get(warehouse_group, ())
    )
    verdict = Verdict.COUNTED if steps else Verdict.EMPTY
    return Step(Stage.REACH, Subject.WAREHOUSE_GROUP, warehouse_group, verdict, steps=steps)
