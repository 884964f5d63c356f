"""Steps that arrange locations and the network: what lies where, who sells it, what feeds what."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir_cli.merchant.judging import group_of
from weir_cli.merchant.state import FIXED, State, Step
from weir_cli.merchant.values import CHANNEL_GROUPS, Merchant

GLOBAL = network_pb2.LOCATION_POLICY_GLOBAL


def network_steps(merchant: Merchant, state: State) -> Iterator[Step]:
    """A location is set free before it is joined, and fixed after it is alone."""
    yield from _locations(merchant, state)
    yield from _policies(merchant, state, GLOBAL)
    yield from _groups_shrunk(merchant, state)
    yield from _groups(merchant, state)
    yield from _policies(merchant, state, FIXED)
    yield from _channel_groups(merchant, state)
    yield from _channels(merchant, state)
    yield from _links(merchant, state)


def _locations(merchant: Merchant, state: State) -> Iterator[Step]:
    for place in merchant.locations or ():
        kind = ledger_pb2.LocationKind.Value(f"LOCATION_KIND_{place.kind}")
        wanted = ledger_pb2.Location(location=place.location, kind=kind, display_name=place.display_name)
        found = state.locations.get(place.location)
        if found is None:
            request: Message = ledger_service_pb2.CreateLocationRequest(location=wanted)
            yield Step("ledger", "locations", "created", place.location, "CreateLocation", request)
        elif (found.kind, found.display_name) != (wanted.kind, wanted.display_name):
            wanted.etag = found.etag
            request = ledger_service_pb2.UpdateLocationRequest(location=wanted)
            yield Step("ledger", "locations", "updated", place.location, "UpdateLocation", request)


def _policies(merchant: Merchant, state: State, policy: network_pb2.LocationPolicy.ValueType) -> Iterator[Step]:
    for place in merchant.locations or ():
        wanted = network_pb2.LocationPolicy.Value(f"LOCATION_POLICY_{place.policy}")
        found = state.settings.get(place.location)
        if wanted == policy and wanted != (found.policy if found is not None else GLOBAL):
            setting = network_pb2.LocationSetting(location=place.location, policy=wanted)
            if found is not None:
                setting.etag = found.etag
            request = network_service_pb2.SetLocationPolicyRequest(location_setting=setting)
            yield Step("network", "location policies", "set", place.location, "SetLocationPolicy", request)


def _wanted_groups(merchant: Merchant) -> dict[str, network_pb2.WarehouseGroup]:
    wanted: dict[str, network_pb2.WarehouseGroup] = {}
    for member in merchant.groups or ():
        group = wanted.setdefault(
            member.warehouse_group, network_pb2.WarehouseGroup(warehouse_group=member.warehouse_group)
        )
        if member.location:
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
            yield Step("network", "warehouse groups", "updated", name, "UpdateWarehouseGroup", request)


def _groups(merchant: Merchant, state: State) -> Iterator[Step]:
    for name, wanted in _wanted_groups(merchant).items():
        found = state.groups.get(name)
        if found is None:
            request: Message = network_service_pb2.CreateWarehouseGroupRequest(warehouse_group=wanted)
            yield Step("network", "warehouse groups", "created", name, "CreateWarehouseGroup", request)
        elif (found.display_name, sorted(found.locations)) != (wanted.display_name, sorted(wanted.locations)):
            request = network_service_pb2.UpdateWarehouseGroupRequest(warehouse_group=wanted)
            yield Step("network", "warehouse groups", "updated", name, "UpdateWarehouseGroup", request)


def _channel_groups(merchant: Merchant, state: State) -> Iterator[Step]:
    told = {row["channel_group"]: row["display_name"] for row in merchant.rows(CHANNEL_GROUPS)}
    for name in dict.fromkeys([*told, *(shop.channel_group for shop in merchant.channels or () if shop.channel_group)]):
        wanted = network_pb2.ChannelGroup(channel_group=name, display_name=told.get(name, ""))
        found = state.channel_groups.get(name)
        if found is None:
            request: Message = network_service_pb2.CreateChannelGroupRequest(channel_group=wanted)
            yield Step("network", "channel groups", "created", name, "CreateChannelGroup", request)
        elif name in told and not found.own_channel and found.display_name != wanted.display_name:
            wanted.etag = found.etag
            request = network_service_pb2.UpdateChannelGroupRequest(channel_group=wanted)
            yield Step("network", "channel groups", "updated", name, "UpdateChannelGroup", request)


def _channels(merchant: Merchant, state: State) -> Iterator[Step]:
    for shop in merchant.channels or ():
        kind = network_pb2.ChannelKind.Value(f"CHANNEL_KIND_{shop.kind}")
        wanted = network_pb2.Channel(
            channel=shop.channel, kind=kind, display_name=shop.display_name, channel_group=shop.channel_group
        )
        found = state.channels.get(shop.channel)
        if found is None:
            request: Message = network_service_pb2.CreateChannelRequest(channel=wanted)
            yield Step("network", "channels", "created", shop.channel, "CreateChannel", request)
        elif (found.kind, found.display_name, found.channel_group) != (kind, shop.display_name, group_of(shop)):
            wanted.etag = found.etag
            request = network_service_pb2.UpdateChannelRequest(channel=wanted)
            yield Step("network", "channels", "updated", shop.channel, "UpdateChannel", request)


def _links(merchant: Merchant, state: State) -> Iterator[Step]:
    for link in merchant.links or ():
        if (link.warehouse_group, link.channel_group) not in state.links:
            wanted = network_pb2.GroupLink(warehouse_group=link.warehouse_group, channel_group=link.channel_group)
            request = network_service_pb2.CreateGroupLinkRequest(group_link=wanted)
            name = f"{link.warehouse_group} → {link.channel_group}"
            yield Step("network", "links", "created", name, "CreateGroupLink", request)
