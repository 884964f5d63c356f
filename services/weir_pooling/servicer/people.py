"""PoolingService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from weir.pooling.v1 import pooling_service_pb2 as pb
from weir.pooling.v1 import pooling_service_pb2_grpc
from weir_chassis import call, policy
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_pooling.domain import authority
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.people import KINDS, Pool, User
from weir_pooling.handlers import people as handlers
from weir_pooling.handlers.leaving import delete_user
from weir_pooling.handlers.standing import caller, standing
from weir_pooling.handlers.views import list_stock
from weir_pooling.ports import Holdings, Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing
from weir_pooling.wire import people, reading, views

Context = ServicerContext[Any, Any]

PEOPLE_POLICY = policy.of(
    "weir.pooling.v1.PoolingService",
    CreateUser=WRITE,
    GetUser=READ,
    ListUsers=READ,
    UpdateUser=WRITE,
    DeleteUser=WRITE,
    CreatePool=WRITE,
    GetPool=READ,
    ListPools=READ,
    UpdatePool=WRITE,
    DeletePool=WRITE,
    SetHubAccess=WRITE,
    ListStock=READ,
    ExportPooling=WATCH,
    WatchPooling=WATCH,
)


class PoolingServicer(Seeing[Pooling], pooling_service_pb2_grpc.PoolingServiceServicer):
    """Every rpc of the pooling service, for the person who calls."""

    def __init__(self, answering: Handlers[Pooling], holdings: Holdings, *, pages: Pages, wakeups: Wakeups) -> None:
        """Answer by handlers; `holdings` says who holds what."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._holdings = holdings

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["PoolingService"]
        return Registration(service, pooling_service_pb2_grpc.add_PoolingServiceServicer_to_server, self)

    async def CreateUser(self, request: pb.CreateUserRequest, context: Context) -> pb.CreateUserResponse:
        done, revision = await self._write(request, people.user(request), handlers.create_user)
        return pb.CreateUserResponse(user=people.to_user(done), revision=revision)

    async def GetUser(self, request: pb.GetUserRequest, context: Context) -> pb.GetUserResponse:
        found, revision = await self._get_seen(wire.lookup(request, User), handlers.user)
        return pb.GetUserResponse(user=people.to_user(found), revision=revision)

    async def ListUsers(self, request: pb.ListUsersRequest, context: Context) -> pb.ListUsersResponse:
        found, token, revision = await self._list_seen(
            request, User, people.user_listing(request), people.to_user, seen=authority.users
        )
        return pb.ListUsersResponse(users=found, next_page_token=token, revision=revision)

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Context) -> pb.UpdateUserResponse:
        done, revision = await self._write(request, people.user(request), handlers.update_user)
        return pb.UpdateUserResponse(user=people.to_user(done), revision=revision)

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Context) -> pb.DeleteUserResponse:
        asked = reading.removal(request, User)
        _, revision = await delete_user(lambda decide: self._write(request, asked, decide), self._holdings, asked[1])
        return pb.DeleteUserResponse(revision=revision)

    async def CreatePool(self, request: pb.CreatePoolRequest, context: Context) -> pb.CreatePoolResponse:
        done, revision = await self._write(request, people.pool(request), handlers.create_pool)
        return pb.CreatePoolResponse(pool=people.to_pool(done), revision=revision)

    async def GetPool(self, request: pb.GetPoolRequest, context: Context) -> pb.GetPoolResponse:
        found, revision = await self._get_seen(wire.lookup(request, Pool), handlers.pool)
        return pb.GetPoolResponse(pool=people.to_pool(found), revision=revision)

    async def ListPools(self, request: pb.ListPoolsRequest, context: Context) -> pb.ListPoolsResponse:
        found, token, revision = await self._list_seen(
            request, Pool, wire.listing(request), people.to_pool, seen=authority.pools
        )
        return pb.ListPoolsResponse(pools=found, next_page_token=token, revision=revision)

    async def UpdatePool(self, request: pb.UpdatePoolRequest, context: Context) -> pb.UpdatePoolResponse:
        done, revision = await self._write(request, people.pool(request), handlers.update_pool)
        return pb.UpdatePoolResponse(pool=people.to_pool(done), revision=revision)

    async def DeletePool(self, request: pb.DeletePoolRequest, context: Context) -> pb.DeletePoolResponse:
        _, revision = await self._write(request, reading.removal(request, Pool), handlers.delete_pool)
        return pb.DeletePoolResponse(revision=revision)

    async def SetHubAccess(self, request: pb.SetHubAccessRequest, context: Context) -> pb.SetHubAccessResponse:
        done, revision = await self._write(request, people.switch(request), handlers.set_hub_access)
        return pb.SetHubAccessResponse(pool=people.to_pool(done), revision=revision)

    async def ListStock(self, request: pb.ListStockRequest, context: Context) -> pb.ListStockResponse:
        asked, fresh = views.list_stock(request)
        page = self._pages.read(request, views.POSITION)
        found = await list_stock(
            self._handlers, self._holdings, call.tenant(), caller(), asked, fresh,
            begin=views.begin(page), limit=page.size,
        )  # fmt: skip
        stock, token = views.listed(page, found.stock, found.then)
        return pb.ListStockResponse(
            stock=stock,
            next_page_token=token,
            revision=found.revision.to_wire(),
            ledger_revision=found.books.to_wire() if found.books is not None else None,
        )

    async def ExportPooling(
        self, request: pb.ExportPoolingRequest, context: Context
    ) -> AsyncIterator[pb.ExportPoolingResponse]:
        await self._administering("ExportPooling")
        async for message in self._export(request, pb.ExportPoolingResponse, people.to_object):
            yield message

    async def WatchPooling(
        self, request: pb.WatchPoolingRequest, context: Context
    ) -> AsyncIterator[pb.WatchPoolingResponse]:
        await self._administering("WatchPooling")

        def told(viewer: Standing, change: Change) -> Message | None:
            viewer.administering(viewer.user, "WatchPooling")  # he may have ceased to be one
            return people.to_change(change) if isinstance(change.object, KINDS) else None

        async for message in self._watch_seen(request, pb.WatchPoolingResponse, told, field="changes"):
            yield message

    async def _administering(self, action: str) -> None:
        """Raise AuthorityInsufficient unless the caller is an administrator."""
        async with self._handlers.reading(call.tenant(), {}) as (objects, _):
            viewer = await standing(objects, caller())
        viewer.administering(viewer.user, action)
