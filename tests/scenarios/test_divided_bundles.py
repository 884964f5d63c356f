"""A bundle and its components, all of them divided at an instant: each by itself, out of the same units."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import grpc

from tests.kit.epochs import at_rest, followed, supplies, written
from tests.kit.merchant import Merchant, request_id
from tests.kit.ordering import Playing, placed
from tests.kit.sentences import order
from tests.kit.spending import Books, Supply, policy
from tests.kit.waiting import until
from weir.aggregator.v1 import availability_service_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import reservation_pb2, reservation_service_pb2
from weir_chassis import status

CLIENTS = 12
"""Of each channel group."""
ORDERS_EACH = 8
GROUPS = ("shop", "market", "till")
SKUS = ("KIT", "BIKE", "LAMP")
HOUSE = """
    home pools L1, L2
    home feeds shop, market, till
    KIT is made of 2 BIKE, 1 LAMP
    L1 has 40 BIKE; L1 has 20 LAMP; L2 has 20 BIKE; L2 has 16 LAMP; L2 has 3 KIT
"""
PLACES = ("L1", "L2")
SUPPLIES = (
    Supply("KIT", "home", PLACES, GROUPS, {"BIKE": 2, "LAMP": 1}),
    Supply("BIKE", "home", PLACES, GROUPS),
    Supply("LAMP", "home", PLACES, GROUPS),
)
Figures = tuple[int, int, int, int, int]
"""Of exposure: units that stores are told, what there is, the units told beyond it; what bundles would take, and the
units told beyond what there is with those."""


async def exposed(merchant: Merchant) -> dict[str, Figures]:
    """How much more of each product stores are told than there is."""
    request = availability_service_pb2.GetExposureRequest(
        products=[Product(sku=sku) for sku in SKUS], freshness=merchant.freshness()
    )
    found = (await merchant.stubs.availability.GetExposure(request)).exposures
    return {
        each.product.sku: (each.levels, each.supply, each.exposure, each.bundled, each.bundled_exposure)
        for each in found
    }


async def began(merchant: Merchant) -> Playing:
    """What happens to a merchant whose products are all divided."""
    story = Playing(merchant)
    await story.play(HOUSE)
    await policy(merchant)

    async def divided() -> bool:
        return {each.product.sku for each in await followed(merchant)} == {*SKUS}

    await until(divided)
    await at_rest(merchant)
    return story


async def test_exposure_says_what_is_told_twice(merchant: Merchant) -> None:
    """Of each product as much is told as there is of it, and bundles would take as much again: their parts are told
    twice, and exposure says how many. What an order for bundles takes all have less of, the components too."""
    story = await began(merchant)
    assert await exposed(merchant) == {
        "KIT": (33, 33, 0, 0, 0),
        "BIKE": (60, 60, 0, 60, 60),
        "LAMP": (36, 36, 0, 30, 30),
    }
    await story.play("order A wants 11 KIT for shop, not from L2")
    await at_rest(merchant)
    assert await exposed(merchant) == {
        "KIT": (22, 22, 0, 0, 0),
        "BIKE": (38, 38, 0, 38, 38),
        "LAMP": (25, 25, 0, 19, 19),
    }


async def test_no_part_is_promised_twice(merchant: Merchant) -> None:
    """All groups want bundles and components at once, more than there is, while goods come and orders are planned
    again: at no revision is a unit promised that is not there, or more claimed of a share than it has. At rest the
    shares of each product are what there is of it, and nobody is told anything else. Once all orders are cancelled
    nothing is claimed of any share."""
    await began(merchant)
    outcomes: Counter[str] = Counter()
    made: list[reservation_pb2.Reservation] = []

    async def client(group: str, number: int) -> None:
        chance = random.Random(f"{group} {number}")
        for turn in range(ORDERS_EACH):
            said = order(f"{group} {number}.{turn}", f"{chance.choice([1, 1, 2])} {chance.choice(SKUS)} for {group}")
            try:
                made.append((await placed(merchant, said)).reservation)
                outcomes["accepted"] += 1
                if chance.random() < 0.4:
                    await moved(merchant, made[-1])
                    outcomes["moved"] += 1
            except grpc.aio.AioRpcError as error:
                if status.reason(error) not in ("PLAN_OVERTAKEN", "ORDER_UNFILLED"):
                    raise
                outcomes["refused"] += 1
            if sum(outcomes.values()) % 8 == 0:
                await merchant.receive("BIKE", L1=chance.randint(2, 9))
                await merchant.receive("LAMP", L1=chance.randint(2, 6))

    await asyncio.gather(*(client(group, number) for group in GROUPS for number in range(CLIENTS)))
    assert min(outcomes["accepted"], outcomes["moved"], outcomes["refused"]) > CLIENTS, outcomes
    await at_rest(merchant)
    books = Books(SUPPLIES)
    books.read(await written(merchant))
    assert books.faults == []
    assert min(books.raised, books.lowered) > 3, "hardly anything was divided anew"
    there = await supplies(merchant)
    assert there == books.states[-1].units
    found = await exposed(merchant)
    assert {sku: figures[:3] for sku, figures in found.items()} == {
        sku: (there[sku, "home"], there[sku, "home"], 0) for sku in SKUS
    }
    for each in made:
        release = reservation_service_pb2.ReleaseRequest(request_id=request_id(), reservation=each.reservation)
        await merchant.stubs.reservations.Release(release)
    await at_rest(merchant)
    books = Books(SUPPLIES)
    books.read(await written(merchant))
    assert books.faults == []
    assert [*books.unclaimed({})] == []


async def moved(merchant: Merchant, made: reservation_pb2.Reservation) -> None:
    """Have an order planned again, out of another place than its first line comes from."""
    request = fulfilment_service_pb2.ReplanReservationRequest(
        request_id=request_id(),
        reservation=made.reservation,
        rejected_locations=[made.lines[0].stock_item.location],
    )
    await merchant.stubs.fulfilment.ReplanReservation(request)
