"""The rpcs of the ledger: read the request, call, render. `books` answers LedgerService, `promises`
ReservationService, `demands` WaitingService.
"""

from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2, waiting_service_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from weir.ledger.v1.reservation_service_pb2_grpc import add_ReservationServiceServicer_to_server
from weir.ledger.v1.waiting_service_pb2_grpc import add_WaitingServiceServicer_to_server
from weir_chassis.revisions import Origin
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_ledger.ports import Books
from weir_ledger.servicer.books import LEDGER_POLICY, LedgerServicer
from weir_ledger.servicer.demands import WAITING_POLICY, WaitingServicer
from weir_ledger.servicer.promises import RESERVATION_POLICY, ReservationServicer
from weir_ledger.wire.heads import Heads

POLICIES = (LEDGER_POLICY, RESERVATION_POLICY, WAITING_POLICY)


def registrations(books: Books, origin: Origin, wakeups: Wakeups, heads: Heads) -> list[Registration]:
    """All three services, answering from `books`."""
    return [
        Registration(
            ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"],
            add_LedgerServiceServicer_to_server,
            LedgerServicer(books, origin, wakeups, heads),
        ),
        Registration(
            reservation_service_pb2.DESCRIPTOR.services_by_name["ReservationService"],
            add_ReservationServiceServicer_to_server,
            ReservationServicer(books, origin),
        ),
        Registration(
            waiting_service_pb2.DESCRIPTOR.services_by_name["WaitingService"],
            add_WaitingServiceServicer_to_server,
            WaitingServicer(books, origin, wakeups),
        ),
    ]
