"""Promises to orders: made, confirmed, prolonged, fulfilled, given up, listed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration

from weir.ledger.v1 import reservation_pb2, reservation_service_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.moving import stock_item
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed

QUANTITY_MAX = 10**9
CEILING_MAX = 10**15
CLAIMS_MAX = 100
"""Keys that one question may name."""


class LineUnreadable(ValueError):
    """A line of an order as it stands on the command line cannot be read; the text says why."""


def order_line(text: str, **item: str) -> reservation_pb2.ReservationDraftLine:
    """A line written `SKU@LOCATION=QUANTITY`; without `=QUANTITY` one unit. Raises LineUnreadable."""
    name, _, units = text.rpartition("=")
    if not name:
        name, units = text, "1"
    sku, _, location = name.rpartition("@")
    if not sku or not location:
        raise LineUnreadable(f"'{text}' is not of the form SKU@LOCATION=QUANTITY.")
    return reservation_pb2.ReservationDraftLine(
        stock_item=stock_item(sku, location, **item), quantity=units_of(text, units)
    )


def line_quantity(text: str) -> reservation_pb2.LineQuantity:
    """Units of one line of a reservation, written `LINE=QUANTITY`. Raises LineUnreadable."""
    line, _, units = text.partition("=")
    if not line.isascii() or not line.isdigit() or not 1 <= int(line) <= QUANTITY_MAX:
        raise LineUnreadable(f"'{text}' is not of the form LINE=QUANTITY, with lines from 1.")
    return reservation_pb2.LineQuantity(line=int(line), quantity=units_of(text, units))


def units_of(text: str, units: str) -> int:
    """The units in a line that reads `text`. Raises LineUnreadable."""
    if not units.isascii() or not units.isdigit() or not 1 <= int(units) <= QUANTITY_MAX:
        raise LineUnreadable(f"'{text}': the quantity is not a whole number from 1 to {QUANTITY_MAX}.")
    return int(units)


def line_claim(text: str) -> reservation_pb2.LineClaim:
    """A key that units count against, written `KEY`, `KEY=CEILING`, `KEY=CEILING:WEIGHT` or `KEY=:WEIGHT`: no other
    ceiling than the one that is set for the key, unless it is named, and each unit as often as its weight. Raises
    LineUnreadable.
    """
    if "=" not in text and text:
        return reservation_pb2.LineClaim(claim=text)
    match = re.fullmatch(r"(.+)=(?=.)(\d{0,16})(?::(\d{1,10}))?", text, re.ASCII | re.DOTALL)
    if match is None or int(match[2] or 0) > CEILING_MAX or not 1 <= int(match[3] or 1) <= QUANTITY_MAX:
        raise LineUnreadable(
            f"'{text}' is not of the form KEY, KEY=CEILING or KEY=CEILING:WEIGHT, with a ceiling from 0 to"
            f" {CEILING_MAX} and a weight from 1 to {QUANTITY_MAX}."
        )
    ceiling = int(match[2]) if match[2] else None
    return reservation_pb2.LineClaim(claim=match[1], ceiling=ceiling, weight=int(match[3] or 0))


async def reserve(session: Session, draft: reservation_pb2.ReservationDraft, *, check: bool) -> Answer:
    """Promise units to an order."""
    request = reservation_service_pb2.ReserveRequest(request_id=session.change(), draft=draft, validate_only=check)
    return _changed(session, await session.reservations.Reserve(request), check=check)


async def confirm(session: Session, reservation: str, *, check: bool) -> Answer:
    """Turn a hold into a promise without end."""
    request = reservation_service_pb2.ConfirmRequest(
        request_id=session.change(), reservation=reservation, validate_only=check
    )
    return _changed(session, await session.reservations.Confirm(request), check=check)


async def extend(session: Session, reservation: str, hold: timedelta, *, check: bool) -> Answer:
    """Hold units for `hold` from now."""
    request = reservation_service_pb2.ExtendRequest(
        request_id=session.change(), reservation=reservation, hold_duration=seconds(hold), validate_only=check
    )
    return _changed(session, await session.reservations.Extend(request), check=check)


async def fulfil(
    session: Session,
    reservation: str,
    lines: list[reservation_pb2.LineQuantity],
    *,
    reference: str,
    occurred: datetime | None,
    check: bool,
) -> Answer:
    """Send promised units out; no lines means everything open."""
    request = reservation_service_pb2.FulfilRequest(
        request_id=session.change(), reservation=reservation, lines=lines, reference=reference, validate_only=check
    )
    if occurred is not None:
        request.occurred_time.FromDatetime(occurred)
    return _changed(session, await session.reservations.Fulfil(request), check=check)


async def release(
    session: Session, reservation: str, lines: list[reservation_pb2.LineQuantity], *, check: bool
) -> Answer:
    """Give promised units up; no lines means everything open."""
    request = reservation_service_pb2.ReleaseRequest(
        request_id=session.change(), reservation=reservation, lines=lines, validate_only=check
    )
    return _changed(session, await session.reservations.Release(request), check=check)


async def hand_over(
    session: Session, reservation: str, lines: list[int], *, at: datetime | None, check: bool
) -> Answer:
    """Note that lines were handed over to the warehouse; no lines means all with open units."""
    request = reservation_service_pb2.MarkHandedOverRequest(
        request_id=session.change(), reservation=reservation, lines=lines, validate_only=check
    )
    if at is not None:
        request.handed_over_time.FromDatetime(at)
    return _changed(session, await session.reservations.MarkHandedOver(request), check=check)


async def claims(session: Session, keys: Sequence[str]) -> Answer:
    """What is claimed under keys, in their order."""
    found: list[reservation_pb2.Claim] = []
    for start in range(0, len(keys), CLAIMS_MAX):
        request = reservation_service_pb2.GetClaimsRequest(claims=keys[start : start + CLAIMS_MAX])
        response = await session.reservations.GetClaims(request)
        found += response.claims
    told = {"claims": [document(each) for each in found], "revision": document(response.revision)}
    return Answer(told, [tables.claims(found), tables.footnote(response.revision)])


async def one(session: Session, reservation: str) -> Answer:
    """One reservation with its lines."""
    request = reservation_service_pb2.GetReservationRequest(reservation=reservation)
    response = await session.reservations.GetReservation(request)
    shown = tables.reservation(response.reservation)
    return Answer(document(response), [*shown, tables.footnote(response.revision)])


async def several(session: Session, asked: reservation_service_pb2.ListReservationsRequest, *, limit: int) -> Answer:
    """Reservations, oldest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.reservations.ListReservations, asked, "reservations", limit=limit)
    made = tables.table("reservation", "state", "order", "channel", "#lines", "#units open", "made", "until")
    for each in found.found:
        made.add_row(
            each.reservation, tables.state(each), each.order, each.channel, str(len(each.lines)),
            tables.number(sum(line.open for line in each.lines)), tables.time(each.create_time),
            tables.time(each.expire_time),
        )  # fmt: skip
    return Answer(found.document, [made, found.footnote])


def seconds(length: timedelta) -> Duration:
    """A span as the contracts carry it."""
    made = Duration()
    made.FromTimedelta(length)
    return made


def _changed(session: Session, response: Any, *, check: bool) -> Answer:
    return changed(session, response, tables.reservation(response.reservation), check=check)
