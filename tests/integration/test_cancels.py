"""Callers that go away at any moment leave nothing behind: no task, no connection, no transaction, no lock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg
import grpc
import pytest
from sqlalchemy import text

from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.probe import Probe, ProbeStub, probe_server
from tests.kit.shelf import SCHEMA, VERSIONS
from tests.kit.waiting import until
from weir_chassis import call
from weir_chassis.database import Database, draw, head
from weir_chassis.policy import Traffic
from weir_chassis.server import Server
from weir_chassis.settings import ServerSettings

PUT = text("INSERT INTO shelves VALUES (:tenant, :shelf, 1)")
COUNT = text("SELECT count(*) FROM shelves")
NAP = text("SELECT pg_sleep(:seconds)")
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""
LOCKS = """
SELECT count(*) FROM pg_locks
WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
"""
PATIENCE_SECONDS = 0.03
"""The longest that a caller waits who goes away."""
ROUNDS, AT_ONCE = 12, 10


@pytest.fixture(scope="module")
def fresh(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for this module."""
    with postgres.fresh(SCHEMA, versions=VERSIONS) as made:
        yield made


@dataclass
class Shop:
    """A service that writes and reads shelves, seen from all sides."""

    database: Database
    server: Server
    probe: Probe
    stub: ProbeStub
    owner: asyncpg.Connection[asyncpg.Record]

    def checked_out(self) -> int:
        """How many connections are taken from the pool."""
        taken: int = self.database.engine.pool.checkedout()  # type: ignore[attr-defined]
        return taken

    async def quiet(self) -> bool:
        """Whether nothing is in progress: no call, no connection that is taken, no transaction, no lock."""
        flying = [self.server.in_flight(traffic) for traffic in Traffic]
        return [*flying, self.checked_out(), await self.owner.fetchval(BUSY), await self.owner.fetchval(LOCKS)] == [
            0
        ] * 6


class Behaviours:
    """Handlers that hold a connection while they wait for the database."""

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._database = database
        self._chance = random.Random(11)

    async def write(self, value: str) -> str:
        """One shelf under the next revision, and a nap with the tenant locked."""
        async with self._database.writing(call.tenant()) as connection:
            revision = await draw(connection, call.tenant())
            await connection.execute(PUT, {"tenant": call.tenant(), "shelf": str(revision)})
            await connection.execute(NAP, {"seconds": self._chance.random() * PATIENCE_SECONDS})
        return str(revision)

    async def read(self, value: str) -> AsyncIterator[str]:
        """The number of shelves again and again, in one transaction."""
        async with self._database.reading(call.tenant()) as connection:
            while True:
                yield str((await connection.execute(COUNT)).scalar_one())
                await connection.execute(NAP, {"seconds": self._chance.random() * PATIENCE_SECONDS / 4})


@asynccontextmanager
async def shop(fresh: FreshDatabase) -> AsyncIterator[Shop]:
    """The service for the block; small enough that callers also wait for a connection."""
    settings = fresh.settings(SCHEMA, pool_size=4)
    database = await Database.open(fresh.url(SCHEMA), schema=SCHEMA, settings=settings)
    owner: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(fresh.owner_url)
    behaviours = Behaviours(database)
    probe = Probe(single=behaviours.write, many=behaviours.read)
    server = probe_server(probe, ServerSettings(notice_seconds=0.0, drain_seconds=5.0))
    try:
        async with server.serving(), connect(server.address) as channel:
            yield Shop(database, server, probe, ProbeStub(channel), owner)
    finally:
        await owner.close()
        await database.close()


async def tried(asking: Callable[[float | None], Awaitable[object]], chance: random.Random) -> str:
    """How a call ends whose caller goes away soon: by a deadline, or by a cancel."""
    seconds = chance.random() * PATIENCE_SECONDS
    if chance.random() < 0.5:
        try:
            await asking(seconds)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"
    task = asyncio.ensure_future(asking(None))
    await asyncio.wait([task], timeout=seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
        return "OK"
    return "CANCELLED"


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_random_deadlines_and_cancels_leave_nothing(fresh: FreshDatabase, kind: str) -> None:
    """Whenever a caller goes away the handler ends, its transaction is over and its connection is back; what was
    written has no gap; and the service goes on as if nothing had been."""
    chance = random.Random(f"cancels {kind}")
    async with shop(fresh) as open_shop:
        stub = open_shop.stub

        async def write(seconds: float | None) -> object:
            return await stub.ask("Put", "x", timeout=seconds)

        async def read(seconds: float | None) -> object:
            stream = stub.stream("List", "x", timeout=seconds)
            try:
                async for _ in stream:
                    pass
            finally:
                stream.cancel()
            return None

        asking = write if kind == "unary" else read
        assert await stub.ask("Put", "first", timeout=60)
        await until(open_shop.quiet)
        before = len(asyncio.all_tasks())
        ends: Counter[str] = Counter()
        for _ in range(ROUNDS):
            ends.update(await asyncio.gather(*(tried(asking, chance) for _ in range(AT_ONCE))))
        assert ends.keys() <= {"OK", "CANCELLED", "DEADLINE_EXCEEDED"}, ends
        assert ends["CANCELLED"] > 0
        assert ends["DEADLINE_EXCEEDED"] > 0
        await until(open_shop.quiet)
        await until(lambda: len(asyncio.all_tasks()) <= before + 1)  # one may wait for the next call
        await asyncio.gather(*(stub.ask("Put", "after", timeout=60) for _ in range(8)))
        async with open_shop.database.reading("default") as connection:
            drawn = await head(connection, "default")
            assert (await connection.execute(COUNT)).scalar_one() == drawn


async def test_a_caller_that_is_gone_gives_back_its_lock(fresh: FreshDatabase) -> None:
    """A writer that waits for the tenant's lock beyond its deadline stops waiting, and the next one gets it."""
    async with shop(fresh) as open_shop:
        async with open_shop.database.writing("default"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await open_shop.stub.ask("Put", "late", timeout=0.3)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await until(lambda: open_shop.server.in_flight(Traffic.WRITE) == 0)
        await until(open_shop.quiet)
        assert await open_shop.stub.ask("Put", "next", timeout=60)


async def test_work_that_is_left_behind_is_seen(fresh: FreshDatabase) -> None:
    """The control: a handler that works on in a task of its own is found out by the same look."""
    async with shop(fresh) as open_shop:
        left: list[asyncio.Task[None]] = []

        async def work() -> None:
            async with open_shop.database.writing("default"):
                await asyncio.Event().wait()

        async def leave(value: str) -> str:
            left.append(asyncio.create_task(work()))
            return value

        open_shop.probe.single = leave
        assert await open_shop.stub.ask("Put", "x") == "x"
        await until(lambda: open_shop.checked_out() == 1)
        assert not await open_shop.quiet()
        left[0].cancel()
        await until(open_shop.quiet)
