"""Supplies are divided by the service itself, in a suite in one process: for each reason there is."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from tests.kit.market import Market, market
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.rebalancing import SKU, Shop
from tests.kit.suite import SCHEMAS
from weir_allocation.rebalance import Reason

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def running(postgres: PostgresForTests) -> AsyncIterator[tuple[Market, FreshDatabase]]:
    """The services, shared by all tests of this file."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as services:
            yield services, database


@pytest.fixture
async def shop(running: tuple[Market, FreshDatabase]) -> AsyncIterator[Shop]:
    """A tenant of one's own."""
    services, database = running
    tenant = f"shop {next(_numbers)}"
    caller = services.caller(tenant)
    yield Shop(caller, database, tenant)
    await caller.close()


async def test_first(shop: Shop) -> None:
    """Once a policy divides at an instant, each group has its share in the ledger."""
    await shop.opened("web", "till")
    await shop.balanced()
    epoch = (await shop.comes({"web": 50, "till": 50})).epoch
    assert (epoch.reason, epoch.supply, epoch.held_back, epoch.policy) == (Reason.FIRST, 100, 0, "fair")


async def test_threshold(shop: Shop) -> None:
    """An order that leaves a group a fifth of its share has the supply divided anew, one that leaves more has not."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.order("web", 39)
    await shop.comes({"web": 11, "till": 50})
    await shop.order("web", 1)
    epoch = (await shop.comes({"web": 30, "till": 30})).epoch
    assert (epoch.reason, epoch.supply, epoch.moved) == (Reason.THRESHOLD, 60, 20)
    assert len(await shop.epochs()) == 2


async def test_supply(shop: Shop) -> None:
    """Goods that come are divided, too."""
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    await shop.caller.receive(SKU, "W1", 20)
    assert (await shop.comes({"web": 60, "till": 60})).epoch.reason is Reason.SUPPLY
