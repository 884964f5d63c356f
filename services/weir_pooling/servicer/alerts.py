"""AlertService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from weir.pooling.v1 import alert_service_pb2 as pb
from weir.pooling.v1 import alert_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.objects import Change, Where
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_pooling.domain import authority
from weir_pooling.domain.alerts import Alert, Notification, ParLevel
from weir_pooling.domain.authority import Standing
from weir_pooling.handlers import alerts as handlers
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing
from weir_pooling.wire import alerts

Context = ServicerContext[Any, Any]

ALERTS_POLICY = policy.of(
    "weir.pooling.v1.AlertService",
    SetParLevel=WRITE,
    ListParLevels=READ,
    DeleteParLevel=WRITE,
    ListAlerts=READ,
    WatchAlerts=WATCH,
    ListNotifications=READ,
    WatchNotifications=WATCH,
    MarkNotificationsRead=WRITE,
)


class AlertServicer(Seeing[Pooling], alert_service_pb2_grpc.AlertServiceServicer):
    """Every rpc of the alert service, for the person who calls."""

    def __init__(self, answering: Handlers[Pooling], *, pages: Pages, wakeups: Wakeups, par_levels_max: int) -> None:
        """Answer by handlers; a person may have so many par levels."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._set_par_level = partial(handlers.set_par_level, most=par_levels_max)

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["AlertService"]
        return Registration(service, alert_service_pb2_grpc.add_AlertServiceServicer_to_server, self)

    async def SetParLevel(self, request: pb.SetParLevelRequest, context: Context) -> pb.SetParLevelResponse:
        done, revision = await self._write(request, alerts.par_level(request), self._set_par_level)
        return pb.SetParLevelResponse(par_level=alerts.to_par_level(done), revision=revision)

    async def ListParLevels(self, request: pb.ListParLevelsRequest, context: Context) -> pb.ListParLevelsResponse:
        asked = wire.listing(request, "custodian")
        found, token, revision = await self._list_seen(
            request, ParLevel, asked, alerts.to_par_level, seen=authority.custodians
        )
        return pb.ListParLevelsResponse(par_levels=found, next_page_token=token, revision=revision)

    async def DeleteParLevel(self, request: pb.DeleteParLevelRequest, context: Context) -> pb.DeleteParLevelResponse:
        _, revision = await self._write(request, alerts.par_level_removal(request), handlers.delete_par_level)
        return pb.DeleteParLevelResponse(revision=revision)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Context) -> pb.ListAlertsResponse:
        found, token, revision = await self._list_seen(
            request,
            Alert,
            alerts.alert_listing(request),
            alerts.to_alert,
            seen=authority.custodians,
            descending=True,
        )
        return pb.ListAlertsResponse(alerts=found, next_page_token=token, revision=revision)

    def WatchAlerts(self, request: pb.WatchAlertsRequest, context: Context) -> AsyncIterator[pb.WatchAlertsResponse]:
        def render(viewer: Standing, change: Change) -> Message | None:
            alert = change.object
            return alerts.to_alert(alert) if isinstance(alert, Alert) and viewer.acts_for(alert.custodian) else None

        return self._watch_seen(request, pb.WatchAlertsResponse, render, field="alerts")

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Context
    ) -> pb.ListNotificationsResponse:
        key, where, fresh = alerts.notification_listing(request)
        reader, _ = await self._get_seen((key, fresh), handlers.reader)

        def theirs(_: Standing, where: Where) -> Where:
            return {**where, "user": reader}

        found, token, revision = await self._list_seen(
            request, Notification, (where, fresh), alerts.to_notification, seen=theirs, descending=True
        )
        return pb.ListNotificationsResponse(notifications=found, next_page_token=token, revision=revision)

    async def WatchNotifications(
        self, request: pb.WatchNotificationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchNotificationsResponse]:
        reader, _ = await self._get_seen((alerts.watched_reader(request), {}), handlers.reader)

        def render(viewer: Standing, change: Change) -> Message | None:
            told = change.object
            if isinstance(told, Notification) and told.user == reader and viewer.reads(told.user):
                return alerts.to_notification(told)
            return None

        async for message in self._watch_seen(request, pb.WatchNotificationsResponse, render, field="notifications"):
            yield message

    async def MarkNotificationsRead(
        self, request: pb.MarkNotificationsReadRequest, context: Context
    ) -> pb.MarkNotificationsReadResponse:
        done, revision = await self._write(request, alerts.reading(request), handlers.mark_notifications_read)
        told = [alerts.to_notification(each) for each in done.notifications]
        return pb.MarkNotificationsReadResponse(notifications=told, revision=revision)
