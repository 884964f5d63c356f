"""Decide whether the network may be changed, and what that changes.

Each decision takes what is asked for and what of the network bears on it, and returns the changes that carry it out, or
raises the refusal that says why not. None of them knows where the network is kept, nor who else is writing: the caller
sees to it that nothing it read changes before the decision is carried out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from weir_chassis.configuration.objects import Change, Decision
from weir_chassis.configuration.rules import check_absent, check_etag, deleted, existing, written
from weir_sharing.domain.objects import (
    Channel,
    ChannelGroup,
    GroupLink,
    LocationSetting,
    Policy,
    WarehouseGroup,
)
from weir_sharing.errors import (
    ChannelGroupInUse,
    ChannelGroupOwned,
    ChannelInUse,
    FixedLocationLinked,
    FixedLocationShared,
    LocationGrouped,
    WarehouseGroupInUse,
)


def set_location_policy(
    wanted: LocationSetting, current: LocationSetting | None, home: WarehouseGroup | None, fed: Sequence[str]
) -> Decision[LocationSetting]:
    """Say whether a location may be shared; `home` is its warehouse group, `fed` the channel groups that this feeds.

    Raises EtagStale, FixedLocationShared, FixedLocationLinked.
    """
    check_etag(current, wanted.etag)
    if home is not None and wanted.policy is Policy.FIXED:
        check_fixed(home, {wanted.location}, fed)
    return written(wanted, current)


def create_warehouse_group(
    wanted: WarehouseGroup, found: WarehouseGroup | None, *, homes: Mapping[str, str], fixed: Collection[str]
) -> Decision[WarehouseGroup]:
    """Add a warehouse group; `homes` maps locations to their groups, `fixed` are the FIXED ones.

    Raises WarehouseGroupExists, LocationGrouped, FixedLocationShared.
    """
    check_absent(wanted, found)
    _check_homes(wanted, homes)
    check_fixed(wanted, fixed, ())
    return written(wanted, None)


def update_warehouse_group(
    wanted: WarehouseGroup,
    found: WarehouseGroup | None,
    *,
    homes: Mapping[str, str],
    fixed: Collection[str],
    fed: Sequence[str],
) -> Decision[WarehouseGroup]:
    """Replace name and locations of a warehouse group that feeds the channel groups `fed`.

    `homes` and `fixed` are as in `create_warehouse_group`. Raises WarehouseGroupNotFound, EtagStale, LocationGrouped,
    FixedLocationShared, FixedLocationLinked.
    """
    current = existing(WarehouseGroup, wanted.key, found, etag=wanted.etag)
    _check_homes(wanted, homes)
    check_fixed(wanted, fixed, fed)
    return written(wanted, current)


def delete_warehouse_group(current: WarehouseGroup, fed: Sequence[str]) -> Decision[WarehouseGroup]:
    """Remove a warehouse group; raises WarehouseGroupInUse if it feeds any channel group."""
    if fed:
        raise WarehouseGroupInUse(users("channel group", fed), warehouse_group=current.warehouse_group)
    return deleted(current)


def create_channel_group(wanted: ChannelGroup, found: ChannelGroup | None) -> Decision[ChannelGroup]:
    """Add a channel group that any channel may be in; raises ChannelGroupExists."""
    check_absent(wanted, found)
    return written(wanted, None)


def update_channel_group(wanted: ChannelGroup, found: ChannelGroup | None) -> Decision[ChannelGroup]:
    """Replace the name of a channel group; raises ChannelGroupNotFound, EtagStale, ChannelGroupOwned."""
    current = existing(ChannelGroup, wanted.key, found, etag=wanted.etag)
    _check_open(current, channel="")
    return written(wanted, current)


def delete_channel_group(
    current: ChannelGroup, *, channels: Sequence[str], feeders: Sequence[str]
) -> Decision[ChannelGroup]:
    """Remove a channel group; raises ChannelGroupOwned, or ChannelGroupInUse if it has channels or is fed."""
    _check_open(current, channel="")
    if found := users("channel", channels) + users("warehouse group", feeders):
        raise ChannelGroupInUse(found, channel_group=current.channel_group)
    return deleted(current)


def create_channel(wanted: Channel, found: Channel | None, group: ChannelGroup | None) -> Decision[Channel]:
    """Add a channel, and a group of its own if it names none; `group` is what bears the name of the group.

    Raises ChannelExists, ChannelGroupNotFound, ChannelGroupOwned, ChannelGroupExists.
    """
    check_absent(wanted, found)
    if wanted.channel_group:
        _check_open(existing(ChannelGroup, (wanted.channel_group,), group), channel=wanted.channel)
        return written(wanted, None)
    own = _own_group(wanted)
    check_absent(own, group)
    return written(replace(wanted, channel_group=own.channel_group), None, Change(own))


def update_channel(
    wanted: Channel,
    found: Channel | None,
    *,
    group: ChannelGroup | None,
    own: ChannelGroup | None,
    feeders: Sequence[str],
) -> Decision[Channel]:
    """Replace kind, name and group of a channel, and make, change or remove the group of its own accordingly.

    `group` is what bears the name of the group asked for, `own` the group of its own if it has one, `feeders` the
    warehouse groups that feed that. Raises ChannelNotFound, EtagStale, ChannelGroupNotFound, ChannelGroupOwned,
    ChannelGroupExists, ChannelInUse.
    """
    current = existing(Channel, wanted.key, found, etag=wanted.etag)
    if wanted.channel_group in ("", own.channel_group if own else ""):
        after = _own_group(wanted)
        if own is None:
            check_absent(after, group)
        asked = replace(wanted, channel_group=after.channel_group)
        return written(asked, current, *(() if after == own else (Change(after),)))
    _check_open(existing(ChannelGroup, (wanted.channel_group,), group), channel=wanted.channel)
    if own is None:
        return written(wanted, current)
    _check_unfed(wanted.channel, feeders)
    moved = written(wanted, current)
    return Decision(moved.object, (*moved.changes, Change(own, deleted=True)))


def delete_channel(current: Channel, *, own: ChannelGroup | None, feeders: Sequence[str]) -> Decision[Channel]:
    """Remove a channel with the group of its own, if it has one; raises ChannelInUse if `feeders` feed that."""
    if own is None:
        return deleted(current)
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
) -> Decision[GroupLink]:
    """Let a warehouse group, which feeds `fed` already, feed one more channel group.

    Raises GroupLinkExists, WarehouseGroupNotFound, ChannelGroupNotFound, FixedLocationLinked.
    """
    check_absent(wanted, found)
    feeder = existing(WarehouseGroup, (wanted.warehouse_group,), warehouse_group)
    existing(ChannelGroup, (wanted.channel_group,), channel_group)
    check_fixed(feeder, fixed, [*fed, wanted.channel_group])
    return written(wanted, None)


def delete_group_link(current: GroupLink) -> Decision[GroupLink]:
    """Stop a warehouse group from feeding a channel group."""
    return deleted(current)


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


def _check_open(group: ChannelGroup, *, channel: str) -> None:
    if group.own_channel not in ("", channel):
        raise ChannelGroupOwned(channel_group=group.channel_group, channel=group.own_channel)


def _check_unfed(channel: str, feeders: Sequence[str]) -> None:
    if feeders:
        raise ChannelInUse(users("warehouse group", feeders), channel=channel)


def _own_group(channel: Channel) -> ChannelGroup:
    return ChannelGroup(channel.channel, channel.display_name, own_channel=channel.channel)


def users(word: str, names: Sequence[str]) -> list[str]:
    """The users of an object as a refusal names them."""
    return [f"{word} {name}" for name in names]
