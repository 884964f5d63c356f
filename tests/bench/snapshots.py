"""Importing a snapshot against COPY of the very rows that the import wrote.

The first COPY is of as many balances as there were lines, into a table with the keys and indexes of `balances`: the
least that any import has to write. The second is of all rows that importing new stock items writes: those balances, and
two entries a line, into a table with the keys and indexes of `entries`. Both have their rows ready as text, and commit
once.
"""

import asyncio
import io
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc
import uvloop

from tests.bench.cases import LOCATION, item
from tests.bench.measuring import Meter, Options, table
from tests.bench.suite import Suite, ledgers
from weir.ledger.v1 import ledger_pb2, snapshot_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub

SNAPSHOTS = "snapshots"
LINES = 20_000
MESSAGE_LINES = 1000

_TABLES = """
SET search_path = weir_ledger;
CREATE TABLE bare_balances (LIKE balances INCLUDING ALL, FOREIGN KEY (tenant, location) REFERENCES locations)
    WITH (fillfactor = 80);
CREATE TABLE all_balances (LIKE balances INCLUDING ALL, FOREIGN KEY (tenant, location) REFERENCES locations)
    WITH (fillfactor = 80);
CREATE TABLE all_entries (LIKE entries INCLUDING ALL)
"""

BARE = "COPY of the balances"
ALL = "COPY of all rows of an import"
COPIES = {BARE: {"balances": "bare_balances"}, ALL: {"balances": "all_balances", "entries": "all_entries"}}
"""Which rows are copied to where."""

IMPORTS = {"import, new stock items": 5, "import, nothing changed": 5, "import, all changed": 7}
"""Units of every line, in three imports one after the other."""


@dataclass(frozen=True, slots=True)
class Took:
    """What so many lines took: seconds, and CPU seconds of server, Postgres and this process."""

    lines: int
    seconds: float
    cpu: Sequence[float]

    @property
    def per_second(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds


def run(options: Options) -> None:
    """Import, copy, print."""
    with ledgers(SNAPSHOTS) as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    lines = options.scaled(LINES)
    owner = await asyncpg.connect(running.owner_url(SNAPSHOTS))
    await owner.execute(_TABLES)
    measured: list[dict[str, Took]] = []
    for number in range(options.rounds + 1):
        print(f"round {number} of {options.rounds}", file=sys.stderr)
        measured.append(await once(running, owner, f"tenant-{number}", lines))
    await owner.close()
    print(f"{lines:,} lines, {MESSAGE_LINES:,} a message.\n")
    print(told(measured[1:]))  # in the first, connections, plans and caches came to be


async def once(running: Suite, owner: "asyncpg.Connection[asyncpg.Record]", tenant: str, lines: int) -> dict[str, Took]:
    """One round, for a tenant of its own."""
    ledger = LedgerServiceStub(grpc.aio.insecure_channel(running.address(SNAPSHOTS)))
    metadata = (("weir-tenant", tenant),)
    place = ledger_pb2.Location(location=LOCATION, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
    await ledger.CreateLocation(pb.CreateLocationRequest(request_id="place", location=place), metadata=metadata)
    took: dict[str, Took] = {}
    rows: dict[str, bytes] = {}
    as_of = datetime.now(UTC) - timedelta(hours=1)
    for name, units in IMPORTS.items():
        as_of += timedelta(minutes=1)
        sent = messages(name, lines, units, as_of)
        meter, begun = Meter(running, SNAPSHOTS), time.perf_counter()
        answer = await ledger.ImportSnapshot(iter(sent), metadata=metadata)
        took[name] = Took(lines, time.perf_counter() - begun, meter.spent())
        assert answer.snapshot_import.applied == lines, answer
        rows = rows or {table: await written(owner, table, tenant) for table in ("balances", "entries")}
    for name, tables in COPIES.items():
        meter, begun = Meter(running, SNAPSHOTS), time.perf_counter()
        async with owner.transaction():
            for table, copy in tables.items():
                await owner.copy_to_table(copy, schema_name="weir_ledger", source=io.BytesIO(rows[table]))
        took[name] = Took(lines, time.perf_counter() - begun, meter.spent())
    return took


def messages(request_id: str, lines: int, units: int, as_of: datetime) -> list[pb.ImportSnapshotRequest]:
    """The messages of an import."""
    made = []
    for first in range(0, lines, MESSAGE_LINES):
        message = pb.ImportSnapshotRequest()
        for number in range(first, min(first + MESSAGE_LINES, lines)):
            message.lines.add(stock_item=item(number), quantity=units)
        made.append(message)
    made[0].request_id = request_id
    made[0].feed.basis = snapshot_pb2.SNAPSHOT_BASIS_ON_HAND
    made[0].feed.as_of_time.FromDatetime(as_of)
    return made


async def written(owner: "asyncpg.Connection[asyncpg.Record]", table: str, tenant: str) -> bytes:
    """The rows of a tenant as COPY writes and reads them."""
    rows = io.BytesIO()
    await owner.copy_from_query(f"SELECT * FROM {table} WHERE tenant = $1", tenant, output=rows)
    return rows.getvalue()


def told(measured: Sequence[dict[str, Took]]) -> str:
    """Medians over all rounds, as a table; ratios are taken within a round."""
    rows = []
    for name in (*IMPORTS, *COPIES):
        found = [each[name] for each in measured]
        ratios = [
            statistics.median(each[name].per_second / each[copy].per_second for each in measured) for copy in COPIES
        ]
        cpu = [statistics.median(each.cpu[part] / each.lines for each in found) * 1e6 for part in range(3)]
        rows.append(
            [
                name,
                f"{statistics.median(each.per_second for each in found):,.0f}",
                *(f"{each:.2f}" for each in ratios),
                " / ".join(f"{each:,.1f}" for each in cpu),
            ]
        )
    head = ["", "lines/s", *(f"against {copy}" for copy in COPIES), "CPU us a line: server / Postgres / client"]
    return table(head, rows)
