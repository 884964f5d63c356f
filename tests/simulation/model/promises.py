"""Promises: units that are available, under claims that leave room, within what a channel may hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.simulation.model.books import HELD, Books, Count, Item, Line, Promise, Refused, item
from weir.ledger.v1 import ledger_pb2, reservation_pb2, reservation_service_pb2

RESERVE = ledger_pb2.ENTRY_KIND_RESERVE
PARTIAL = reservation_pb2.RESERVE_MODE_PARTIAL
HOLD_SECONDS = 900
UNKNOWN = "?"
"""Name of a reservation that the ledger did not make."""


class Short(NamedTuple):
    """A line that cannot have all it asks for; `claim` is set where units are there and only the claim is short."""

    line: int
    what: Item
    requested: int
    available: int
    claim: str = ""
    ceiling: int = 0
    claimed: int = 0


def reserve(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ReserveResponse:
    """One draft."""
    _require_lines(books, len(request.draft.lines))
    name = told.reservation.reservation if told is not None else UNKNOWN
    granted, short = _grant(books, request.draft)
    if not granted:
        raise _refusal(short)
    promise = _promise(books, name, request.draft, granted, request.request_id)
    return reservation_service_pb2.ReserveResponse(reservation=promise.message())


def reserve_batch(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ReserveBatchResponse:
    """Many drafts in their order: each by itself, or all or none."""
    _require_lines(books, sum(len(draft.lines) for draft in request.drafts))
    names = [each.reservation.reservation for each in told.outcomes] if told is not None else []
    answer = reservation_service_pb2.ReserveBatchResponse()
    all_short: list[Short] = []
    for number, draft in enumerate(request.drafts):
        granted, short = _grant(books, draft)
        if granted:
            name = (names[number] if number < len(names) else "") or f"{UNKNOWN}{number}"
            promise = _promise(books, name, draft, granted, request.request_id)
            answer.outcomes.add(reservation=promise.message())
        else:
            answer.outcomes.add(refusal=_told(short))
            all_short += short
    if request.atomic and all_short:
        raise _refusal(all_short)
    return answer


def _require_lines(books: Books, lines: int) -> None:
    if lines > books.limits.lines:
        raise Refused("LINES_EXHAUSTED", limit=books.limits.lines, requested=lines)


def _grant(books: Books, draft: reservation_pb2.ReservationDraft) -> tuple[list[int], list[Short]]:
    """Units for each line, none where the draft is refused; and the lines that are short.

    Of a stock item the lines share what is available, of a claim they share what is left, in their order.
    """
    left: dict[Item, int] = {}
    claimed: dict[str, int] = {}
    granted: list[int] = []
    short: list[Short] = []
    for number, line in enumerate(draft.lines, 1):
        what = item(line.stock_item)
        available = left.setdefault(what, books.available(what))
        for each in line.claims:
            found = books.claimed(each.claim)
            claimed.setdefault(each.claim, found.open + found.fulfilled)
        rooms = sorted((each.ceiling - claimed[each.claim], each.claim, each.ceiling) for each in line.claims)
        units = min([line.quantity, available, *(max(0, room) for room, _, _ in rooms)])
        if units < line.quantity and line.quantity <= available:
            _, claim, ceiling = rooms[0]
            short.append(Short(number, what, line.quantity, available, claim, ceiling, claimed[claim]))
        elif units < line.quantity:
            short.append(Short(number, what, line.quantity, available))
        left[what] -= units
        for each in line.claims:
            claimed[each.claim] += units
        granted.append(units)
    if short and (draft.mode != PARTIAL or not any(granted) or not all(_placed(books, short))):
        return [], short
    return granted, short


def _placed(books: Books, short: list[Short]) -> Iterator[bool]:
    """Whether each line stands at a location that exists."""
    return (books.get("place", each.what.location) is not None for each in short)


def _refusal(short: list[Short]) -> Refused:
    """Missing units come first, then claims."""
    units = [each for each in short if not each.claim]
    if units:
        first = units[0]
        return Refused("INSUFFICIENT_STOCK", sku=first.what.sku, location=first.what.location,
                       requested=first.requested, available=first.available, lines=len(units))  # fmt: skip
    first = short[0]
    return Refused("CLAIM_EXHAUSTED", claim=first.claim, ceiling=first.ceiling, claimed=first.claimed,
                   requested=first.requested, lines=len(short))  # fmt: skip


def _told(short: list[Short]) -> reservation_service_pb2.ReserveRefusal:
    """Why a draft of a batch was refused; the sentence is left to the ledger."""
    told = reservation_service_pb2.ReserveRefusal(reason=_refusal(short).reason)
    for each in short:
        line = told.short_lines.add(
            line=each.line, stock_item=each.what.message(), requested=each.requested, available=each.available,
            claimed=each.claimed,
        )  # fmt: skip
        if each.claim:
            line.claim.claim, line.claim.ceiling = each.claim, each.ceiling
    return told


def _promise(
    books: Books, name: str, draft: reservation_pb2.ReservationDraft, granted: list[int], request_id: str
) -> Promise:
    """Hold the units; refuses where it would be for too long, or more than the channel may hold."""
    hold = draft.hold_duration.ToMicroseconds() if draft.HasField("hold_duration") else HOLD_SECONDS * 1_000_000
    require_hold(books, hold)
    if draft.channel and books.room_matters:
        _require_room(books, draft.channel, sum(granted))
    lines: list[Line] = []
    for number, (asked, units) in enumerate(zip(draft.lines, granted, strict=True), 1):
        claims = tuple((each.claim, each.ceiling) for each in asked.claims)
        line = Line(item(asked.stock_item), asked.quantity, units, units, claims)
        lines.append(line)
        if units:
            books.book(RESERVE, line.item, reserved=units, reservation=name, line=number, request_id=request_id)
            books.claim(line, open=units)
        elif books.get("count", line.item) is None:
            books.put("count", line.item, Count(revision=books.revision))
    return books.keep(
        Promise(name, HELD, tuple(lines), books.now + hold, books.now, draft.order, draft.channel, books.revision)
    )


def require_hold(books: Books, micros: int) -> None:
    """Refuse to hold units for longer than is allowed, counted from when they were promised."""
    if micros > books.limits.hold_seconds * 1_000_000:
        raise Refused("HOLD_TIME_EXHAUSTED", limit_seconds=f"{books.limits.hold_seconds:.0f}",
                      requested_seconds=f"{micros / 1_000_000:.0f}")  # fmt: skip


def _require_room(books: Books, channel: str, units: int) -> None:
    reservations, held = books.held(channel)
    limits = books.limits
    if reservations + 1 > limits.channel_reservations:
        raise Refused("OPEN_RESERVATIONS_EXHAUSTED", scope="channel", channel=channel,
                      limit=limits.channel_reservations, open=reservations, requested=1)  # fmt: skip
    if held + units > limits.channel_held_units:
        raise Refused("HELD_UNITS_EXHAUSTED", scope="channel", channel=channel, limit=limits.channel_held_units,
                      held=held, requested=units)  # fmt: skip
