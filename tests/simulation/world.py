"""Two ledgers on one Postgres, each over a wire of its own, and all that can go wrong with them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import grpc

from tests.kit.ledger import SCHEMA, Caller
from tests.kit.ledger_process import LedgerProcess, processes
from tests.kit.postgres import FreshDatabase, PostgresForTests, server
from tests.kit.proxy import Wire, wire
from tests.simulation.history import Fault, now
from tests.simulation.plan import Misfortune, What
from tests.simulation.wishes import LIMITS
from weir_chassis.embedded import EmbeddedPostgres

LEDGERS = 2
DELAY_LEAST_SECONDS = 0.001
ENVIRONMENT = {
    "WEIR_LEDGER_CHANNEL_RESERVATIONS_MAX": str(LIMITS.channel_reservations),
    "WEIR_LEDGER_CHANNEL_HELD_UNITS_MAX": str(LIMITS.channel_held_units),
    "WEIR_LEDGER_HOLD_SECONDS_MAX": str(LIMITS.hold_seconds),
    "WEIR_LEDGER_LINES_MAX": str(LIMITS.lines),
}
KEPT = ("alembic_version", "cluster")
"""Tables that say what the database is, not what was written to it."""


@dataclass(slots=True)
class World:
    """What a run takes place in; any number of them, one after the other, each a tenant in an empty database."""

    postgres: EmbeddedPostgres
    database: FreshDatabase
    ledgers: Sequence[LedgerProcess]
    wires: Sequence[Wire]
    faults: list[Fault] = field(default_factory=list)
    lock_waits: int = 0

    def channel(self, ledger: int) -> grpc.aio.Channel:
        """A connection to a ledger as it runs now."""
        return self.ledgers[ledger].channel

    def caller(self, tenant: str, ledger: int = 0) -> Caller:
        """A caller of a ledger as it runs now."""
        return Caller(self.channel(ledger), tenant)

    async def become(self, sabotage: str) -> None:
        """Run on under another sabotage, or none."""
        for each in self.ledgers:
            await each.become(sabotage)

    async def forget(self) -> None:
        """Empty the database, and begin to note what goes wrong anew."""
        self.slow(0)
        self.faults, self.lock_waits = [], 0
        owner = await asyncpg.connect(self.database.owner_url)
        try:
            found = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", SCHEMA)
            tables = [f'"{SCHEMA}"."{row["tablename"]}"' for row in found if row["tablename"] not in KEPT]
            while True:
                try:
                    await owner.execute(f"TRUNCATE {', '.join(tables)}")
                    break
                except asyncpg.DeadlockDetectedError:
                    continue  # the ledgers look for holds that run out all the time
        finally:
            await owner.close()

    async def befall(self, misfortune: Misfortune) -> None:
        """Let something go wrong, and wait until what was killed is back."""
        self.faults.append(Fault(misfortune.what.value, misfortune.value, now()))
        match misfortune.what:
            case What.SLOW:
                self.slow(misfortune.value)
            case What.CUT:
                self.wires[misfortune.value].cut()
            case What.LEDGER:
                await self._restart(misfortune.value, postgres=False)
            case What.POSTGRES:
                await self._restart(None, postgres=True)
            case What.BOTH:
                await self._restart(misfortune.value, postgres=True)

    def slow(self, milliseconds: int) -> None:
        """Let bytes between the ledgers and Postgres take up to so long each way; at once where it is 0."""
        for each in self.wires:
            each.delay_seconds = (DELAY_LEAST_SECONDS, milliseconds / 1000) if milliseconds else (0.0, 0.0)

    async def serving(self) -> None:
        """Wait until both ledgers serve."""
        for each in self.ledgers:
            await each.serving()

    async def watch_locks(self, pause_seconds: float = 0.05) -> None:
        """Count transactions that are seen to wait for a lock, until cancelled; Postgres may go away meanwhile."""
        while True:
            try:
                owner = await asyncpg.connect(self.database.owner_url)
                try:
                    while True:
                        self.lock_waits += await owner.fetchval(
                            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        )
                        await asyncio.sleep(pause_seconds)
                finally:
                    owner.terminate()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await asyncio.sleep(pause_seconds)

    async def _restart(self, ledger: int | None, *, postgres: bool) -> None:
        """Kill a ledger, Postgres, or both, and start them again."""
        if ledger is not None:
            await asyncio.to_thread(self.ledgers[ledger].kill)
        if postgres:
            await asyncio.to_thread(self.postgres.kill)
            await asyncio.to_thread(self.postgres.start)
            for each in self.wires:
                each.lead_to(_address(self.database))
        if ledger is not None:
            await asyncio.to_thread(self.ledgers[ledger].launch)
            await self.ledgers[ledger].serving()


def _address(database: FreshDatabase) -> str:
    """Where Postgres listens."""
    found = urlsplit(database.url(SCHEMA))
    return f"{found.hostname}:{found.port}"


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    """A world for the block; what its processes say goes to `directory`.

    Its Postgres keeps what it acknowledges. It writes nothing by itself: so where a sabotaged ledger lets it
    acknowledge what is not written yet, that is lost in a kill.
    """
    async with AsyncExitStack() as stack:
        postgres = stack.enter_context(server(wal_writer_delay="10s", wal_writer_flush_after="1GB"))
        database = stack.enter_context(PostgresForTests(postgres).fresh(SCHEMA))
        address = _address(database)
        wires = [await stack.enter_async_context(wire(address)) for _ in range(LEDGERS)]
        urls = [database.url(SCHEMA).replace(address, each.address) for each in wires]
        ledgers = stack.enter_context(processes(directory, urls, **ENVIRONMENT))
        made = World(postgres, database, ledgers, wires)
        try:
            await made.serving()
            yield made
        finally:
            for each in ledgers:
                for channel in each.channels:
                    await channel.close()


def other(ledger: int) -> int:
    """The other ledger."""
    return (ledger + 1) % LEDGERS


def pause(chance: random.Random) -> float:
    """How long a client waits before it asks again, in seconds."""
    return chance.uniform(0.02, 0.06)
