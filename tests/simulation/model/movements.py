"""Facts: what came, went, moved, was counted."""

from __future__ import annotations

from typing import Any

from tests.simulation.model.books import Books, Item, Refused, item, micros, moment
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2

COMING = (
    ledger_pb2.ENTRY_KIND_RECEIVE,
    ledger_pb2.ENTRY_KIND_RETURN,
    ledger_pb2.ENTRY_KIND_RESTORE,
    ledger_pb2.ENTRY_KIND_ADJUST,
)
COUNT, TRANSFER = ledger_pb2.ENTRY_KIND_COUNT, ledger_pb2.ENTRY_KIND_TRANSFER
AGAINST: dict[int, int] = {
    ledger_pb2.ENTRY_KIND_RECEIVE: ledger_pb2.ACCOUNT_SUPPLIER,
    ledger_pb2.ENTRY_KIND_SHIP: ledger_pb2.ACCOUNT_CUSTOMER,
    ledger_pb2.ENTRY_KIND_RETURN: ledger_pb2.ACCOUNT_CUSTOMER,
    ledger_pb2.ENTRY_KIND_COUNT: ledger_pb2.ACCOUNT_ADJUSTMENT,
    ledger_pb2.ENTRY_KIND_ADJUST: ledger_pb2.ACCOUNT_ADJUSTMENT,
    ledger_pb2.ENTRY_KIND_CONSUME: ledger_pb2.ACCOUNT_CONSUMED,
    ledger_pb2.ENTRY_KIND_RESTORE: ledger_pb2.ACCOUNT_CONSUMED,
}


def record_movements(books: Books, request: Any, told: Any = None) -> ledger_service_pb2.RecordMovementsResponse:
    """All in their order, or none: places first, then expected revisions, then units."""
    if len(request.movements) > books.limits.lines:
        raise Refused("LINES_EXHAUSTED", limit=books.limits.lines, requested=len(request.movements))
    for each in request.movements:
        for place in (each.stock_item, each.destination)[: 1 + (each.kind == TRANSFER)]:
            if books.get("place", place.location) is None:
                raise Refused("LOCATION_NOT_FOUND", location=place.location)
    for each in request.movements:
        if each.HasField("expected_revision"):
            _require_revision(books, item(each.stock_item), each.expected_revision)
    before = {what: books.count(what).revision for what in (item(each.stock_item) for each in request.movements)}
    missing: list[tuple[Item, int, int]] = []
    promised: list[tuple[Item, int, int]] = []
    touched: dict[Item, None] = {}
    for each in request.movements:
        what = item(each.stock_item)
        on_hand = books.count(what).on_hand
        if each.available_only and each.quantity > books.available(what):
            promised.append((what, each.quantity, books.available(what)))
        elif on_hand + _delta(each, on_hand) < 0:
            missing.append((what, abs(each.quantity), on_hand))
        else:
            touched.update(dict.fromkeys(_record(books, each, request.request_id)))
    if missing:
        what, requested, on_hand = missing[0]
        raise Refused("INSUFFICIENT_ON_HAND", sku=what.sku, location=what.location, requested=requested,
                      on_hand=on_hand, lines=len(missing))  # fmt: skip
    if promised:
        what, requested, available = promised[0]
        raise Refused("INSUFFICIENT_STOCK", sku=what.sku, location=what.location, requested=requested,
                      available=available, lines=len(promised),
                      revision=max(before[what] for what, _, _ in promised))  # fmt: skip
    return ledger_service_pb2.RecordMovementsResponse(balances=[balance(books, what) for what in touched])


def balance(books: Books, what: Item) -> ledger_pb2.Balance:
    """The counts of a stock item as the ledger tells them."""
    found = books.count(what)
    return ledger_pb2.Balance(
        stock_item=what.message(),
        on_hand=found.on_hand,
        reserved=found.reserved,
        available=books.available(what),
        shortfall=found.shortfall,
        changed_revision=found.revision,
        counted_time=moment(found.counted),
    )


def known_balance(books: Books, what: Item) -> ledger_pb2.Balance:
    """The counts of a stock item as they are told to who asks for them: with the last day of its lot."""
    told, lot = balance(books, what), books.get("lot", (what.owner, what.sku, what.lot))
    told.expiry_date = lot.day if lot is not None else ""
    return told


def _require_revision(books: Books, what: Item, expected: int) -> None:
    current = books.count(what).revision
    if current != expected:
        raise Refused("BALANCE_CHANGED", sku=what.sku, location=what.location, expected=expected, current=current)


def _delta(movement: ledger_pb2.Movement, on_hand: int) -> int:
    """How the units of the stock item change."""
    if movement.kind == COUNT:
        return movement.quantity - on_hand
    return movement.quantity if movement.kind in COMING else -movement.quantity


def _record(books: Books, movement: ledger_pb2.Movement, request_id: str) -> list[Item]:
    """Book one movement; the stock items it touches."""
    source: dict[str, Any] = {"request_id": request_id, "reference": movement.reference}
    if movement.HasField("occurred_time"):
        source["occurred"] = micros(movement.occurred_time)
    what = item(movement.stock_item)
    delta = _delta(movement, books.count(what).on_hand)
    books.book(movement.kind, what, on_hand=delta, against=AGAINST.get(movement.kind), **source)
    if movement.kind != TRANSFER:
        return [what]
    destination = item(movement.destination)
    books.book(movement.kind, destination, on_hand=movement.quantity, **source)
    return [what, destination]
