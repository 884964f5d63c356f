"""Make domain requests of messages; each refuses all bad fields at once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2, waiting_pb2
from weir_chassis.fields import Fields
from weir_ledger.domain.amending import RESERVATION_LINES_MAX, Amend
from weir_ledger.domain.ceilings import CeilingDraft, SetCeilings
from weir_ledger.domain.endings import Confirm, Extend, Fulfil, MarkHandedOver, Release, Transfer
from weir_ledger.domain.entries import EntryKind, Movement
from weir_ledger.domain.lots import SetLot
from weir_ledger.domain.movements import RecordMovements
from weir_ledger.domain.places import CreateLocation, DeleteLocation, UpdateLocation
from weir_ledger.domain.promises import Reserve, ReserveBatch
from weir_ledger.domain.reservations import Draft, DraftLine, LineClaim, LineTransfer, Mode
from weir_ledger.domain.stock import QUANTITY_MAX, Condition, Location, LocationKind, Lot, StockItem
from weir_ledger.domain.waiting import WaitingDraft, WaitingDraftLine
from weir_ledger.wire.items import day, lot_name, product, reservation_name, stock_item

MOVEMENTS_MAX = 1000
DRAFTS_MAX = 1000
LINES_MAX = 500
CLAIMS_MAX = 8
CEILING_MAX = 10**15
CEILINGS_MAX = 5000
EPOCH_MAX = 10**15
SUBJECT_MAX = 2048
BATCH_LINES_MAX = 2000
PLAN_BYTES_MAX = 131072
DIGEST_BYTES_MAX = 64
HOLD_SECONDS_MAX = 30 * 86400
DISPLAY_NAME_MAX = 256
REFERENCE_MAX = 256
AHEAD = timedelta(days=1)
"""How far ahead of our clock a caller's may run."""

KINDS = {each.value: each for each in LocationKind}
_PROMISING = (EntryKind.RESERVE, EntryKind.RELEASE, EntryKind.EXPIRE, EntryKind.FULFIL)
_MOVEMENTS = {each.value: each for each in EntryKind if each not in _PROMISING}
_TAKING = (EntryKind.SHIP, EntryKind.TRANSFER, EntryKind.CONSUME)
_MODES = {each.value: each for each in Mode}


def create_location(request: ledger_service_pb2.CreateLocationRequest) -> CreateLocation:
    """What a CreateLocation asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return CreateLocation(_location(fields.inner("location"), request.location))


def update_location(request: ledger_service_pb2.UpdateLocationRequest) -> UpdateLocation:
    """What an UpdateLocation asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        etag = fields.identifier("location.etag", request.location.etag, optional=True)
        return UpdateLocation(_location(fields.inner("location"), request.location), etag)


def delete_location(request: ledger_service_pb2.DeleteLocationRequest) -> DeleteLocation:
    """What a DeleteLocation asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return DeleteLocation(
            fields.identifier("location", request.location), fields.identifier("etag", request.etag, optional=True)
        )


def _location(fields: Fields, message: ledger_pb2.Location) -> Location:
    """A location to store."""
    return Location(
        fields.identifier("location", message.location),
        fields.enum("kind", message.kind, KINDS),
        fields.text("display_name", message.display_name, length_max=DISPLAY_NAME_MAX),
    )


def set_lot(request: ledger_service_pb2.SetLotRequest) -> SetLot:
    """What a SetLot asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        etag = fields.identifier("lot.etag", request.lot.etag, optional=True)
        lot = fields.inner("lot")
        name = lot_name(lot, request.lot.product, request.lot.lot)
        return SetLot(Lot(*name, day(lot, "expiry_date", request.lot.expiry_date)), etag)


def record_movements(request: ledger_service_pb2.RecordMovementsRequest) -> RecordMovements:
    """What a RecordMovements asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return RecordMovements(
            tuple(_movement(each, message) for each, message in fields.each("movements", request.movements,
                                                                           most=MOVEMENTS_MAX))
        )  # fmt: skip


def _movement(fields: Fields, message: ledger_pb2.Movement) -> Movement:
    """One movement, whose quantity and destination depend on its kind."""
    kind = fields.enum("kind", message.kind, _MOVEMENTS)
    item = stock_item(fields.inner("stock_item"), message.stock_item)
    destination = None
    if kind is EntryKind.TRANSFER:
        destination = stock_item(fields.inner("destination"), message.destination)
        if destination.goods != item.goods:
            fields.refuse("destination", "Product, lot and unit of measure are those of stock_item.")
        elif destination == item:
            fields.refuse("destination", "Another location, custodian or condition than that of stock_item.")
    elif message.HasField("destination"):
        fields.refuse("destination", "Only a TRANSFER has one.")
    return Movement(
        kind,
        item,
        _moved(fields, kind, message.quantity),
        destination,
        _past(fields, message, "occurred_time"),
        fields.text("reference", message.reference, length_max=REFERENCE_MAX),
        _expected_revision(fields, kind, message),
        _available_only(fields, kind, item, message),
    )


def _moved(fields: Fields, kind: EntryKind, quantity: int) -> int:
    """The quantity of a movement of a kind."""
    if kind is EntryKind.COUNT:
        return fields.count("quantity", quantity)
    if kind is not EntryKind.ADJUST:
        return fields.quantity("quantity", quantity)
    if quantity == 0:
        fields.refuse("quantity", "Not 0.")
    return fields.number("quantity", quantity, least=-QUANTITY_MAX, most=QUANTITY_MAX)


def _expected_revision(fields: Fields, kind: EntryKind, message: ledger_pb2.Movement) -> int | None:
    """The revision that the balance must have; None for any."""
    if not message.HasField("expected_revision"):
        return None
    if kind not in (EntryKind.COUNT, EntryKind.ADJUST):
        fields.refuse("expected_revision", "Only a COUNT or an ADJUST has one.")
    return fields.number("expected_revision", message.expected_revision, least=0, most=2**63 - 1)


def _available_only(fields: Fields, kind: EntryKind, item: StockItem, message: ledger_pb2.Movement) -> bool:
    """Whether a movement takes units only that are not promised."""
    if message.available_only:
        if kind not in _TAKING:
            fields.refuse("available_only", "Only of a SHIP, a TRANSFER or a CONSUME.")
        elif item.condition is not Condition.SELLABLE:
            fields.refuse("available_only", "Only of sellable goods.")
    return message.available_only


def _past(fields: Fields, message: Message, name: str) -> datetime | None:
    """When something happened; not in the future, as far as clocks agree on it."""
    moment = fields.timestamp(message, name)
    if moment is not None and moment > datetime.now(UTC) + AHEAD:
        fields.refuse(name, "Not more than a day ahead.")
    return moment


def reserve(request: reservation_service_pb2.ReserveRequest, new_id: Callable[[], str]) -> Reserve:
    """What a Reserve asks for, under new identifiers."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.opaque("digest", request.digest, length_max=DIGEST_BYTES_MAX)
        if not request.HasField("waiting"):
            return Reserve(new_id(), _draft(fields.inner("draft"), request.draft))
        return Reserve(
            new_id(),
            _draft(fields.inner("draft"), request.draft) if request.HasField("draft") else None,
            new_id(),
            _waiting_draft(fields.inner("waiting"), request.waiting),
        )


def reserve_batch(request: reservation_service_pb2.ReserveBatchRequest, new_id: Callable[[], str]) -> ReserveBatch:
    """What a ReserveBatch asks for, each draft under a new identifier."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        lines = sum(len(draft.lines) for draft in request.drafts)
        if lines > BATCH_LINES_MAX:
            fields.refuse("drafts", f"At most {BATCH_LINES_MAX} lines together, not {lines}.")
            fields.check()
        drafts = [_draft(each, draft) for each, draft in fields.each("drafts", request.drafts, most=DRAFTS_MAX)]
        return ReserveBatch(tuple((new_id(), draft) for draft in drafts), request.atomic)


def _draft(fields: Fields, message: reservation_pb2.ReservationDraft) -> Draft:
    """One draft of a reservation."""
    mode = fields.enum("mode", message.mode, _MODES, default=Mode.ALL_OR_NOTHING)
    if mode is Mode.FACT and message.HasField("hold_duration"):
        fields.refuse("hold_duration", "Not of a fact: it is confirmed at once.")
    return Draft(
        draft_lines(fields, message.lines, sold=mode is Mode.FACT),
        mode,
        _hold_seconds(fields, message) if message.HasField("hold_duration") else None,
        fields.identifier("order", message.order, optional=True),
        fields.identifier("channel", message.channel, optional=True),
        fields.opaque("plan", message.plan, length_max=PLAN_BYTES_MAX),
    )


def _waiting_draft(fields: Fields, message: waiting_pb2.WaitingDraft) -> WaitingDraft:
    """What an order waits for."""
    return WaitingDraft(
        tuple(
            WaitingDraftLine(product(each.inner("product"), line.product), each.quantity("quantity", line.quantity))
            for each, line in fields.each("lines", message.lines, most=LINES_MAX)
        ),
        message.whole,
        fields.identifier("order", message.order, optional=True),
        fields.identifier("channel", message.channel, optional=True),
        fields.opaque("plan", message.plan, length_max=PLAN_BYTES_MAX),
    )


def draft_lines(
    fields: Fields, messages: Sequence[reservation_pb2.ReservationDraftLine], *, least: int = 1, sold: bool = False
) -> tuple[DraftLine, ...]:
    """The lines that are to be promised; where they were not `sold` already, all their units must be there."""
    return tuple(
        DraftLine(
            stock_item(each.inner("stock_item"), line.stock_item),
            each.quantity("quantity", line.quantity),
            _claims(each, line) if line.claims else (),
            _shortfall_max(each, line, sold) if line.HasField("shortfall_max") else None,
        )
        for each, line in fields.each("lines", messages, least=least, most=LINES_MAX)
    )


def _shortfall_max(fields: Fields, line: reservation_pb2.ReservationDraftLine, sold: bool) -> int:
    """Most units of a line that may be missing."""
    if not sold:
        fields.refuse("shortfall_max", "Only of a fact.")
    return fields.count("shortfall_max", line.shortfall_max)


def _claims(fields: Fields, line: reservation_pb2.ReservationDraftLine) -> tuple[LineClaim, ...]:
    """The claims of a line, each key once."""
    fields.unique("claims", [each.claim for each in line.claims])
    return tuple(
        LineClaim(
            each.identifier("claim", message.claim),
            _ceiling(each, message),
            each.quantity("weight", message.weight) if message.weight else 1,
        )
        for each, message in fields.each("claims", line.claims, least=0, most=CLAIMS_MAX)
    )


def _ceiling(fields: Fields, message: reservation_pb2.LineClaim | reservation_pb2.CeilingDraft) -> int | None:
    """Most units that may be claimed; None for no such bound."""
    return fields.count("ceiling", message.ceiling, most=CEILING_MAX) if message.HasField("ceiling") else None


def set_ceilings(request: reservation_service_pb2.SetCeilingsRequest) -> SetCeilings:
    """What a SetCeilings asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.unique("ceilings", [each.claim for each in request.ceilings])
        return SetCeilings(
            tuple(
                CeilingDraft(
                    each.identifier("claim", message.claim),
                    _ceiling(each, message),
                    each.number("epoch", message.epoch, least=1, most=EPOCH_MAX),
                    each.text("subject", message.subject, length_max=SUBJECT_MAX),
                )
                for each, message in fields.each("ceilings", request.ceilings, most=CEILINGS_MAX)
            )
        )


def _hold_seconds(fields: Fields, message: Message) -> float:
    """How long units are to be held."""
    return fields.duration(message, "hold_duration", least_seconds=1, most_seconds=HOLD_SECONDS_MAX, default_seconds=1)


def amend(request: reservation_service_pb2.AmendRequest) -> Amend:
    """What an Amend asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.opaque("digest", request.digest, length_max=DIGEST_BYTES_MAX)
        expected = request.expected_revision if request.HasField("expected_revision") else None
        if expected is not None:
            fields.number("expected_revision", expected, least=0, most=2**63 - 1)
        return Amend(
            reservation_name(fields, "reservation", request.reservation),
            line_quantities(fields, "releases", request.releases),
            draft_lines(fields, request.lines, least=0),
            expected,
            fields.opaque("plan", request.plan, length_max=PLAN_BYTES_MAX),
        )


def confirm(request: reservation_service_pb2.ConfirmRequest) -> Confirm:
    """What a Confirm asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return Confirm(reservation_name(fields, "reservation", request.reservation))


def extend(request: reservation_service_pb2.ExtendRequest) -> Extend:
    """What an Extend asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.required(request, "hold_duration")
        seconds = _hold_seconds(fields, request)
        return Extend(reservation_name(fields, "reservation", request.reservation), seconds)


def fulfil(request: reservation_service_pb2.FulfilRequest) -> Fulfil:
    """What a Fulfil asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        return Fulfil(
            reservation_name(fields, "reservation", request.reservation),
            line_quantities(fields, "lines", request.lines),
            fields.text("reference", request.reference, length_max=REFERENCE_MAX),
            _past(fields, request, "occurred_time"),
        )


def transfer(request: reservation_service_pb2.TransferRequest) -> Transfer:
    """What a Transfer asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.unique("lines", [each.line for each in request.lines])
        return Transfer(
            reservation_name(fields, "reservation", request.reservation),
            tuple(
                LineTransfer(
                    each.number("line", message.line, least=1, most=RESERVATION_LINES_MAX),
                    each.quantity("quantity", message.quantity),
                    stock_item(each.inner("destination"), message.destination),
                )
                for each, message in fields.each("lines", request.lines, most=LINES_MAX)
            ),
            fields.text("reference", request.reference, length_max=REFERENCE_MAX),
            _past(fields, request, "occurred_time"),
        )


def release(request: reservation_service_pb2.ReleaseRequest) -> Release:
    """What a Release asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        lines = line_quantities(fields, "lines", request.lines)
        return Release(reservation_name(fields, "reservation", request.reservation), lines)


def mark_handed_over(request: reservation_service_pb2.MarkHandedOverRequest) -> MarkHandedOver:
    """What a MarkHandedOver asks for."""
    with Fields() as fields:
        fields.request_id(request.request_id)
        fields.unique("lines", request.lines)
        lines = [
            each.number("", line, least=1, most=RESERVATION_LINES_MAX)
            for each, line in fields.each("lines", request.lines, least=0, most=LINES_MAX)
        ]
        return MarkHandedOver(
            reservation_name(fields, "reservation", request.reservation),
            tuple(lines),
            _past(fields, request, "handed_over_time"),
        )


def line_quantities(
    fields: Fields, name: str, messages: Sequence[reservation_pb2.LineQuantity], *, least: int = 0
) -> tuple[tuple[int, int], ...]:
    """Line numbers and units in the field `name`, each line once."""
    fields.unique(name, [each.line for each in messages])
    return tuple(
        (each.number("line", message.line, least=1, most=RESERVATION_LINES_MAX),
         each.quantity("quantity", message.quantity))
        for each, message in fields.each(name, messages, least=least, most=LINES_MAX)
    )  # fmt: skip
