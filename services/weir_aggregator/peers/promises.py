"""The ledger, over gRPC, which promises what was planned: `Promises`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import grpc
from google.protobuf.duration_pb2 import Duration

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, waiting_pb2, waiting_service_pb2
from weir.ledger.v1 import reservation_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceStub
from weir_aggregator.domain import Recorded, Replan, Reserve
from weir_aggregator.errors import LinesExhausted, PlanNotRecorded
from weir_aggregator.ports import Amended, Counted, Moves, Overtaken, Promised, PromisedLine, Reserved
from weir_aggregator.wire import recorded
from weir_aggregator.wire.items import product_message, stock_item, stock_item_message
from weir_allocation.fulfilment.model import Allocation
from weir_chassis import call
from weir_chassis.client import Peer
from weir_chassis.errors import Malformed, Refusal, Violation
from weir_chassis.revisions import from_wire
from weir_chassis.status import passed_on

T = TypeVar("T")

LINES_MAX = 500
"""The most that the ledger promises at once."""
NEVER = 1
"""A revision that changed no reservation: goods come into the books before any of them is promised."""
_RUNNING = (reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_CONFIRMED)
_MOVED = ("INSUFFICIENT_STOCK", "CLAIM_EXHAUSTED", "BACK_ORDERS_EXHAUSTED", "RESERVATION_CHANGED")
_UNKNOWN = ("PEER_AWAY", "DATABASE_AWAY", "CALL_ABORTED")
"""What is refused in these words may have been done."""
_TRIES = 3
_PAUSE_SECONDS = 0.1


class PeerPromises:
    """The ledger that `peer` reaches, asked for the tenant of the call that is answered."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._reservations = ReservationServiceStub(peer.channel)
        self._ledger = LedgerServiceStub(peer.channel)
        self._waiting = WaitingServiceStub(peer.channel)

    async def reserve(
        self,
        asked: Reserve,
        planned: Recorded,
        counted: Sequence[Counted | None],
        waits: Recorded | None,
        missing: Sequence[int] | None = None,
    ) -> Reserved:
        assert planned.plan is not None
        lines = planned.plan.allocations
        request = pb.ReserveRequest(
            request_id=asked.request_id,
            draft=_draft(asked, planned, lines, counted, missing) if lines else None,
            waiting=None if waits is None else _waiting_draft(asked, waits),
            validate_only=asked.validate_only,
            digest=asked.digest,
        )
        answer = await _asked(lambda: self._reservations.Reserve(request))
        made = answer.HasField("reservation"), answer.HasField("waiting")
        if made == (request.HasField("draft"), request.HasField("waiting")) and answer.plan == request.draft.plan:
            return _reserved(answer, planned)
        return await self._reserved(answer)

    async def made(self, asked: Reserve) -> Reserved | int:
        request = pb.GetReserveOutcomeRequest(request_id=asked.request_id, digest=asked.digest)
        try:
            return await self._reserved(await _asked(lambda: self._reservations.GetReserveOutcome(request)))
        except Refusal as refusal:
            if refusal.reason == "OUTCOME_NOT_FOUND":
                return _number(refusal) or 0
            raise

    async def reservation(self, reservation: str) -> Promised:
        request = pb.GetReservationRequest(reservation=reservation)
        answer = await _asked(lambda: self._reservations.GetReservation(request))
        found, revision = answer.reservation, from_wire(answer.revision)
        planned = _read(answer.plan)
        if planned is not None and len(planned.purposes) != len(found.lines):
            planned = None
        return Promised(
            found.reservation,
            found.state in _RUNNING,
            tuple(map(_promised_line, found.lines)),
            replace(revision, number=found.changed_revision),
            revision,
            planned,
            found,
        )

    async def amend(self, asked: Replan, standing: Promised, moves: Moves, planned: Recorded) -> Amended:
        request = pb.AmendRequest(
            request_id=asked.request_id,
            reservation=asked.reservation,
            releases=[reservation_pb2.LineQuantity(line=line + 1, quantity=units) for line, units in moves.releases],
            lines=_draft_lines(moves.lines, moves.counted),
            expected_revision=standing.changed.number,
            plan=_kept(planned, moved=True),
            digest=asked.digest,
            validate_only=asked.validate_only,
        )
        answer = await _asked(lambda: self._reservations.Amend(request))
        released, promised = sum(units for _, units in moves.releases), sum(each.quantity for each in moves.lines)
        if _open_after(standing, moves) == [each.open for each in answer.reservation.lines]:
            return Amended(answer.reservation, planned, from_wire(answer.revision), released, promised)
        return await self._amended(answer)

    async def amended(self, asked: Replan) -> Amended | None:
        request = pb.AmendRequest(
            request_id=asked.request_id,
            reservation=asked.reservation,
            expected_revision=NEVER,
            digest=asked.digest,
            validate_only=asked.validate_only,
        )
        try:
            return await self._amended(await _asked(lambda: self._reservations.Amend(request)))
        except Overtaken:
            return None

    async def _reserved(self, answer: pb.ReserveResponse | pb.GetReserveOutcomeResponse) -> Reserved:
        """What an earlier arrival of the request made."""
        if answer.HasField("reservation"):
            return _reserved(answer, _planned(recorded.read(answer.plan), answer.reservation.lines))
        request = waiting_service_pb2.GetWaitingRequest(waiting=answer.waiting.waiting)
        found = await _asked(lambda: self._waiting.GetWaiting(request))
        return _reserved(answer, recorded.read(found.waiting.plan))

    async def _amended(self, answer: pb.AmendResponse) -> Amended:
        """What an earlier arrival of the request did, by the entries of its commit."""
        found = answer.reservation
        entries = await _asked(
            lambda: self._ledger.ListEntries(
                ledger_service_pb2.ListEntriesRequest(
                    reservation=found.reservation,
                    kinds=[ledger_pb2.ENTRY_KIND_RELEASE, ledger_pb2.ENTRY_KIND_RESERVE],
                    after_revision=answer.revision.number - 1,
                    page_size=1000,
                )
            )
        )
        moved = [each.reserved_delta for each in entries.entries if each.revision == answer.revision.number]
        request = pb.GetReservationRequest(reservation=found.reservation)
        kept = _read((await _asked(lambda: self._reservations.GetReservation(request))).plan)
        if kept is None:  # somebody else keeps something else with it since
            raise PlanNotRecorded(found.reservation)
        return Amended(
            found,
            _planned(kept, found.lines),
            from_wire(answer.revision),
            -sum(delta for delta in moved if delta < 0),
            sum(delta for delta in moved if delta > 0),
        )


def _read(kept: bytes) -> Recorded | None:
    """How a reservation was planned; None where that is not what its caller keeps with it."""
    try:
        return recorded.read(kept)
    except ValueError:
        return None


def _draft(
    asked: Reserve,
    planned: Recorded,
    lines: Sequence[Allocation],
    counted: Sequence[Counted | None],
    missing: Sequence[int] | None,
) -> reservation_pb2.ReservationDraft:
    draft = reservation_pb2.ReservationDraft(
        lines=_draft_lines(lines, counted), order=asked.order, channel=asked.channel, plan=_kept(planned)
    )
    if asked.hold_seconds is not None:
        draft.hold_duration.CopyFrom(_duration(asked.hold_seconds))
    if asked.sold:
        draft.mode = reservation_pb2.RESERVE_MODE_FACT
        for line, units in zip(draft.lines, missing or (), strict=missing is not None):
            line.shortfall_max = units
    return draft


def _draft_lines(
    lines: Sequence[Allocation], counted: Sequence[Counted | None]
) -> list[reservation_pb2.ReservationDraftLine]:
    if len(lines) > LINES_MAX:
        raise LinesExhausted(limit=LINES_MAX, requested=len(lines))
    return [
        reservation_pb2.ReservationDraftLine(
            stock_item=stock_item_message(each.item),
            quantity=each.quantity,
            claims=[reservation_pb2.LineClaim(claim=count.claim, weight=count.weight)] if count else [],
        )
        for each, count in zip(lines, counted, strict=True)
    ]


def _promised_line(line: reservation_pb2.ReservationLine) -> PromisedLine:
    counted = next((Counted(each.claim, each.weight or 1) for each in line.claims), None)
    return PromisedLine(stock_item(line.stock_item), line.open, line.fulfilled, counted)


def _waiting_draft(asked: Reserve, waits: Recorded) -> waiting_pb2.WaitingDraft:
    return waiting_pb2.WaitingDraft(
        lines=[
            waiting_pb2.WaitingDraftLine(product=product_message(each.product), quantity=each.quantity)
            for each in waits.wish.lines
        ],
        whole=waits.wish.whole,
        order=asked.order,
        channel=asked.channel,
        plan=_kept(waits),
    )


def _kept(planned: Recorded, *, moved: bool = False) -> bytes:
    kept = recorded.dump(planned, moved=moved)
    if len(kept) > recorded.BYTES_MAX:
        said = f"It takes {len(kept)} bytes to keep how it may be filled, and {recorded.BYTES_MAX} can be kept."
        raise Malformed([Violation("wish", said)])
    return kept


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 10**9))
    return duration


def _reserved(answer: pb.ReserveResponse | pb.GetReserveOutcomeResponse, planned: Recorded) -> Reserved:
    return Reserved(
        answer.reservation if answer.HasField("reservation") else None,
        answer.waiting if answer.HasField("waiting") else None,
        from_wire(answer.revision),
        planned,
    )


def _planned(kept: Recorded, lines: Iterable[reservation_pb2.ReservationLine]) -> Recorded:
    """What was kept, with the open units of a reservation as allocations, unless it has its own."""
    assert kept.plan is not None, "a reservation is kept with its plan"
    if kept.plan.allocations:
        return kept
    allocations = [
        Allocation(purpose.line, stock_item(line.stock_item), line.open, purpose.serves_as, purpose.bundles)
        for purpose, line in zip(kept.purposes, lines, strict=False)
        if line.open and purpose.line >= 0
    ]
    return replace(kept, plan=replace(kept.plan, allocations=tuple(allocations)))


def _open_after(standing: Promised, moves: Moves) -> list[int]:
    """The open units of each line of a reservation after units of it were moved."""
    given_up = dict(moves.releases)
    kept = [line.open - given_up.get(place, 0) for place, line in enumerate(standing.lines)]
    return kept + [each.quantity for each in moves.lines]


async def _asked(send: Callable[[], Awaitable[T]]) -> T:
    """The answer of a call that may be repeated: what became of one that was lost is found out so.

    Raises Overtaken, PeerAway, and what the ledger refuses.
    """
    for tried in range(1, _TRIES + 1):
        try:
            return await send()
        except grpc.aio.AioRpcError as error:
            refusal = passed_on(error)
            if refusal is None:
                raise
            if refusal.reason in _MOVED:
                raise Overtaken(_number(refusal)) from error
            pause = _PAUSE_SECONDS * 2**tried
            left = call.remaining_seconds()
            if refusal.reason not in _UNKNOWN or tried == _TRIES or (left is not None and left < 2 * pause):
                raise refusal from error
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def _number(refusal: Refusal) -> int | None:
    number = refusal.metadata.get("revision") or refusal.metadata.get("current")
    return int(number) if number else None
