"""CaseService."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.pooling.v1 import case_service_pb2 as pb
from weir.pooling.v1 import case_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.server import Registration
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing

Context = ServicerContext[Any, Any]

CASES_POLICY = policy.of(
    "weir.pooling.v1.CaseService",
    CreateCase=WRITE,
    GetCase=READ,
    ListCases=READ,
    UpdateCase=WRITE,
    CloseCase=WRITE,
    ReopenCase=WRITE,
    MarkUsed=WRITE,
    UnmarkUsed=WRITE,
    ListUsages=READ,
    ReportUsage=READ,
    WatchCases=WATCH,
    AddComment=WRITE,
    ListComments=READ,
)


class CaseServicer(Seeing[Pooling], case_service_pb2_grpc.CaseServiceServicer):
    """Every rpc of the case service, for the person who calls."""

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["CaseService"]
        return Registration(service, case_service_pb2_grpc.add_CaseServiceServicer_to_server, self)
