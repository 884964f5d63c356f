"""What must be created or changed so that the suite's locations and network become as a folder says.

Nothing is ever removed. Where FIXED locations or moves between groups are concerned the order matters, because each
step by itself must keep the rules: what lets go comes before what takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir_cli.merchant.rules import group_of
from weir_cli.merchant.values import Known, Merchant

GLOBAL, FIXED = network_pb2.LOCATION_POLICY_GLOBAL, network_pb2.LOCATION_POLICY_FIXED


@dataclass(frozen=True, slots=True)
class State:
    """What the suite holds now, by identifier; `mark` names the moment it was read."""

    mark: str = ""
    locations: dict[str, ledger_pb2.Location] = field(default_factory=dict)
    policies: dict[str, network_pb2.LocationSetting] = field(default_factory=dict)
    groups: dict[str, network_pb2.WarehouseGroup] = field(default_factory=dict)
    channel_groups: dict[str, network_pb2.ChannelGroup] = field(default_factory=dict)
    channels: dict[str, network_pb2.Channel] = field(default_factory=dict)
    links: dict[tuple[str, str], network_pb2.GroupLink] = field(default_factory=dict)

    def known(self) -> Known:
        """The names alone."""
        return Known(
            locations=frozenset(self.locations),
            fixed=frozenset(name for name, each in self.policies.items() if each.policy == FIXED),
            groups=frozenset(self.groups),
            group_of={location: name for name, each in self.groups.items() for location in each.locations},
            channel_groups=frozenset(self.channel_groups),
            own_groups={name: each.own_channel for name, each in self.channel_groups.items() if each.own_channel},
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and what it concerns: the subject (`locations`), what is done to it, its identifier."""

    subject: str
    action: str
    name: str
    method: str
    request: Message


def arrangement(merchant: Merchant, state: State) -> list[Step]:
    """The steps in the order they must be taken; none where everything is as it shall be."""
    steps = [
        *_locations(merchant, state),
        *_policies(merchant, state, GLOBAL),
        *_groups_shrunk(merchant, state),
        *_groups(merchant, state),
        *_policies(merchant, state, FIXED),
        *_channel_groups(merchant, state),
        *_channels(merchant, state),
        *_links(merchant, state),
    ]
    for index, step in enumerate(steps):
        content = f"{state.mark}/{index}/{step.method}/".encode() + step.request.SerializeToString(deterministic=True)
        step.request.request_id = f"load-{hashlib.sha256(content).hexdigest()[:40]}"  # type: ignore[attr-defined]
    return steps


def _locations(merchant: Merchant, state: State) -> Iterator[Step]:
    for place in merchant.locations or ():
        kind = ledger_pb2.LocationKind.Value(f"LOCATION_KIND_{place.kind}")
        wanted = ledger_pb2.Location(location=place.location, kind=kind, display_name=place.display_name)
        found = state.locations.get(place.location)
        if found is None:
            request: Message = ledger_service_pb2.CreateLocationRequest(location=wanted)
            yield Step("locations", "created", place.location, "CreateLocation", request)
        elif (found.kind, found.display_name) != (wanted.kind, wanted.display_name):
            wanted.etag = found.etag
            request = ledger_service_pb2.UpdateLocationRequest(location=wanted)
            yield Step("locations", "updated", place.location, "UpdateLocation", request)


def _policies(merchant: Merchant, state: State, policy: network_pb2.LocationPolicy.ValueType) -> Iterator[Step]:
    for place in merchant.locations or ():
        wanted = network_pb2.LocationPolicy.Value(f"LOCATION_POLICY_{place.policy}")
        found = state.policies.get(place.location)
        if wanted == policy and wanted != (found.policy if found is not None else GLOBAL):
            setting = network_pb2.LocationSetting(location=place.location, policy=wanted)
            if found is not None:
                setting.etag = found.etag
            request = network_service_pb2.SetLocationPolicyRequest(location_setting=setting)
            yield Step("policies", "set", place.location, "SetLocationPolicy", request)


def _wanted_groups(merchant: Merchant) -> dict[str, network_pb2.WarehouseGroup]:
    wanted: dict[str, network_pb2.WarehouseGroup] = {}
    for member in merchant.groups or ():
        group = wanted.setdefault(
            member.warehouse_group, network_pb2.WarehouseGroup(warehouse_group=member.warehouse_group)
        )
        group.locations.append(member.location)
        group.display_name = member.display_name or group.display_name
    return wanted


def _groups_shrunk(merchant: Merchant, state: State) -> Iterator[Step]:
    """A location that moves leaves its group before it enters the other."""
    wanted = _wanted_groups(merchant)
    home = {location: name for name, group in wanted.items() for location in group.locations}
    for name, found in state.groups.items():
        staying = [location for location in found.locations if home.get(location, name) == name]
        if len(staying) < len(found.locations):
            kept = network_pb2.WarehouseGroup(warehouse_group=name, display_name=found.display_name, locations=staying)
            request = network_service_pb2.UpdateWarehouseGroupRequest(warehouse_group=kept)
            yield Step("warehouse groups", "updated", name, "UpdateWarehouseGroup", request)


def _groups(merchant: Merchant, state: State) -> Iterator[Step]:
    for name, wanted in _wanted_groups(merchant).items():
        found = state.groups.get(name)
        if found is None:
            request: Message = network_service_pb2.CreateWarehouseGroupRequest(warehouse_group=wanted)
            yield Step("warehouse groups", "created", name, "CreateWarehouseGroup", request)
        elif (found.display_name, sorted(found.locations)) != (wanted.display_name, sorted(wanted.locations)):
            request = network_service_pb2.UpdateWarehouseGroupRequest(warehouse_group=wanted)
            yield Step("warehouse groups", "updated", name, "UpdateWarehouseGroup", request)


def _channel_groups(merchant: Merchant, state: State) -> Iterator[Step]:
    named = dict.fromkeys(shop.channel_group for shop in merchant.channels or () if shop.channel_group)
    for name in named:
        if name not in state.channel_groups:
            wanted = network_pb2.ChannelGroup(channel_group=name)
            request = network_service_pb2.CreateChannelGroupRequest(channel_group=wanted)
            yield Step("channel groups", "created", name, "CreateChannelGroup", request)


def _channels(merchant: Merchant, state: State) -> Iterator[Step]:
    for shop in merchant.channels or ():
        kind = network_pb2.ChannelKind.Value(f"CHANNEL_KIND_{shop.kind}")
        wanted = network_pb2.Channel(
            channel=shop.channel, kind=kind, display_name=shop.display_name, channel_group=shop.channel_group
        )
        found = state.channels.get(shop.channel)
        if found is None:
            request: Message = network_service_pb2.CreateChannelRequest(channel=wanted)
            yield Step("channels", "created", shop.channel, "CreateChannel", request)
        elif (found.kind, found.display_name, found.channel_group) != (kind, shop.display_name, group_of(shop)):
            wanted.etag = found.etag
            request = network_service_pb2.UpdateChannelRequest(channel=wanted)
            yield Step("channels", "updated", shop.channel, "UpdateChannel", request)


def _links(merchant: Merchant, state: State) -> Iterator[Step]:
    for link in merchant.links or ():
        if (link.warehouse_group, link.channel_group) not in state.links:
            wanted = network_pb2.GroupLink(warehouse_group=link.warehouse_group, channel_group=link.channel_group)
            request = network_service_pb2.CreateGroupLinkRequest(group_link=wanted)
            name = f"{link.warehouse_group} → {link.channel_group}"
            yield Step("links", "created", name, "CreateGroupLink", request)
