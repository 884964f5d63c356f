"""Supplies are divided anew on request, in a suite in one process: with progress, once however often it is asked."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.calling import refusal
from tests.kit.market import Market, market
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rebalancing import Shop
from tests.kit.suite import SCHEMAS
from weir.partitioning.v1 import share_pb2
from weir_allocation.rebalance import Reason

SKUS = [f"TV-{number}" for number in range(5)]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def running(postgres: PostgresForTests) -> AsyncIterator[tuple[Market, FreshDatabase]]:
    """The services, shared by all tests of this file."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as services:
            yield services, database


@pytest.fixture
async def shop(running: tuple[Market, FreshDatabase]) -> AsyncIterator[Shop]:
    """A tenant whose goods are divided among two groups, one of which has sold some of the first two."""
    services, database = running
    tenant = f"asking shop {next(_numbers)}"
    caller = services.caller(tenant)
    shop = Shop(caller, database, tenant)
    await shop.opened("web", "till", units=0)
    for sku in SKUS:
        await caller.receive(sku, "W1", 100)
    await shop.balanced(threshold_percent=0)
    for sku in SKUS:
        await shop.comes({"web": 50, "till": 50}, sku)
    for sku in SKUS[:2]:
        await shop.order("web", 20, sku=sku)
    yield shop
    await caller.close()


async def asked(shop: Shop, **fields: Any) -> list[Any]:
    """Every message of a request."""
    fields.setdefault("request_id", f"asking {next(_numbers)}")
    return [message async for message in shop.caller.stream("Rebalance", **fields)]


async def test_a_request_divides_what_would_move(shop: Shop) -> None:
    """All is looked at, what groups have spent is evened out, and every epoch is told; what stands well stays."""
    told = await asked(shop)
    assert [message.done for message in told] == [False] * (len(told) - 1) + [True]
    first, last = told[0], told[-1]
    assert (first.supplies, first.seen, len(first.epochs)) == (5, 0, 0)
    assert (last.supplies, last.seen, last.divided, last.moved, last.revision.number) == (5, 5, 2, 20, 7)
    epochs = [each for message in told for each in message.epochs]
    assert [(each.epoch, each.product.sku, each.reason, each.supply) for each in epochs] == [
        (6, "TV-0", share_pb2.EPOCH_REASON_REQUEST, 80),
        (7, "TV-1", share_pb2.EPOCH_REASON_REQUEST, 80),
    ]
    assert [[(each.channel_group, each.before, each.balanced) for each in epoch.shares] for epoch in epochs] == [
        [("till", 50, 40), ("web", 30, 40)]
    ] * 2
    assert (await shop.comes({"web": 40, "till": 40}, "TV-0")).epoch.reason is Reason.REQUEST
    shares = (await shop.caller.do("ListShares", product={"sku": "TV-0"})).shares
    assert [(each.channel_group, each.balanced, each.claimed, each.remaining, each.reserved) for each in shares] == [
        ("till", 40, 0, 40, 0),
        ("web", 40, 0, 40, 20),
    ]


async def test_a_check_tells_what_would_be(shop: Shop) -> None:
    """A check tells the epochs without numbers and changes nothing; the request then makes these."""
    checked = [each for message in await asked(shop, validate_only=True) for each in message.epochs]
    assert [(each.epoch, each.in_force, each.product.sku) for each in checked] == [
        (0, False, "TV-0"),
        (0, False, "TV-1"),
    ]
    await shop.comes({"web": 30, "till": 50}, "TV-0")
    made = [each for message in await asked(shop) for each in message.epochs]
    assert [[(each.channel_group, each.balanced) for each in epoch.shares] for epoch in made] == [
        [(each.channel_group, each.balanced) for each in epoch.shares] for epoch in checked
    ]


async def test_only_the_products_that_are_named(shop: Shop) -> None:
    """Of products that are named only those that are divided are looked at."""
    (*_, last) = await asked(shop, products=[{"sku": "TV-1"}, {"sku": "TV-4"}, {"sku": "unknown"}])
    assert (last.supplies, last.seen, last.divided) == (2, 2, 1)
    await shop.comes({"web": 30, "till": 50}, "TV-0")
    assert (await shop.comes({"web": 40, "till": 40}, "TV-1")).number == 6


async def test_a_request_has_one_outcome(shop: Shop) -> None:
    """A repetition is told the end and does nothing more, whatever was sold since; under the same id another request is
    refused, and a new id is a new request."""
    (*_, last) = await asked(shop, request_id="once")
    await shop.order("till", 10, sku="TV-3")
    assert await asked(shop, request_id="once") == [last]
    await shop.comes({"web": 50, "till": 40}, "TV-3")
    other = shop.caller.stream("Rebalance", request_id="once", products=[{"sku": "TV-3"}])
    assert (await refusal(other.read())).reason == "REQUEST_ID_REUSED"
    (*_, again) = await asked(shop, request_id="twice")
    assert (again.divided, again.moved) == (1, 5)


async def test_a_request_that_is_hung_up_on_goes_on(shop: Shop) -> None:
    """Whoever hangs up on the first word and asks again is told of all that was divided, each epoch made once."""
    call = shop.caller.stream("Rebalance", request_id="broken")
    await call.read()
    call.cancel()
    told = await asked(shop, request_id="broken")
    assert (told[-1].seen, told[-1].divided, told[-1].moved) == (5, 2, 20)
    assert [len(await shop.epochs(sku)) for sku in SKUS] == [2, 2, 1, 1, 1]
