"""Promises are kept, prolonged and ended; each ends once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tests.simulation.model.books import CONFIRMED, HELD, RUNNING, Books, Line, Promise, Refused, iso, item, micros
from tests.simulation.model.promises import (
    enter,
    grant,
    keep_plan,
    refusal,
    require_hold,
    require_lines,
    require_room,
    revisions,
)
from weir.ledger.v1 import ledger_pb2, reservation_pb2, reservation_service_pb2

FULFIL, TRANSFER, RELEASE, EXPIRE = (
    ledger_pb2.ENTRY_KIND_FULFIL,
    ledger_pb2.ENTRY_KIND_TRANSFER,
    ledger_pb2.ENTRY_KIND_RELEASE,
    ledger_pb2.ENTRY_KIND_EXPIRE,
)
FULFILLED = reservation_pb2.RESERVATION_STATE_FULFILLED
EXPIRED = reservation_pb2.RESERVATION_STATE_EXPIRED
RELEASED = reservation_pb2.RESERVATION_STATE_RELEASED


def confirm(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ConfirmResponse:
    """Without end; what is confirmed stays as it is."""
    found = books.promise(request.reservation)
    if found.state != CONFIRMED:
        _require(books, found, HELD)
        found = books.keep(replace(found, state=CONFIRMED, expires=None))
    return reservation_service_pb2.ConfirmResponse(reservation=found.message())


def extend(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ExtendResponse:
    """For longer, from now."""
    found = books.promise(request.reservation)
    _require(books, found, HELD)
    expires = books.now + request.hold_duration.ToMicroseconds()
    require_hold(books, expires - found.created)
    found = books.keep(replace(found, expires=expires))
    return reservation_service_pb2.ExtendResponse(reservation=found.message())


def fulfil(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.FulfilResponse:
    """Units go out to the customer."""
    found = books.promise(request.reservation)
    _require(books, found, CONFIRMED)
    occurred = micros(request.occurred_time) if request.HasField("occurred_time") else None
    lines = list(found.lines)
    short: list[tuple[Line, int, int]] = []
    for number, units in _meant(found, request.lines):
        line = lines[number - 1]
        on_hand = books.count(line.item).on_hand
        if on_hand < units:
            short.append((line, units, on_hand))
            continue
        lines[number - 1] = replace(line, open=line.open - units, fulfilled=line.fulfilled + units)
        books.book(FULFIL, line.item, on_hand=-units, reserved=-units, against=ledger_pb2.ACCOUNT_CUSTOMER,
                   reservation=found.name, line=number, request_id=request.request_id, reference=request.reference,
                   occurred=occurred)  # fmt: skip
        books.claim(line, open=-units, fulfilled=units)
    if short:
        line, units, on_hand = short[0]
        raise Refused("INSUFFICIENT_ON_HAND", sku=line.item.sku, location=line.item.location, requested=units,
                      on_hand=on_hand, lines=len(short))  # fmt: skip
    found = books.keep(_settled(found, lines))
    return reservation_service_pb2.FulfilResponse(reservation=found.message())


def transfer(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.TransferResponse:
    """Units go somewhere else, and are promised no longer."""
    found = books.promise(request.reservation)
    for each in request.lines:
        if books.get("place", each.destination.location) is None:
            raise Refused("LOCATION_NOT_FOUND", location=each.destination.location)
    _require(books, found, CONFIRMED)
    occurred = micros(request.occurred_time) if request.HasField("occurred_time") else None
    lines = list(found.lines)
    short: list[tuple[Line, int, int]] = []
    for (number, units), each in zip(_meant(found, request.lines), request.lines, strict=True):
        line = lines[number - 1]
        on_hand = books.count(line.item).on_hand
        if on_hand < units:
            short.append((line, units, on_hand))
            continue
        lines[number - 1] = replace(line, open=line.open - units, fulfilled=line.fulfilled + units)
        source = {"reservation": found.name, "line": number, "request_id": request.request_id,
                  "reference": request.reference, "occurred": occurred}  # fmt: skip
        books.book(TRANSFER, line.item, on_hand=-units, reserved=-units, **source)
        books.book(TRANSFER, item(each.destination), on_hand=units, **source)
        books.claim(line, open=-units, fulfilled=units)
    if short:
        line, units, on_hand = short[0]
        raise Refused("INSUFFICIENT_ON_HAND", sku=line.item.sku, location=line.item.location, requested=units,
                      on_hand=on_hand, lines=len(short))  # fmt: skip
    found = books.keep(_settled(found, lines))
    return reservation_service_pb2.TransferResponse(reservation=found.message())


def release(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ReleaseResponse:
    """Units are given up."""
    found = books.promise(request.reservation)
    _require(books, found, *RUNNING)
    lines = _given_up(books, found, _meant(found, request.lines), RELEASE, request.request_id)
    found = books.keep(_settled(found, lines))
    return reservation_service_pb2.ReleaseResponse(reservation=found.message())


def amend(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.AmendResponse:
    """Units are given up and others promised, which may be the same: all of it or nothing."""
    found = books.promise(request.reservation)
    _require(books, found, *RUNNING)
    if request.HasField("expected_revision") and request.expected_revision != found.revision:
        raise Refused("RESERVATION_CHANGED", reservation=found.name, expected=request.expected_revision,
                      current=found.revision)  # fmt: skip
    before = revisions(books, request.lines)
    had = {each.claim: books.claimed(each.claim).claimed for line in request.lines for each in line.claims}
    given_up = _meant(found, request.releases) if request.releases else []
    lines = list(_given_up(books, found, given_up, RELEASE, request.request_id))
    require_lines(books, len(request.lines))
    granted, short = grant(books, request.lines, partial=False, had=had)
    if short:
        raise refusal(short, before)
    if found.state == HELD:
        require_room(books, found.channel, 0, sum(granted) - sum(units for _, units in given_up))
    lines += enter(books, found.name, len(lines) + 1, request.lines, granted, request.request_id)
    keep_plan(books, found.name, request.plan)
    found = books.keep(_settled(found, lines))
    return reservation_service_pb2.AmendResponse(reservation=found.message())


def expire(books: Books, name: str) -> Promise:
    """A hold runs out; refuses where it does not."""
    found = books.promise(name)
    if found.state != HELD or found.expires is None or found.expires > books.now:
        raise Refused("NOT_DUE", reservation=name, state=found.state, expires=found.expires, now=books.now)
    return books.keep(replace(found, state=EXPIRED, lines=_given_up(books, found, _meant(found, ()), EXPIRE, "")))


def mark_handed_over(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.MarkHandedOverResponse:
    """Lines are with the warehouse that picks them."""
    found = books.promise(request.reservation)
    _require(books, found, *RUNNING)
    at = micros(request.handed_over_time) if request.HasField("handed_over_time") else books.now
    lines = list(found.lines)
    for number in request.lines or [number for number, line in enumerate(lines, 1) if line.open]:
        if number > len(lines):
            raise Refused("RESERVATION_LINE_NOT_FOUND", reservation=found.name, line=number)
        lines[number - 1] = replace(lines[number - 1], handed_over=at)
    found = books.keep(replace(found, lines=tuple(lines)))
    return reservation_service_pb2.MarkHandedOverResponse(reservation=found.message())


def _require(books: Books, found: Promise, *states: int) -> None:
    """Refuse unless the reservation is in one of the states and its hold, if it is held, has not run out."""
    if found.state == EXPIRED or (found.state == HELD and found.expires is not None and found.expires <= books.now):
        assert found.expires is not None
        raise Refused("RESERVATION_EXPIRED", reservation=found.name, expire_time=iso(found.expires))
    if found.state not in states:
        state = reservation_pb2.ReservationState.Name(found.state)  # type: ignore[arg-type]
        raise Refused("RESERVATION_STATE", reservation=found.name, state=state.removeprefix("RESERVATION_STATE_"))


def _meant(
    found: Promise, asked: Iterable[reservation_pb2.LineQuantity | reservation_pb2.LineTransfer]
) -> list[tuple[int, int]]:
    """Lines and units: those asked, else everything open."""
    meant = [(each.line, each.quantity) for each in asked]
    for number, units in meant:
        if number > len(found.lines):
            raise Refused("RESERVATION_LINE_NOT_FOUND", reservation=found.name, line=number)
        open_units = found.lines[number - 1].open
        if units > open_units:
            raise Refused(
                "RESERVATION_LINE_EXCEEDED", reservation=found.name, line=number, requested=units, open=open_units
            )
    return meant or [(number, line.open) for number, line in enumerate(found.lines, 1) if line.open]


def _given_up(
    books: Books, found: Promise, meant: Sequence[tuple[int, int]], kind: int, request_id: str
) -> tuple[Line, ...]:
    """The lines without units that are promised no longer."""
    lines = list(found.lines)
    for number, units in meant:
        line = lines[number - 1]
        lines[number - 1] = replace(line, open=line.open - units, released=line.released + units)
        books.book(kind, line.item, reserved=-units, reservation=found.name, line=number, request_id=request_id)
        books.claim(line, open=-units)
    return tuple(lines)


def _settled(found: Promise, lines: Sequence[Line]) -> Promise:
    """The reservation with its new lines; ended where nothing is open any longer."""
    changed = replace(found, lines=tuple(lines))
    if any(line.open for line in lines):
        return changed
    return replace(changed, state=FULFILLED if any(line.fulfilled for line in lines) else RELEASED, expires=None)
