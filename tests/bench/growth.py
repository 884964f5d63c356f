"""What a reservation costs as the books grow: few goods, a hundred times as many, and many with a long past."""

import asyncio
import shutil
import sys
import tempfile
import time

import grpc
import uvloop

from tests.bench import history
from tests.bench.cases import reserve
from tests.bench.history import History
from tests.bench.measuring import Case, Options, rounds, told
from tests.bench.suite import Suite, ledgers
from weir.ledger.v1.reservation_service_pb2_grpc import ReservationServiceStub

FEW = 10_000
MANY = 1_000_000
MONTHS = 6
BYTES_AN_ENTRY = 1000
"""Disk that an entry takes at most, its indexes, its part of a closing and of the log included."""


def run(options: Options) -> None:
    """Write three histories, measure, print."""
    few, many = options.scaled(FEW), options.scaled(MANY)
    histories = {
        "few": History(few, 1, MONTHS),
        "many": History(many, 1, MONTHS),
        "long": History(many, 5, MONTHS),
    }
    need = sum(2 * each.products * each.receipts for each in histories.values()) * BYTES_AN_ENTRY
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < need:
        sys.exit(f"{need >> 30} GiB of disk are needed in {tempfile.gettempdir()}, {free >> 30} are free.")
    with ledgers(*histories) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, histories, options))


async def _run(running: Suite, histories: dict[str, History], options: Options) -> None:
    cases: list[Case] = []
    for name, made in histories.items():
        begun = time.perf_counter()
        await history.write(running.owner_url(name), made)
        print(f"{name} written in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        call = reserve(ReservationServiceStub(grpc.aio.insecure_channel(running.address(name))), spread=made.products)
        title = f"Reserve, {made.products:,} stock items, {2 * made.products * made.receipts:,} entries"
        cases.append(Case(title, name, call, 64, against=cases[0].name if cases else ""))
    print(told(cases, await rounds(cases, running, options)))
