"""The network's objects, and the rules that decide whether it may be changed.

Location -> warehouse group -> link -> channel group -> channel. Each decision takes what is asked for and what of the
network bears on it, and returns the changes that carry it out, or raises the refusal that says why not. None of them
knows where the network is kept, nor who else is writing: the caller sees to it that nothing it read changes before the
decision is written.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, TypeVar

from weir_chassis.errors import EtagStale
from weir_sharing.errors import (
    ChannelExists,
    ChannelGroupExists,
    ChannelGroupInUse,
    ChannelGroupNotFound,
    ChannelGroupOwned,
    ChannelInUse,
    ChannelNotFound,
    FixedLocationLinked,
    FixedLocationShared,
    GroupLinkExists,
    GroupLinkNotFound,
    LocationGrouped,
    Missing,
    Taken,
    WarehouseGroupExists,
    WarehouseGroupInUse,
    WarehouseGroupNotFound,
)

Key = tuple[str, ...]
"""An object's identifier: the values of the fields that its kind names in `identity`."""


class Policy(enum.StrEnum):
    """Whether a location may be shared."""

    GLOBAL = "GLOBAL"
    """May stand in any warehouse group with others. What holds where nothing was set."""
    FIXED = "FIXED"
    """Only ever the sole member of its warehouse group, which feeds one channel group at most."""


class ChannelKind(enum.StrEnum):
    """Sort of place of sale."""

    WEBSHOP = "WEBSHOP"
    MARKETPLACE = "MARKETPLACE"
    POS = "POS"
    REP = "REP"
    B2B = "B2B"


@dataclass(frozen=True, slots=True)
class NetworkObject:
    """What the five kinds share: an identifier, and a mark of the version, which is no part of what an object says.

    `etag` is the number of the revision that last changed the object; empty where it was not stored.
    """

    identity: ClassVar[tuple[str, ...]]
    missing: ClassVar[type[Missing]]
    taken: ClassVar[type[Taken]]

    etag: str = field(default="", compare=False, kw_only=True)

    @property
    def key(self) -> Key:
        """Its identifier, unique among the objects of its kind and tenant."""
        return tuple(getattr(self, name) for name in self.identity)


@dataclass(frozen=True, slots=True)
class LocationSetting(NetworkObject):
    """The policy of one location of the ledger."""

    identity = ("location",)

    location: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class WarehouseGroup(NetworkObject):
    """Locations pooled together; `locations` are in order of their identifiers, each once."""

    identity = ("warehouse_group",)
    missing = WarehouseGroupNotFound
    taken = WarehouseGroupExists

    warehouse_group: str
    display_name: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelGroup(NetworkObject):
    """Channels that see one and the same level; `own_channel` is the one it belongs to alone, if any."""

    identity = ("channel_group",)
    missing = ChannelGroupNotFound
    taken = ChannelGroupExists

    channel_group: str
    display_name: str
    own_channel: str = ""


@dataclass(frozen=True, slots=True)
class Channel(NetworkObject):
    """One place of sale; in requests an empty `channel_group` asks for one of its own."""

    identity = ("channel",)
    missing = ChannelNotFound
    taken = ChannelExists

    channel: str
    kind: ChannelKind
    display_name: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class GroupLink(NetworkObject):
    """The stock of a warehouse group feeds a channel group."""

    identity = ("warehouse_group", "channel_group")
    missing = GroupLinkNotFound
    taken = GroupLinkExists

    warehouse_group: str
    channel_group: str


KINDS: tuple[type[NetworkObject], ...] = (LocationSetting, WarehouseGroup, ChannelGroup, Channel, GroupLink)
"""Every kind of object, each after those it refers to."""

T = TypeVar("T", bound=NetworkObject)


@dataclass(frozen=True, slots=True)
class Change:
    """An object as it stands after a change; or, if `deleted`, the last state it had."""

    object: NetworkObject
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request comes to: the object asked about, as it will be, and every change; none if all is as asked."""

    object: NetworkObject
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one revision changed."""

    revision: int
    recorded_at: datetime
    changes: tuple[Change, ...]


def existing(kind: type[T], key: Key, found: T | None, *, etag: str = "") -> T:
    """What was `found` under `key`; raises the kind's `missing`, or EtagStale if it is not the version `etag`."""
    if found is None:
        raise kind.missing(**dict(zip(kind.identity, key, strict=True)))
    _check_etag(found, etag)
    return found


def set_location_policy(
    wanted: LocationSetting, current: LocationSetting | None, home: WarehouseGroup | None, fed: Sequence[str]
) -> Decision:
    """Say whether a location may be shared; `home` is its warehouse group, `fed` the channel groups that this feeds.

    Raises EtagStale, FixedLocationShared, FixedLocationLinked.
    """
    _check_etag(current, wanted.etag)
    if home is not None and wanted.policy is Policy.FIXED:
        check_fixed(home, {wanted.location}, fed)
    return _written(wanted, current)


def create_warehouse_group(
    wanted: WarehouseGroup, found: WarehouseGroup | None, *, homes: Mapping[str, str], fixed: Collection[str]
) -> Decision:
    """Add a warehouse group; `homes` maps locations to their groups, `fixed` are the FIXED ones.

    Raises WarehouseGroupExists, LocationGrouped, FixedLocationShared.
    """
    _check_absent(wanted, found)
    _check_homes(wanted, homes)
    check_fixed(wanted, fixed, ())
    return _written(wanted, None)


def update_warehouse_group(
    wanted: WarehouseGroup,
    found: WarehouseGroup | None,
    *,
    homes: Mapping[str, str],
    fixed: Collection[str],
    fed: Sequence[str],
) -> Decision:
    """Replace name and locations of a warehouse group that feeds the channel groups `fed`.

    `homes` and `fixed` are as in `create_warehouse_group`. Raises WarehouseGroupNotFound, EtagStale, LocationGrouped,
    FixedLocationShared, FixedLocationLinked.
    """
    current = existing(WarehouseGroup, wanted.key, found, etag=wanted.etag)
    _check_homes(wanted, homes)
    check_fixed(wanted, fixed, fed)
    return _written(wanted, current)


def delete_warehouse_group(current: WarehouseGroup, fed: Sequence[str]) -> Decision:
    """Remove a warehouse group; raises WarehouseGroupInUse if it feeds any channel group."""
    if fed:
        raise WarehouseGroupInUse(_users("channel group", fed), warehouse_group=current.warehouse_group)
    return _deleted(current)


def create_channel_group(wanted: ChannelGroup, found: ChannelGroup | None) -> Decision:
    """Add a channel group that any channel may be in; raises ChannelGroupExists."""
    _check_absent(wanted, found)
    return _written(wanted, None)


def update_channel_group(wanted: ChannelGroup, found: ChannelGroup | None) -> Decision:
    """Replace the name of a channel group; raises ChannelGroupNotFound, EtagStale, ChannelGroupOwned."""
    current = existing(ChannelGroup, wanted.key, found, etag=wanted.etag)
    _check_open(current, channel="")
    return _written(wanted, current)


def delete_channel_group(current: ChannelGroup, *, channels: Sequence[str], feeders: Sequence[str]) -> Decision:
    """Remove a channel group; raises ChannelGroupOwned, or ChannelGroupInUse if it has channels or is fed."""
    _check_open(current, channel="")
    if users := _users("channel", channels) + _users("warehouse group", feeders):
        raise ChannelGroupInUse(users, channel_group=current.channel_group)
    return _deleted(current)


def create_channel(wanted: Channel, found: Channel | None, group: ChannelGroup | None) -> Decision:
    """Add a channel, and a group of its own if it names none; `group` is what bears the name of the group.

    Raises ChannelExists, ChannelGroupNotFound, ChannelGroupOwned, ChannelGroupExists.
    """
    _check_absent(wanted, found)
    if wanted.channel_group:
        _check_open(existing(ChannelGroup, (wanted.channel_group,), group), channel=wanted.channel)
        return _written(wanted, None)
    own = _own_group(wanted)
    _check_absent(own, group)
    return _written(replace(wanted, channel_group=own.channel_group), None, Change(own))


def update_channel(
    wanted: Channel,
    found: Channel | None,
    *,
    group: ChannelGroup | None,
    own: ChannelGroup | None,
    feeders: Sequence[str],
) -> Decision:
    """Replace kind, name and group of a channel, and make, change or remove the group of its own accordingly.

    `group` is what bears the name of the group asked for, `own` the group of its own if it has one, `feeders` the
    warehouse groups that feed that. Raises ChannelNotFound, EtagStale, ChannelGroupNotFound, ChannelGroupOwned,
    ChannelGroupExists, ChannelInUse.
    """
    current = existing(Channel, wanted.key, found, etag=wanted.etag)
    if wanted.channel_group in ("", own.channel_group if own else ""):
        after = _own_group(wanted)
        if own is None:
            _check_absent(after, group)
        asked = replace(wanted, channel_group=after.channel_group)
        return _written(asked, current, *(() if after == own else (Change(after),)))
    _check_open(existing(ChannelGroup, (wanted.channel_group,), group), channel=wanted.channel)
    if own is None:
        return _written(wanted, current)
    _check_unfed(wanted.channel, feeders)
    return Decision(wanted, (Change(wanted), Change(own, deleted=True)))


def delete_channel(current: Channel, *, own: ChannelGroup | None, feeders: Sequence[str]) -> Decision:
    """Remove a channel with the group of its own, if it has one; raises ChannelInUse if `feeders` feed that."""
    if own is None:
        return _deleted(current)
    _check_unfed(current.channel, feeders)
    return Decision(current, (Change(current, deleted=True), Change(own, deleted=True)))


def create_group_link(
    wanted: GroupLink,
    found: GroupLink | None,
    *,
    warehouse_group: WarehouseGroup | None,
    channel_group: ChannelGroup | None,
    fixed: Collection[str],
    fed: Sequence[str],
) -> Decision:
    """Let a warehouse group, which feeds `fed` already, feed one more channel group.

    Raises GroupLinkExists, WarehouseGroupNotFound, ChannelGroupNotFound, FixedLocationLinked.
    """
    _check_absent(wanted, found)
    feeder = existing(WarehouseGroup, (wanted.warehouse_group,), warehouse_group)
    existing(ChannelGroup, (wanted.channel_group,), channel_group)
    check_fixed(feeder, fixed, [*fed, wanted.channel_group])
    return _written(wanted, None)


def delete_group_link(current: GroupLink) -> Decision:
    """Stop a warehouse group from feeding a channel group."""
    return _deleted(current)


def check_fixed(group: WarehouseGroup, fixed: Collection[str], fed: Sequence[str]) -> None:
    """The law of FIXED locations, for a warehouse group as it would be, feeding the channel groups `fed`.

    A member that is in `fixed` must be the only one, and then `fed` may name one channel group at most. Raises
    FixedLocationShared, FixedLocationLinked.
    """
    for location in group.locations:
        if location not in fixed:
            continue
        if len(group.locations) > 1:
            raise FixedLocationShared(
                location=location, warehouse_group=group.warehouse_group, locations=len(group.locations)
            )
        if len(fed) > 1:
            raise FixedLocationLinked(location=location, warehouse_group=group.warehouse_group, channel_groups=len(fed))


def _check_homes(group: WarehouseGroup, homes: Mapping[str, str]) -> None:
    elsewhere = [
        (location, homes[location])
        for location in group.locations
        if homes.get(location, group.warehouse_group) != group.warehouse_group
    ]
    if elsewhere:
        raise LocationGrouped(elsewhere)


def _check_etag(current: NetworkObject | None, etag: str) -> None:
    is_now = current.etag if current is not None else ""
    if etag and etag != is_now:
        raise EtagStale(current=is_now)


def _check_absent(wanted: NetworkObject, found: NetworkObject | None) -> None:
    if found is not None:
        raise wanted.taken(**dict(zip(wanted.identity, wanted.key, strict=True)))


def _check_open(group: ChannelGroup, *, channel: str) -> None:
    if group.own_channel not in ("", channel):
        raise ChannelGroupOwned(channel_group=group.channel_group, channel=group.own_channel)


def _check_unfed(channel: str, feeders: Sequence[str]) -> None:
    if feeders:
        raise ChannelInUse(_users("warehouse group", feeders), channel=channel)


def _own_group(channel: Channel) -> ChannelGroup:
    return ChannelGroup(channel.channel, channel.display_name, own_channel=channel.channel)


def _users(word: str, names: Sequence[str]) -> list[str]:
    return [f"{word} {name}" for name in names]


def _written(wanted: NetworkObject, current: NetworkObject | None, *first: Change) -> Decision:
    """The decision to store `wanted` where it differs from `current`, after the changes it rests on."""
    if wanted == current:
        return Decision(current)
    return Decision(wanted, (*first, Change(wanted)))


def _deleted(current: NetworkObject) -> Decision:
    return Decision(current, (Change(current, deleted=True),))
