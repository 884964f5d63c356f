"""Verbs of orders against made-up services: which calls one line makes, under which name, and what it prints."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.message import Message

from tests.unit.test_cli_shown import shown
from weir.aggregator.v1 import fulfilment_pb2 as pb
from weir.aggregator.v1 import fulfilment_service_pb2
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2, waiting_pb2, waiting_service_pb2
from weir_chassis import status
from weir_chassis.errors import Kind, Refusal
from weir_cli import awaiting, ordering
from weir_cli.options import Options
from weir_cli.session import Answer, Session
from weir_cli.wishing import Wished, wish_line

WISH = pb.Wish(channel="shop", lines=[wish_line("MUG=3")], excluded_locations=["US"])
AT = stock_pb2.StockItem(product=stock_pb2.Product(sku="MUG"), location="DE1", uom="EACH")
PLAN = pb.Plan(
    allocations=[pb.Allocation(line=1, stock_item=AT, quantity=3, serves_as=AT.product)],
    objective=pb.Objective(filled=3, locations=1),
    exact=True,
)
KEPT = zlib.compress(pb.RecordedPlan(wish=WISH, purposes=[pb.Purpose(line=1)], plan=PLAN).SerializeToString())
HELD, CONFIRMED = reservation_pb2.RESERVATION_STATE_HELD, reservation_pb2.RESERVATION_STATE_CONFIRMED
State: TypeAlias = reservation_pb2.ReservationState.ValueType


def reservation(state: State, *, released: int = 0) -> reservation_pb2.Reservation:
    """The reservation of the plan above."""
    line = reservation_pb2.ReservationLine(
        line=1, stock_item=AT, requested=3, quantity=3, open=3 - released, released=released
    )
    return reservation_pb2.Reservation(reservation="r-1", state=state, order="A-1", channel="shop", lines=[line])


DEMAND = waiting_pb2.Waiting(
    waiting="w-1",
    state=waiting_pb2.WAITING_STATE_WAITING,
    order="A-1",
    channel="shop",
    lines=[waiting_pb2.WaitingLine(line=1, product=AT.product, quantity=2, open=2)],
)


class _Unknown(Refusal):
    kind = Kind.UNKNOWN
    reason = "UNKNOWN"


def unknown(reason: str) -> grpc.aio.AioRpcError:
    """What a service says of a name that it does not know."""
    refusal = _Unknown("There is none.")
    refusal.reason = reason
    ending = status.refused(refusal)
    return grpc.aio.AioRpcError(
        ending.code, grpc.aio.Metadata(), grpc.aio.Metadata(*ending.trailers), details=ending.message
    )


class Desk:
    """Services that answer as they are told, and keep what they were asked; a name is refused where it is not told."""

    def __init__(self, **answers: Message | grpc.aio.AioRpcError) -> None:
        """What each method answers."""
        self.asked: list[tuple[str, Any]] = []
        self._answers = answers

    def __getattr__(self, method: str) -> Callable[[Any], Awaitable[Any]]:
        """A method of any of the services."""

        async def answer(request: Any) -> Any:
            self.asked.append((method, request))
            found = self._answers[method]
            if isinstance(found, grpc.aio.AioRpcError):
                raise found
            return found

        return answer

    def does(self, work: Callable[[Session], Awaitable[Answer]]) -> Answer:
        """What a verb answers at this desk, under the request id `note-1`."""

        async def done() -> Answer:
            async with Session(Options(targets={}), "note-1") as session:
                for service in ("ledger", "reservations", "waiting", "fulfilment"):
                    setattr(session, service, self)
                return await work(session)

        return asyncio.run(done())

    @property
    def methods(self) -> list[str]:
        """The methods that were called, in their order."""
        return [method for method, _ in self.asked]


def got(state: State, plan: bytes = KEPT) -> reservation_service_pb2.GetReservationResponse:
    """The reservation as the ledger shows it."""
    return reservation_service_pb2.GetReservationResponse(reservation=reservation(state), plan=plan)


NOBODY: dict[str, Message | grpc.aio.AioRpcError] = {
    "GetReservation": unknown("RESERVATION_NOT_FOUND"),
    "GetWaiting": unknown("WAITING_NOT_FOUND"),
    "ListReservations": reservation_service_pb2.ListReservationsResponse(),
    "ListWaiting": waiting_service_pb2.ListWaitingResponse(),
}


def test_an_order_is_placed_and_confirmed_under_one_name() -> None:
    """Repeating the line repeats both calls: each has one outcome under the request id."""
    desk = Desk(
        ReserveFulfilment=fulfilment_service_pb2.ReserveFulfilmentResponse(
            reservation=reservation(HELD), plan=PLAN, waiting=DEMAND
        ),
        Confirm=reservation_service_pb2.ConfirmResponse(reservation=reservation(CONFIRMED)),
    )
    terms: dict[str, Any] = {"order": "A-1", "back_order": True, "fresh": False}
    said = desk.does(
        lambda session: ordering.place(session, WISH, hold=timedelta(minutes=1), confirm=True, check=False, **terms)
    )
    assert [(method, request.request_id) for method, request in desk.asked] == [
        ("ReserveFulfilment", "note-1"),
        ("Confirm", "note-1"),
    ]
    asked = desk.asked[0][1]
    assert (asked.wish, asked.order, asked.back_order, asked.hold_duration.seconds) == (WISH, "A-1", True, 60)
    assert said.document["reservation"]["state"] == "CONFIRMED"
    assert shown(*said.shown)[:5] == [
        "r-1  CONFIRMED  order A-1  channel shop",
        "└── DE1",
        "    └── 1: 3 MUG",
        "w-1  WAITING  order A-1  channel shop",
        "└── 1: 2 MUG  2 to come",
    ]
    del desk.asked[:]
    desk.does(lambda session: ordering.place(session, WISH, hold=None, confirm=True, check=True, **terms))
    assert [(method, request.validate_only) for method, request in desk.asked] == [("ReserveFulfilment", True)]


def test_an_order_of_which_everything_waits_has_no_reservation() -> None:
    """There is nothing to confirm; what waits is shown below how much could be filled."""
    nothing = pb.Plan(exact=True)
    desk = Desk(ReserveFulfilment=fulfilment_service_pb2.ReserveFulfilmentResponse(plan=nothing, waiting=DEMAND))
    said = desk.does(
        lambda session: ordering.place(
            session, WISH, order="", hold=None, back_order=True, confirm=True, fresh=False, check=False
        )
    )
    assert desk.methods == ["ReserveFulfilment"]
    assert shown(*said.shown)[:2] == ["shop  0 of 3 units", "w-1  WAITING  order A-1  channel shop"]


@pytest.mark.parametrize(
    ("state", "methods"),
    [(HELD, ["GetReservation", "Confirm", "Fulfil"]), (CONFIRMED, ["GetReservation", "Fulfil"])],
)
def test_what_is_held_is_confirmed_before_it_ships(state: State, methods: list[str]) -> None:
    """What is confirmed already is not confirmed again."""
    desk = Desk(
        GetReservation=got(state),
        Confirm=reservation_service_pb2.ConfirmResponse(reservation=reservation(CONFIRMED)),
        Fulfil=reservation_service_pb2.FulfilResponse(reservation=reservation(CONFIRMED)),
    )
    parts = [reservation_pb2.LineQuantity(line=1, quantity=2)]
    said = desk.does(lambda session: ordering.ship(session, "r-1", parts, reference="parcel 1", occurred=None))
    assert desk.methods == methods
    assert (desk.asked[-1][1].reference, list(desk.asked[-1][1].lines)) == ("parcel 1", parts)
    assert "    └── 1: 3 MUG" in shown(*said.shown)


def test_what_is_cancelled_is_a_reservation_or_what_waits() -> None:
    """Whichever has the name; one that neither has is refused as a reservation."""
    released = reservation_service_pb2.ReleaseResponse(reservation=reservation(CONFIRMED, released=3))
    desk = Desk(GetReservation=got(CONFIRMED), Release=released)
    said = desk.does(lambda session: ordering.cancel(session, "r-1", [], check=False))
    assert desk.methods == ["GetReservation", "Release"]
    assert shown(*said.shown)[0] == "r-1  CONFIRMED  order A-1  channel shop"
    assert "DE1" not in shown(*said.shown)[1]
    desk = Desk(
        GetReservation=unknown("RESERVATION_NOT_FOUND"),
        GetWaiting=waiting_service_pb2.GetWaitingResponse(waiting=DEMAND),
        CancelWaiting=waiting_service_pb2.CancelWaitingResponse(waiting=DEMAND),
    )
    desk.does(lambda session: ordering.cancel(session, "w-1", [], check=True))
    assert desk.methods == ["GetReservation", "GetWaiting", "CancelWaiting"]
    assert (desk.asked[-1][1].waiting, desk.asked[-1][1].validate_only) == ("w-1", True)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        Desk(**NOBODY).does(lambda session: ordering.cancel(session, "x", [], check=False))
    assert status.reason(refused.value) == "RESERVATION_NOT_FOUND"


def test_an_order_is_planned_again_as_it_was_wished_but_for_what_is_named() -> None:
    """Without a word nothing is wished otherwise; with some the rest is as it was recorded."""
    moved = fulfilment_service_pb2.ReplanReservationResponse(
        reservation=reservation(CONFIRMED), plan=PLAN, released=2, promised=2
    )
    desk = Desk(GetReservation=got(CONFIRMED), ReplanReservation=moved)
    said = desk.does(lambda session: ordering.replan(session, "r-1", ["FR"], Wished(), fresh=False, check=False))
    assert desk.methods == ["GetReservation", "ReplanReservation", "GetReservation"]
    asked = desk.asked[1][1]
    assert (list(asked.rejected_locations), asked.HasField("wish")) == (["FR"], False)
    assert shown(*said.shown)[2:4] == [
        "    └── 1: 3 MUG",
        "2 units given up where they were, 2 promised elsewhere.",
    ]
    del desk.asked[:]
    wished = Wished(lines=[wish_line("MUG=1")], partial=True)
    said = desk.does(lambda session: ordering.replan(session, "r-1", [], wished, fresh=False, check=True))
    assert desk.methods == ["GetReservation", "ReplanReservation"]
    assert desk.asked[1][1].wish == wished.of(WISH)
    assert shown(*said.shown)[2] == "    └── 3 MUG"  # where it would go: no line of the reservation yet


def test_nothing_to_move_is_said() -> None:
    """As a sentence, not as zeros."""
    moved = fulfilment_service_pb2.ReplanReservationResponse(reservation=reservation(CONFIRMED), plan=PLAN)
    desk = Desk(GetReservation=got(CONFIRMED, b"no plan"), ReplanReservation=moved)
    said = desk.does(lambda session: ordering.replan(session, "r-1", [], Wished(), fresh=False, check=False))
    assert "Nothing was to be moved." in shown(*said.shown)


def test_an_order_is_shown_by_its_name_or_by_that_of_a_part_of_it() -> None:
    """All that is promised to it and all that it waits for; or the one reservation or demand; or nothing, status 1."""
    listed: dict[str, Message | grpc.aio.AioRpcError] = {
        **NOBODY,
        "ListReservations": reservation_service_pb2.ListReservationsResponse(reservations=[reservation(HELD)]),
        "ListWaiting": waiting_service_pb2.ListWaitingResponse(waiting=[DEMAND]),
        "GetReservation": got(HELD),
    }
    said = Desk(**listed).does(lambda session: ordering.show(session, "A-1"))
    assert [line.split()[0] for line in shown(*said.shown) if "order A-1" in line] == ["r-1", "w-1"]
    told = said.document["reservations"][0]
    assert (told["reservation"], told["plan"]["wish"]["channel"]) == ("r-1", "shop")
    assert "terms" not in told["plan"]
    assert said.document["waiting"][0]["waiting"] == "w-1"
    one = Desk(**{**NOBODY, "GetReservation": got(HELD, b"")}).does(lambda session: ordering.show(session, "r-1"))
    assert (one.document["reservations"][0]["plan"], one.document["waiting"]) == (None, [])
    waits = waiting_service_pb2.GetWaitingResponse(waiting=DEMAND)
    other = Desk(**{**NOBODY, "GetWaiting": waits}).does(lambda session: ordering.show(session, "w-1"))
    assert [each["waiting"] for each in other.document["waiting"]] == ["w-1"]
    none = Desk(**NOBODY).does(lambda session: ordering.show(session, "A-2"))
    assert (none.exit_status, shown(*none.shown)) == (
        1,
        ["No order, reservation or waiting demand is called A-2."],
    )


def test_what_waits_is_listed_by_line_and_what_may_by_product() -> None:
    """A demand is named once; of a product it is said how many more may wait."""
    demand = waiting_pb2.Waiting()
    demand.CopyFrom(DEMAND)
    demand.lines.add(line=2, product=stock_pb2.Product(owner="acme", sku="POT"), quantity=1, promised=1)
    limit = waiting_pb2.BackOrders(product=AT.product, limit=50, waiting=2)
    desk = Desk(
        ListWaiting=waiting_service_pb2.ListWaitingResponse(waiting=[demand]),
        ListBackOrders=waiting_service_pb2.ListBackOrdersResponse(back_orders=[limit]),
        SetBackOrders=waiting_service_pb2.SetBackOrdersResponse(back_orders=limit),
        GetBackOrders=waiting_service_pb2.GetBackOrdersResponse(back_orders=limit),
    )
    asked = waiting_service_pb2.ListWaitingRequest(order="A-1")
    rows = shown(*desk.does(lambda session: awaiting.waiting(session, asked, limit=5)).shown)
    assert [row.split() for row in rows[2:4]] == [
        ["w-1", "WAITING", "A-1", "shop", "MUG", "2", "2"],
        ["acme/POT", "0", "1"],
    ]
    for work in (
        lambda session: awaiting.back_orders(session, owner=None, limit=5),
        lambda session: awaiting.back_orders_of(session, AT.product),
        lambda session: awaiting.set_back_orders(session, limit, check=False),
    ):
        assert shown(*desk.does(work).shown)[2].split() == ["MUG", "50", "2", "48"]
