"""Messages to domain and back, and the limits of every field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from google.protobuf.message import Message

from weir.common.v1.revision_pb2 import Freshness
from weir.sharing.v1 import network_pb2 as pb
from weir.sharing.v1 import network_service_pb2 as service_pb
from weir_chassis import call
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt, fingerprint
from weir_chassis.revisions import Origin, Revision, Vector, at_least, revision
from weir_sharing.domain import (
    Change,
    Channel,
    ChannelGroup,
    ChannelKind,
    Commit,
    GroupLink,
    Key,
    LocationSetting,
    Named,
    NetworkObject,
    Policy,
    T,
    WarehouseGroup,
)

M = TypeVar("M", bound=Message)

DISPLAY_NAME_LENGTH_MAX = 256
LOCATIONS_MAX = 1000
OBJECTS_MAX = 1000
OBJECTS_SIZE_MAX = 900_000
"""Bytes of the objects of one message: a full warehouse group takes 600 kB, a message of 1 MiB is read everywhere."""

_POLICIES_TOLD: Mapping[Policy, pb.LocationPolicy.ValueType] = {
    Policy.GLOBAL: pb.LOCATION_POLICY_GLOBAL,
    Policy.FIXED: pb.LOCATION_POLICY_FIXED,
}
_CHANNEL_KINDS_TOLD: Mapping[ChannelKind, pb.ChannelKind.ValueType] = {
    ChannelKind.WEBSHOP: pb.CHANNEL_KIND_WEBSHOP,
    ChannelKind.MARKETPLACE: pb.CHANNEL_KIND_MARKETPLACE,
    ChannelKind.POS: pb.CHANNEL_KIND_POS,
    ChannelKind.REP: pb.CHANNEL_KIND_REP,
    ChannelKind.B2B: pb.CHANNEL_KIND_B2B,
}
_POLICIES: Mapping[int, Policy] = {value: policy for policy, value in _POLICIES_TOLD.items()}
_CHANNEL_KINDS: Mapping[int, ChannelKind] = {value: kind for kind, value in _CHANNEL_KINDS_TOLD.items()}


class Mutation(Protocol):
    """What every request that changes something has."""

    request_id: str
    validate_only: bool


class Removal(Mutation, Protocol):
    """What every request that removes something has."""

    etag: str


class Read(Protocol):
    """What every request that only reads has."""

    @property
    def freshness(self) -> Freshness:
        """The revisions that the answer must include."""
        ...


class Listing(Read, Protocol):
    """What every request for a page has."""

    page_size: int
    page_token: str


def attempt(fields: Fields, request: Mutation) -> Attempt:
    """The caller's try, by the name it gave it."""
    current = call.current()
    return Attempt(
        current.principal.tenant,
        current.method,
        fields.request_id(request.request_id),
        fingerprint(cast(Message, request)),
    )


def location_setting(request: service_pb.SetLocationPolicyRequest) -> tuple[Attempt, LocationSetting]:
    """The policy that a location shall have."""
    with Fields() as fields:
        asked, inner = request.location_setting, _part(fields, request, "location_setting")
        return attempt(fields, request), LocationSetting(
            location=inner.identifier("location", asked.location),
            policy=inner.enum("policy", asked.policy, _POLICIES),
            etag=_etag(inner, asked),
        )


def warehouse_group(
    request: service_pb.CreateWarehouseGroupRequest | service_pb.UpdateWarehouseGroupRequest,
) -> tuple[Attempt, WarehouseGroup]:
    """A warehouse group as it shall be."""
    with Fields() as fields:
        asked, inner = request.warehouse_group, _part(fields, request, "warehouse_group")
        return attempt(fields, request), WarehouseGroup(
            warehouse_group=inner.identifier("warehouse_group", asked.warehouse_group),
            display_name=_display_name(inner, asked),
            locations=tuple(sorted(inner.identifiers("locations", asked.locations, most=LOCATIONS_MAX))),
            etag=_etag(inner, asked),
        )


def channel_group(
    request: service_pb.CreateChannelGroupRequest | service_pb.UpdateChannelGroupRequest,
) -> tuple[Attempt, ChannelGroup]:
    """A channel group as it shall be."""
    with Fields() as fields:
        asked, inner = request.channel_group, _part(fields, request, "channel_group")
        return attempt(fields, request), ChannelGroup(
            channel_group=inner.identifier("channel_group", asked.channel_group),
            display_name=_display_name(inner, asked),
            etag=_etag(inner, asked),
        )


def channel(request: service_pb.CreateChannelRequest | service_pb.UpdateChannelRequest) -> tuple[Attempt, Channel]:
    """A channel as it shall be."""
    with Fields() as fields:
        asked, inner = request.channel, _part(fields, request, "channel")
        return attempt(fields, request), Channel(
            channel=inner.identifier("channel", asked.channel),
            kind=inner.enum("kind", asked.kind, _CHANNEL_KINDS),
            display_name=_display_name(inner, asked),
            channel_group=inner.identifier("channel_group", asked.channel_group, optional=True),
            etag=_etag(inner, asked),
        )


def group_link(request: service_pb.CreateGroupLinkRequest) -> tuple[Attempt, GroupLink]:
    """A link that shall be."""
    with Fields() as fields:
        asked, inner = request.group_link, _part(fields, request, "group_link")
        return attempt(fields, request), GroupLink(
            warehouse_group=inner.identifier("warehouse_group", asked.warehouse_group),
            channel_group=inner.identifier("channel_group", asked.channel_group),
        )


def removal(request: Removal, kind: type[T]) -> tuple[Attempt, Named[T]]:
    """What shall be removed."""
    with Fields() as fields:
        return attempt(fields, request), Named(kind, _key(fields, request, kind), _etag(fields, request))


def lookup(request: Read, kind: type[NetworkObject]) -> tuple[Key, Vector]:
    """What shall be shown, and how fresh."""
    with Fields() as fields:
        return _key(fields, request, kind), at_least(fields, request.freshness)


def listing(request: Listing, *filters: str) -> tuple[Mapping[str, str], Vector]:
    """The fields that what is listed must have the values of, out of those the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        asked = {name: fields.identifier(name, getattr(request, name), optional=True) for name in filters}
        return {name: value for name, value in asked.items() if value}, at_least(fields, request.freshness)


def freshness(request: Read) -> Vector:
    """How fresh the answer must be."""
    with Fields() as fields:
        return at_least(fields, request.freshness)


def after(request: service_pb.WatchNetworkRequest) -> Revision | None:
    """The revision to begin after; None where none is named."""
    with Fields() as fields:
        return revision(fields.inner("after"), request.after) if request.HasField("after") else None


def to_location_setting(setting: LocationSetting) -> pb.LocationSetting:
    """The policy of a location."""
    return pb.LocationSetting(location=setting.location, policy=_POLICIES_TOLD[setting.policy], etag=setting.etag)


def to_warehouse_group(group: WarehouseGroup) -> pb.WarehouseGroup:
    """A warehouse group."""
    return pb.WarehouseGroup(
        warehouse_group=group.warehouse_group,
        display_name=group.display_name,
        locations=group.locations,
        etag=group.etag,
    )


def to_channel_group(group: ChannelGroup) -> pb.ChannelGroup:
    """A channel group."""
    return pb.ChannelGroup(
        channel_group=group.channel_group,
        display_name=group.display_name,
        own_channel=group.own_channel,
        etag=group.etag,
    )


def to_channel(each: Channel) -> pb.Channel:
    """A channel."""
    return pb.Channel(
        channel=each.channel,
        kind=_CHANNEL_KINDS_TOLD[each.kind],
        display_name=each.display_name,
        channel_group=each.channel_group,
        etag=each.etag,
    )


def to_group_link(link: GroupLink) -> pb.GroupLink:
    """A link."""
    return pb.GroupLink(warehouse_group=link.warehouse_group, channel_group=link.channel_group, etag=link.etag)


def to_change(change: Change) -> pb.NetworkChange:
    """A change, with the object as it stands after it."""
    told = pb.NetworkChange(deleted=change.deleted)
    match change.object:
        case LocationSetting() as setting:
            told.location_setting.CopyFrom(to_location_setting(setting))
        case WarehouseGroup() as group:
            told.warehouse_group.CopyFrom(to_warehouse_group(group))
        case ChannelGroup() as group:
            told.channel_group.CopyFrom(to_channel_group(group))
        case Channel() as each:
            told.channel.CopyFrom(to_channel(each))
        case GroupLink() as link:
            told.group_link.CopyFrom(to_group_link(link))
    return told


def to_commit(commit: Commit, origin: Origin) -> service_pb.WatchNetworkResponse:
    """A commit, as its watchers are told it."""
    told = heartbeat(commit.revision, origin)
    told.changes.extend(map(to_change, commit.changes))
    told.recorded_time.FromDatetime(commit.recorded_at)
    return told


def heartbeat(through: int, origin: Origin) -> service_pb.WatchNetworkResponse:
    """That everything up to a revision was sent."""
    return service_pb.WatchNetworkResponse(through=origin.revision(through).to_wire())


def portions(messages: Sequence[M]) -> Iterator[Sequence[M]]:
    """All the messages, cut into what one answer each has room for; an empty portion if there are none."""
    yield messages[: (count := fitting(messages))]
    while messages := messages[count:]:
        yield messages[: (count := fitting(messages))]


def fitting(messages: Sequence[Message]) -> int:
    """How many of the messages, from the first one on, one answer has room for: at least one, if there is one."""
    size = 0
    for count, message in enumerate(messages):
        size += message.ByteSize()
        if count == OBJECTS_MAX or (count > 0 and size > OBJECTS_SIZE_MAX):
            return count
    return len(messages)


def _part(fields: Fields, request: Message, name: str) -> Fields:
    """The fields of the object that the request is about, which must be there."""
    fields.required(request, name)
    return fields.inner(name)


def _key(fields: Fields, request: object, kind: type[NetworkObject]) -> Key:
    return tuple(fields.identifier(name, getattr(request, name)) for name in kind.identity)


def _etag(fields: Fields, asked: Any) -> str:
    return fields.identifier("etag", asked.etag, optional=True)


def _display_name(fields: Fields, asked: Any) -> str:
    return fields.text("display_name", asked.display_name, length_max=DISPLAY_NAME_LENGTH_MAX)
