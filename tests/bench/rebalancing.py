"""Supplies divided anew: all there are at once, and one by one while orders come.

A division of everything is timed from the policy's change until the last of its epochs is in force: the ledger counts
against its shares. It is compared with COPY of the very rows it wrote, into tables with the same keys. The delay of a
single one is timed at a watcher of the ledger: from the order that took a group's share to its threshold until the
ceilings of the next epoch.
"""

import asyncio
import io
import itertools
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import uvloop

from tests.bench.cases import Stubs, stubs
from tests.bench.load import open_loop
from tests.bench.measuring import Options, table
from tests.bench.suite import Suite, suite
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2, snapshot_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir_allocation.claims import Claim
from weir_chassis import status

PRODUCTS = 200_000
UNITS = 1000
GROUPS = ("webshops", "marketplaces", "tills")
WAREHOUSE_GROUP = LOCATION = "everywhere"

ORDERED = 200
"""Products that orders come for, of which each has as many units as follows."""
ORDERED_UNITS = 60
PER_SECOND = 500
SECONDS = 10.0
THRESHOLD_PERCENT = 20
PATIENCE_SECONDS = 300.0

_TABLES = {
    "weir_partitioning": ("epochs", "supplies"),
    "weir_ledger": ("claims", "claim_changes"),
}
"""What a division writes, row by row."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Divided:
    """A division of everything: seconds, seconds for COPY of what it wrote, and the most memory of the service."""

    name: str
    epochs: int
    seconds: float
    copied: float
    peak_bytes: int


def run(options: Options) -> None:
    """Divide, order, print."""
    with suite() as running, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(running, options))


async def _run(running: Suite, options: Options) -> None:
    products, clients = options.scaled(PRODUCTS), stubs(running)
    await prepare(clients, products)
    print(told(await everything(running, clients, products)), flush=True)
    delays = [each for number in range(options.rounds) if (each := await once(running, clients, number))]
    p50, p99 = (statistics.median(each[int(part * len(each))] for each in delays) * 1e3 for part in (0.5, 0.99))
    print(
        f"\nA threshold crossed to the ceilings of the next epoch at a watcher, {PER_SECOND} orders/s,"
        f" {sum(map(len, delays)):,} times: p50 {p50:.0f} ms, p99 {p99:.0f} ms."
    )


async def prepare(clients: Stubs, products: int) -> None:
    """A warehouse group that feeds every channel group, and the goods in it."""
    place = ledger_pb2.Location(location=LOCATION, kind=ledger_pb2.LOCATION_KIND_WAREHOUSE)
    await clients.ledger.CreateLocation(ledger_service_pb2.CreateLocationRequest(request_id="place", location=place))
    group = network_pb2.WarehouseGroup(warehouse_group=WAREHOUSE_GROUP, locations=[LOCATION])
    await clients.network.CreateWarehouseGroup(
        network_service_pb2.CreateWarehouseGroupRequest(request_id="group", warehouse_group=group)
    )
    for name in GROUPS:
        channel = network_pb2.Channel(channel=name, kind=network_pb2.CHANNEL_KIND_WEBSHOP)
        await clients.network.CreateChannel(network_service_pb2.CreateChannelRequest(request_id=name, channel=channel))
        link = network_pb2.GroupLink(warehouse_group=WAREHOUSE_GROUP, channel_group=name)
        await clients.network.CreateGroupLink(
            network_service_pb2.CreateGroupLinkRequest(request_id=f"link {name}", group_link=link)
        )
    await stock(clients, "divided", products, UNITS)


async def stock(clients: Stubs, kind: str, products: int, units: int) -> None:
    """So many units of each of some products are found in the warehouse."""
    messages = []
    for first in range(0, products, 1000):
        message = ledger_service_pb2.ImportSnapshotRequest()
        for number in range(first, min(first + 1000, products)):
            message.lines.add(stock_item=item(kind, number), quantity=units)
        messages.append(message)
    messages[0].request_id = f"stock {kind} {next(_numbers)}"
    messages[0].feed.basis = snapshot_pb2.SNAPSHOT_BASIS_ON_HAND
    messages[0].feed.as_of_time.GetCurrentTime()
    answer = await clients.ledger.ImportSnapshot(iter(messages))
    assert answer.snapshot_import.applied == products, answer


def item(kind: str, number: int) -> stock_pb2.StockItem:
    """The stock item of a product."""
    return stock_pb2.StockItem(product=stock_pb2.Product(sku=f"{kind}-{number:07}"), location=LOCATION)


async def everything(running: Suite, clients: Stubs, products: int) -> list[Divided]:
    """Divide everything for the first time, and then otherwise."""
    named = policy_pb2.Policy(
        policy="all",
        strategy=policy_pb2.STRATEGY_WEIGHTED,
        mode=policy_pb2.POLICY_MODE_BALANCED,
        threshold_percent=THRESHOLD_PERCENT,
    )
    found = []
    for name, weight in (("for the first time", 1), ("after a change of the policy", 2)):
        print(f"everything, {name}", file=sys.stderr)
        del named.parts[:]
        for rank, group in enumerate(GROUPS):
            named.parts.add(channel_group=group, rank=rank, weight=weight if rank == 0 else 1)
        before = await newest(clients)
        begun = time.perf_counter()
        if weight == 1:
            await clients.partitioning.CreatePolicy(
                partitioning_service_pb2.CreatePolicyRequest(request_id=name, policy=named)
            )
        else:
            await clients.partitioning.UpdatePolicy(
                partitioning_service_pb2.UpdatePolicyRequest(request_id=name, policy=named)
            )
        await in_force(running, before + products)
        seconds = time.perf_counter() - begun
        copied = await copy(running, before)
        found.append(Divided(name, products, seconds, copied, peak_bytes(running.servers["partitioning"].pid)))
    return found


async def newest(clients: Stubs) -> int:
    """The number of the newest epoch; 0 where there is none."""
    listed = await clients.partitioning.ListEpochs(partitioning_service_pb2.ListEpochsRequest(page_size=1))
    return listed.epochs[0].epoch if listed.epochs else 0


async def in_force(running: Suite, epoch: int) -> None:
    """Wait until as many epochs were made, and every one is in force."""
    owner = await asyncpg.connect(running.postgres.url(database="weir"))
    made = "SELECT coalesce(max(epoch), 0) FROM weir_partitioning.epoch_heads, pg_sleep(0.1)"
    pending = "SELECT count(*) FROM weir_partitioning.supplies WHERE enforced < epoch"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await owner.fetchval(made) < epoch or await owner.fetchval(pending):
            pass
    await owner.close()


async def copy(running: Suite, after: int) -> float:
    """Seconds that COPY takes for all rows that were written for the epochs after a number."""
    owner = await asyncpg.connect(running.postgres.url(database="weir"))
    seconds = 0.0
    for schema, tables in _TABLES.items():
        await owner.execute(f"SET search_path = {schema}")
        for name in tables:
            rows = io.BytesIO()
            where = f"WHERE epoch > {after}" if name != "claim_changes" else await _changed(owner, after)
            await owner.copy_from_query(f"SELECT * FROM {name} {where}", output=rows)
            twin = f"bare_{name}_{next(_numbers)}"
            await owner.execute(f"CREATE TABLE {twin} (LIKE {name} INCLUDING ALL)")
            begun = time.perf_counter()
            await owner.copy_to_table(twin, schema_name=schema, source=io.BytesIO(rows.getvalue()))
            seconds += time.perf_counter() - begun
            await owner.execute(f"DROP TABLE {twin}")
    await owner.close()
    return seconds


async def _changed(owner: "asyncpg.Connection[asyncpg.Record]", after: int) -> str:
    first = await owner.fetchval("SELECT min(revision) FROM claims WHERE epoch > $1", after)
    return f"WHERE revision >= {first}"


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def told(divided: Sequence[Divided]) -> str:
    """The table."""
    rows = [
        [
            each.name,
            f"{each.epochs:,}",
            f"{each.seconds:.1f}",
            f"{each.copied / each.seconds:.2f}",
            f"{each.peak_bytes / 2**20:,.0f}",
        ]
        for each in divided
    ]
    head = ["everything is divided", "supplies", "seconds", "COPY of its rows, as a part of that", "peak MiB"]
    return table(head, rows)


@dataclass(slots=True)
class Crossings:
    """A watcher of the ledger that notes when shares were spent to their threshold, and when they were set anew."""

    delays: list[float] = field(default_factory=list)
    _balanced: dict[str, int] = field(default_factory=dict)
    _epochs: dict[str, int] = field(default_factory=dict)
    _since: dict[str, float] = field(default_factory=dict)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, stream: Any) -> None:
        """Read the stream to its end."""
        async for message in stream:
            now = time.perf_counter()
            for claim in message.claims:
                self._note(claim, now)
            self.more.set()

    def begin(self, claims: Sequence[reservation_pb2.Claim]) -> None:
        """Shares as they are now."""
        for claim in claims:
            self._note(claim, time.perf_counter())

    @property
    def open(self) -> int:
        """Shares that were spent to their threshold and not set anew yet."""
        return len(self._since)

    def _note(self, claim: reservation_pb2.Claim, now: float) -> None:
        left = claim.ceiling - claim.open - claim.fulfilled
        if self._epochs.get(claim.claim) != claim.epoch:
            self._epochs[claim.claim] = claim.epoch
            self._balanced[claim.claim] = left
            since = self._since.pop(claim.claim, None)
            if since is not None:
                self.delays.append(now - since)
        elif left < self._balanced[claim.claim] and left * 100 <= THRESHOLD_PERCENT * self._balanced[claim.claim]:
            self._since.setdefault(claim.claim, now)


async def once(running: Suite, clients: Stubs, number: int) -> list[float]:
    """The delays of one stretch of orders, sorted."""
    print(f"orders, {number + 1}", file=sys.stderr)
    after = await newest(clients)
    await stock(clients, "ordered", ORDERED, ORDERED_UNITS * (number + 1))
    await in_force(running, after + ORDERED)
    crossings = Crossings()
    head = (await clients.ledger.ListLocations(ledger_service_pb2.ListLocationsRequest())).revision
    for keys in _batches([key(each) for each in range(ORDERED)]):
        listed = await clients.reservations.GetClaims(reservation_service_pb2.GetClaimsRequest(claims=keys))
        crossings.begin(listed.claims)
    stream = clients.ledger.WatchEntries(ledger_service_pb2.WatchEntriesRequest(after=head))
    task = asyncio.create_task(crossings.follow(stream))
    chance = random.Random(number)

    async def call(index: int) -> object:
        product = chance.randrange(ORDERED)
        line = reservation_pb2.ReservationDraftLine(
            stock_item=item("ordered", product), quantity=1, claims=[reservation_pb2.LineClaim(claim=key(product))]
        )
        request = reservation_service_pb2.ReserveRequest(
            request_id=f"order {number} {index}",
            draft=reservation_pb2.ReservationDraft(lines=[line], channel=GROUPS[0]),
        )
        try:
            return await clients.reservations.Reserve(request)
        except grpc.aio.AioRpcError as error:
            reason = status.reason(error)
            if reason not in ("CLAIM_EXHAUSTED", "INSUFFICIENT_STOCK"):
                raise
            return reason

    await open_loop(call, per_second=PER_SECOND, seconds=SECONDS)
    stream.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return sorted(crossings.delays)


def key(product: int) -> str:
    """The claim of the group that sells most."""
    return Claim(("", item("ordered", product).product.sku), WAREHOUSE_GROUP, GROUPS[0]).key


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), 100):
        yield keys[first : first + 100]
