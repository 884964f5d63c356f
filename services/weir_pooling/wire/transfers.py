"""Messages of transfers and stocking orders, in both directions; readers refuse all bad fields at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weir.pooling.v1 import pool_pb2 as pb
from weir.pooling.v1 import transfer_service_pb2 as service_pb
from weir_chassis.configuration.objects import Where
from weir_chassis.fields import Fields
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Vector, at_least
from weir_pooling.domain.deeds import Condition
from weir_pooling.domain.transfers import (
    Line,
    Removal,
    Settlement,
    State,
    Stocking,
    StockingOrder,
    Transfer,
    Units,
    Wish,
)
from weir_pooling.wire.reading import attempt, portions
from weir_pooling.wire.words import to_actor, to_instant, to_item

LINES_MAX = 500
WORDS_LENGTH_MAX = 1024

STATES_TOLD: Mapping[State, pb.TransferState.ValueType] = {
    each: pb.TransferState.Value(f"TRANSFER_STATE_{each.name}") for each in State
}
STATES: Mapping[int, State] = {value: state for state, value in STATES_TOLD.items()}


def wish(request: service_pb.RequestTransferRequest | service_pb.QuickTransferRequest) -> tuple[Attempt, Wish]:
    """Goods that shall go from one person to another."""
    with Fields() as fields:
        sender = fields.identifier("sender", request.sender)
        recipient = fields.identifier("recipient", request.recipient)
        if request.sender and sender == recipient:
            fields.refuse("recipient", "Another person than the sender.")
        return attempt(fields, request), Wish(
            sender,
            recipient,
            _lines(fields, request, sender),
            fields.identifier("location", request.location, optional=True),
            fields.text("note", request.note, length_max=WORDS_LENGTH_MAX),
            quick=isinstance(request, service_pb.QuickTransferRequest),
        )


def settlement(
    request: service_pb.AcceptTransferRequest | service_pb.CancelTransferRequest | service_pb.ReturnTransferRequest,
) -> tuple[Attempt, Settlement]:
    """A transfer that shall be settled or returned."""
    with Fields() as fields:
        return attempt(fields, request), Settlement(fields.identifier("transfer", request.transfer))


def declined(request: service_pb.DeclineTransferRequest) -> tuple[Attempt, Settlement]:
    """A transfer that shall be declined, and why."""
    with Fields() as fields:
        transfer = fields.identifier("transfer", request.transfer)
        reason = fields.text("reason", request.reason, length_max=WORDS_LENGTH_MAX, required=True)
        return attempt(fields, request), Settlement(transfer, reason)


def removal(request: service_pb.RemoveTransferUnitsRequest) -> tuple[Attempt, Removal]:
    """Units that shall be taken out of a transfer."""
    with Fields() as fields:
        units = tuple(
            Units(each.number("line", asked.line, least=1, most=LINES_MAX), each.quantity("quantity", asked.quantity))
            for each, asked in fields.each("units", request.units, most=LINES_MAX)
        )
        fields.unique("units", [each.line for each in units])
        return attempt(fields, request), Removal(fields.identifier("transfer", request.transfer), units)


def transfer_listing(request: service_pb.ListTransfersRequest) -> tuple[Where, Vector]:
    """What transfers listed must have, out of what the request may name, and how fresh."""
    with Fields() as fields:
        fields.page_size(request.page_size)
        asked: dict[str, str] = {
            "sender": fields.identifier("sender", request.sender, optional=True),
            "recipient": fields.identifier("recipient", request.recipient, optional=True),
        }
        if request.state:
            asked["state"] = fields.enum("state", request.state, STATES)
        return {name: value for name, value in asked.items() if value}, at_least(fields, request.freshness)


def stocking(request: service_pb.PlaceStockingOrderRequest) -> tuple[Attempt, Stocking]:
    """Hub stock that shall be put on the shelf of a facility."""
    with Fields() as fields:
        hub = fields.identifier("hub", request.hub)
        facility = fields.identifier("facility", request.facility)
        lines = _lines(fields, request, hub)
        for index, line in enumerate(lines):
            if line.item.location == facility:
                fields.refuse(f"lines[{index}].stock_item.location", "Another one than the facility.")
        note = fields.text("note", request.note, length_max=WORDS_LENGTH_MAX)
        return attempt(fields, request), Stocking(hub, facility, lines, note)


def to_transfer(transfer: Transfer) -> pb.Transfer:
    """A transfer."""
    return pb.Transfer(
        transfer=transfer.transfer,
        sender=transfer.sender,
        recipient=transfer.recipient,
        state=STATES_TOLD[transfer.state],
        lines=[
            pb.TransferLine(line=place, stock_item=to_item(line.item), quantity=line.quantity, removed=line.removed)
            for place, line in enumerate(transfer.lines, 1)
        ],
        location=transfer.location,
        quick=transfer.quick,
        note=transfer.note,
        reason=transfer.reason,
        under_way=transfer.under_way,
        requested_by=to_actor(transfer.requested_by),
        settled_by=to_actor(transfer.settled_by),
        returned_by=to_actor(transfer.returned_by),
        create_time=to_instant(transfer.create_time),
        settle_time=to_instant(transfer.settle_time),
        reservation=transfer.reservation,
        etag=transfer.etag,
    )


def to_stocking_order(order: StockingOrder) -> pb.StockingOrder:
    """A stocking order."""
    return pb.StockingOrder(
        stocking_order=order.stocking_order,
        hub=order.hub,
        facility=order.facility,
        lines=[pb.StockLine(stock_item=to_item(line.item), quantity=line.quantity) for line in order.lines],
        note=order.note,
        placed_by=to_actor(order.placed_by),
        create_time=to_instant(order.create_time),
        under_way=order.under_way,
        etag=order.etag,
    )


def _lines(fields: Fields, request: Any, custodian: str) -> tuple[Line, ...]:
    """What goes out of somebody's custody, each stock item once, sellable."""
    lines = [
        Line(each.item._replace(custodian=each.item.custodian or custodian), each.quantity)
        for each in portions(fields, "lines", request.lines, most=LINES_MAX)
    ]
    fields.unique("lines", [line.item for line in lines])
    for index, line in enumerate(lines):
        if line.item.custodian != custodian:
            fields.refuse(f"lines[{index}].stock_item.custodian", "Left out, or the person in whose custody it is.")
        if line.item.condition is not Condition.SELLABLE:
            fields.refuse(f"lines[{index}].stock_item.condition", "Sellable: nothing else goes.")
    return tuple(lines)
