"""The rpcs of FulfilmentService: read, plan, render."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.aggregator.v1.fulfilment_service_pb2_grpc import (
    FulfilmentServiceServicer,
    add_FulfilmentServiceServicer_to_server,
)
from weir_aggregator.handlers import fulfilment, replanning
from weir_aggregator.ports import Promises
from weir_aggregator.projection import Tenants
from weir_aggregator.wire import fulfilments
from weir_allocation.fulfilment.model import Plan
from weir_chassis import policy
from weir_chassis.auth import Role
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration

Context = ServicerContext[Any, Any]

FULFILMENT_POLICY = policy.of(
    "weir.aggregator.v1.FulfilmentService",
    PlanFulfilment=Access(Role.READER, Traffic.READ),
    ReserveFulfilment=Access(Role.OPERATOR, Traffic.WRITE),
    ReplanReservation=Access(Role.OPERATOR, Traffic.WRITE),
)


class FulfilmentServicer(FulfilmentServiceServicer):
    """Plans on the projections of `tenants`; `promises` are the ledger's."""

    def __init__(self, tenants: Tenants, promises: Promises) -> None:
        """Plan on what is known of `tenants`, and promise by `promises`."""
        self._tenants = tenants
        self._promises = promises

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["FulfilmentService"]
        return Registration(service, add_FulfilmentServiceServicer_to_server, self)

    async def PlanFulfilment(self, request: pb.PlanFulfilmentRequest, context: Context) -> pb.PlanFulfilmentResponse:
        wish, channel, asked = fulfilments.planning(request)
        plan, revisions = await fulfilment.planned(self._tenants, wish, channel, asked)
        return fulfilments.planned(plan, wish, channel, revisions)

    async def ReserveFulfilment(
        self, request: pb.ReserveFulfilmentRequest, context: Context
    ) -> pb.ReserveFulfilmentResponse:
        asked, fresh_as = fulfilments.reserving(request)
        done = await fulfilment.reserved(self._tenants, self._promises, asked, fresh_as)
        if isinstance(done, Plan):
            raise fulfilments.unfilled(done, asked.wish, asked.channel)
        return fulfilments.reserved(asked, done.recorded, done.revision, done.reservation, done.waiting)

    async def ReplanReservation(
        self, request: pb.ReplanReservationRequest, context: Context
    ) -> pb.ReplanReservationResponse:
        asked, fresh_as = fulfilments.replanning(request)
        done = await replanning.replanned(self._tenants, self._promises, asked, fresh_as)
        if isinstance(done, Plan):
            assert asked.wish is not None, "only of another wish everything or nothing is filled"
            raise fulfilments.unfilled(done, asked.wish, asked.channel)
        return fulfilments.replanned(
            done.recorded, done.revision, done.reservation, released=done.released, promised=done.promised
        )
