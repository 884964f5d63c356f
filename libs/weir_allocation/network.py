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
        several claim it, the last by identifier is said to hold it, and a channel that any of them feeds reaches it.
        """
        locations = {group: tuple(sorted(set(warehouse_groups[group]))) for group in sorted(warehouse_groups)}
        feeding: dict[str, tuple[str, ...]] = {}
        for warehouse_group, channel_group in sorted(set(links)):
            feeding[channel_group] = (*feeding.get(channel_group, ()), warehouse_group)
        return cls(
            channels={each.channel: each for each in sorted(channels, key=lambda each: each.channel)},
            locations=locations,
            grouped={location: group for group, members in locations.items() for location in members},
            feeding=feeding,
        )

    def reached(self, channel_group: str) -> frozenset[str]:
        """The locations that feed a channel group."""
        return frozenset(
            location for group in self.feeding.get(channel_group, ()) for location in self.locations.get(group, ())
        )
