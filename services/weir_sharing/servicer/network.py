"""NetworkService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from grpc.aio import ServicerContext

from weir.sharing.v1 import network_service_pb2 as pb
from weir.sharing.v1 import network_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.auth import Role
from weir_chassis.configuration import wire
from weir_chassis.configuration.servicer import Answering
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_sharing import handlers
from weir_sharing.domain import Channel, ChannelGroup, GroupLink, LocationSetting, Policy, WarehouseGroup
from weir_sharing.ports import Network
from weir_sharing.wire import answers, requests

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)
_WATCH = Access(Role.READER, Traffic.WATCH)

NETWORK_POLICY = policy.of(
    "weir.sharing.v1.NetworkService",
    SetLocationPolicy=_WRITE,
    GetLocationPolicy=_READ,
    ListLocationPolicies=_READ,
    CreateWarehouseGroup=_WRITE,
    GetWarehouseGroup=_READ,
    ListWarehouseGroups=_READ,
    UpdateWarehouseGroup=_WRITE,
    DeleteWarehouseGroup=_WRITE,
    CreateChannelGroup=_WRITE,
    GetChannelGroup=_READ,
    ListChannelGroups=_READ,
    UpdateChannelGroup=_WRITE,
    DeleteChannelGroup=_WRITE,
    CreateChannel=_WRITE,
    GetChannel=_READ,
    ListChannels=_READ,
    UpdateChannel=_WRITE,
    DeleteChannel=_WRITE,
    CreateGroupLink=_WRITE,
    GetGroupLink=_READ,
    ListGroupLinks=_READ,
    DeleteGroupLink=_WRITE,
    ExportNetwork=_WATCH,
    WatchNetwork=_WATCH,
)


class NetworkServicer(Answering[Network], network_service_pb2_grpc.NetworkServiceServicer):
    """Every rpc of the network service, for the tenant of the caller."""

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["NetworkService"]
        return Registration(service, network_service_pb2_grpc.add_NetworkServiceServicer_to_server, self)

    async def SetLocationPolicy(
        self, request: pb.SetLocationPolicyRequest, context: Context
    ) -> pb.SetLocationPolicyResponse:
        asked = requests.location_setting(request)
        done, revision = await self._write(request, asked, handlers.set_location_policy)
        return pb.SetLocationPolicyResponse(location_setting=answers.to_location_setting(done), revision=revision)

    async def GetLocationPolicy(
        self, request: pb.GetLocationPolicyRequest, context: Context
    ) -> pb.GetLocationPolicyResponse:
        asked = requests.lookup(request, LocationSetting)
        unset = LocationSetting(request.location, Policy.GLOBAL)
        found, revision = await self._get(LocationSetting, asked, default=unset)
        return pb.GetLocationPolicyResponse(location_setting=answers.to_location_setting(found), revision=revision)

    async def ListLocationPolicies(
        self, request: pb.ListLocationPoliciesRequest, context: Context
    ) -> pb.ListLocationPoliciesResponse:
        found, token, revision = await self._list(
            request, LocationSetting, wire.listing(request), answers.to_location_setting
        )
        return pb.ListLocationPoliciesResponse(location_settings=found, next_page_token=token, revision=revision)

    async def CreateWarehouseGroup(
        self, request: pb.CreateWarehouseGroupRequest, context: Context
    ) -> pb.CreateWarehouseGroupResponse:
        done, revision = await self._write(request, requests.warehouse_group(request), handlers.create_warehouse_group)
        return pb.CreateWarehouseGroupResponse(warehouse_group=answers.to_warehouse_group(done), revision=revision)

    async def GetWarehouseGroup(
        self, request: pb.GetWarehouseGroupRequest, context: Context
    ) -> pb.GetWarehouseGroupResponse:
        found, revision = await self._get(WarehouseGroup, requests.lookup(request, WarehouseGroup))
        return pb.GetWarehouseGroupResponse(warehouse_group=answers.to_warehouse_group(found), revision=revision)

    async def ListWarehouseGroups(
        self, request: pb.ListWarehouseGroupsRequest, context: Context
    ) -> pb.ListWarehouseGroupsResponse:
        found, token, revision = await self._list(
            request, WarehouseGroup, wire.listing(request, "location"), answers.to_warehouse_group
        )
        return pb.ListWarehouseGroupsResponse(warehouse_groups=found, next_page_token=token, revision=revision)

    async def UpdateWarehouseGroup(
        self, request: pb.UpdateWarehouseGroupRequest, context: Context
    ) -> pb.UpdateWarehouseGroupResponse:
        done, revision = await self._write(request, requests.warehouse_group(request), handlers.update_warehouse_group)
        return pb.UpdateWarehouseGroupResponse(warehouse_group=answers.to_warehouse_group(done), revision=revision)

    async def DeleteWarehouseGroup(
        self, request: pb.DeleteWarehouseGroupRequest, context: Context
    ) -> pb.DeleteWarehouseGroupResponse:
        _, revision = await self._write(
            request, requests.removal(request, WarehouseGroup), handlers.delete_warehouse_group
        )
        return pb.DeleteWarehouseGroupResponse(revision=revision)

    async def CreateChannelGroup(
        self, request: pb.CreateChannelGroupRequest, context: Context
    ) -> pb.CreateChannelGroupResponse:
        done, revision = await self._write(request, requests.channel_group(request), handlers.create_channel_group)
        return pb.CreateChannelGroupResponse(channel_group=answers.to_channel_group(done), revision=revision)

    async def GetChannelGroup(self, request: pb.GetChannelGroupRequest, context: Context) -> pb.GetChannelGroupResponse:
        found, revision = await self._get(ChannelGroup, requests.lookup(request, ChannelGroup))
        return pb.GetChannelGroupResponse(channel_group=answers.to_channel_group(found), revision=revision)

    async def ListChannelGroups(
        self, request: pb.ListChannelGroupsRequest, context: Context
    ) -> pb.ListChannelGroupsResponse:
        found, token, revision = await self._list(
            request, ChannelGroup, wire.listing(request), answers.to_channel_group
        )
        return pb.ListChannelGroupsResponse(channel_groups=found, next_page_token=token, revision=revision)

    async def UpdateChannelGroup(
        self, request: pb.UpdateChannelGroupRequest, context: Context
    ) -> pb.UpdateChannelGroupResponse:
        done, revision = await self._write(request, requests.channel_group(request), handlers.update_channel_group)
        return pb.UpdateChannelGroupResponse(channel_group=answers.to_channel_group(done), revision=revision)

    async def DeleteChannelGroup(
        self, request: pb.DeleteChannelGroupRequest, context: Context
    ) -> pb.DeleteChannelGroupResponse:
        _, revision = await self._write(request, requests.removal(request, ChannelGroup), handlers.delete_channel_group)
        return pb.DeleteChannelGroupResponse(revision=revision)

    async def CreateChannel(self, request: pb.CreateChannelRequest, context: Context) -> pb.CreateChannelResponse:
        done, revision = await self._write(request, requests.channel(request), handlers.create_channel)
        return pb.CreateChannelResponse(channel=answers.to_channel(done), revision=revision)

    async def GetChannel(self, request: pb.GetChannelRequest, context: Context) -> pb.GetChannelResponse:
        found, revision = await self._get(Channel, requests.lookup(request, Channel))
        return pb.GetChannelResponse(channel=answers.to_channel(found), revision=revision)

    async def ListChannels(self, request: pb.ListChannelsRequest, context: Context) -> pb.ListChannelsResponse:
        found, token, revision = await self._list(
            request, Channel, wire.listing(request, "channel_group"), answers.to_channel
        )
        return pb.ListChannelsResponse(channels=found, next_page_token=token, revision=revision)

    async def UpdateChannel(self, request: pb.UpdateChannelRequest, context: Context) -> pb.UpdateChannelResponse:
        done, revision = await self._write(request, requests.channel(request), handlers.update_channel)
        return pb.UpdateChannelResponse(channel=answers.to_channel(done), revision=revision)

    async def DeleteChannel(self, request: pb.DeleteChannelRequest, context: Context) -> pb.DeleteChannelResponse:
        _, revision = await self._write(request, requests.removal(request, Channel), handlers.delete_channel)
        return pb.DeleteChannelResponse(revision=revision)

    async def CreateGroupLink(self, request: pb.CreateGroupLinkRequest, context: Context) -> pb.CreateGroupLinkResponse:
        done, revision = await self._write(request, requests.group_link(request), handlers.create_group_link)
        return pb.CreateGroupLinkResponse(group_link=answers.to_group_link(done), revision=revision)

    async def GetGroupLink(self, request: pb.GetGroupLinkRequest, context: Context) -> pb.GetGroupLinkResponse:
        found, revision = await self._get(GroupLink, requests.lookup(request, GroupLink))
        return pb.GetGroupLinkResponse(group_link=answers.to_group_link(found), revision=revision)

    async def ListGroupLinks(self, request: pb.ListGroupLinksRequest, context: Context) -> pb.ListGroupLinksResponse:
        asked = wire.listing(request, "warehouse_group", "channel_group")
        found, token, revision = await self._list(request, GroupLink, asked, answers.to_group_link)
        return pb.ListGroupLinksResponse(group_links=found, next_page_token=token, revision=revision)

    async def DeleteGroupLink(self, request: pb.DeleteGroupLinkRequest, context: Context) -> pb.DeleteGroupLinkResponse:
        _, revision = await self._write(request, requests.removal(request, GroupLink), handlers.delete_group_link)
        return pb.DeleteGroupLinkResponse(revision=revision)

    def ExportNetwork(
        self, request: pb.ExportNetworkRequest, context: Context
    ) -> AsyncIterator[pb.ExportNetworkResponse]:
        return self._export(request, pb.ExportNetworkResponse, answers.to_change)

    def WatchNetwork(self, request: pb.WatchNetworkRequest, context: Context) -> AsyncIterator[pb.WatchNetworkResponse]:
        return self._watch(request, pb.WatchNetworkResponse, answers.to_change)
