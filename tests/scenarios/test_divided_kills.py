"""Partitioning dies, by kill -9, wherever it may while it divides; and two of them divide as one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.kit.dying import STEPS
from tests.kit.market import Caller
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Program, Programs, program, programs
from tests.kit.rebalancing import SKU, Shop
from tests.kit.suite import SCHEMAS
from tests.kit.waiting import until
from weir_allocation.rebalance import Reason

_numbers = itertools.count(1)
DEMAND: dict[str, Any] = {
    "strategy": "STRATEGY_DEMAND",
    "damping_percent": 0,
    "parts": [{"channel_group": "web", "weight": 1}, {"channel_group": "till", "weight": 1}],
}


@dataclass(frozen=True, slots=True)
class Mortal:
    """A shop, and the partitioning that divides for it."""

    shop: Shop
    partitioning: Program
    rival: Program
    """Another one of the same books, which does not run."""


@pytest.fixture(scope="module")
async def running(postgres: PostgresForTests) -> AsyncIterator[tuple[Programs, Program, object]]:
    """A suite of processes, of which partitioning can be told where to die, and another partitioning."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*SCHEMAS))
        every = await stack.enter_async_context(programs(database, partitioning="tests.kit.dying"))
        targets = {f"WEIR_{name.upper()}_TARGET": address for name, address in every.suite.addresses.items()}
        told = {**targets, "WEIR_DATABASE_URL": database.url("weir_partitioning")}
        rival = await stack.enter_async_context(program("partitioning", module="tests.kit.dying", **told))
        await rival.stop()
        yield every, rival, database


@pytest.fixture
async def mortal(running: tuple[Programs, Program, object]) -> AsyncIterator[Mortal]:
    """A tenant of one's own."""
    every, rival, database = running
    tenant = f"mortal {next(_numbers)}"
    caller = Caller([each.address for each in every.each], (("weir-tenant", tenant),))
    yield Mortal(Shop(caller, database, tenant), every.partitioning, rival)  # type: ignore[arg-type]
    await caller.close()
    await rival.kill()


@pytest.mark.parametrize("step", STEPS)
async def test_it_dies_and_goes_on(mortal: Mortal, step: str) -> None:
    """Wherever partitioning dies, an epoch is whole or not there, and once it is back it divides what it would have
    divided, once; units that were counted as demand are counted once.
    """
    shop = mortal.shop
    await shop.opened("web", "till", units=140)
    if step.startswith("count"):
        await shop.order("web", 30)
        await shop.order("till", 10)
        await mortal.partitioning.stop()
        await mortal.partitioning.start(WEIR_DIES_AT=step)
        await shop.balanced(**DEMAND)
        await mortal.partitioning.dead()
        await mortal.partitioning.start()
        await shop.comes({"web": 75, "till": 25})
        return
    await shop.balanced()
    await shop.comes({"web": 70, "till": 70})
    await mortal.partitioning.stop()
    await mortal.partitioning.start(WEIR_DIES_AT=step)
    await shop.order("web", 60)
    await mortal.partitioning.dead()
    epochs = await shop.epochs()
    assert len(epochs) == (1 if step == "add before" else 2)
    assert (
        sum(each.balanced for each in epochs[-1].epoch.shares) + epochs[-1].epoch.held_back == epochs[-1].epoch.supply
    )
    await mortal.partitioning.start()
    epoch = (await shop.comes({"web": 40, "till": 40})).epoch
    assert epoch.reason is Reason.THRESHOLD
    assert len(await shop.epochs()) == 2


async def test_it_dies_again_and_again_while_orders_come(mortal: Mortal) -> None:
    """While orders and goods come without a pause, and partitioning is killed in mid-work five times: afterwards shares
    and supply are the same to the unit, every epoch is in force, and none was made twice.
    """
    shop = mortal.shop
    await shop.opened("web", "till", units=300)
    await shop.balanced()
    await shop.comes({"web": 150, "till": 150})

    async def customers() -> None:
        for number in range(60):
            await shop.order(("web", "till")[number % 3 == 0], 3)
            if number % 4 == 0:
                await shop.caller.receive(SKU, "W1", 5)

    buying = asyncio.create_task(customers())
    for step in ("put before", "enforce before", "put after", "add before", "add after"):
        await mortal.partitioning.kill()
        await mortal.partitioning.start(WEIR_DIES_AT=step)
        died = asyncio.create_task(mortal.partitioning.dead())
        await asyncio.wait([died, buying], return_when=asyncio.FIRST_COMPLETED)
        if not died.done():
            await shop.caller.receive(SKU, "W1", 5)
        await died
    await mortal.partitioning.start()
    await buying
    await settled(shop)


async def test_two_divide_as_one(mortal: Mortal) -> None:
    """Two partitionings that follow one tenant make one epoch of one state, and one of them is enough."""
    shop = mortal.shop
    await mortal.rival.start()
    await shop.opened("web", "till")
    await shop.balanced()
    await shop.comes({"web": 50, "till": 50})
    for _ in range(10):
        await shop.caller.receive(SKU, "W1", 10)
    await settled(shop)
    await mortal.partitioning.kill()
    await shop.caller.receive(SKU, "W1", 10)
    await shop.comes({"web": 105, "till": 105})
    await mortal.partitioning.start()
    epochs = [each.epoch for each in await shop.epochs()]
    supplies = [each.supply for each in epochs]
    assert supplies == sorted(set(supplies)), "of one state two epochs were made"
    assert {each.reason for each in epochs[1:]} == {Reason.SUPPLY}


async def settled(shop: Shop) -> None:
    """Wait until nothing moves any more: what groups have left is the supply, and all epochs are in force."""

    async def there() -> bool:
        newest = await shop.newest()
        left = [units for units in (await shop.left()).values() if units is not None]
        return newest is not None and newest.in_force and sum(left) == await shop.supply()

    await until(there)
