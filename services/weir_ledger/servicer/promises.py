"""ReservationService."""

from typing import Any

from grpc.aio import ServicerContext

from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceServicer
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.ids import new_id
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.revisions import Origin
from weir_ledger.handlers import Questions
from weir_ledger.ports import Books
from weir_ledger.servicer.writing import carry_out
from weir_ledger.wire import answers, queries, requests

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.OPERATOR, Traffic.WRITE)

RESERVATION_POLICY = policy.of(
    pb.DESCRIPTOR.services_by_name["ReservationService"].full_name,
    Reserve=_WRITE,
    ReserveBatch=_WRITE,
    GetReserveOutcome=_READ,
    Amend=_WRITE,
    Confirm=_WRITE,
    Extend=_WRITE,
    Fulfil=_WRITE,
    Transfer=_WRITE,
    Release=_WRITE,
    MarkHandedOver=_WRITE,
    GetClaims=_READ,
    SetCeilings=_WRITE,
    ListDemand=_READ,
    GetReservation=_READ,
    ListReservations=_READ,
)


class ReservationServicer(ReservationServiceServicer):
    """Promises units to orders."""

    def __init__(self, books: Books, origin: Origin) -> None:
        """Promise what is in `books`, whose revisions are of `origin`."""
        self._books = books
        self._origin = origin
        self._questions = Questions(books, origin)
        self._pages = Pages(origin.cluster)

    async def Reserve(self, request: pb.ReserveRequest, context: Context) -> pb.ReserveResponse:
        done = await carry_out(self._books, request, requests.reserve(request, new_id), request.digest)
        made, waiting = done.receipt.reservation, done.receipt.waiting
        return pb.ReserveResponse(
            reservation=answers.reservation(made, done.revision) if made else None,
            plan=done.receipt.plan,
            waiting=answers.demand(waiting, done.revision) if waiting else None,
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def ReserveBatch(self, request: pb.ReserveBatchRequest, context: Context) -> pb.ReserveBatchResponse:
        done = await carry_out(self._books, request, requests.reserve_batch(request, new_id))
        return pb.ReserveBatchResponse(
            outcomes=answers.reserve_outcomes(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def GetReserveOutcome(
        self, request: pb.GetReserveOutcomeRequest, context: Context
    ) -> pb.GetReserveOutcomeResponse:
        done = await self._questions.reserve_outcome(call.tenant(), *queries.get_reserve_outcome(request))
        made, waiting = done.receipt.reservation, done.receipt.waiting
        return pb.GetReserveOutcomeResponse(
            reservation=answers.reservation(made, done.revision) if made else None,
            plan=done.receipt.plan,
            waiting=answers.demand(waiting, done.revision) if waiting else None,
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Amend(self, request: pb.AmendRequest, context: Context) -> pb.AmendResponse:
        done = await carry_out(self._books, request, requests.amend(request), request.digest)
        return pb.AmendResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Confirm(self, request: pb.ConfirmRequest, context: Context) -> pb.ConfirmResponse:
        done = await carry_out(self._books, request, requests.confirm(request))
        return pb.ConfirmResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Extend(self, request: pb.ExtendRequest, context: Context) -> pb.ExtendResponse:
        done = await carry_out(self._books, request, requests.extend(request))
        return pb.ExtendResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Fulfil(self, request: pb.FulfilRequest, context: Context) -> pb.FulfilResponse:
        done = await carry_out(self._books, request, requests.fulfil(request))
        return pb.FulfilResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Transfer(self, request: pb.TransferRequest, context: Context) -> pb.TransferResponse:
        done = await carry_out(self._books, request, requests.transfer(request))
        return pb.TransferResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def Release(self, request: pb.ReleaseRequest, context: Context) -> pb.ReleaseResponse:
        done = await carry_out(self._books, request, requests.release(request))
        return pb.ReleaseResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def MarkHandedOver(self, request: pb.MarkHandedOverRequest, context: Context) -> pb.MarkHandedOverResponse:
        done = await carry_out(self._books, request, requests.mark_handed_over(request))
        return pb.MarkHandedOverResponse(
            reservation=answers.reservation(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def GetClaims(self, request: pb.GetClaimsRequest, context: Context) -> pb.GetClaimsResponse:
        found, revision = await self._questions.claims(call.tenant(), *queries.get_claims(request))
        return pb.GetClaimsResponse(
            claims=map(answers.claim, found), revision=self._origin.revision(revision).to_wire()
        )

    async def ListDemand(self, request: pb.ListDemandRequest, context: Context) -> pb.ListDemandResponse:
        found = await self._questions.demanded(call.tenant(), *queries.list_demand(request))
        return answers.demanded(found, self._origin)

    async def SetCeilings(self, request: pb.SetCeilingsRequest, context: Context) -> pb.SetCeilingsResponse:
        done = await carry_out(self._books, request, requests.set_ceilings(request))
        return pb.SetCeilingsResponse(superseded=done.receipt, revision=self._origin.revision(done.revision).to_wire())

    async def GetReservation(self, request: pb.GetReservationRequest, context: Context) -> pb.GetReservationResponse:
        found, plan, revision = await self._questions.reservation(call.tenant(), *queries.get_reservation(request))
        return pb.GetReservationResponse(
            reservation=answers.reservation(found),
            plan=plan,
            revision=self._origin.revision(revision).to_wire(),
        )

    async def ListReservations(
        self, request: pb.ListReservationsRequest, context: Context
    ) -> pb.ListReservationsResponse:
        query, seen = queries.list_reservations(request)
        page = self._pages.read(request, queries.NAME_POSITION)
        found, revision = await self._questions.reservations(
            call.tenant(), query, seen, after=queries.after_reservation(page), limit=page.size
        )
        return pb.ListReservationsResponse(
            reservations=map(answers.reservation, found),
            next_page_token=page.token((found[-1].reservation,)) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )
