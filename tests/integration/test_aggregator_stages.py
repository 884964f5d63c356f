"""The aggregator over what four real services have configured: by watch as by export, and while one is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.kit.market import SCHEMAS, Caller, Market, market
from tests.kit.postgres import PostgresForTests

BIKE, KIT = {"sku": "BIKE"}, {"sku": "KIT"}
STORES = ["market", "shop"]


@pytest.fixture
async def services(postgres: PostgresForTests) -> AsyncIterator[Market]:
    """The services on a fresh database."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as running:
            yield running


async def configured(caller: Caller) -> list[Any]:
    """Everything there is to configure, once; the last revision of each context.

    Of 21 bikes one lot has expired, which leaves 13. A kit is two of them, or of the 4 wheels that lend to them.
    """
    await caller.locations("W")
    await caller.receive("BIKE", "W", 13)
    await caller.receive("BIKE", "W", 8, lot="OLD")
    await caller.receive("WHEEL", "W", 5)
    await caller.feed("w", ["W"], *STORES)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    booked = await caller.write("SetLot", lot={"product": BIKE, "lot": "OLD", "expiry_date": yesterday})
    link = {"source": {"sku": "WHEEL"}, "destination": BIKE, "keep_back": 1}
    await caller.write("CreateProductLink", product_link=link)
    made = {"product": KIT, "components": [{"product": BIKE, "quantity": 2}]}
    shared = await caller.write("CreateBundle", bundle=made)
    parts = [{"channel_group": "market", "rank": 2}, {"channel_group": "shop", "rank": 1}]
    policy = {"policy": "halves", "strategy": "STRATEGY_EQUAL_DIVISION", "parts": parts}
    divided = await caller.write("CreatePolicy", policy=policy)
    rule = {"rule": "most", "stores": STORES, "products": [BIKE], "rate_percent": 90, "rounding": "ROUNDING_UP"}
    await caller.write("CreateRule", rule=rule)
    ruled = await caller.write("SetStoreLimits", store_limits={"store": "shop", "max_quantity": 7})
    return [booked, shared, divided, ruled]


async def levels(caller: Caller, at_least: list[Any]) -> dict[str, list[int]]:
    """The levels of bike and kit in both stores."""
    answer = await caller.do("BatchGetAvailability", products=[BIKE, KIT], freshness={"at_least": at_least})
    assert list(answer.channels) == STORES
    cells = list(answer.levels)
    return {"BIKE": cells[:2], "KIT": cells[2:]}


CONFIGURED = {"BIKE": [8, 7], "KIT": [4, 4]}
"""17 bikes are 8 and 9, at 90 % rounded up 8 and 9; 8 kits are 4 and 4; the shop is told 7 at most."""


async def test_all_that_is_configured_by_watch_and_by_export(services: Market) -> None:
    """An aggregator that saw everything happen, and one that begins afterwards, tell the same, of all five stages."""
    caller = services.caller()
    made = await configured(caller)
    assert await levels(caller, made) == CONFIGURED
    explained = await caller.do("ExplainAvailability", product=BIKE, channel="shop")
    assert (len(explained.steps), explained.level, explained.share) == (5, 7, 9)
    await services.aggregator.end()
    await services.aggregator.begin()
    assert await levels(caller, made) == CONFIGURED
    await caller.close()


async def test_what_is_taken_back_is_gone_from_the_next_answer(services: Market) -> None:
    """Each object deleted, or switched off, in its own service: at that revision no level knows it any more."""
    caller = services.caller()
    booked, shared, divided, ruled = await configured(caller)
    ruled = await caller.write("DeleteRule", rule="most")
    assert await levels(caller, [booked, shared, divided, ruled]) == {"BIKE": [8, 7], "KIT": [4, 4]}
    ruled = await caller.write("SetStoreLimits", store_limits={"store": "shop"})
    assert await levels(caller, [ruled]) == {"BIKE": [8, 9], "KIT": [4, 4]}
    policy = (await caller.do("GetPolicy", policy="halves")).policy
    policy.disabled = True
    divided = await caller.write("UpdatePolicy", policy=policy)
    assert await levels(caller, [divided]) == {"BIKE": [17, 17], "KIT": [8, 8]}
    shared = await caller.write("DeleteProductLink", source={"sku": "WHEEL"}, destination=BIKE)
    assert await levels(caller, [shared]) == {"BIKE": [13, 13], "KIT": [6, 6]}
    shared = await caller.write("DeleteBundle", product=KIT)
    assert await levels(caller, [shared]) == {"BIKE": [13, 13], "KIT": [0, 0]}
    booked = await caller.write("SetLot", lot={"product": BIKE, "lot": "OLD"})
    assert await levels(caller, [booked]) == {"BIKE": [21, 21], "KIT": [0, 0]}
    await caller.close()


async def test_rules_go_on_while_their_service_is_away(services: Market) -> None:
    """Neither partitioning nor sync is needed to answer by what they last said, about stock that is new."""
    caller = services.caller()
    made = await configured(caller)
    assert await levels(caller, made) == CONFIGURED
    for service in (services.partitioning, services.sync):
        await service.end()
    booked = await caller.receive("BIKE", "W", 4)
    assert await levels(caller, [booked]) == {"BIKE": [9, 7], "KIT": [5, 5]}
    for service in (services.partitioning, services.sync):
        await service.begin()
    await caller.close()
    caller = services.caller()
    ruled = await caller.write("SetStoreLimits", store_limits={"store": "shop"})
    assert await levels(caller, [booked, ruled]) == {"BIKE": [9, 10], "KIT": [5, 5]}
    await caller.close()
