"""Orders where policies divide, through the API: kept to shares, counted by the ledger, given back, planned again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.kit.merchant import Merchant, request_id
from tests.kit.ordering import Playing, placed
from tests.kit.postgres import PostgresForTests
from tests.kit.sentences import order
from tests.kit.spending import Supply, claimed, policy, share
from tests.kit.suite import Suite
from tests.kit.twins import twins
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.ledger.v1 import ledger_service_pb2, reservation_pb2, reservation_service_pb2
from weir.partitioning.v1 import policy_pb2
from weir_chassis import status

GROUPS = ("shop", "market")
EAST, WEST = (Supply("BIKE", group, (), GROUPS) for group in ("east", "west"))
KITS = Supply("KIT", "east", (), GROUPS, {"BIKE": 2, "LAMP": 1})
HOUSE = """
    east pools A, B; west pools C
    east feeds shop, market; west feeds shop, market
    KIT is made of 2 BIKE, 1 LAMP
"""


@pytest.fixture(scope="module")
async def suites(postgres: PostgresForTests) -> AsyncIterator[tuple[Suite, Suite]]:
    """A suite in which nobody divides supplies by himself, by way of two aggregators."""
    async with twins(postgres) as running:
        yield running


@pytest.fixture
async def playing(suites: tuple[Suite, Suite]) -> tuple[Merchant, Playing]:
    """A merchant who divides at an instant, and has nothing yet."""
    merchant = suites[0].merchant()
    playing = Playing(merchant)
    await playing.play(HOUSE)
    await policy(merchant)
    return merchant, playing


async def refused(merchant: Merchant, text: str) -> Any:
    """Why an order is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await placed(merchant, order("R", text))
    return status.told(told.value)


async def test_an_order_is_kept_to_shares(playing: tuple[Merchant, Playing]) -> None:
    """What a group has left is planned, wherever it lies; beyond it units that are there are told to be those of
    others, to whom they go."""
    merchant, story = playing
    await story.play("A has 4 BIKE; B has 5 BIKE; C has 9 BIKE")
    await share(merchant, EAST, 1, shop=3, market=6)
    await share(merchant, WEST, 1, shop=1, market=8)
    await story.play(
        """
        plan of 4 BIKE for shop => 3 BIKE at A, 1 BIKE at C
        order A wants 2 BIKE and 3 BIKE for shop
        order A => refused ORDER_UNFILLED
        order B wants 2 BIKE and 2 BIKE for shop
        order B => 3 BIKE at A, 1 BIKE at C
        order C wants 14 BIKE for market
        order C => 1 BIKE at A, 5 BIKE at B, 8 BIKE at C
        """
    )
    assert [await claimed(merchant, each.claim("shop")) for each in (EAST, WEST)] == [3, 1]
    assert [await claimed(merchant, each.claim("market")) for each in (EAST, WEST)] == [6, 8]


async def test_what_was_sold_passes_its_share(playing: tuple[Merchant, Playing]) -> None:
    """What is beyond a share is promised nevertheless, of units that are there for others, and counted past the
    ceiling; what is beyond all that is there is short, at a location that sends already."""
    merchant, story = playing
    await story.play("A has 4 BIKE; B has 5 BIKE; C has 9 BIKE")
    await share(merchant, EAST, 1, shop=3, market=6)
    await share(merchant, WEST, 1, shop=1, market=8)

    async def sold(text: str) -> tuple[list[tuple[str, int]], int]:
        wanted = order("S", text).wish
        request = pb.ReserveFulfilmentRequest(
            request_id=request_id(), wish=wanted, sold=True, freshness=merchant.freshness()
        )
        done = await merchant.stubs.fulfilment.ReserveFulfilment(request)
        merchant.saw(done.revision)
        assert done.reservation.state == reservation_pb2.RESERVATION_STATE_CONFIRMED
        taken = [(each.stock_item.location, each.quantity) for each in done.plan.allocations]
        assert [(each.stock_item.location, each.open) for each in done.reservation.lines] == taken
        return taken, sum(each.quantity for each in done.plan.missing)

    assert await sold("6 BIKE for shop") == ([("A", 3), ("C", 1), ("C", 2)], 2)
    assert [await claimed(merchant, each.claim("shop")) for each in (EAST, WEST)] == [3, 3]
    assert await sold("14 BIKE for market") == ([("A", 1), ("B", 5), ("C", 6), ("A", 2)], 2)
    shortfalls = (await merchant.stubs.ledger.ListShortfalls(ledger_service_pb2.ListShortfallsRequest())).shortfalls
    assert [(each.stock_item.location, each.shortfall) for each in shortfalls] == [("A", 2)]
    assert [await claimed(merchant, each.claim("market")) for each in (EAST, WEST)] == [8, 6]


async def test_a_share_that_is_spent_is_told(playing: tuple[Merchant, Playing]) -> None:
    """A refusal names the reason, and the units that are there for others."""
    merchant, story = playing
    await story.play("A has 9 BIKE")
    await share(merchant, EAST, 1, shop=1)
    told = await refused(merchant, "3 BIKE for shop")
    assert (told.reason, told.metadata["verdict"]) == ("ORDER_UNFILLED", "SHARE_SPENT")
    assert "2 units lie at 'A', but 'shop' has no more of its share of them" in told.message


async def test_bundles_count_by_their_first_component(playing: tuple[Merchant, Playing]) -> None:
    """Packed or in parts a bundle takes as much of its share; who cancels gives it back, and a bundle that is partly
    given up gives back what its bikes count."""
    merchant, story = playing
    await story.play("B has 1 KIT; B has 8 BIKE; B has 4 LAMP")
    await share(merchant, KITS, 1, shop=3, market=1)
    await story.play(
        """
        order A wants 3 KIT for shop
        order A => 1 KIT at B, 4 BIKE at B, 2 LAMP at B
        plan of 1 KIT for shop => 1 KIT missing (SHARE_SPENT: 1 BIKE at B)
        """
    )
    assert await claimed(merchant, KITS.claim("shop")) == 6
    [reservation] = await story.orders.reservations("A")
    bike = next(each.line for each in reservation.lines if each.stock_item.product.sku == "BIKE")
    given_up = reservation_service_pb2.ReleaseRequest(
        request_id=request_id(),
        reservation=reservation.reservation,
        lines=[reservation_pb2.LineQuantity(line=bike, quantity=3)],
    )
    merchant.saw((await merchant.stubs.reservations.Release(given_up)).revision)
    assert await claimed(merchant, KITS.claim("shop")) == 3
    await story.play("objective of 2 KIT for shop, as much as possible => filled 1")
    await story.play("order A is cancelled; order B wants 3 KIT for shop, as much as possible")
    assert await claimed(merchant, KITS.claim("shop")) == 6


async def test_who_asks_again_is_told_the_same(suites: tuple[Suite, Suite], playing: tuple[Merchant, Playing]) -> None:
    """What was promised under a request id is the answer though the share is spent, by way of whichever aggregator;
    under another id the order is refused. A check takes nothing of a share, and passes only what it has."""
    merchant, story = playing
    await story.play("A has 9 BIKE")
    await share(merchant, EAST, 1, shop=3)
    wish = order("A", "3 BIKE for shop").wish
    check = pb.ReserveFulfilmentRequest(
        request_id="one", wish=wish, order="A", validate_only=True, freshness=merchant.freshness()
    )
    for _ in range(2):
        assert (await merchant.stubs.fulfilment.ReserveFulfilment(check)).plan.objective.filled == 3
    assert await claimed(merchant, EAST.claim("shop")) == 0
    made = await placed(merchant, order("A", "3 BIKE for shop"), named="one")
    twin = suites[1].merchant(merchant.tenant)
    twin.seen.update(merchant.seen)
    for each in (merchant, twin):
        assert (await placed(each, order("A", "3 BIKE for shop"), named="one")).reservation == made.reservation
        assert (await refused(each, "3 BIKE for shop")).metadata["verdict"] == "SHARE_SPENT"
    asked = reservation_service_pb2.GetReserveOutcomeRequest(request_id="one")
    told = await merchant.stubs.reservations.GetReserveOutcome(asked)
    assert (told.reservation, told.revision) == (made.reservation, made.revision)
    check.request_id = "another"
    with pytest.raises(grpc.aio.AioRpcError):
        await merchant.stubs.fulfilment.ReserveFulfilment(check)
    assert await claimed(merchant, EAST.claim("shop")) == 3


async def test_what_is_planned_again_keeps_its_claim(playing: tuple[Merchant, Playing]) -> None:
    """Units that are moved stay accepted though the share is spent, and count under the key that they counted under,
    whatever warehouse group they come from by now: nobody is promised more for it."""
    merchant, story = playing
    await story.play("A has 9 BIKE; B has 9 BIKE; C has 9 BIKE")
    await share(merchant, EAST, 1, shop=4, market=14)
    await share(merchant, WEST, 1, shop=0, market=9)
    await story.play(
        """
        order A wants 4 BIKE for shop
        order A is planned again, not from A
        order A => 4 BIKE at B
        order B wants 1 BIKE for shop
        order B => refused ORDER_UNFILLED
        order A is planned again, not from B
        order A => 4 BIKE at C
        order B wants 1 BIKE for shop
        order B => refused ORDER_UNFILLED
        """
    )
    assert [await claimed(merchant, each.claim("shop")) for each in (EAST, WEST)] == [4, 0]
    await story.play(
        """
        order A is cancelled; order B wants 4 BIKE for shop
        order B => 4 BIKE at A
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 4


async def test_a_ceiling_that_was_lowered(playing: tuple[Merchant, Playing]) -> None:
    """What was promised moves though its group may claim less by now than it has."""
    merchant, story = playing
    await story.play("A has 9 BIKE; B has 9 BIKE")
    await share(merchant, EAST, 1, shop=4, market=14)
    await story.play("order A wants 4 BIKE for shop")
    await share(merchant, EAST, 2, shop=-3, market=14)
    await story.play(
        """
        A has 1 BIKE; order A is planned again
        order A => 1 BIKE at A, 3 BIKE at B
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 4


async def test_a_wish_that_grows_is_kept_to_the_share(playing: tuple[Merchant, Playing]) -> None:
    """More than was promised is accepted as far as the share goes, and claimed; beyond it a whole order is refused,
    with the reason, and any other told what is missing."""
    merchant, story = playing
    await story.play("A has 9 BIKE; B has 9 BIKE")
    await share(merchant, EAST, 1, shop=5, market=13)
    await story.play(
        """
        order A wants 4 BIKE for shop; order A now wants 5 BIKE for shop
        order A => 5 BIKE at A
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 5
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await story.play("order A now wants 6 BIKE for shop")
    refusal = status.told(told.value)
    assert refusal is not None
    assert refusal.metadata["verdict"] == "SHARE_SPENT"
    await story.play(
        """
        order A now wants 6 BIKE for shop, as much as possible
        order A => 5 BIKE at A
        plan of order A => 5 BIKE at A, 1 BIKE missing (SHARE_SPENT: 1 BIKE at B)
        A has 0 BIKE
        order A now wants 7 BIKE for shop, as much as possible
        order A => 5 BIKE at B
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 5


async def test_a_bundle_that_is_planned_again(playing: tuple[Merchant, Playing]) -> None:
    """What was promised packed counts the same when it is put together, and the other way round."""
    merchant, story = playing
    await story.play("A has 2 KIT; B has 4 BIKE; B has 2 LAMP")
    await share(merchant, KITS, 1, shop=2, market=0)
    await story.play(
        """
        order A wants 2 KIT for shop
        order A => 2 KIT at A
        """
    )
    assert await claimed(merchant, KITS.claim("shop")) == 4
    await story.play(
        """
        A has 0 KIT; order A is planned again
        order A => 4 BIKE at B, 2 LAMP at B
        """
    )
    assert await claimed(merchant, KITS.claim("shop")) == 4
    await story.play(
        """
        A has 2 KIT; order A now wants 2 KIT for shop, not from B
        order A => 2 KIT at A
        """
    )
    assert await claimed(merchant, KITS.claim("shop")) == 4
    await story.play("order A is cancelled")
    assert await claimed(merchant, KITS.claim("shop")) == 0


async def test_a_promise_from_before_there_were_shares(playing: tuple[Merchant, Playing]) -> None:
    """What is moved of it goes on counting for nobody; what it wants beyond counts."""
    merchant, story = playing
    await story.play(
        """
        A has 9 BIKE; B has 9 BIKE; order A wants 4 BIKE for shop
        order A => 4 BIKE at A
        """
    )
    await share(merchant, EAST, 1, shop=1, market=13)
    await story.play(
        """
        order A is planned again, not from A
        order A => 4 BIKE at B
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 0
    await story.play(
        """
        order A now wants 5 BIKE for shop
        order A => 5 BIKE at B
        """
    )
    assert await claimed(merchant, EAST.claim("shop")) == 1


async def test_who_plans_again_twice_is_told_the_same(
    suites: tuple[Suite, Suite], playing: tuple[Merchant, Playing]
) -> None:
    """What was moved under a request id is the answer, by way of whichever aggregator, though the share was lowered
    and what it came from is there again; nothing is claimed twice."""
    merchant, story = playing
    await story.play("A has 9 BIKE; B has 9 BIKE")
    await share(merchant, EAST, 1, shop=6, market=12)
    made = await placed(merchant, order("A", "4 BIKE for shop"))
    request = pb.ReplanReservationRequest(
        request_id="again",
        reservation=made.reservation.reservation,
        rejected_locations=["A"],
        wish=order("A", "6 BIKE for shop").wish,
        freshness=merchant.freshness(),
    )
    check = pb.ReplanReservationRequest()
    check.CopyFrom(request)
    check.validate_only = True
    assert (await merchant.stubs.fulfilment.ReplanReservation(check)).promised == 6
    assert await claimed(merchant, EAST.claim("shop")) == 4
    done = await merchant.stubs.fulfilment.ReplanReservation(request)
    merchant.saw(done.revision)
    assert await claimed(merchant, EAST.claim("shop")) == 6
    await share(merchant, EAST, 2, shop=-2, market=12)
    twin = suites[1].merchant(merchant.tenant)
    for each in (merchant, twin):
        again = await each.stubs.fulfilment.ReplanReservation(request)
        assert (again.reservation, again.revision) == (done.reservation, done.revision)
    assert await claimed(merchant, EAST.claim("shop")) == 6


async def test_what_waits_has_no_share(playing: tuple[Merchant, Playing]) -> None:
    """Units that are there for others are not waited for; what there is none of is, and is promised outside all
    shares when it comes."""
    merchant, story = playing
    await story.play("A has 5 BIKE; 9 BIKE may wait")
    await share(merchant, EAST, 1, shop=2, market=2)
    await story.play(
        """
        order A wants 4 BIKE for shop, as much as possible, the rest waits
        order A => 2 BIKE at A
        order B wants 3 BIKE for market, the rest waits
        order B => refused ORDER_UNFILLED
        order C wants 2 BIKE for market
        order D wants 4 BIKE for shop, the rest waits
        order D => refused ORDER_UNFILLED
        A has 4 BIKE
        order E wants 4 BIKE for shop, the rest waits
        order E => 4 BIKE waits
        B has 6 BIKE
        order E => 4 BIKE at B
        """
    )
    assert [await claimed(merchant, EAST.claim(group)) for group in GROUPS] == [2, 2]


async def test_a_policy_that_enforces_at_each_question(suites: tuple[Suite, Suite]) -> None:
    """Under a policy that divides anew at each question and enforces it an order is accepted up to the share of its
    moment, of each warehouse group; then the rest is divided again. One that does not enforce accepts all there is."""
    merchant = suites[0].merchant()
    story = Playing(merchant)
    await story.play(f"{HOUSE}\nA has 5 BIKE; C has 4 BIKE")
    await policy(merchant, mode=policy_pb2.POLICY_MODE_CONTINUOUS, enforce=True)
    await story.play(
        """
        order A wants 6 BIKE for shop
        order A => refused ORDER_UNFILLED
        order B wants 4 BIKE for shop
        order B => 2 BIKE at A, 2 BIKE at C
        order C wants 3 BIKE for shop, as much as possible
        order C => 1 BIKE at A, 1 BIKE at C
        """
    )
