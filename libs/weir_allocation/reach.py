"""The first stage: which locations may serve a channel."""

from __future__ import annotations

from dataclasses import dataclass

from weir_allocation.network import Channel, Network
from weir_allocation.trace import Stage, Step, Subject, Verdict


@dataclass(frozen=True, slots=True)
class Reach:
    """What a channel reaches, and the step that says so."""

    step: Step
    locations: frozenset[str]
    """The locations that may serve the channel."""
    network: Network
    by_custody: bool

    def verdict(self, location: str) -> Verdict:
        """COUNTED for a location that is reached; otherwise why it is not."""
        if self.by_custody:
            return Verdict.BY_CUSTODY
        if location in self.locations:
            return Verdict.COUNTED
        return Verdict.NOT_LINKED if location in self.network.grouped else Verdict.NOT_GROUPED


def reach(network: Network, channel: Channel) -> Reach:
    """The reach of a channel: its channel group, the warehouse groups linked to that, their locations.

    A channel by custody reaches no location through groups, whatever is linked to its channel group.
    """
    if channel.by_custody:
        step = Step(Stage.REACH, Subject.CHANNEL, channel.channel, Verdict.BY_CUSTODY)
        return Reach(step, frozenset(), network, by_custody=True)
    groups = tuple(_group(network, group) for group in network.feeding.get(channel.channel_group, ()))
    verdict = Verdict.SUM if groups else Verdict.NOT_LINKED
    step = Step(Stage.REACH, Subject.CHANNEL, channel.channel, verdict, steps=groups)
    return Reach(step, network.reached(channel.channel_group), network, by_custody=False)


def _group(network: Network, warehouse_group: str) -> Step:
    locations = network.locations.get(warehouse_group, ())
    steps = tuple(Step(Stage.REACH, Subject.LOCATION, location, Verdict.COUNTED) for location in locations)
    verdict = Verdict.COUNTED if steps else Verdict.EMPTY
    return Step(Stage.REACH, Subject.WAREHOUSE_GROUP, warehouse_group, verdict, steps=steps)
