"""A watch is ordered, whole, without gaps or repeats, whatever breaks on the way, and says when it cannot go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from tests.kit.postgres import PostgresForTests
from tests.kit.probe import Probe, ProbeStub, probe_server, probed, until
from weir_chassis import call
from weir_chassis.client import Peer
from weir_chassis.database import Database
from weir_chassis.errors import DatabaseAway, RevisionCompacted
from weir_chassis.revisions import Origin
from weir_chassis.settings import ServerSettings
from weir_chassis.watch import Batch, Bell, Fenced, Wakeups, follow, later, watch

QUICK = ServerSettings(notice_seconds=0.0, drain_seconds=0.5)
TENANT = "default"
HEARTBEAT = "~"


@dataclass
class History:
    """A history in memory: number 1 is the first commit; `oldest_kept` moves when it is compacted."""

    wakeups: Wakeups = field(default_factory=Wakeups)
    commits: list[str] = field(default_factory=list)
    oldest_kept: int = 0
    batch_max: int = 3
    hidden: Callable[[int], bool] = lambda number: False
    pause: Callable[[], Awaitable[None]] | None = None

    def commit(self, text: str = "c") -> None:
        """Add one commit and ring."""
        self.commits.append(text)
        self.wakeups.wake(TENANT)

    async def read(self, after: int) -> Batch[str]:
        """What `follow` asks for; messages are `number:text`."""
        if after < self.oldest_kept:
            raise RevisionCompacted(context="probe", number=after, oldest_kept=self.oldest_kept)
        head = len(self.commits)
        if self.pause is not None:
            await self.pause()
        through = min(head, after + self.batch_max)
        numbers = [number for number in range(after + 1, through + 1) if not self.hidden(number)]
        return Batch([f"{number}:{self.commits[number - 1]}" for number in numbers], through, more=through < head)

    async def many(self, value: str) -> AsyncGenerator[str, None]:
        """A servicer's watch after the number asked for."""
        with self.wakeups.bell(call.tenant()) as bell:
            stream = follow(
                self.read,
                after=int(value or 0),
                bell=bell,
                heartbeat=lambda through: f"{through}:{HEARTBEAT}",
                heartbeat_seconds=0.1,
            )
            async for message in stream:
                yield message


def number_of(message: StringValue | str) -> int:
    """The mark of a message."""
    text = message if isinstance(message, str) else message.value
    return int(text.partition(":")[0])


def watching(
    stub: ProbeStub, after: int | None = None, heartbeat_seconds: float = 1.0
) -> AsyncGenerator[StringValue, None]:
    """The client's watch of a history behind a stub."""
    return watch(
        lambda mark: stub.stream("Watch", str(mark or 0)),
        after=after,
        through=number_of,
        newer=lambda one, other: one > other,
        heartbeat_seconds=heartbeat_seconds,
    )


async def taken(stream: Any, count: int, seconds: float = 10.0) -> list[str]:
    """The next messages, without those that only mark progress."""
    texts: list[str] = []
    async with asyncio.timeout(seconds):
        async for message in stream:
            text = message if isinstance(message, str) else message.value
            if not text.endswith(HEARTBEAT):
                texts.append(text)
            if len(texts) == count:
                break
    return texts


async def test_history_then_what_comes() -> None:
    """All after the mark is sent in order and in bounded batches, then every commit as it comes."""
    history = History()
    for _ in range(10):
        history.commit()
    async with probed(Probe(many=history.many), QUICK) as stub, aclosing(watching(stub, 4)) as stream:
        assert await taken(stream, 6) == [f"{number}:c" for number in range(5, 11)]
        history.commit("new")
        assert await taken(stream, 1) == ["11:new"]


async def test_no_commit_is_missed_between_reading_and_waiting() -> None:
    """A commit that falls after the read and before the wait is sent at once, not with the next heartbeat."""
    history = History()
    raced = False

    async def pause() -> None:
        nonlocal raced
        if not raced:
            raced = True
            history.commit("raced")  # after the head was read, before the follower waits

    history.pause = pause
    bell_stream = history.wakeups.bell(TENANT)
    with bell_stream as bell:
        stream = follow(history.read, after=0, bell=bell, heartbeat=str, heartbeat_seconds=3600.0)
        async with aclosing(stream), asyncio.timeout(5):
            assert [await anext(stream), await anext(stream)] == ["0", "1:raced"]


async def test_a_follower_that_does_not_mute_first_misses() -> None:
    """The control: muting after the read instead of before it loses that very commit."""
    history = History()
    with history.wakeups.bell(TENANT) as bell:
        batch = await history.read(0)
        history.commit("raced")
        bell.mute()
        assert batch.messages == []
        assert not await bell.rung(0.05)


async def test_heartbeats_carry_the_mark() -> None:
    """A watch that stands still gives a sign of life at once and then regularly, with the mark it has reached."""
    history = History(hidden=lambda number: number > 1)
    for _ in range(5):
        history.commit()
    async with probed(Probe(many=history.many), QUICK) as stub:
        raw = stub.stream("Watch", "0")
        assert [(await raw.read()).value for _ in range(3)] == ["1:c", f"5:{HEARTBEAT}", f"5:{HEARTBEAT}"]
        raw.cancel()
        idle = stub.stream("Watch", "5")
        assert (await idle.read()).value == f"5:{HEARTBEAT}"
        idle.cancel()


async def test_filtered_commits_move_the_mark() -> None:
    """The client hears of progress past commits that a filter left out, once, and resumes after it."""
    history = History(hidden=lambda number: number <= 4)
    for _ in range(4):
        history.commit()
    async with probed(Probe(many=history.many), QUICK) as stub, aclosing(watching(stub)) as stream:
        async with asyncio.timeout(5):
            assert number_of(await anext(stream)) == 4
        history.commit("seen")
        async with asyncio.timeout(5):
            assert (await anext(stream)).value == "5:seen"


async def test_slow_reader_holds_one_batch() -> None:
    """The history is not read on before the batch before was taken."""
    history = History(batch_max=2)
    for _ in range(100):
        history.commit()
    with history.wakeups.bell(TENANT) as bell:
        reads: list[int] = []

        async def read(after: int) -> Batch[str]:
            reads.append(after)
            return await history.read(after)

        stream = follow(read, after=0, bell=bell, heartbeat=str)
        assert [await anext(stream) for _ in range(4)] == ["1:c", "2:c", "3:c", "4:c"]
        assert reads == [0, 2]
        await stream.aclose()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_validated_over_many_breaks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over streams that are cut at random places every commit arrives once and in order."""
    monkeypatch.setattr("weir_chassis.watch.resuming.PAUSE_SECONDS_LEAST", 0.01)
    chance = random.Random(seed)
    history = History()
    total = 300

    async def breaking(value: str) -> AsyncIterator[str]:
        left = chance.randrange(0, 25)
        async with aclosing(history.many(value)) as stream:
            async for message in stream:
                if left == 0:
                    raise chance.choice([DatabaseAway(retry_after_seconds=0.0), RuntimeError("cut")])
                left -= 1
                yield message
                if chance.random() < 0.1 and not message.endswith(HEARTBEAT):
                    yield message  # a repeat, as at-least-once allows

    async def write() -> None:
        for number in range(total):
            history.commit(str(number + 1))
            if chance.random() < 0.3:
                await asyncio.sleep(0.001)

    async with probed(Probe(many=breaking), QUICK) as stub, aclosing(watching(stub)) as stream:
        writer = asyncio.create_task(write())
        assert await taken(stream, total, 60.0) == [f"{number}:{number}" for number in range(1, total + 1)]
        await writer


async def test_restart_of_the_server_loses_nothing() -> None:
    """A watch goes on over a drain of one replica at the other one, after its last mark."""
    history = History()
    servers = [probe_server(Probe(many=history.many), QUICK) for _ in range(2)]
    for server in servers:
        await server.start()
    async with (
        Peer(f"ipv4:{servers[0].address},{servers[1].address}") as peer,
        aclosing(watching(ProbeStub(peer.channel))) as stream,
    ):
        history.commit()
        assert await taken(stream, 1) == ["1:c"]
        await servers[0].drain()
        history.commit()
        assert await taken(stream, 1) == ["2:c"]
    await servers[1].drain()


async def test_stalled_stream_is_opened_anew() -> None:
    """A stream that stays silent for three heartbeats is given up; the next one goes on after the mark."""
    history = History()
    history.commit()
    opened: list[str] = []

    async def stalling(value: str) -> AsyncIterator[str]:
        opened.append(value)
        if len(opened) == 1:
            yield "1:c"
            await asyncio.Event().wait()
        async for message in history.many(value):
            yield message

    async with (
        probed(Probe(many=stalling), QUICK) as stub,
        aclosing(watching(stub, heartbeat_seconds=0.1)) as stream,
    ):
        assert await taken(stream, 1) == ["1:c"]
        history.commit()
        assert await taken(stream, 1) == ["2:c"]
    assert opened[:2] == ["0", "1"]


async def test_compacted_history_fences() -> None:
    """A mark whose following history is gone is told to the caller, who must list again."""
    history = History(oldest_kept=5)
    for _ in range(8):
        history.commit()
    async with probed(Probe(many=history.many), QUICK) as stub:
        async with aclosing(watching(stub, 3)) as stream:
            with pytest.raises(Fenced) as caught:
                await taken(stream, 1)
        assert caught.value.reason == "REVISION_COMPACTED"
        async with aclosing(watching(stub, 5)) as stream:
            assert await taken(stream, 3) == ["6:c", "7:c", "8:c"]


async def test_what_trying_again_cannot_mend_is_raised() -> None:
    """A watch that is not permitted ends with the error instead of knocking for ever."""
    async with probed(Probe(), QUICK, policies=[{}]) as stub, aclosing(watching(stub)) as stream:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await taken(stream, 1)
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_closing_the_watch_cancels_the_call() -> None:
    """A reader that stops leaves nothing running on the server."""
    history = History()
    history.commit()
    closed = asyncio.Event()

    async def told(value: str) -> AsyncIterator[str]:
        try:
            async for message in history.many(value):
                yield message
        finally:
            closed.set()

    async with probed(Probe(many=told), QUICK) as stub:
        async with aclosing(watching(stub)) as stream:
            assert await taken(stream, 1) == ["1:c"]
        await asyncio.wait_for(closed.wait(), 5)


def test_revisions_of_another_origin_count_as_newer() -> None:
    """A mark of a restored database is passed on, so that the caller sees it; within one origin the number counts."""
    ours, restored = Origin("ledger", "c", 1), Origin("ledger", "c", 2)
    assert later(ours.revision(2), ours.revision(1))
    assert not later(ours.revision(1), ours.revision(1))
    assert later(restored.revision(1), ours.revision(9))


@asynccontextmanager
async def ledger(postgres: PostgresForTests) -> AsyncIterator[Database]:
    """A database with the chassis's own tables and nothing in them."""
    with postgres.fresh("weir_ledger") as fresh:
        database = await Database.open(fresh.url("weir_ledger"), schema="weir_ledger")
        try:
            yield database
        finally:
            await database.close()


async def committed(database: Database, tenant: str, *, notify: bool) -> None:
    """One commit of a tenant, with or without the notification."""
    async with database.driving(tenant) as driver:
        await driver.execute(
            "INSERT INTO tenants (tenant, revision) VALUES ($1, 1)"
            " ON CONFLICT (tenant) DO UPDATE SET revision = tenants.revision + 1",
            tenant,
        )
        if notify:
            await driver.execute("SELECT pg_notify($1, $2)", database.channel, tenant)


async def rung(bell: Bell, seconds: float = 10.0) -> None:
    """The bell rings in time; it is muted after."""
    assert await bell.rung(seconds)
    bell.mute()


async def test_postgres_rings_only_whom_it_concerns(postgres: PostgresForTests) -> None:
    """A commit of another process rings those who wait for its tenant, and nobody else."""
    async with ledger(postgres) as database, Wakeups(database, poll_seconds=3600.0).listening() as wakeups:
        with wakeups.bell("acme") as bell, wakeups.bell("other") as other:
            await rung(bell)  # it listens now: what came before may have been missed
            await rung(other)
            await committed(database, "acme", notify=True)
            await rung(bell)
            assert not await other.rung(0.05)


async def test_lost_notification_is_made_up_for(postgres: PostgresForTests) -> None:
    """A commit whose notification is lost is found by polling."""
    async with ledger(postgres) as database, Wakeups(database, poll_seconds=0.05).listening() as wakeups:
        with wakeups.bell("acme") as bell:
            await rung(bell)
            await committed(database, "acme", notify=False)
            await rung(bell)


async def test_listening_survives_its_connection(postgres: PostgresForTests) -> None:
    """When Postgres ends the listening connection another one listens, and whoever waits is rung meanwhile."""
    async with ledger(postgres) as database, Wakeups(database, poll_seconds=3600.0).listening() as wakeups:
        with wakeups.bell("acme") as bell:
            await rung(bell)
            async with database.driver() as driver:
                ended = await driver.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND query ILIKE 'LISTEN%'"
                )
            assert ended == 1
            await rung(bell)
            await committed(database, "acme", notify=True)
            await rung(bell)


async def test_no_bell_is_left() -> None:
    """Who stops waiting leaves no bell behind, however many waited."""
    wakeups = Wakeups()
    with wakeups.bell("acme"):
        with wakeups.bell("acme") as bell:
            wakeups.wake("acme")
            await rung(bell, 0.0)
        assert set(wakeups._bells) == {"acme"}
    await until(lambda: not wakeups._bells)
    wakeups.wake("acme")
    wakeups.wake_all()
    assert not wakeups._bells
