"""AlertService."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.pooling.v1 import alert_service_pb2 as pb
from weir.pooling.v1 import alert_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.server import Registration
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing

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

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["AlertService"]
        return Registration(service, alert_service_pb2_grpc.add_AlertServiceServicer_to_server, self)
