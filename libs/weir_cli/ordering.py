"""Orders: planned, promised, shipped, cancelled and planned again, each with a picture of which location sends what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import grpc
from rich.console import RenderableType
from rich.text import Text

from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.ledger.v1 import (
    reservation_pb2,
    reservation_service_pb2,
    waiting_pb2,
    waiting_service_pb2,
)
from weir_chassis import status
from weir_cli import picturing, tables
from weir_cli.documents import Document, document
from weir_cli.options import REFUSED
from weir_cli.paging import listed
from weir_cli.promising import seconds
from weir_cli.session import Answer, Session, changed
from weir_cli.wishing import Wished

Reservation = reservation_service_pb2.GetReservationResponse
Waiting = waiting_service_pb2.GetWaitingResponse

UNKNOWN = ("RESERVATION_NOT_FOUND", "WAITING_NOT_FOUND", "REQUEST_MALFORMED")
"""Nothing has this name, or it is none that the ledger gives."""


async def plan(session: Session, wish: fulfilment_pb2.Wish, *, fresh: bool) -> Answer:
    """The best plan for an order; nothing is promised."""
    request = fulfilment_service_pb2.PlanFulfilmentRequest(wish=wish, freshness=await session.freshness(fresh))
    response = await session.fulfilment.PlanFulfilment(request)
    tree = picturing.planned(picturing.title(wish, response.plan), wish, response.plan)
    return Answer(document(response), [tree, tables.footnote(*response.revisions, note="nothing is promised")])


async def place(
    session: Session,
    wish: fulfilment_pb2.Wish,
    *,
    order: str,
    hold: timedelta | None,
    back_order: bool,
    confirm: bool,
    fresh: bool,
    check: bool,
) -> Answer:
    """Plan an order and promise its units; with `confirm` without end, in a second commit."""
    request = fulfilment_service_pb2.ReserveFulfilmentRequest(
        request_id=session.change(),
        wish=wish,
        hold_duration=None if hold is None else seconds(hold),
        order=order,
        back_order=back_order,
        validate_only=check,
        freshness=await session.freshness(fresh),
    )
    response = await session.fulfilment.ReserveFulfilment(request)
    if confirm and not check and response.reservation.state == reservation_pb2.RESERVATION_STATE_HELD:
        confirmed = await _confirmed(session, response.reservation.reservation)
        response.reservation.CopyFrom(confirmed.reservation)
        response.revision.CopyFrom(confirmed.revision)
    made = response.HasField("reservation")
    head = tables.promise(response.reservation) if made else picturing.title(wish, response.plan)
    shown: list[RenderableType] = [picturing.planned(head, wish, response.plan, waiting=[response.waiting])]
    if response.HasField("waiting"):
        shown.append(picturing.waits(response.waiting))
    return changed(session, response, shown, check=check)


async def _confirmed(session: Session, reservation: str) -> reservation_service_pb2.ConfirmResponse:
    request = reservation_service_pb2.ConfirmRequest(request_id=session.change(), reservation=reservation)
    return await session.reservations.Confirm(request)


async def show(session: Session, name: str) -> Answer:
    """What is promised to an order and what it waits for; or one reservation or waiting demand, by its identifier."""
    reservations = await listed(
        session.reservations.ListReservations,
        reservation_service_pb2.ListReservationsRequest(order=name),
        "reservations",
    )
    demands = await listed(session.waiting.ListWaiting, waiting_service_pb2.ListWaitingRequest(order=name), "waiting")
    found = [await _reservation(session, each.reservation) for each in reservations.found]
    promised = [each for each in found if each is not None]
    waiting: list[waiting_pb2.Waiting] = demands.found
    if not promised and not waiting:
        one = await _reservation(session, name)
        other = await _waiting(session, name) if one is None else None
        promised = [one] if one is not None else []
        waiting = [other.waiting] if other is not None else []
    shown: list[RenderableType] = [_drawn(each, waiting) for each in promised]
    shown += [picturing.waits(each) for each in waiting]
    told: Document = {
        "reservations": [{**document(each.reservation), "plan": _told(each.plan)} for each in promised],
        "waiting": [document(each, without=("plan",)) for each in waiting],
        "revision": document(demands.revision),
    }
    if not shown:
        return Answer(told, [Text(f"No order, reservation or waiting demand is called {name}.")], REFUSED)
    return Answer(told, [*shown, tables.footnote(demands.revision)])


async def ship(
    session: Session,
    reservation: str,
    lines: Sequence[reservation_pb2.LineQuantity],
    *,
    reference: str,
    occurred: datetime | None,
) -> Answer:
    """Send promised units out; a hold is confirmed first, in a commit of its own. No lines means everything open."""
    asked = reservation_service_pb2.GetReservationRequest(reservation=reservation)
    found = await session.reservations.GetReservation(asked)
    if found.reservation.state == reservation_pb2.RESERVATION_STATE_HELD:
        await _confirmed(session, reservation)
    request = reservation_service_pb2.FulfilRequest(
        request_id=session.change(), reservation=reservation, lines=lines, reference=reference
    )
    if occurred is not None:
        request.occurred_time.FromDatetime(occurred)
    response = await session.reservations.Fulfil(request)
    tree = picturing.promised(response.reservation, picturing.recorded(found.plan))
    return changed(session, response, [tree], check=False)


async def cancel(session: Session, name: str, lines: Sequence[reservation_pb2.LineQuantity], *, check: bool) -> Answer:
    """Give up units of a reservation, or of what waits, whichever has this identifier; no lines means all there are."""
    asked = reservation_service_pb2.GetReservationRequest(reservation=name)
    try:
        found = await session.reservations.GetReservation(asked)
    except grpc.aio.AioRpcError as error:
        if status.reason(error) != "RESERVATION_NOT_FOUND" or await _waiting(session, name) is None:
            raise
        return await cancel_waiting(session, name, lines, check=check)
    request = reservation_service_pb2.ReleaseRequest(
        request_id=session.change(), reservation=name, lines=lines, validate_only=check
    )
    response = await session.reservations.Release(request)
    tree = picturing.promised(response.reservation, picturing.recorded(found.plan))
    return changed(session, response, [tree], check=check)


async def cancel_waiting(
    session: Session, waiting: str, lines: Sequence[reservation_pb2.LineQuantity], *, check: bool
) -> Answer:
    """Give up units that wait; no lines means all that do."""
    request = waiting_service_pb2.CancelWaitingRequest(
        request_id=session.change(), waiting=waiting, lines=lines, validate_only=check
    )
    response = await session.waiting.CancelWaiting(request)
    return changed(session, response, [picturing.waits(response.waiting)], check=check)


async def replan(
    session: Session, reservation: str, rejected: Sequence[str], wished: Wished, *, fresh: bool, check: bool
) -> Answer:
    """Plan a reservation again and move what has to be moved; what is `wished` stands in the place of what was."""
    asked = reservation_service_pb2.GetReservationRequest(reservation=reservation)
    found = await session.reservations.GetReservation(asked)
    wish = picturing.recorded(found.plan).wish
    request = fulfilment_service_pb2.ReplanReservationRequest(
        request_id=session.change(),
        reservation=reservation,
        rejected_locations=rejected,
        validate_only=check,
        freshness=await session.freshness(fresh),
    )
    if not wished.nothing:
        wish = wished.of(wish)
        wish.channel = found.reservation.channel
        request.wish.CopyFrom(wish)
    response = await session.fulfilment.ReplanReservation(request)
    if check:
        tree = picturing.planned(tables.promise(response.reservation), wish, response.plan, numbered=False)
    else:
        now = await session.reservations.GetReservation(asked)
        tree = picturing.promised(now.reservation, picturing.recorded(now.plan), response.plan.missing)
    moved = "Nothing was to be moved."
    if response.released or response.promised:
        released = tables.counted(response.released, "unit")
        moved = f"{released} given up where they were, {response.promised:,} promised elsewhere."
    return changed(session, response, [tree, Text(moved, style="bold")], check=check)


async def _reservation(session: Session, name: str) -> Reservation | None:
    """The reservation of this name; None where there is none."""
    try:
        return await session.reservations.GetReservation(
            reservation_service_pb2.GetReservationRequest(reservation=name)
        )
    except grpc.aio.AioRpcError as error:
        if status.reason(error) not in UNKNOWN:
            raise
        return None


async def _waiting(session: Session, name: str) -> Waiting | None:
    """The waiting demand of this name; None where there is none."""
    try:
        return await session.waiting.GetWaiting(waiting_service_pb2.GetWaitingRequest(waiting=name))
    except grpc.aio.AioRpcError as error:
        if status.reason(error) not in UNKNOWN:
            raise
        return None


def _drawn(found: Reservation, waiting: Sequence[waiting_pb2.Waiting]) -> RenderableType:
    how = picturing.recorded(found.plan)
    return picturing.promised(found.reservation, how, how.plan.missing, waiting)


def _told(plan: bytes) -> Document | None:
    """How a reservation was planned, without what was configured then; None where it was not."""
    how = picturing.recorded(plan)
    return document(how, without=("terms",)) if how.HasField("wish") else None
