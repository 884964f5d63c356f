"""The ledger, over gRPC, as workers use it: `Arrivals`."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

import structlog

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2
from weir.ledger.v1 import waiting_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir_aggregator.domain import Promise, Shortfall
from weir_aggregator.ports import Answered
from weir_aggregator.wire import recorded
from weir_aggregator.wire.items import stock_item, stock_item_message
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passing_on

T = TypeVar("T")

PROMISES_MAX = 500
LINES_MAX = 2000
"""The most that the ledger takes at once: of what is promised, and of the demands it is promised for."""
REQUEST_BYTES_MAX = 512 * 1024
"""One promise takes up to half of this."""

log = structlog.get_logger(__name__)


class PeerArrivals:
    """The ledger that `peer` reaches."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`, each time for the tenant that is named."""
        self._peer = peer

    async def promise(self, tenant: str, promises: Iterable[Promise], planned: Revision) -> Answered:
        request = _request(promises)
        said = f"{planned.cluster} {planned.epoch} {planned.number} ".encode()
        request.request_id = sha256(said + request.SerializeToString(deterministic=True)).hexdigest()
        stub = WaitingServiceStub(self._peer.with_tenant(tenant).channel)
        answer = await _asked(stub.PromiseWaiting(request))
        refused = {
            promise.waiting: outcome.refusal.reason if outcome.HasField("refusal") else None
            for promise, outcome in zip(request.promises, answer.outcomes, strict=True)
        }
        return Answered(refused, from_wire(answer.revision))

    async def shortfalls(self, tenant: str) -> Sequence[Shortfall]:
        stub = LedgerServiceStub(self._peer.with_tenant(tenant).channel)
        found: list[Shortfall] = []
        request = ledger_service_pb2.ListShortfallsRequest()
        while True:
            answer = await _asked(stub.ListShortfalls(request))
            found += map(_shortfall, answer.shortfalls)
            if not answer.next_page_token:
                return found
            request = ledger_service_pb2.ListShortfallsRequest(page_token=answer.next_page_token)


def _request(promises: Iterable[Promise]) -> pb.PromiseWaitingRequest:
    """As many of the promises as one request takes."""
    request = pb.PromiseWaitingRequest()
    lines = demanded = size = 0
    for promise in promises:
        message = _promise(promise)
        lines += len(message.lines)
        demanded += promise.demanded
        size += message.ByteSize()
        full = lines > LINES_MAX or demanded > LINES_MAX or size > REQUEST_BYTES_MAX
        if request.promises and (full or len(request.promises) == PROMISES_MAX):
            break
        request.promises.append(message)
    return request


def _promise(promise: Promise) -> pb.WaitingPromise:
    kept = recorded.dump(promise.recorded)
    if len(kept) > recorded.BYTES_MAX:
        log.warning("too much to be kept with a reservation, which is not planned again", waiting=promise.waiting)
        kept = b""
    return pb.WaitingPromise(
        waiting=promise.waiting,
        units=[reservation_pb2.LineQuantity(line=line + 1, quantity=units) for line, units in promise.units],
        lines=[
            reservation_pb2.ReservationDraftLine(stock_item=stock_item_message(item), quantity=units)
            for item, units in promise.lines
        ],
        plan=kept,
    )


def _shortfall(shortfall: ledger_pb2.Shortfall) -> Shortfall:
    return Shortfall(
        stock_item(shortfall.stock_item),
        shortfall.shortfall,
        shortfall.open_time.ToNanoseconds(),
        tuple(dict.fromkeys(hit.reservation for hit in shortfall.hits)),
    )


async def _asked(answer: Awaitable[T]) -> T:
    with passing_on():
        return await answer
