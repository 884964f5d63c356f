"""An import goes through kill -9 of the ledger and of Postgres: whoever resumes it finds each line settled once.

A run can be had again by its seed: WEIR_SEED=4711 make test ARGS=tests/simulation/test_snapshot_kills.py
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.kit.ledger import COUNT, SCHEMA, Caller, movement
from tests.kit.ledger_process import LedgerProcess, processes
from tests.kit.postgres import PostgresForTests, server
from tests.kit.snapshots import imported, line, message, opening, progress
from tests.kit.waiting import until
from weir.ledger.v1 import ledger_pb2, snapshot_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir_chassis.embedded import EmbeddedPostgres

MESSAGES, LINES = 60, 50
ABSENT = 400
KILLS = 3
TENANT = "killed"


@pytest.fixture
async def postgres_to_kill() -> AsyncIterator[EmbeddedPostgres]:
    """A Postgres that keeps what it says it keeps."""
    with server(fsync="on") as running:
        yield running


def stream(*, all_or_nothing: bool) -> list[pb.ImportSnapshotRequest]:
    """Every message of an import: lines of as many units as their numbers, and the rest of the warehouse is empty."""
    chunks = [
        [line(f"S{number}", number) for number in range(first, first + LINES)]
        for first in range(1, MESSAGES * LINES, LINES)
    ]
    told = opening(
        request_id="import",
        all_or_nothing=all_or_nothing,
        full_scopes=[{"location": "W1"}],
        absent_items=snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO,
        lines=chunks[0],
    )
    return [told, *map(message, chunks[1:])]


async def sent(caller: Caller, messages: list[pb.ImportSnapshotRequest], chance: random.Random) -> Any:
    """The answer to the import, resumed from some line up to the one expected; None where it broke off again."""
    try:
        found = await progress(caller, "import")
        settled = 0 if found is None else (found.next_line - 1) // LINES
        begin = chance.randint(max(0, settled - 2), min(settled, MESSAGES - 1))
        first = pb.ImportSnapshotRequest()
        first.CopyFrom(messages[begin])
        first.MergeFrom(
            pb.ImportSnapshotRequest(
                request_id="import", feed=messages[0].feed if begin else None, first_line=begin * LINES + 1
            )
        )
        return await imported(caller, first, *messages[begin + 1 :])
    except grpc.aio.AioRpcError as error:
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
            raise
        return None


async def done(caller: Caller) -> int:
    """How much of the import is done, in whatever stage: lines taken, applied, and stock items set to zero."""
    try:
        found = await progress(caller, "import")
    except grpc.aio.AioRpcError:
        return 0
    return 0 if found is None else found.next_line - 1 + found.applied + found.zeroed


@pytest.mark.parametrize("all_or_nothing", [False, True])
async def test_an_import_survives_kills(
    postgres_to_kill: EmbeddedPostgres, tmp_path: Path, seed: int, all_or_nothing: bool
) -> None:
    """Killed again and again while lines are taken, applied or absent items zeroed, and resumed from some line: each
    line is one COUNT, each absent item one more, nothing was even tried twice, and the books are in order."""
    chance = random.Random(seed)
    postgres = PostgresForTests(postgres_to_kill)
    with postgres.fresh(SCHEMA) as database, processes(tmp_path, [database.url(SCHEMA)]) as (ledger,):
        await ledger.serving()
        caller = Caller(ledger.channel, TENANT)
        await caller.place("W1")
        for first in range(0, ABSENT, 200):
            await caller.record(*(movement(COUNT, f"absent {number}", 7) for number in range(first, first + 200)))
        messages = stream(all_or_nothing=all_or_nothing)
        goals = sorted(chance.sample(range(2 * MESSAGES * LINES + ABSENT), KILLS))
        broken = 0
        for number, goal in enumerate(goals):
            sending = asyncio.create_task(sent(caller, messages, chance))
            await until(lambda: reached(caller, sending, goal))  # noqa: B023  # it is over before the next
            await killed(ledger, postgres_to_kill if number % 3 == 2 else None)
            caller = Caller(ledger.channel, TENANT)
            broken += await sending is None
        answer = None
        while answer is None:
            answer = await sent(caller, messages, chance)
        await in_order(caller, answer.snapshot_import)
        assert broken > 0, "the kills came too late"
        for channel in ledger.channels:
            await channel.close()


async def reached(caller: Caller, sending: asyncio.Task[Any], goal: int) -> bool:
    """Whether so much is done, or all that is being sent."""
    return sending.done() or await done(caller) >= goal


async def killed(ledger: LedgerProcess, postgres: EmbeddedPostgres | None) -> None:
    """Kill the ledger, or Postgres under it, and have it serve again."""
    if postgres is None:
        await asyncio.to_thread(ledger.kill)
        ledger.launch()
        await ledger.serving()
        return
    await asyncio.to_thread(postgres.kill)
    await asyncio.to_thread(postgres.start)


async def in_order(caller: Caller, ended: snapshot_pb2.SnapshotImport) -> None:
    """Every line and every absent item was settled, once, and the books say nothing else."""
    lines = MESSAGES * LINES
    assert (ended.applied, ended.stale, ended.refused, ended.zeroed) == (lines, 0, 0, ABSENT)
    found = [each for each in await caller.entries(kinds=[COUNT]) if each.account == ledger_pb2.ACCOUNT_STOCK]
    imported_ones = [each for each in found if each.request_id == "import"]
    counted = Counter((each.stock_item.product.sku, each.on_hand) for each in imported_ones)
    expected = {(f"S{number}", number): 1 for number in range(1, lines + 1)}
    assert counted == Counter(expected | {(f"absent {number}", 0): 1 for number in range(ABSENT)})
    assert await caller.verify() == []
