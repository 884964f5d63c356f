"""What a ledger acknowledged survives kill -9 of itself and of Postgres, and no unit is ever promised twice.

A run can be had again by its seed: WEIR_SEED=4711 make test ARGS=tests/simulation/test_ledger_kills.py
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.kit.ledger import SCHEMA, Caller, draft
from tests.kit.ledger_process import UNLOCKED, LedgerProcess, processes
from tests.kit.postgres import FreshDatabase, PostgresForTests, server
from tests.simulation.ledger_load import SKUS, TENANT, Load, expected, lost, wrong
from weir_chassis.embedded import EmbeddedPostgres

CLIENTS = 8
ROUND_WRITES = 120
WAIT_SECONDS = 60
TRIES = 4


@pytest.fixture
def seed() -> int:
    """The seed of the run; shown where it fails."""
    drawn = int(os.environ.get("WEIR_SEED") or random.randrange(10**6))
    print(f"WEIR_SEED={drawn}")
    return drawn


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110  # what is waited for is in another process
            await asyncio.sleep(0.01)


async def serving(ledgers: Sequence[LedgerProcess]) -> None:
    """Wait until all that were launched serve."""
    for each in ledgers:
        await until(each.poll)


@asynccontextmanager
async def pressed(ledgers: Sequence[LedgerProcess], seed: int, units: int) -> AsyncIterator[Load]:
    """Clients at work on a few units for the block; after it every write has its outcome, unless it is over before."""
    await serving(ledgers)
    load = Load(lambda: [each.channel for each in ledgers], seed)
    await load.prepare(units)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    try:
        yield load
    finally:
        load.over = True
        await asyncio.gather(*clients)


async def settled(load: Load) -> None:
    """Ask for the outcomes that were still unknown when the load ended."""
    for write in load.history:
        while not write.known:
            await load.ask(write, random.Random(0))


async def closed(ledgers: Sequence[LedgerProcess]) -> None:
    """Close every connection."""
    for each in ledgers:
        for channel in each.channels:
            await channel.close()


@pytest.fixture
async def postgres_to_kill() -> AsyncIterator[EmbeddedPostgres]:
    """A Postgres that keeps what it says it keeps."""
    with server(fsync="on") as running:
        yield running


async def test_nothing_acknowledged_is_lost(postgres_to_kill: EmbeddedPostgres, tmp_path: Path, seed: int) -> None:
    """Through kills of both ledgers and of Postgres under load every acknowledged write stands, once, and adds up."""
    postgres = postgres_to_kill
    chance = random.Random(seed)
    mid_write = 0
    with (
        PostgresForTests(postgres).fresh(SCHEMA) as database,
        processes(tmp_path, 2, database.url(SCHEMA)) as ledgers,
    ):
        async with pressed(ledgers, seed, units=20) as load:
            rounds: list[list[LedgerProcess | EmbeddedPostgres]] = [[ledgers[0]], [postgres], [ledgers[1], postgres]]
            for victims in rounds:
                goal = load.known + ROUND_WRITES + chance.randrange(20)
                await until(lambda goal=goal: load.known >= goal and load.in_flight > 0)  # type: ignore[misc]
                mid_write += load.in_flight
                for victim in victims:
                    await asyncio.to_thread(victim.kill)
                for victim in victims[::-1]:
                    await asyncio.to_thread(victim.start if isinstance(victim, EmbeddedPostgres) else victim.launch)
                await serving([each for each in victims if isinstance(each, LedgerProcess)])
            goal = load.known + ROUND_WRITES
            await until(lambda: load.known >= goal)
        await settled(load)
        load.save(tmp_path / "history.jsonl")

        caller = Caller(ledgers[0].channel, TENANT)
        assert await lost(load, caller) == []
        assert wrong(load, await caller.entries()) == []
        assert await caller.verify() == []
        assert {sku: (await caller.balance(sku))[:2] for sku in SKUS} == expected(load)
        await justified(caller)
        assert mid_write > 0, "nothing was under way at a kill"
        assert load.count(lambda write: write.tries > 1 and write.known) > 0, "no outcome was in doubt"
        assert load.count(lambda write: write.reason == "INSUFFICIENT_STOCK") > 0, "nothing was ever sold out"
        assert load.count(lambda write: write.method == "Fulfil" and write.answer is not None) > 0
        await closed(ledgers)


async def justified(caller: Caller) -> None:
    """What is available can be promised to the last unit, and not one more."""
    for sku in SKUS:
        available = (await caller.balance(sku))[2]
        if available:
            await caller.reserve((sku, available))
        assert (await caller.refused("Reserve", draft=draft((sku, 1)))).reason == "INSUFFICIENT_STOCK"


async def test_ledgers_that_do_not_lock_are_found_out(postgres: PostgresForTests, tmp_path: Path, seed: int) -> None:
    """Negative control: where two ledgers check without a lock, units are promised twice, and the checkers say so."""
    with (
        postgres.fresh(SCHEMA) as database,
        processes(tmp_path, 2, database.url(SCHEMA), UNLOCKED) as ledgers,
    ):
        async with pressed(ledgers, seed, units=20) as load:
            caller = Caller(ledgers[0].channel, TENANT)
            found: list[str] = []
            while not found and len(load.history) < 5000:
                goal = load.known + ROUND_WRITES
                await until(lambda goal=goal: load.known >= goal or len(load.accidents) > 100)  # type: ignore[misc]
                found = [each for each in wrong(load, await caller.entries()) if "not the fold" in each]
        assert found, "the sabotage was not found out"
        assert await caller.verify()
        await closed(ledgers)


async def test_commits_that_do_not_wait_are_found_out(tmp_path: Path, seed: int) -> None:
    """Negative control: where Postgres acknowledges before it has written, a kill loses writes, and the checker says
    so."""
    found: list[str] = []
    with (
        server(synchronous_commit="off", wal_writer_delay="10s", wal_writer_flush_after="1GB") as postgres,
        PostgresForTests(postgres).fresh(SCHEMA) as database,
        processes(tmp_path, 1, database.url(SCHEMA)) as ledgers,
    ):
        for number in range(TRIES):
            async with pressed(ledgers, seed + number, units=50) as load:
                await checkpoint(database)
                goal = load.known + ROUND_WRITES
                await until(lambda load=load, goal=goal: load.known >= goal)  # type: ignore[misc]
                await asyncio.to_thread(postgres.kill)
                load.over = True
            await asyncio.to_thread(postgres.start)
            found = await lost(load, Caller(ledgers[0].channel, TENANT))
            if found:
                break
        await closed(ledgers)
    assert found, "nothing was lost, or its loss was not noticed"


async def checkpoint(database: FreshDatabase) -> None:
    """Let Postgres write all that it has acknowledged so far."""
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("CHECKPOINT")
    await owner.close()
