"""Promises that are planned again over the running suite: what moves, in one commit, and what is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from tests.kit.merchant import COUNT, Merchant, refused, request_id, verified
from tests.kit.ordering import Playing
from tests.kit.sentences import wish
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2
from weir_chassis import status

HOUSE = """
    europe pools DE1, DE2, FR
    europe feeds web-eu
"""


async def reserve(merchant: Merchant, text: str) -> reservation_pb2.Reservation:
    """What is promised to an order that a sentence has."""
    request = pb.ReserveFulfilmentRequest(request_id=request_id(), wish=wish(text), freshness=merchant.freshness())
    done = await merchant.stubs.fulfilment.ReserveFulfilment(request)
    merchant.saw(done.revision)
    return done.reservation


def asking(merchant: Merchant, reservation: str, **others: Any) -> pb.ReplanReservationRequest:
    """A request to plan a reservation again, on all that the merchant saw."""
    named = {"request_id": request_id(), "freshness": merchant.freshness(), **others}
    return pb.ReplanReservationRequest(reservation=reservation, **named)


async def replan(merchant: Merchant, reservation: str, **others: Any) -> pb.ReplanReservationResponse:
    """Plan a reservation again."""
    done = await merchant.stubs.fulfilment.ReplanReservation(asking(merchant, reservation, **others))
    merchant.saw(done.revision)
    return done


def stands(reservation: reservation_pb2.Reservation) -> dict[tuple[str, str], int]:
    """The open units of a reservation, by product and location."""
    found: dict[tuple[str, str], int] = {}
    for line in reservation.lines:
        if line.open:
            named = line.stock_item.product.sku, line.stock_item.location
            found[named] = found.get(named, 0) + line.open
    return found


async def test_a_shortfall_is_made_good_elsewhere(merchant: Merchant) -> None:
    """Units that a count did not find are given up and promised elsewhere in one commit; what is there stays. The same
    request is answered the same, and another one finds nothing to move."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; DE1 has 2 BIKE; DE2 has 5 BIKE")
    made = await reserve(merchant, "5 BIKE for web-eu, rather from FR")
    assert stands(made) == {("BIKE", "FR"): 5}
    counted = await merchant.record(COUNT, "BIKE", "FR", 3)
    asked = asking(merchant, made.reservation, request_id="again")
    done = await merchant.stubs.fulfilment.ReplanReservation(asked)
    merchant.saw(done.revision)
    assert stands(done.reservation) == {("BIKE", "FR"): 3, ("BIKE", "DE1"): 2}
    assert (done.released, done.promised, done.revision.number) == (2, 2, counted.number + 1)
    assert sum(each.quantity for each in done.plan.allocations) == 5
    asked.freshness.CopyFrom(merchant.freshness())
    again = await merchant.stubs.fulfilment.ReplanReservation(asked)
    assert (again.reservation, again.released, again.promised) == (done.reservation, 2, 2)
    assert (again.plan, again.revision) == (done.plan, done.revision)
    nothing = await replan(merchant, made.reservation)
    assert (nothing.released, nothing.promised, nothing.plan) == (0, 0, done.plan)
    assert nothing.reservation == done.reservation
    asked.rejected_locations.append("FR")
    error = await refused(merchant.stubs.fulfilment.ReplanReservation(asked))
    assert status.reason(error) == "REQUEST_ID_REUSED"
    await verified(merchant)


async def test_another_wish(merchant: Merchant) -> None:
    """Lines that are gone are given up, new ones promised, others changed, in one commit; a whole order that cannot be
    filled so stays as it was."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; FR has 5 LAMP; DE1 has 2 BELL")
    made = await reserve(merchant, "3 BIKE and 2 LAMP for web-eu")
    error = await refused(
        merchant.stubs.fulfilment.ReplanReservation(
            asking(merchant, made.reservation, wish=wish("4 BIKE and 3 BELL for web-eu"))
        )
    )
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_UNFILLED")
    done = await replan(merchant, made.reservation, wish=wish("4 BIKE and 2 BELL for web-eu"))
    assert stands(done.reservation) == {("BIKE", "FR"): 4, ("BELL", "DE1"): 2}
    assert [(each.line, each.quantity) for each in done.plan.allocations] == [(1, 3), (1, 1), (2, 2)] or (
        sorted((each.line, each.quantity) for each in done.plan.allocations) == [(1, 4), (2, 2)]
    )
    sent = reservation_service_pb2.ConfirmRequest(request_id=request_id(), reservation=made.reservation)
    merchant.saw((await merchant.stubs.reservations.Confirm(sent)).revision)
    lines = [reservation_pb2.LineQuantity(line=1, quantity=2)]
    fulfil = reservation_service_pb2.FulfilRequest(request_id=request_id(), reservation=made.reservation, lines=lines)
    merchant.saw((await merchant.stubs.reservations.Fulfil(fulfil)).revision)
    for text in ("1 BIKE for web-eu", "2 BELL for web-eu"):
        error = await refused(
            merchant.stubs.fulfilment.ReplanReservation(asking(merchant, made.reservation, wish=wish(text)))
        )
        assert (error.code(), status.reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
    done = await replan(merchant, made.reservation, wish=wish("3 BIKE for web-eu"), rejected_locations=["DE2"])
    assert stands(done.reservation) == {("BIKE", "FR"): 1}
    await verified(merchant)


async def test_a_rejected_location_stays_out(merchant: Merchant) -> None:
    """What a location cannot send comes from another one, and no later plan goes back; also where it was to send
    nothing when it was rejected."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; DE1 has 5 BIKE; DE2 has 5 BIKE")
    made = await reserve(merchant, "4 BIKE for web-eu, rather from FR")
    done = await replan(merchant, made.reservation, rejected_locations=["DE2"])
    assert (stands(done.reservation), done.promised) == ({("BIKE", "FR"): 4}, 0)
    check = asking(merchant, made.reservation, rejected_locations=["FR"], validate_only=True)
    would = await merchant.stubs.fulfilment.ReplanReservation(check)
    assert (stands(would.reservation), would.promised) == ({("BIKE", "DE1"): 4}, 4)
    done = await replan(merchant, made.reservation, rejected_locations=["FR"])
    assert stands(done.reservation) == {("BIKE", "DE1"): 4}
    await merchant.record(COUNT, "BIKE", "DE1", 3)
    done = await replan(merchant, made.reservation)
    assert stands(done.reservation) == {("BIKE", "DE1"): 4}
    assert [(each.quantity, each.line) for each in done.plan.missing] == [(1, 1)]


async def test_two_at_once(merchant: Merchant) -> None:
    """Of two who plan the same reservation again at once the later finds what the earlier did: units move once."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; DE1 has 9 BIKE")
    made = await reserve(merchant, "5 BIKE for web-eu, rather from FR")
    await merchant.record(COUNT, "BIKE", "FR", 2)
    ended = await asyncio.gather(*(replan(merchant, made.reservation) for _ in range(6)))
    assert sum(each.promised for each in ended) == 3
    assert {tuple(sorted(stands(each.reservation).items())) for each in ended} == {
        ((("BIKE", "DE1"), 3), (("BIKE", "FR"), 2))
    }
    await verified(merchant)


async def test_what_cannot_be_planned_again(merchant: Merchant) -> None:
    """A reservation that nobody planned, one that has ended, and one that is not there are refused by name."""
    await Playing(merchant).play(f"{HOUSE} FR has 9 BIKE")
    plain = await merchant.reserve("BIKE", "FR", 1)
    ended = await reserve(merchant, "1 BIKE for web-eu")
    release = reservation_service_pb2.ReleaseRequest(request_id=request_id(), reservation=ended.reservation)
    merchant.saw((await merchant.stubs.reservations.Release(release)).revision)
    nobodys = "0193c0de-0000-7000-8000-000000000000"
    for reservation, code, reason in (
        (plain.reservation.reservation, grpc.StatusCode.FAILED_PRECONDITION, "PLAN_NOT_RECORDED"),
        (ended.reservation, grpc.StatusCode.FAILED_PRECONDITION, "RESERVATION_STATE"),
        (nobodys, grpc.StatusCode.NOT_FOUND, "RESERVATION_NOT_FOUND"),
    ):
        error = await refused(merchant.stubs.fulfilment.ReplanReservation(asking(merchant, reservation)))
        assert (error.code(), status.reason(error)) == (code, reason)


async def test_what_waited_is_planned_again_like_all_else(merchant: Merchant) -> None:
    """Units that an order waited for keep the terms of the order, too: a location that loses them is replaced, by what
    reached the order then."""
    await Playing(merchant).play(
        f"""{HOUSE}
        9 BIKE may wait
        order A wants 2 BIKE for web-eu, the rest waits
        order A => 2 BIKE waits
        FR has 2 BIKE
        order A => 2 BIKE at FR
        DE1 has 5 BIKE
        """
    )
    found = await merchant.stubs.reservations.ListReservations(
        reservation_service_pb2.ListReservationsRequest(order="A", freshness=merchant.freshness("ledger"))
    )
    [waited] = found.reservations
    await merchant.record(COUNT, "BIKE", "FR", 1)
    done = await replan(merchant, waited.reservation)
    assert stands(done.reservation) in ({("BIKE", "FR"): 1, ("BIKE", "DE1"): 1}, {("BIKE", "DE1"): 2})
    assert done.plan.missing == []
    assert done.reservation.state == reservation_pb2.RESERVATION_STATE_CONFIRMED
    await verified(merchant)
