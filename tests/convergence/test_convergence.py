"""I7 and I14 while things go wrong; `python -m tests.convergence 1..30` plays more."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator

import pytest

from tests.convergence.plan import ALONE, STORES, Plan, What, drawn
from tests.convergence.play import PATIENCE_SECONDS, play
from tests.convergence.world import APART, World, world
from tests.kit.dying import PUSHES
from tests.kit.postgres import PostgresForTests
from tests.kit.waiting import until

TRIES = 5


async def test_stores_show_their_levels_in_the_end(postgres: PostgresForTests) -> None:
    """After a storm every store shows its level, none was told an older level after a newer one or two at a time, and
    the store that compares and sets never sold more than there was."""
    seed = int(os.environ.get("WEIR_SEED") or random.randrange(10**6))
    print(f"WEIR_SEED={seed}; play it again with: python -m tests.convergence {seed}")
    async with world(postgres) as here:
        run = await play(here, drawn(seed))
    print(*run.evidence, sep="\n")
    assert run.wrong == []


async def test_giving_back_what_was_sold_is_found_out(postgres: PostgresForTests) -> None:
    """Negative control: a sync that writes over what a store shows has it sell more than there is."""
    async with world(postgres, module="tests.kit.heedless") as here:
        for seed in range(TRIES):
            run = await play(here, _only_sold(drawn(seed)), patience_seconds=0.1)
            if any("given back" in each for each in run.wrong):
                return
    pytest.fail(f"{TRIES} runs of it pass for right")


def _only_sold(plan: Plan) -> Plan:
    """Units come, and one store sells them; nothing goes wrong."""
    steps = [each for each in plan.steps if each.what in (What.RECEIVE, What.SELL)]
    return Plan(plan.seed, [each._replace(sku=ALONE, store=STORES[0], pause_seconds=0.1) for each in steps])


@pytest.fixture(scope="module")
async def mortal(postgres: PostgresForTests) -> AsyncIterator[World]:
    """A sync that dies where it is told to."""
    async with world(postgres, module="tests.kit.dying") as here:
        await here.syncs[1].kill()
        yield here


@pytest.mark.parametrize("step", PUSHES)
async def test_a_level_is_told_wherever_sync_dies(mortal: World, step: str) -> None:
    """Kill -9 at each step of a push: whoever comes next tells the store its level."""
    async with mortal.merchant(0) as (merchant, stores):
        shop = stores[STORES[0]].shop
        await merchant.receive(ALONE, **{APART: 10})
        await until(lambda: shop.shown[ALONE] == 10, PATIENCE_SECONDS)
        sync = mortal.syncs[0]
        await sync.kill()
        await merchant.receive(ALONE, **{APART: 5})
        await sync.start(WEIR_DIES_AT=step)
        await sync.dead()
        await sync.start()
        await until(lambda: shop.shown[ALONE] == 15, PATIENCE_SECONDS)
        assert stores[STORES[0]].wrong == []
