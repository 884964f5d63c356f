"""Demands that wait are promised units: each by itself, its units all or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.model.books import CONFIRMED, Books, Promise, Refused
from tests.simulation.model.promises import (
    UNKNOWN,
    enter,
    grant,
    keep_plan,
    require_lines,
    require_room,
    told_short,
)
from tests.simulation.model.waiting import demand, keep, meant
from weir.ledger.v1 import reservation_service_pb2, waiting_service_pb2


def promise_waiting(books: Books, request: Any, told: Any = None) -> waiting_service_pb2.PromiseWaitingResponse:
    """In their order, in one commit."""
    require_lines(books, sum(len(each.lines) for each in request.promises))
    names = [each.reservation.reservation for each in told.outcomes] if told is not None else []
    answer = waiting_service_pb2.PromiseWaitingResponse()
    for number, promise in enumerate(request.promises):
        name = (names[number] if number < len(names) else "") or f"{UNKNOWN}{number}"
        try:
            answer.outcomes.append(_outcome(books, name, promise, request.request_id))
        except Refused as refused:
            answer.outcomes.add(refusal=reservation_service_pb2.ReserveRefusal(reason=refused.reason))
    return answer


def _outcome(books: Books, name: str, promise: Any, request_id: str) -> reservation_service_pb2.ReserveOutcome:
    """One promise: a confirmed reservation of the demand's order and channel, or why there is none."""
    found = demand(books, promise.waiting)
    units_of = meant(found, promise.units)
    waiting = sum(line.open for line in found.lines)
    if found.whole and sum(units for _, units in units_of) != waiting:
        raise Refused("WAITING_WHOLE", waiting=found.name)
    granted, short = grant(books, promise.lines, partial=False)
    if short:
        return reservation_service_pb2.ReserveOutcome(refusal=told_short(short))
    require_room(books, found.channel, 1, 0)
    lines = enter(books, name, 1, promise.lines, granted, request_id)
    keep_plan(books, name, promise.plan)
    made = books.keep(
        Promise(name, CONFIRMED, tuple(lines), None, books.now, found.order, found.channel, books.revision)
    )
    left = list(found.lines)
    for number, units in units_of:
        line = left[number - 1]
        left[number - 1] = replace(line, open=line.open - units, promised=line.promised + units)
    keep(books, replace(found, lines=tuple(left), reservations=(*found.reservations, name)))
    return reservation_service_pb2.ReserveOutcome(reservation=made.message())
