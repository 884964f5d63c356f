"""The objects of a tenant's network, by identifier."""

from __future__ import annotations

from typing import TypeVar

from weir_aggregator.domain import GroupLink, NetworkChange, WarehouseGroup
from weir_allocation.network import Channel, Network

K = TypeVar("K")
V = TypeVar("V")


class NetworkBook:
    """Takes objects as they stand after each commit and makes the network of them."""

    def __init__(self) -> None:
        """No objects."""
        self._groups: dict[str, WarehouseGroup] = {}
        self._channels: dict[str, Channel] = {}
        self._links: dict[tuple[str, str], GroupLink] = {}

    def put(self, change: NetworkChange) -> None:
        """Take over one object as it stands, or forget it; either again does no harm."""
        match change.object:
            case WarehouseGroup() as group:
                _put(self._groups, group.warehouse_group, group, deleted=change.deleted)
            case Channel() as channel:
                _put(self._channels, channel.channel, channel, deleted=change.deleted)
            case GroupLink() as link:
                _put(self._links, (link.warehouse_group, link.channel_group), link, deleted=change.deleted)

    def network(self) -> Network:
        """The network of the objects as they stand."""
        return Network.of(
            warehouse_groups={name: group.locations for name, group in self._groups.items()},
            channels=self._channels.values(),
            links=self._links,
        )


def _put(objects: dict[K, V], key: K, value: V, *, deleted: bool) -> None:
    if deleted:
        objects.pop(key, None)
    else:
        objects[key] = value
