"""What pooling asks the ledger to do, message by message, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from tests.kit.memory_pooling import nails
from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir_chassis import status
from weir_chassis.errors import PeerAway, Refusal, TokenMissing, Violation
from weir_ledger.errors import InsufficientStock, ReservationExpired, ReservationState, Shortage
from weir_pooling.domain.deeds import Condition, Deed, Portion, Work
from weir_pooling.domain.people import Actor
from weir_pooling.peers.books import PeerBooks
from weir_pooling.wire.words import to_item

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAIL, SCREW = nails("hub"), nails("hub")._replace(sku="SCREW")
ANNS = NAIL._replace(custodian="ann")
TENTH = revision_pb2.Revision(context="ledger", cluster="books", epoch=1, number=10)


def deed(work: Work, *portions: Portion, reservation: str = "") -> Deed:
    """Something to be done."""
    return Deed("d", "transfer/t", "action", work, portions, Actor("hub", "hub"), NOON, reservation)


class Ledger:
    """A peer that answers by functions, each under the name of its method, and notes what it was asked for whom."""

    def __init__(self, **methods: Callable[[Any], Any]) -> None:
        """Answer only these."""
        self._methods = methods
        self.asked: list[Any] = []
        self.tenants: set[str] = set()

    @property
    def channel(self) -> Any:
        return self

    def with_tenant(self, tenant: str) -> Ledger:
        self.tenants.add(tenant)
        return self

    def unary_unary(self, method: str, **_: Any) -> Callable[[Any], Awaitable[Any]]:
        async def answer(request: Any) -> Any:
            self.asked.append(request)
            found = self._methods[method.rpartition("/")[2]](request)
            if isinstance(found, BaseException):
                raise found
            return found

        return answer

    def unary_stream(self, method: str, **_: Any) -> None:
        """Nothing is streamed."""

    stream_unary = unary_stream


def young(ledger: Ledger) -> PeerBooks:
    """Books that are asked when the deed was just written down."""
    return PeerBooks(ledger, clock=lambda: NOON)  # type: ignore[arg-type]


def refused(refusal: Refusal) -> grpc.aio.AioRpcError:
    """How a refusal arrives."""
    ending = status.refused(refusal)
    return grpc.aio.AioRpcError(ending.code, grpc.aio.Metadata(), grpc.aio.Metadata(*ending.trailers), ending.message)


def movement(kind: Any, item: Any, quantity: int, **others: Any) -> ledger_pb2.Movement:
    """A fact, or a wish, of the deed."""
    return ledger_pb2.Movement(kind=kind, stock_item=to_item(item), quantity=quantity, reference="transfer/t", **others)


TRANSFER, CONSUME, RESTORE = (
    ledger_pb2.ENTRY_KIND_TRANSFER, ledger_pb2.ENTRY_KIND_CONSUME, ledger_pb2.ENTRY_KIND_RESTORE,
)  # fmt: skip
ON_HOLD = NAIL._replace(condition=Condition.HOLD)
RECORDED = [
    (deed(Work.TAKE, Portion(NAIL, 3, ANNS)),
     movement(TRANSFER, NAIL, 3, destination=to_item(ANNS), available_only=True)),
    (deed(Work.RETURN, Portion(ON_HOLD, 3, NAIL, 2)), movement(TRANSFER, ON_HOLD, 3, destination=to_item(NAIL))),
    (deed(Work.CONSUME, Portion(NAIL, 3)), movement(CONSUME, NAIL, 3, available_only=True)),
    (deed(Work.RESTORE, Portion(NAIL, 3)), movement(RESTORE, NAIL, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "recorded"), RECORDED, ids=[each[0].work for each in RECORDED])
async def test_what_is_recorded(wanted: Deed, recorded: ledger_pb2.Movement) -> None:
    """What needs no reservation is recorded in one request, under the name of the deed; a wish gives way to promises,
    and a check only checks."""
    ledger = Ledger(RecordMovements=lambda _: ledger_service_pb2.RecordMovementsResponse(revision=TENTH))
    books = young(ledger)
    await books.check("acme", wanted)
    assert (await books.carry_out("acme", wanted)).revision.number == 10
    request = ledger_service_pb2.RecordMovementsRequest(request_id="pooling/d", movements=[recorded])
    check = ledger_service_pb2.RecordMovementsRequest(request_id="pooling/d", movements=[recorded], validate_only=True)
    assert ledger.asked == [check, request]
    assert ledger.tenants == {"acme"}


async def test_what_is_moved_and_given_up() -> None:
    """Promised units are moved, and given up, by line of their reservation; without lines all of them."""
    ledger = Ledger(
        Transfer=lambda _: pb.TransferResponse(revision=TENTH), Release=lambda _: pb.ReleaseResponse(revision=TENTH)
    )
    books = young(ledger)
    for wanted in (
        deed(Work.MOVE, Portion(NAIL, 3, ANNS, 2), reservation="r"),
        deed(Work.GIVE_UP, Portion(NAIL, 3, None, 2), reservation="r"),
        deed(Work.GIVE_UP, reservation="r"),
    ):
        assert (await books.carry_out("acme", wanted)).reservation == "r"
    named = {"request_id": "pooling/d", "reservation": "r"}
    line: Any = {"line": 2, "quantity": 3}
    move: Any = {**line, "destination": to_item(ANNS)}
    assert ledger.asked == [
        pb.TransferRequest(**named, reference="transfer/t", lines=[move]),  # type: ignore[arg-type]
        pb.ReleaseRequest(**named, lines=[line]),  # type: ignore[arg-type]
        pb.ReleaseRequest(**named),  # type: ignore[arg-type]
    ]


async def test_a_promise_whose_hold_ran_out_is_made_again() -> None:
    """Between promise and confirmation something may die for long: then the units are promised again, each time under a
    name of its own, so that whoever comes after that takes the same way."""
    made = {"pooling/d": "r1", "pooling/d/1": "r2"}

    def reserve(request: pb.ReserveRequest) -> pb.ReserveResponse:
        named: Any = {"reservation": made[request.request_id]}
        return pb.ReserveResponse(reservation=named, revision=TENTH)

    def confirm(request: pb.ConfirmRequest) -> Any:
        if request.reservation == "r1":
            return refused(ReservationExpired("r1", "an hour ago"))
        return pb.ConfirmResponse(revision=TENTH)

    ledger = Ledger(Reserve=reserve, Confirm=confirm)
    for _ in range(2):
        done = await young(ledger).carry_out("acme", deed(Work.PROMISE, Portion(NAIL, 3, ANNS, 1)))
        assert done.reservation == "r2"
    names = ["pooling/d", "pooling/r1", "pooling/d/1", "pooling/r2"]
    assert [each.request_id for each in ledger.asked] == names * 2
    draft = ledger.asked[0].draft
    assert (draft.order, draft.hold_duration.seconds) == ("transfer/t", 3600)
    line = reservation_pb2.ReservationDraftLine(stock_item=to_item(NAIL), quantity=3)
    assert list(draft.lines) == [line]


def entries(*names: str) -> Callable[[Any], Any]:
    """What ListEntries answers, a page for each entry, that of requests of these names."""

    def answer(request: ledger_service_pb2.ListEntriesRequest) -> ledger_service_pb2.ListEntriesResponse:
        place = int(request.page_token or 0)
        entry = ledger_pb2.Entry(revision=place + 1, request_id=names[place], reservation=f"r{place}")
        more = str(place + 1) if place + 1 < len(names) else ""
        return ledger_service_pb2.ListEntriesResponse(entries=[entry], next_page_token=more, revision=TENTH)

    return answer


def old(**methods: Callable[[Any], Any]) -> tuple[PeerBooks, Ledger]:
    """Books that are asked a day after the deed was written down, and the ledger beneath."""
    ledger = Ledger(**methods)
    return PeerBooks(ledger, clock=lambda: NOON + timedelta(days=1)), ledger  # type: ignore[arg-type]


async def test_what_the_ledger_forgot_is_found_in_its_entries() -> None:
    """What was begun so long ago that the ledger may have forgotten the request is not done a second time: its entries
    say that it was; where they do not, it is done now."""
    wanted = deed(Work.CONSUME, Portion(NAIL, 3))
    books, ledger = old(ListEntries=entries("another", "pooling/d", "pooling/dd"))
    assert (await books.carry_out("acme", wanted)).revision.number == 2
    asked = ledger.asked[0]
    assert (asked.product.sku, asked.location, asked.reservation) == ("NAIL", "W1", "")
    assert asked.recorded_after_time.ToDatetime(UTC) < NOON
    books, ledger = old(
        ListEntries=entries("another"),
        RecordMovements=lambda _: ledger_service_pb2.RecordMovementsResponse(revision=TENTH),
    )
    assert (await books.carry_out("acme", wanted)).revision.number == 10
    books, ledger = old(ListEntries=entries("pooling/d"))
    await books.carry_out("acme", deed(Work.GIVE_UP, reservation="r"))
    assert (ledger.asked[0].product.sku, ledger.asked[0].reservation) == ("", "r")


async def test_a_promise_that_the_ledger_forgot() -> None:
    """Of a promise that was begun so long ago the newest is confirmed, which changes nothing where it was; one whose
    hold ran out is made again."""
    promise = deed(Work.PROMISE, Portion(NAIL, 3, ANNS, 1))
    books, _ = old(
        ListEntries=entries("pooling/d", "pooling/d/1"), Confirm=lambda _: pb.ConfirmResponse(revision=TENTH)
    )
    assert (await books.carry_out("acme", promise)).reservation == "r1"

    def confirm(request: pb.ConfirmRequest) -> Any:
        expired = refused(ReservationExpired("r0", "yesterday"))
        return expired if request.reservation == "r0" else pb.ConfirmResponse(revision=TENTH)

    made: Any = {"reservation": "r9"}
    books, _ = old(
        ListEntries=entries("pooling/d"),
        Confirm=confirm,
        Reserve=lambda _: pb.ReserveResponse(reservation=made, revision=TENTH),
    )
    assert (await books.carry_out("acme", promise)).reservation == "r9"


async def test_what_is_promised_no_more_need_not_be_given_up() -> None:
    """Where somebody else ended the reservation there is nothing left to give up."""
    ledger = Ledger(
        Release=lambda _: refused(ReservationState("r", "RELEASED", "released")),
        GetReservation=lambda _: pb.GetReservationResponse(revision=TENTH),
    )
    done = await young(ledger).carry_out("acme", deed(Work.GIVE_UP, reservation="r"))
    assert (done.revision.number, done.reservation) == (10, "r")


@pytest.mark.parametrize(
    ("work", "portions", "told", "known"),
    [
        (Work.PROMISE, (Portion(SCREW, 1), Portion(NAIL, 3)), "draft.lines[1]", "lines[1]"),
        (Work.TAKE, (Portion(SCREW, 1, ANNS), Portion(NAIL, 3, ANNS)), "movements[1]", "lines[1]"),
        (Work.MOVE, (Portion(SCREW, 1, ANNS, 2), Portion(NAIL, 3, ANNS, 4)), "lines[1]", "lines[3]"),
        (Work.MOVE, (Portion(SCREW, 1, ANNS, 2),), "lines[0].quantity", "lines[1].quantity"),
        (Work.TAKE, (Portion(SCREW, 1, ANNS),), "elsewhere[0]", "elsewhere[0]"),
    ],
)
async def test_a_refusal_names_the_lines_that_were_asked_for(
    work: Work, portions: tuple[Portion, ...], told: str, known: str
) -> None:
    """What the ledger refuses is passed on word by word; the lines it names are those of the transfer."""
    refusal = InsufficientStock([Shortage(told, "NAIL", "W1", 3, 1)], revision=7)
    answer = refused(refusal)
    ledger = Ledger(Reserve=lambda _: answer, RecordMovements=lambda _: answer, Transfer=lambda _: answer)
    for ask in (young(ledger).carry_out, young(ledger).check):
        with pytest.raises(Refusal) as heard:
            await ask("acme", deed(work, *portions, reservation="r"))
        [line] = refusal.violations
        assert list(heard.value.violations) == [Violation(known, line.description, "INSUFFICIENT_STOCK")]
        assert (heard.value.kind, heard.value.reason) == (refusal.kind, refusal.reason)
        assert (heard.value.message, heard.value.metadata) == (refusal.message, refusal.metadata)


async def test_what_is_not_heard_is_not_known() -> None:
    """A connection that is lost tells nothing of the deed; that the ledger does not let pooling in is an accident, and
    tells nothing either."""
    lost = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "lost")
    wanted = deed(Work.CONSUME, Portion(NAIL, 3))
    for answer, heard in ((lost, PeerAway), (refused(TokenMissing()), grpc.aio.AioRpcError)):
        with pytest.raises(heard):
            await young(Ledger(RecordMovements=lambda _, answer=answer: answer)).carry_out("acme", wanted)  # type: ignore[misc]
