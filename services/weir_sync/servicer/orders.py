"""OrderService: read the request, call, render."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.sync.v1 import order_service_pb2 as pb
from weir.sync.v1 import order_service_pb2_grpc
from weir_chassis import call, idempotency, policy
from weir_chassis.auth import Role
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.revisions import Revision
from weir_chassis.server import Registration
from weir_sync.handlers.orders import OrderDesk
from weir_sync.wire import orders as wire

LEDGER = "ledger"

Context = ServicerContext[Any, Any]

ORDERS_POLICY = policy.of(
    "weir.sync.v1.OrderService",
    ReportStoreOrder=Access(Role.OPERATOR, Traffic.WRITE),
    GetStoreOrder=Access(Role.READER, Traffic.READ),
    ListStoreOrders=Access(Role.READER, Traffic.READ),
)


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """Every rpc of the order service, for the tenant of the caller."""

    def __init__(self, desk: OrderDesk, *, pages: Pages) -> None:
        """Answer by `desk`."""
        self._desk = desk
        self._pages = pages

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["OrderService"]
        return Registration(service, order_service_pb2_grpc.add_OrderServiceServicer_to_server, self)

    async def ReportStoreOrder(
        self, request: pb.ReportStoreOrderRequest, context: Context
    ) -> pb.ReportStoreOrderResponse:
        connection, sold = wire.report(request)
        if request.validate_only:
            return pb.ReportStoreOrderResponse(
                order=wire.to_order(await self._desk.check(call.tenant(), connection, sold))
            )
        attempt = Attempt(call.tenant(), call.current().method, request.request_id, idempotency.fingerprint(request))
        done = await self._desk.report(attempt, connection, sold)
        revision = None if done.settled_at is None else Revision(LEDGER, *done.settled_at).to_wire()
        return pb.ReportStoreOrderResponse(order=wire.to_order(done), ledger_revision=revision)

    async def GetStoreOrder(self, request: pb.GetStoreOrderRequest, context: Context) -> pb.GetStoreOrderResponse:
        found = await self._desk.get(call.tenant(), wire.named(request))
        return pb.GetStoreOrderResponse(order=wire.to_order(found))

    async def ListStoreOrders(self, request: pb.ListStoreOrdersRequest, context: Context) -> pb.ListStoreOrdersResponse:
        query, page = wire.listed(request), self._pages.read(request, (int,))
        before = None if page.after is None else int(page.after[0])
        found = await self._desk.orders.page(
            call.tenant(), connection=query.connection, state=query.state, before=before, limit=page.size + 1
        )
        shown = found[: page.size]
        return pb.ListStoreOrdersResponse(
            orders=map(wire.to_order, shown),
            next_page_token=page.token((shown[-1].place,)) if len(found) > page.size else "",
        )
