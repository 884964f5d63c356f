"""Which locations feed which channels, as configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Channel:
    """One place of sale."""

    channel: str
    channel_group: str
    by_custody: bool = False
    """Reached by custody instead of by groups: a representative."""


@dataclass(frozen=True, slots=True)
class Network:
    """Location -> warehouse group -> link -> channel group -> channel; made by `of`, which puts everything in order."""

    channels: Mapping[str, Channel]
    """By identifier, in the order of identifiers."""
    locations: Mapping[str, tuple[str, ...]]
    """Locations of each warehouse group, in order."""
    grouped: Mapping[str, str]
    """Warehouse group of each location that is in one."""
    feeding: Mapping[str, tuple[str, ...]]
    """Warehouse groups linked to each channel group, in order; a channel group without links is not in it."""
    fed: Mapping[str, tuple[str, ...]]
    """Channel groups linked to each warehouse group, in order; a warehouse group without links is not in it."""
    members: Mapping[str, tuple[Channel, ...]]
    """Channels of each channel group that it is reached for, in order: those by custody are left out."""

    @classmethod
    def of(
        cls,
        *,
        warehouse_groups: Mapping[str, Iterable[str]],
        channels: Iterable[Channel],
        links: Iterable[tuple[str, str]],
    ) -> Network:
        """The network of these objects; `links` are pairs of warehouse group and channel group.

        A link of a warehouse group that is not there feeds nothing. A location is in at most one group: where
        several claim it, the last by identifier holds it.
        """
        grouped = {location: group for group in sorted(warehouse_groups) for location in warehouse_groups[group]}
        feeding: dict[str, tuple[str, ...]] = {}
        fed: dict[str, tuple[str, ...]] = {}
        for warehouse_group, channel_group in sorted(set(links)):
            feeding[channel_group] = (*feeding.get(channel_group, ()), warehouse_group)
            fed[warehouse_group] = (*fed.get(warehouse_group, ()), channel_group)
        ordered = sorted(channels, key=lambda each: each.channel)
        members: dict[str, tuple[Channel, ...]] = {}
        for channel in ordered:
            if not channel.by_custody:
                members[channel.channel_group] = (*members.get(channel.channel_group, ()), channel)
        return cls(
            channels={each.channel: each for each in ordered},
            locations={
                group: tuple(sorted({each for each in warehouse_groups[group] if grouped[each] == group}))
                for group in sorted(warehouse_groups)
            },
            grouped=grouped,
            feeding=feeding,
            fed=fed,
            members=members,
        )

    def reached(self, channel_group: str) -> frozenset[str]:
        """The locations that feed a channel group."""
        return frozenset(
            location for group in self.feeding.get(channel_group, ()) for location in self.locations.get(group, ())
        )
