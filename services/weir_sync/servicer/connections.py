"""ConnectionService: read the request, call, render."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from grpc.aio import ServicerContext

from weir.common.v1.revision_pb2 import Revision
from weir.sync.v1 import connection_service_pb2 as pb
from weir.sync.v1 import connection_service_pb2_grpc
from weir.sync.v1.connection_pb2 import Connection as ConnectionMessage
from weir.sync.v1.connection_pb2 import Schedule as ScheduleMessage
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.servicer import Answering, shown
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_sync.domain.connections import Connection, MasterSwitch, Schedule
from weir_sync.domain.health import Health
from weir_sync.handlers import connections as handlers
from weir_sync.handlers.connections import Connecting, SecretWish
from weir_sync.handlers.testing import Testing
from weir_sync.ports.health import Healths
from weir_sync.ports.schedules import ScheduleTimes
from weir_sync.secrets import Keys, Place
from weir_sync.wire import connections as wire_connections

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)

CONNECTIONS_POLICY = policy.of(
    "weir.sync.v1.ConnectionService",
    CreateConnection=_WRITE,
    GetConnection=_READ,
    ListConnections=_READ,
    UpdateConnection=_WRITE,
    DeleteConnection=_WRITE,
    SetSecret=_WRITE,
    TestConnection=Access(Role.OPERATOR, Traffic.READ),
    SetMasterSwitch=_WRITE,
    GetMasterSwitch=_READ,
    SetSchedule=_WRITE,
    ListSchedules=_READ,
    DeleteSchedule=_WRITE,
)


class ConnectionParts(NamedTuple):
    """What the connection service answers by, beside the handlers of configuration; `keys` are those that secrets are
    kept with.
    """

    keys: Callable[[], Keys | None]
    connecting: Connecting
    testing: Testing
    healths: Healths
    times: ScheduleTimes


class ConnectionServicer(Answering[Objects], connection_service_pb2_grpc.ConnectionServiceServicer):
    """Every rpc of the connection service, for the tenant of the caller."""

    def __init__(self, answering: Handlers[Objects], parts: ConnectionParts, *, pages: Pages, wakeups: Wakeups) -> None:
        """Answer by handlers and parts."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._parts = parts

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["ConnectionService"]
        return Registration(service, connection_service_pb2_grpc.add_ConnectionServiceServicer_to_server, self)

    async def CreateConnection(
        self, request: pb.CreateConnectionRequest, context: Context
    ) -> pb.CreateConnectionResponse:
        asked = wire_connections.connection(request)
        done, revision = await self._write(request, asked, self._parts.connecting.create_connection)
        return pb.CreateConnectionResponse(connection=await self._shown(done), revision=revision)

    async def GetConnection(self, request: pb.GetConnectionRequest, context: Context) -> pb.GetConnectionResponse:
        found, revision = await self._get(Connection, wire.lookup(request, Connection))
        return pb.GetConnectionResponse(connection=await self._shown(found), revision=revision)

    async def ListConnections(self, request: pb.ListConnectionsRequest, context: Context) -> pb.ListConnectionsResponse:
        where, fresh = wire_connections.connection_listing(request)
        page = self._pages.read(request, (str,))
        found, revision = await self._handlers.select(
            call.tenant(), Connection, where, fresh, after=tuple(map(str, page.after or ())), limit=page.size + 1
        )
        healths = await self._parts.healths.health(call.tenant(), [each.connection for each in found])
        messages, token = shown(
            page,
            found,
            lambda each: each.key,
            lambda each: wire_connections.to_connection(each, healths.get(each.connection, Health())),
        )
        return pb.ListConnectionsResponse(connections=messages, next_page_token=token, revision=revision.to_wire())

    async def UpdateConnection(
        self, request: pb.UpdateConnectionRequest, context: Context
    ) -> pb.UpdateConnectionResponse:
        asked = wire_connections.connection(request)
        done, revision = await self._write(request, asked, self._parts.connecting.update_connection)
        return pb.UpdateConnectionResponse(connection=await self._shown(done), revision=revision)

    async def DeleteConnection(
        self, request: pb.DeleteConnectionRequest, context: Context
    ) -> pb.DeleteConnectionResponse:
        _, revision = await self._write(request, wire.removal(request, Connection), handlers.delete_connection)
        return pb.DeleteConnectionResponse(revision=revision)

    async def SetSecret(self, request: pb.SetSecretRequest, context: Context) -> pb.SetSecretResponse:
        done, revision = await self._set_secret(request, *wire_connections.secret(request))
        return pb.SetSecretResponse(connection=await self._shown(done), revision=revision)

    async def TestConnection(self, request: pb.TestConnectionRequest, context: Context) -> pb.TestConnectionResponse:
        key = (wire_connections.tested(request),)
        connection, _ = await self._handlers.get(call.tenant(), Connection, key, {})
        return wire_connections.to_tested(await self._parts.testing.test(call.tenant(), connection))

    async def SetMasterSwitch(self, request: pb.SetMasterSwitchRequest, context: Context) -> pb.SetMasterSwitchResponse:
        done, revision = await self._write(request, wire_connections.master_switch(request), handlers.set_master_switch)
        return pb.SetMasterSwitchResponse(on=done.on, revision=revision)

    async def GetMasterSwitch(self, request: pb.GetMasterSwitchRequest, context: Context) -> pb.GetMasterSwitchResponse:
        switch = MasterSwitch()
        found, revision = await self._get(MasterSwitch, (switch.key, wire.freshness(request)), default=switch)
        return pb.GetMasterSwitchResponse(on=found.on, revision=revision)

    async def SetSchedule(self, request: pb.SetScheduleRequest, context: Context) -> pb.SetScheduleResponse:
        done, revision = await self._write(request, wire_connections.schedule(request), handlers.set_schedule)
        (schedule,) = await self._timed([done])
        return pb.SetScheduleResponse(schedule=schedule, revision=revision)

    async def ListSchedules(self, request: pb.ListSchedulesRequest, context: Context) -> pb.ListSchedulesResponse:
        page = self._pages.read(request, (str, str))
        where, fresh = wire.listing(request, "connection")
        found, revision = await self._handlers.select(
            call.tenant(), Schedule, where, fresh, after=tuple(map(str, page.after or ())), limit=page.size + 1
        )
        timed = {each.key: message for each, message in zip(found, await self._timed(found), strict=True)}
        messages, token = shown(page, found, lambda each: each.key, lambda each: timed[each.key])
        return pb.ListSchedulesResponse(schedules=messages, next_page_token=token, revision=revision.to_wire())

    async def DeleteSchedule(self, request: pb.DeleteScheduleRequest, context: Context) -> pb.DeleteScheduleResponse:
        _, revision = await self._write(request, wire.removal(request, Schedule), handlers.delete_schedule)
        return pb.DeleteScheduleResponse(revision=revision)

    async def _set_secret(
        self, request: pb.SetSecretRequest, attempt: Attempt, connection: str, name: str
    ) -> tuple[Connection, Revision]:
        decide, keys = self._parts.connecting.set_secret, self._parts.keys()
        wish = SecretWish(Place(attempt.tenant, connection, name), request.value, keys)
        if not request.value:
            return await self._write(request, (attempt, wish), decide)
        if keys is None:
            # It is refused, and that is not kept: there is no key to know the request by when it comes again.
            done, revision = await self._handlers.check(attempt.tenant, decide, wish)
            return done, revision.to_wire()
        fingerprint = keys.fingerprint(request.SerializeToString(deterministic=True))
        return await self._write(request, (replace(attempt, fingerprint=fingerprint), wish), decide)

    async def _shown(self, connection: Connection) -> ConnectionMessage:
        """A connection, and how it stands with it."""
        healths = await self._parts.healths.health(call.tenant(), [connection.connection])
        return wire_connections.to_connection(connection, healths.get(connection.connection, Health()))

    async def _timed(self, schedules: Sequence[Schedule]) -> list[ScheduleMessage]:
        """Schedules, and when each is due next."""
        times = await self._parts.times.next_times(call.tenant(), schedules)
        return [wire_connections.to_schedule(each, times.get(each.key)) for each in schedules]
