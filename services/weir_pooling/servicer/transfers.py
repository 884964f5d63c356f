"""TransferService."""

from __future__ import annotations

from typing import Any

from grpc.aio import ServicerContext

from weir.pooling.v1 import transfer_service_pb2 as pb
from weir.pooling.v1 import transfer_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.server import Registration
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing

Context = ServicerContext[Any, Any]

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


class TransferServicer(Seeing[Pooling], transfer_service_pb2_grpc.TransferServiceServicer):
    """Every rpc of the transfer service, for the person who calls."""

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["TransferService"]
        return Registration(service, transfer_service_pb2_grpc.add_TransferServiceServicer_to_server, self)
