"""Requests and answers about orders; each function that reads raises Malformed with all that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.common.v1 import revision_pb2
from weir_aggregator.domain import Point, Recorded, Replan, Reserve
from weir_aggregator.errors import OrderUnfilled, Unfilled
from weir_aggregator.wire import plans, wishes
from weir_allocation.fulfilment.model import Plan, Wish
from weir_chassis.fields import Fields
from weir_chassis.revisions import Revision, Vector, at_least

ORDER_LENGTH_MAX = 128
HOLD_SECONDS_MAX = 30 * 86400
_USUAL = 0.0
"""In place of a hold that is not given."""


def planning(request: pb.PlanFulfilmentRequest) -> tuple[Wish, str, Vector]:
    """A wish, the channel that sells, and the revisions the answer must include."""
    with Fields() as fields:
        fields.required(request, "wish")
        return *wishes.wish(fields.inner("wish"), request.wish), _freshness(fields, request.freshness)


def reserving(request: pb.ReserveFulfilmentRequest) -> tuple[Reserve, Vector]:
    """An order, and the revisions that its first plan must include."""
    with Fields() as fields:
        fields.required(request, "wish")
        wanted, channel = wishes.wish(fields.inner("wish"), request.wish, lines_max=wishes.PROMISED_LINES_MAX)
        hold_seconds = fields.duration(
            request, "hold_duration", least_seconds=1, most_seconds=HOLD_SECONDS_MAX, default_seconds=_USUAL
        )
        for name, given in {"hold_duration": bool(hold_seconds), "back_order": request.back_order}.items():
            if request.sold and given:
                fields.refuse(name, "Not of what was sold already.")
        return (
            Reserve(
                fields.request_id(request.request_id),
                _digest(request),
                wanted,
                channel,
                hold_seconds or None,
                fields.text("order", request.order, length_max=ORDER_LENGTH_MAX),
                request.back_order,
                request.validate_only,
                request.sold,
            ),
            _freshness(fields, request.freshness),
        )


def replanning(request: pb.ReplanReservationRequest) -> tuple[Replan, Vector]:
    """What is to be planned again, and the revisions that the first plan must include."""
    with Fields() as fields:
        rejected = fields.identifiers("rejected_locations", request.rejected_locations, most=wishes.LOCATIONS_MAX)
        wanted, channel = None, ""
        if request.HasField("wish"):
            wanted, channel = wishes.wish(fields.inner("wish"), request.wish, lines_max=wishes.PROMISED_LINES_MAX)
        return (
            Replan(
                fields.request_id(request.request_id),
                _digest(request),
                _reservation(fields, request.reservation),
                frozenset(rejected),
                wanted,
                channel,
                request.validate_only,
            ),
            _freshness(fields, request.freshness),
        )


def planned(plan: Plan, wanted: Wish, channel: str, revisions: Iterable[Revision]) -> pb.PlanFulfilmentResponse:
    """The best plan for a wish, and what it rests on."""
    return pb.PlanFulfilmentResponse(
        plan=plans.told(plan, wanted, channel), revisions=[each.to_wire() for each in revisions]
    )


def reserved(
    asked: Reserve, done: Recorded, revision: Revision, reservation: Any | None, waiting: Any | None
) -> pb.ReserveFulfilmentResponse:
    """What became of an order, in the words of the ledger, and the plan by which it did."""
    assert done.plan is not None, "an order that is answered was planned"
    return pb.ReserveFulfilmentResponse(
        reservation=reservation,
        plan=plans.told(done.plan, asked.wish, asked.channel),
        revision=revision.to_wire(),
        planned_revisions=map(_point, done.revisions),
        waiting=waiting,
    )


def replanned(
    done: Recorded, revision: Revision, reservation: Any, *, released: int, promised: int
) -> pb.ReplanReservationResponse:
    """What became of a reservation, in the words of the ledger, and the plan of what is open of it."""
    assert done.plan is not None, "a reservation that is answered was planned"
    return pb.ReplanReservationResponse(
        reservation=reservation,
        plan=plans.told(done.plan, done.wish, done.channel),
        revision=revision.to_wire(),
        released=released,
        promised=promised,
    )


def unfilled(plan: Plan, wanted: Wish, channel: str) -> OrderUnfilled:
    """Why an order is refused: every line that the plan leaves units of."""
    return OrderUnfilled(
        [
            Unfilled(
                each.line + 1,
                wanted.lines[each.line].product[1],
                wanted.lines[each.line].quantity,
                each.quantity,
                each.verdict.name,
                plans.sentence(each, wanted.lines[each.line], channel),
            )
            for each in plan.missing
        ]
    )


def _digest(request: Message) -> bytes:
    """What is the same for the same order, however fresh and however seriously it is asked."""
    asked = type(request)()
    asked.CopyFrom(request)
    asked.ClearField("freshness")
    asked.ClearField("validate_only")
    return hashlib.sha256(asked.SerializeToString(deterministic=True)).digest()


def _reservation(fields: Fields, value: str) -> str:
    checked = fields.identifier("reservation", value)
    if checked == value and not _is_uuid(value):
        fields.refuse("reservation", "Not an identifier that the ledger gave to a reservation.")
    return checked


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value
    except ValueError:
        return False


def _point(point: Point) -> revision_pb2.Revision:
    return revision_pb2.Revision(**point._asdict())


def _freshness(fields: Fields, freshness: revision_pb2.Freshness) -> Vector:
    return at_least(fields, freshness) if freshness.at_least else {}
