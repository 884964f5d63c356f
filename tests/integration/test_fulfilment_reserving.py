"""Orders over the running suite: what is planned is promised, once, by whichever replica, however often it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import weir_aggregator.app
from tests.kit import suite as kit
from tests.kit.merchant import Merchant, item, refused, request_id, verified
from tests.kit.ordering import Playing
from tests.kit.sentences import wish
from tests.kit.suite import Suite
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import (
    ledger_service_pb2,
    reservation_pb2,
    reservation_service_pb2,
    waiting_pb2,
    waiting_service_pb2,
)
from weir_aggregator.wire import recorded
from weir_chassis import status

HOUSE = """
    europe pools DE1, FR
    america pools US
    europe feeds web-eu
    america feeds web-us
"""


@pytest.fixture(scope="module")
async def replica(suite: Suite) -> AsyncIterator[Suite]:
    """Another aggregator of the same services."""
    async with weir_aggregator.app.running(kit.aggregator_settings(suite.addresses)) as other:
        addresses = {**suite.addresses, "aggregator": other.address}
        async with kit.connected(*addresses.values()) as channels:
            yield Suite(addresses, channels)


def asking(merchant: Merchant, text: str, **others: Any) -> pb.ReserveFulfilmentRequest:
    """An order as a sentence has it, under a request id of its own unless told, on all that the merchant saw."""
    named = {"request_id": request_id(), "freshness": merchant.freshness(), **others}
    return pb.ReserveFulfilmentRequest(wish=wish(text), **named)


async def reserve(merchant: Merchant, request: pb.ReserveFulfilmentRequest) -> pb.ReserveFulfilmentResponse:
    """Place an order."""
    done = await merchant.stubs.fulfilment.ReserveFulfilment(request)
    merchant.saw(done.revision)
    return done


async def reservations(merchant: Merchant, order: str) -> list[reservation_pb2.Reservation]:
    """All that was ever promised to an order."""
    request = reservation_service_pb2.ListReservationsRequest(order=order, freshness=merchant.freshness("ledger"))
    return [*(await merchant.stubs.reservations.ListReservations(request)).reservations]


async def test_a_plan_rests_on_what_was_asked_for(merchant: Merchant) -> None:
    """A plan names one revision of each context, none older than was asked for; nothing is promised by it."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE")
    request = pb.PlanFulfilmentRequest(wish=wish("3 BIKE for web-eu"), freshness=merchant.freshness())
    found = await merchant.stubs.fulfilment.PlanFulfilment(request)
    [taken] = found.plan.allocations
    assert (taken.stock_item, taken.quantity) == (item("BIKE", "FR", uom="EACH", condition=1), 3)
    assert [each.context for each in found.revisions] == list(kit.CONTEXTS)
    for each in found.revisions:
        assert each.context not in merchant.seen or each.number >= merchant.seen[each.context].number
    assert await merchant.level("BIKE", "web-eu") == 5


async def test_an_order_is_promised_as_planned(merchant: Merchant) -> None:
    """Line n of the reservation is allocation n of the plan; order, channel and hold are the caller's; how it was
    planned is kept with it."""
    await Playing(merchant).play(
        f"""{HOUSE}
        TV-1 lends to SPACE-1
        KIT is made of 1 BIKE, 2 LAMP
        FR has 1 KIT; FR has 5 BIKE; FR has 9 LAMP; FR has 4 TV-1
        """
    )
    done = await reserve(
        merchant, asking(merchant, "2 KIT and 3 SPACE-1 for web-eu", order="A", hold_duration={"seconds": 600})
    )
    lines = [(each.stock_item, each.open) for each in done.reservation.lines]
    assert lines == [(each.stock_item, each.quantity) for each in done.plan.allocations]
    assert len(lines) == 4
    made = done.reservation
    assert (made.order, made.channel, made.state) == ("A", "web-eu", reservation_pb2.RESERVATION_STATE_HELD)
    assert 590 <= made.expire_time.seconds - made.create_time.seconds <= 600
    kept = await merchant.stubs.reservations.GetReservation(
        reservation_service_pb2.GetReservationRequest(
            reservation=made.reservation, freshness=merchant.freshness("ledger")
        )
    )
    planned = recorded.read(kept.plan)
    assert [(each.line, each.serves_as[1], each.bundles) for each in planned.purposes] == [
        (each.line - 1, each.serves_as.sku, each.bundles) for each in done.plan.allocations
    ]
    assert [each.context for each in planned.revisions] == [each.context for each in done.planned_revisions]
    assert {each.number for each in done.planned_revisions} == {each.number for each in planned.revisions}
    await verified(merchant)


async def test_who_asks_again_is_answered_the_same(merchant: Merchant, replica: Suite) -> None:
    """The same order under the same request id is answered the reservation that was made and its plan, also when the
    stock is gone since, by another replica, or when its answer was lost; another one is refused, filled or not."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; DE1 has 5 BIKE")
    asked = asking(merchant, "4 BIKE for web-eu", order="A", request_id="order A")
    first = await reserve(merchant, asked)
    other = replica.merchant(merchant.tenant)
    other.seen = merchant.seen
    again = await reserve(other, asked)
    assert (again.reservation, again.plan, again.revision) == (first.reservation, first.plan, first.revision)
    for location in ("FR", "DE1"):
        left = await merchant.stubs.ledger.GetBalance(
            ledger_service_pb2.GetBalanceRequest(stock_item=item("BIKE", location))
        )
        if left.balance.available:
            merchant.saw((await merchant.reserve("BIKE", location, left.balance.available)).revision)
    for each in (merchant, other):
        asked.freshness.CopyFrom(merchant.freshness())
        again = await reserve(each, asked)
        assert (again.reservation, again.plan) == (first.reservation, first.plan)
        assert again.planned_revisions == first.planned_revisions
    assert len(await reservations(merchant, "A")) == 1
    for text in ("1 BIKE for web-eu", "4 BIKE for web-eu, not from FR"):
        another = asking(merchant, text, order="A", request_id="order A")
        error = await refused(merchant.stubs.fulfilment.ReserveFulfilment(another))
        assert (error.code(), status.reason(error)) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


@pytest.mark.parametrize("pause_seconds", [0.0, 0.002, 0.01, 0.03])
async def test_an_answer_that_was_lost(merchant: Merchant, pause_seconds: float) -> None:
    """Whoever hangs up and asks again is promised the units once, whenever that was."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE")
    asked = asking(merchant, "2 BIKE for web-eu", order="A", request_id="order A")
    hasty = asyncio.ensure_future(merchant.stubs.fulfilment.ReserveFulfilment(asked))
    await asyncio.sleep(pause_seconds)
    hasty.cancel()
    await asyncio.gather(hasty, return_exceptions=True)
    done = await reserve(merchant, asked)
    assert [each.reservation for each in await reservations(merchant, "A")] == [done.reservation.reservation]
    assert (await reserve(merchant, asked)).reservation == done.reservation
    assert await merchant.level("BIKE", "web-eu") == 3


async def test_all_want_the_same_units(merchant: Merchant, replica: Suite) -> None:
    """Of thirty orders of one unit over ten units in two places ten are filled, by way of two replicas that know of
    each other's promises a moment later; the others are refused, and nothing was promised twice."""
    await Playing(merchant).play(f"{HOUSE} FR has 4 BIKE; DE1 has 6 BIKE")
    other = replica.merchant(merchant.tenant)
    other.seen = merchant.seen
    calls = [
        (merchant, other)[number % 2].stubs.fulfilment.ReserveFulfilment(asking(merchant, "1 BIKE for web-eu"))
        for number in range(30)
    ]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    filled = [each for each in ended if not isinstance(each, BaseException)]
    reasons = {status.reason(each) for each in ended if isinstance(each, grpc.aio.AioRpcError)}
    assert (len(filled), reasons) == (10, {"ORDER_UNFILLED"})
    for each in filled:
        merchant.saw(each.revision)
    assert await merchant.level("BIKE", "web-eu") == 0
    await verified(merchant)


async def test_what_cannot_be_filled(merchant: Merchant) -> None:
    """A whole order is refused with every line that is not filled, its reason and a sentence, and promises nothing; in
    part it is promised what there is; with nothing at all it is refused, too."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE; US has 9 BIKE; FR has 3 LAMP")
    error = await refused(merchant.stubs.fulfilment.ReserveFulfilment(asking(merchant, "7 BIKE and 4 LAMP for web-eu")))
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "ORDER_UNFILLED")
    told = status.told(error)
    assert told is not None
    assert told.metadata["lines"] == "2"
    assert [each.field for each in told.violations] == ["wish.lines[0]", "wish.lines[1]"]
    assert "which 'web-eu' does not reach" in told.violations[0].description
    assert (await merchant.level("BIKE", "web-eu"), await merchant.level("LAMP", "web-eu")) == (5, 3)
    done = await reserve(merchant, asking(merchant, "7 BIKE and 4 LAMP for web-eu, as much as possible"))
    assert [each.open for each in done.reservation.lines] == [5, 3]
    assert [each.quantity for each in done.plan.missing] == [2, 1]
    for text, reason in (
        ("1 BIKE for web-eu, as much as possible", "ORDER_UNFILLED"),
        ("1 BIKE for closed", "CHANNEL_NOT_FOUND"),
    ):
        error = await refused(merchant.stubs.fulfilment.ReserveFulfilment(asking(merchant, text)))
        assert status.reason(error) == reason


async def test_a_check_changes_nothing(merchant: Merchant) -> None:
    """With `validate_only` an order is answered as it would be; its request id stays free."""
    await Playing(merchant).play(f"{HOUSE} FR has 5 BIKE")
    asked = asking(merchant, "4 BIKE for web-eu", order="A")
    asked.validate_only = True
    done = await reserve(merchant, asked)
    assert [each.quantity for each in done.plan.allocations] == [4]
    assert await merchant.level("BIKE", "web-eu") == 5
    assert await reservations(merchant, "A") == []
    asked.validate_only = False
    await reserve(merchant, asked)
    assert await merchant.level("BIKE", "web-eu") == 1


async def test_what_is_missing_may_wait(merchant: Merchant) -> None:
    """In part what is there is promised and the rest waits, as far as it may; a whole order waits whole. Asked again,
    the same is answered, though the units came meanwhile."""
    await Playing(merchant).play(f"{HOUSE} FR has 2 BIKE")
    allowed = await merchant.stubs.waiting.SetBackOrders(
        waiting_service_pb2.SetBackOrdersRequest(
            request_id=request_id(),
            back_orders=waiting_pb2.BackOrders(product=stock_pb2.Product(sku="BIKE"), limit=10),
        )
    )
    merchant.saw(allowed.revision)
    asked = asking(merchant, "6 BIKE for web-eu, as much as possible", back_order=True, order="A")
    part = await reserve(merchant, asked)
    assert [each.open for each in part.reservation.lines] == [2]
    assert [(each.product.sku, each.open) for each in part.waiting.lines] == [("BIKE", 4)]
    whole_asked = asking(merchant, "5 BIKE for web-eu", back_order=True, order="B")
    whole = await reserve(merchant, whole_asked)
    assert not whole.HasField("reservation")
    assert ([each.open for each in whole.waiting.lines], whole.waiting.whole) == ([5], True)
    assert [each.quantity for each in whole.plan.missing] == [5]
    await merchant.receive("BIKE", FR=50)
    for request, first in ((asked, part), (whole_asked, whole)):
        request.freshness.CopyFrom(merchant.freshness())
        again = await reserve(merchant, request)
        assert again.reservation == first.reservation
        assert again.HasField("reservation") == first.HasField("reservation")
        assert again.waiting.waiting == first.waiting.waiting
        assert again.plan == first.plan
    error = await refused(
        merchant.stubs.fulfilment.ReserveFulfilment(asking(merchant, "99 LAMP for web-eu", back_order=True))
    )
    assert status.reason(error) == "ORDER_UNFILLED"


async def test_constraints_hold_to_the_end(merchant: Merchant) -> None:
    """What a wish asks of how it is sent holds in what is promised."""
    await Playing(merchant).play(
        f"""{HOUSE}
        TV-1 lends to SPACE-1
        DE1 has 3 BIKE; FR has 3 BIKE; FR has 2 BIKE of lot L1; FR has 2 BIKE in CARTON
        DE1 has 4 SPACE-1; FR has 9 TV-1
        """
    )
    for text, promised in (
        ("1 BIKE for web-eu, not from DE1", {("BIKE", "FR"): 1}),
        ("9 BIKE for web-eu, as much as possible, from 1 location", {("BIKE", "FR"): 4}),
        ("5 SPACE-1 for web-eu, as much as possible, own stock only", {("SPACE-1", "DE1"): 4}),
        ("1 BIKE of lot L1 for web-eu, as much as possible", {}),
        ("1 BIKE in CARTON for web-eu", {("BIKE", "FR"): 1}),
    ):
        if not promised:
            error = await refused(merchant.stubs.fulfilment.ReserveFulfilment(asking(merchant, text)))
            assert status.reason(error) == "ORDER_UNFILLED"
            continue
        done = await reserve(merchant, asking(merchant, text))
        found: dict[tuple[str, str], int] = {}
        for each in done.reservation.lines:
            named = each.stock_item.product.sku, each.stock_item.location
            found[named] = found.get(named, 0) + each.open
        assert found == promised, text


async def test_more_lines_than_can_be_promised(merchant: Merchant) -> None:
    """A plan of more stock items than the ledger promises at once is refused by name, and nothing is promised."""
    skus = [f"SKU-{number}" for number in range(251)]
    await Playing(merchant).play(HOUSE)
    for begin in range(0, len(skus), 50):
        for location in ("DE1", "FR"):
            movements: Any = [
                {"kind": 1, "stock_item": item(sku, location), "quantity": 1} for sku in skus[begin : begin + 50]
            ]
            done = await merchant.stubs.ledger.RecordMovements(
                ledger_service_pb2.RecordMovementsRequest(request_id=request_id(), movements=movements)
            )
            merchant.saw(done.revision)
    asked = asking(merchant, "1 BIKE for web-eu")
    del asked.wish.lines[:]
    for sku in skus:
        asked.wish.lines.add(product=stock_pb2.Product(sku=sku), quantity=2)
    error = await refused(merchant.stubs.fulfilment.ReserveFulfilment(asked))
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LINES_EXHAUSTED")
