"""TransferService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from weir.common.v1.revision_pb2 import Revision
from weir.pooling.v1 import transfer_service_pb2 as pb
from weir.pooling.v1 import transfer_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Decide, Handlers
from weir_chassis.configuration.objects import Change
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_pooling.domain import transfers as rules
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.deeds import Deed
from weir_pooling.domain.transfers import State, StockingOrder, Transfer
from weir_pooling.handlers import transfers as handlers
from weir_pooling.handlers.settling import Settling
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing
from weir_pooling.wire import transfers

Context = ServicerContext[Any, Any]
W = TypeVar("W")

TRANSFERS_POLICY = policy.of(
    "weir.pooling.v1.TransferService",
    RequestTransfer=WRITE,
    QuickTransfer=WRITE,
    AcceptTransfer=WRITE,
    DeclineTransfer=WRITE,
    CancelTransfer=WRITE,
    RemoveTransferUnits=WRITE,
    ReturnTransfer=WRITE,
    GetTransfer=READ,
    ListTransfers=READ,
    WatchTransfers=WATCH,
    PlaceStockingOrder=WRITE,
    GetStockingOrder=READ,
    ListStockingOrders=READ,
)


class _Settled(NamedTuple):
    """What a request came to, or would, and the revisions in the ledger and here."""

    answer: Any
    books: Revision | None
    revision: Revision


class TransferServicer(Seeing[Pooling], transfer_service_pb2_grpc.TransferServiceServicer):
    """Every rpc of the transfer service, for the person who calls."""

    def __init__(
        self, answering: Handlers[Pooling], settling: Settling[Pooling], *, pages: Pages, wakeups: Wakeups
    ) -> None:
        """Answer by handlers; `settling` has units promised and moved."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._settling = settling

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["TransferService"]
        return Registration(service, transfer_service_pb2_grpc.add_TransferServiceServicer_to_server, self)

    async def RequestTransfer(self, request: pb.RequestTransferRequest, context: Context) -> pb.RequestTransferResponse:
        done = await self._settle(request, transfers.wish(request), handlers.request_transfer)
        return pb.RequestTransferResponse(**_told(done))

    async def QuickTransfer(self, request: pb.QuickTransferRequest, context: Context) -> pb.QuickTransferResponse:
        done = await self._settle(request, transfers.wish(request), handlers.quick_transfer)
        return pb.QuickTransferResponse(**_told(done))

    async def AcceptTransfer(self, request: pb.AcceptTransferRequest, context: Context) -> pb.AcceptTransferResponse:
        asked = transfers.settlement(request)
        done = await self._settle(request, asked, handlers.accept_transfer, transfer=request.transfer)
        return pb.AcceptTransferResponse(**_told(done))

    async def DeclineTransfer(self, request: pb.DeclineTransferRequest, context: Context) -> pb.DeclineTransferResponse:
        asked = transfers.declined(request)
        done = await self._settle(request, asked, handlers.decline_transfer, transfer=request.transfer)
        return pb.DeclineTransferResponse(**_told(done))

    async def CancelTransfer(self, request: pb.CancelTransferRequest, context: Context) -> pb.CancelTransferResponse:
        asked = transfers.settlement(request)
        done = await self._settle(request, asked, handlers.cancel_transfer, transfer=request.transfer)
        return pb.CancelTransferResponse(**_told(done))

    async def RemoveTransferUnits(
        self, request: pb.RemoveTransferUnitsRequest, context: Context
    ) -> pb.RemoveTransferUnitsResponse:
        asked = transfers.removal(request)
        done = await self._settle(request, asked, handlers.remove_transfer_units, transfer=request.transfer)
        return pb.RemoveTransferUnitsResponse(**_told(done))

    async def ReturnTransfer(self, request: pb.ReturnTransferRequest, context: Context) -> pb.ReturnTransferResponse:
        asked = transfers.settlement(request)
        done = await self._settle(request, asked, handlers.return_transfer, transfer=request.transfer)
        return pb.ReturnTransferResponse(**_told(done))

    async def GetTransfer(self, request: pb.GetTransferRequest, context: Context) -> pb.GetTransferResponse:
        found, revision = await self._get_seen(wire.lookup(request, Transfer), handlers.transfer)
        return pb.GetTransferResponse(transfer=transfers.to_transfer(found), revision=revision)

    async def ListTransfers(self, request: pb.ListTransfersRequest, context: Context) -> pb.ListTransfersResponse:
        found, token, revision = await self._list_seen(
            request,
            Transfer,
            transfers.transfer_listing(request),
            transfers.to_transfer,
            seen=rules.transfers,
            descending=True,
        )
        return pb.ListTransfersResponse(transfers=found, next_page_token=token, revision=revision)

    def WatchTransfers(
        self, request: pb.WatchTransfersRequest, context: Context
    ) -> AsyncIterator[pb.WatchTransfersResponse]:
        return self._watch_seen(request, pb.WatchTransfersResponse, _change, field="transfers")

    async def PlaceStockingOrder(
        self, request: pb.PlaceStockingOrderRequest, context: Context
    ) -> pb.PlaceStockingOrderResponse:
        done = await self._settle(request, transfers.stocking(request), handlers.place_stocking_order)
        order = transfers.to_stocking_order(done.answer)
        return pb.PlaceStockingOrderResponse(stocking_order=order, ledger_revision=done.books, revision=done.revision)

    async def GetStockingOrder(
        self, request: pb.GetStockingOrderRequest, context: Context
    ) -> pb.GetStockingOrderResponse:
        found, revision = await self._get_seen(wire.lookup(request, StockingOrder), handlers.stocking_order)
        return pb.GetStockingOrderResponse(stocking_order=transfers.to_stocking_order(found), revision=revision)

    async def ListStockingOrders(
        self, request: pb.ListStockingOrdersRequest, context: Context
    ) -> pb.ListStockingOrdersResponse:
        found, token, revision = await self._list_seen(
            request,
            StockingOrder,
            wire.listing(request, "hub", "facility"),
            transfers.to_stocking_order,
            seen=rules.stocking_orders,
            descending=True,
        )
        return pb.ListStockingOrdersResponse(stocking_orders=found, next_page_token=token, revision=revision)

    async def _settle(
        self, request: wire.Mutation, asked: tuple[Attempt, W], decide: Decide[Pooling, W, Deed], *, transfer: str = ""
    ) -> _Settled:
        """Have what was asked of a transfer, or of something new, done; or check what would come of it."""
        attempt, wanted = asked
        subject = rules.TRANSFER + transfer if transfer else ""
        if request.validate_only:
            decision = await self._settling.foreseen(attempt.tenant, decide, wanted, subject=subject)
            async with self._handlers.reading(attempt.tenant, {}) as (_, revision):
                return _Settled(handlers.foreseen(decision), None, revision.to_wire())
        settled = await self._settling.settle(attempt, decide, wanted, subject=subject)
        return _Settled(settled.answer, settled.books.to_wire(), settled.revision.to_wire())


def _told(done: _Settled) -> dict[str, Any]:
    """The fields of a response that tells of a transfer."""
    return {
        "transfer": transfers.to_transfer(done.answer),
        "ledger_revision": done.books,
        "revision": done.revision,
    }


def _change(viewer: Standing, change: Change) -> Message | None:
    """What somebody sees of a change; a transfer that the ledger refused is told as given up."""
    found = change.object
    if not isinstance(found, Transfer) or not rules.visible(found, viewer):
        return None
    return transfers.to_transfer(replace(found, state=State.CANCELLED) if change.deleted else found)
