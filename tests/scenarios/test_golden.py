"""The golden cases of the specification, through the API and by every road that leads to a number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import grpc

from tests.kit.merchant import COUNT, RECEIVE, Merchant, golden, item, refused, rows
from weir.aggregator.v1 import availability_service_pb2 as availability_pb
from weir.aggregator.v1 import explanation_pb2
from weir.common.v1 import verdict_pb2
from weir.common.v1.revision_pb2 import Revision
from weir.common.v1.stock_pb2 import Product
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_chassis import status

CHANNELS = ["till", "web-eu", "web-us"]
GOLDEN = {"till": 12, "web-eu": 180, "web-us": 80}


async def test_every_road_leads_to_the_same_levels(merchant: Merchant) -> None:
    """Case 1: 180, 80 and 12, asked for one by one, in a batch, as a list, by a watch, and as the sum of an
    explanation."""
    await golden(merchant)
    single = {channel: await merchant.level("BIKE", channel) for channel in CHANNELS}
    assert single == GOLDEN
    assert await merchant.levels() == {"BIKE": GOLDEN}
    batch = await merchant.stubs.availability.BatchGetAvailability(
        availability_pb.BatchGetAvailabilityRequest(
            products=[Product(sku="BIKE"), Product(sku="NEVER STOCKED")], freshness=merchant.freshness()
        )
    )
    assert list(batch.channels) == CHANNELS
    assert list(batch.levels) == [12, 180, 80, 0, 0, 0]
    assert await first_complete(merchant) == {"BIKE": GOLDEN}
    for channel in CHANNELS:
        explained = await merchant.stubs.availability.ExplainAvailability(
            availability_pb.ExplainAvailabilityRequest(
                product=Product(sku="BIKE"), channel=channel, freshness=merchant.freshness()
            )
        )
        assert explained.level == GOLDEN[channel]
        assert counted(explained.steps) == GOLDEN[channel]


async def test_ten_units_serve_ten_orders(merchant: Merchant) -> None:
    """Case 10: of twenty orders of one unit at once exactly ten are accepted, and every level of the product is 0."""
    await golden(merchant, quantities={"DE1": 10})
    assert await merchant.level("BIKE", "web-eu") == 10
    outcomes = await asyncio.gather(*(merchant.reserve("BIKE", "DE1", 1) for _ in range(20)), return_exceptions=True)
    refusals = [each for each in outcomes if isinstance(each, BaseException)]
    assert len(refusals) == 10
    assert {status.reason(each) for each in refusals if isinstance(each, grpc.RpcError)} == {"INSUFFICIENT_STOCK"}
    assert await merchant.levels() == {"BIKE": dict.fromkeys(CHANNELS, 0)}


async def test_facts_win_and_supply_is_never_negative(merchant: Merchant) -> None:
    """Case 11: where 30 are reserved and 25 are found, the supply is 0 and a shortfall of 5 is published; the promise
    it hits is listed, until the units are back."""
    await golden(merchant, quantities={"DE1": 40})
    promise = await merchant.reserve("BIKE", "DE1", 30)
    assert await merchant.level("BIKE", "web-eu") == 10
    counted_at = await merchant.record(COUNT, "BIKE", "DE1", 25)
    answer = await merchant.availability("BIKE", "web-eu")
    assert (answer.level, answer.supply) == (0, 0)
    balance = await merchant.stubs.ledger.GetBalance(
        ledger_service_pb2.GetBalanceRequest(stock_item=item("BIKE", "DE1"), freshness=merchant.freshness("ledger"))
    )
    assert (balance.balance.available, balance.balance.shortfall) == (0, 5)
    assert await published(merchant, counted_at) == [("BIKE", "DE1", 0, 5)]
    (short,) = await listed(merchant)
    assert (short.on_hand, short.reserved, short.shortfall) == (25, 30, 5)
    assert [(each.reservation, each.missing) for each in short.hits] == [(promise.reservation.reservation, 5)]
    back_at = await merchant.record(RECEIVE, "BIKE", "DE1", 5)
    assert await published(merchant, back_at) == [("BIKE", "DE1", 5, 0)]
    assert await listed(merchant) == []


async def published(merchant: Merchant, revision: Revision) -> list[tuple[str, str, int, int]]:
    """The shortfalls that the watch tells of one commit: sku, location, before and after."""
    watch = merchant.stubs.ledger.WatchEntries(ledger_service_pb2.WatchEntriesRequest())
    async for commit in watch:
        if commit.through.number == revision.number:
            break
    watch.cancel()
    told = [(each.stock_item, each.before, each.after) for each in commit.shortfalls]
    return [(short.product.sku, short.location, before, after) for short, before, after in told]


async def listed(merchant: Merchant) -> list[ledger_pb2.Shortfall]:
    """The shortfalls that are open."""
    asked = ledger_service_pb2.ListShortfallsRequest(freshness=merchant.freshness("ledger"))
    return [*(await merchant.stubs.ledger.ListShortfalls(asked)).shortfalls]


async def test_what_is_reserved_is_gone_from_every_channel_and_comes_back(merchant: Merchant) -> None:
    """Channels fed by the same stock all fall with a reservation, and rise again when its hold has run out."""
    await golden(merchant)
    await merchant.channel("market-eu")
    await merchant.link("europe", "market-eu")
    await merchant.reserve("BIKE", "FR", 30, hold_seconds=1)
    watch = merchant.stubs.availability.WatchLevels(
        availability_pb.WatchLevelsRequest(channels=["web-eu", "market-eu"])
    )
    seen: list[dict[str, int]] = []
    async for message in watch:
        seen += [levels for sku, levels in rows(message.table).items() if sku == "BIKE"]
        if {"web-eu": 180, "market-eu": 180} in seen:
            break
    watch.cancel()
    assert {"web-eu": 150, "market-eu": 150} in seen


async def test_an_unknown_channel_is_refused_by_every_road(merchant: Merchant) -> None:
    """Whichever way a level is asked for, a channel that does not exist is NOT_FOUND and never 0."""
    await golden(merchant)
    product = Product(sku="BIKE")
    availability = merchant.stubs.availability
    fresh = merchant.freshness()
    for asking in (
        availability.GetAvailability(
            availability_pb.GetAvailabilityRequest(product=product, channel="no", freshness=fresh)
        ),
        availability.BatchGetAvailability(
            availability_pb.BatchGetAvailabilityRequest(products=[product], channels=["till", "no"], freshness=fresh)
        ),
        availability.ListLevels(availability_pb.ListLevelsRequest(channels=["no"], freshness=fresh)),
        availability.WatchLevels(availability_pb.WatchLevelsRequest(channels=["no"])),
        availability.ExplainAvailability(
            availability_pb.ExplainAvailabilityRequest(product=product, channel="no", freshness=fresh)
        ),
    ):
        error = await refused(asking)
        assert (error.code(), status.reason(error)) == (grpc.StatusCode.NOT_FOUND, "CHANNEL_NOT_FOUND")


async def first_complete(merchant: Merchant) -> dict[str, dict[str, int]]:
    """The levels that a new watch begins with."""
    found: dict[str, dict[str, int]] = {}
    watch = merchant.stubs.availability.WatchLevels(availability_pb.WatchLevelsRequest())
    async for message in watch:
        assert message.complete
        found |= rows(message.table)
        if message.complete_end:
            break
    watch.cancel()
    return found


def counted(steps: Iterable[explanation_pb2.Step]) -> int:
    """The units of the stock items that counted, found by walking the explanation; what a place did not count is no
    part of it, and each step takes in what its inner steps let out."""
    total = 0
    for step in steps:
        if step.stage == explanation_pb2.STAGE_SUPPLY and not step.HasField("stock_item"):
            assert step.units_in == sum(inner.units_out for inner in step.steps)
        if step.verdict in (verdict_pb2.VERDICT_COUNTED, verdict_pb2.VERDICT_UNSPECIFIED):
            total += step.units_out if step.HasField("stock_item") else counted(step.steps)
    return total
