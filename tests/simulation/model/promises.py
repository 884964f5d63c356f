"""Promises: units that are available, under claims that leave room, within what a channel may hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.simulation.model.books import (
    CONFIRMED,
    HELD,
    Books,
    Carried,
    Count,
    Item,
    Line,
    Promise,
    Refused,
    carried,
    item,
)
from tests.simulation.model.waiting import take_up
from weir.ledger.v1 import ledger_pb2, reservation_pb2, reservation_service_pb2

RESERVE = ledger_pb2.ENTRY_KIND_RESERVE
PARTIAL = reservation_pb2.RESERVE_MODE_PARTIAL
FACT = reservation_pb2.RESERVE_MODE_FACT
HOLD_SECONDS = 900
CLAIMED_MAX = 10**18
NOTHING_HAD: Mapping[str, int] = MappingProxyType({})
UNKNOWN = "?"
"""Name of a reservation that the ledger did not make."""


class Short(NamedTuple):
    """A line that cannot have all it asks for; `claim` is set where units are there and only the claim is short."""

    line: int
    what: Item
    requested: int
    available: int
    claim: Carried | None = None
    claimed: int = 0


def reserve(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ReserveResponse:
    """One draft, and what has to wait; one of the two may be left out."""
    require_lines(books, len(request.draft.lines) + len(request.waiting.lines))
    answer = reservation_service_pb2.ReserveResponse(plan=request.draft.plan)
    if request.HasField("draft"):
        before = revisions(books, request.draft.lines)
        granted, short = _granted(books, request.draft)
        if not granted:
            raise refusal(short, before)
        name = told.reservation.reservation if told is not None else UNKNOWN
        promise = _promise(books, name, request.draft, granted, request.request_id)
        answer.reservation.CopyFrom(promise.message())
    if request.HasField("waiting"):
        name = told.waiting.waiting if told is not None else UNKNOWN
        answer.waiting.CopyFrom(take_up(books, name, request.waiting).message())
    return answer


def reserve_batch(books: Books, request: Any, told: Any = None) -> reservation_service_pb2.ReserveBatchResponse:
    """Many drafts in their order: each by itself, or all or none."""
    require_lines(books, sum(len(draft.lines) for draft in request.drafts))
    before = revisions(books, [line for draft in request.drafts for line in draft.lines])
    names = [each.reservation.reservation for each in told.outcomes] if told is not None else []
    answer = reservation_service_pb2.ReserveBatchResponse()
    all_short: list[Short] = []
    for number, draft in enumerate(request.drafts):
        granted, short = _granted(books, draft)
        if granted:
            name = (names[number] if number < len(names) else "") or f"{UNKNOWN}{number}"
            promise = _promise(books, name, draft, granted, request.request_id)
            answer.outcomes.add(reservation=promise.message())
        else:
            answer.outcomes.add(refusal=told_short(short))
            all_short += short
    if request.atomic and all_short:
        raise refusal(all_short, before)
    return answer


def require_lines(books: Books, lines: int) -> None:
    """Refuse a request of more lines than are allowed."""
    if lines > books.limits.lines:
        raise Refused("LINES_EXHAUSTED", limit=books.limits.lines, requested=lines)


def revisions(books: Books, lines: Iterable[reservation_pb2.ReservationDraftLine]) -> dict[Item | str, int]:
    """The revisions that changed the stock items and the claims of lines last."""
    found: dict[Item | str, int] = {}
    for line in lines:
        what = item(line.stock_item)
        found[what] = books.count(what).revision
        found.update({each.claim: books.claimed(each.claim).revision for each in line.claims})
    return found


def _granted(books: Books, draft: reservation_pb2.ReservationDraft) -> tuple[list[int], list[Short]]:
    """Units for each line of a draft as its mode says, none where all are refused; and the lines that are short."""
    if draft.mode != FACT:
        return grant(books, draft.lines, partial=draft.mode == PARTIAL)
    left: dict[Item, int] = {}
    short = []
    for number, line in enumerate(draft.lines, 1):
        what = item(line.stock_item)
        available = left.setdefault(what, books.available(what))
        too_few = line.HasField("shortfall_max") and line.quantity - available > line.shortfall_max
        if too_few or books.get("place", what.location) is None:
            short.append(Short(number, what, line.quantity, available))
        left[what] = max(0, available - line.quantity)
    return ([], short) if short else ([line.quantity for line in draft.lines], [])


def grant(
    books: Books,
    lines: Sequence[reservation_pb2.ReservationDraftLine],
    *,
    partial: bool,
    had: Mapping[str, int] = NOTHING_HAD,
) -> tuple[list[int], list[Short]]:
    """Units for each line, none where all are refused; and the lines that are short.

    Of a stock item the lines share what is available, of a claim they share what is left, in their order. A claim that
    takes no more than it `had` is never short.
    """
    left: dict[Item, int] = {}
    claimed: dict[str, int] = {}
    granted: list[int] = []
    short: list[Short] = []
    for number, line in enumerate(lines, 1):
        what = item(line.stock_item)
        available = left.setdefault(what, books.available(what))
        held = [_held(books, carried(each), had.get(each.claim, 0)) for each in line.claims]
        for each in held:
            found = books.claimed(each.claim)
            claimed.setdefault(each.claim, found.open + found.fulfilled)
        rooms = sorted(((each.ceiling or 0) - claimed[each.claim]) // each.weight for each in held)
        units = min([line.quantity, available, *(max(0, room) for room in rooms)])
        if units < line.quantity and line.quantity <= available:
            tightest = [each for each in held if ((each.ceiling or 0) - claimed[each.claim]) // each.weight == rooms[0]]
            first = min(tightest, key=attrgetter("claim"))
            short.append(Short(number, what, line.quantity, available, first, claimed[first.claim]))
        elif units < line.quantity:
            short.append(Short(number, what, line.quantity, available))
        left[what] -= units
        for each in held:
            claimed[each.claim] += units * each.weight
        granted.append(units)
    if short and (not partial or not any(granted) or not all(_placed(books, short))):
        return [], short
    return granted, short


def _held(books: Books, claim: Carried, had: int) -> Carried:
    """A claim with the ceiling that holds: the lower of the line's own and the one that is set, but never below what it
    had."""
    ceilings = [each for each in (claim.ceiling, books.claimed(claim.claim).ceiling) if each is not None]
    return replace(claim, ceiling=max(had, min(ceilings, default=CLAIMED_MAX)))


def _placed(books: Books, short: list[Short]) -> Iterator[bool]:
    """Whether each line stands at a location that exists."""
    return (books.get("place", each.what.location) is not None for each in short)


def refusal(short: list[Short], before: Mapping[Item | str, int]) -> Refused:
    """Why lines are not promised: for want of units, else for a claim; as of the newest revision `before` the request
    that changed what is short."""
    units = [each for each in short if each.claim is None]
    if units:
        first = units[0]
        return Refused("INSUFFICIENT_STOCK", sku=first.what.sku, location=first.what.location,
                       requested=first.requested, available=first.available, lines=len(units),
                       revision=max(before.get(each.what, 0) for each in units))  # fmt: skip
    claims = [each.claim for each in short if each.claim is not None]
    told = claims[0]
    return Refused("CLAIM_EXHAUSTED", claim=told.claim, ceiling=told.ceiling, claimed=short[0].claimed,
                   requested=short[0].requested * told.weight, lines=len(short),
                   revision=max(before.get(each.claim, 0) for each in claims))  # fmt: skip


def told_short(short: list[Short]) -> reservation_service_pb2.ReserveRefusal:
    """Why a draft of a batch was refused; the sentence is left to the ledger."""
    told = reservation_service_pb2.ReserveRefusal(reason=refusal(short, {}).reason)
    for each in short:
        line = told.short_lines.add(
            line=each.line, stock_item=each.what.message(), requested=each.requested, available=each.available,
            claimed=each.claimed,
        )  # fmt: skip
        if each.claim is not None:
            line.claim.CopyFrom(each.claim.message())
    return told


def _promise(
    books: Books, name: str, draft: reservation_pb2.ReservationDraft, granted: list[int], request_id: str
) -> Promise:
    """Hold the units; refuses where it would be for too long, or more than the channel may hold. What was sold already
    is confirmed at once, and counted all the same.
    """
    if draft.mode == FACT:
        lines = enter(books, name, 1, draft.lines, granted, request_id)
        keep_plan(books, name, draft.plan)
        books.put("sold", draft.channel, (books.get("sold", draft.channel) or 0) + 1)
        sold = Promise(name, CONFIRMED, tuple(lines), None, books.now, draft.order, draft.channel, books.revision)
        return books.keep(sold)
    hold = draft.hold_duration.ToMicroseconds() if draft.HasField("hold_duration") else HOLD_SECONDS * 1_000_000
    require_hold(books, hold)
    require_room(books, draft.channel, 1, sum(granted))
    lines = enter(books, name, 1, draft.lines, granted, request_id)
    keep_plan(books, name, draft.plan)
    return books.keep(
        Promise(name, HELD, tuple(lines), books.now + hold, books.now, draft.order, draft.channel, books.revision)
    )


def enter(
    books: Books,
    name: str,
    first: int,
    asked_lines: Sequence[reservation_pb2.ReservationDraftLine],
    granted: Sequence[int],
    request_id: str,
) -> list[Line]:
    """Promise the units granted to lines, which are numbered from `first` on; the lines as they then are."""
    lines: list[Line] = []
    for number, (asked, units) in enumerate(zip(asked_lines, granted, strict=True), first):
        line = Line(item(asked.stock_item), asked.quantity, units, units, tuple(map(carried, asked.claims)))
        lines.append(line)
        if units:
            books.book(RESERVE, line.item, reserved=units, reservation=name, line=number, request_id=request_id)
            books.claim(line, open=units)
        elif books.get("count", line.item) is None:
            books.put("count", line.item, Count(revision=books.revision))
    return lines


def keep_plan(books: Books, name: str, plan: bytes) -> None:
    """What the caller keeps with a reservation; where that is nothing, what is kept stays."""
    if plan:
        books.put("plan", name, plan)


def require_hold(books: Books, micros: int) -> None:
    """Refuse to hold units for longer than is allowed, counted from when they were promised."""
    if micros > books.limits.hold_seconds * 1_000_000:
        raise Refused("HOLD_TIME_EXHAUSTED", limit_seconds=f"{books.limits.hold_seconds:.0f}",
                      requested_seconds=f"{micros / 1_000_000:.0f}")  # fmt: skip


def require_room(books: Books, channel: str, more: int, units: int) -> None:
    """Refuse that a channel holds so many reservations and units more, where these are more than none."""
    if not channel or not books.room_matters:
        return
    reservations, held = books.held(channel)
    limits = books.limits
    if more > 0 and reservations + more > limits.channel_reservations:
        raise Refused("OPEN_RESERVATIONS_EXHAUSTED", scope="channel", channel=channel,
                      limit=limits.channel_reservations, open=reservations, requested=more)  # fmt: skip
    if units > 0 and held + units > limits.channel_held_units:
        raise Refused("HELD_UNITS_EXHAUSTED", scope="channel", channel=channel, limit=limits.channel_held_units,
                      held=held, requested=units)  # fmt: skip
