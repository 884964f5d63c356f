"""Following the policies: export and watch give every follower the same state, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import asyncpg
import grpc
import pytest

from tests.kit.calling import refusal
from tests.kit.partitioning import EQUAL, Caller, Partitioning, partitioning, replay
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_chassis.errors import Kind

DEADLINE_SECONDS = 60
REFUSED = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)


@pytest.fixture
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A fresh database."""
    with postgres.fresh("weir_partitioning") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Partitioning]:
    """A service on it."""
    async with partitioning(database) as running:
        yield running


async def followed(caller: Caller, after: Any, until: int) -> list[Any]:
    """The commits of one watch after a revision, up to the number `until`; the last message may be a heartbeat."""
    call = caller.stream("WatchPartitioning", **({} if after is None else {"after": after}))
    commits = []
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for message in call:
                commits += [message] if message.changes else []
                if message.through.number >= until:
                    return commits
    finally:
        call.cancel()
    raise AssertionError("the watch ended by itself")


async def scribble(caller: Caller, seed: int, count: int) -> None:
    """Write, reorder and remove at random, on few enough policies that writers meet; refusals are part of it."""
    chance = random.Random(seed)
    names = ["a", "b", "c", "d"]
    for _ in range(count):
        name = chance.choice(names)
        policy = {"policy": name, "strategy": EQUAL, "priority": chance.randrange(6), "display_name": str(seed)}
        commands: list[tuple[str, dict[str, Any]]] = [
            ("CreatePolicy", {"policy": policy}),
            ("UpdatePolicy", {"policy": policy}),
            ("DeletePolicy", {"policy": name}),
            ("ReorderPolicies", {"policies": chance.sample(names, chance.randrange(1, 5))}),
        ]
        method, fields = chance.choice(commands)
        try:
            await caller.do(method, **fields)
        except grpc.aio.AioRpcError as error:
            if error.code() not in REFUSED:
                raise


async def follow(callers: Sequence[Caller], commits: list[Any]) -> None:
    """Collect commits without end, by watches that break off after a few messages and resume at any service."""
    chance = random.Random(4)
    mark: Any = None
    while True:
        call = chance.choice(callers).stream("WatchPartitioning", **({} if mark is None else {"after": mark}))
        for _ in range(chance.randrange(1, 9)):
            message = await call.read()
            mark = message.through
            commits += [message] if message.changes else []
        call.cancel()


async def test_watching_under_concurrent_writers(service: Partitioning, database: FreshDatabase) -> None:
    """Revisions come in order, each once and whole, however writers race in two processes and the watch is resumed; at
    none of them two policies have one priority."""
    commits: list[Any] = []
    async with partitioning(database) as second:
        services = [service, second]
        follower = asyncio.create_task(follow([each.caller() for each in services], commits))
        await asyncio.gather(*(scribble(each.caller(), seed, 60) for seed, each in enumerate((*services, *services))))
        head, state = await service.caller().export()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not commits or commits[-1].through.number < head.number:
                assert not follower.done()
                await asyncio.sleep(0.01)
        follower.cancel()
    assert head.number > 40
    assert [each.through.number for each in commits] == list(range(1, head.number + 1))
    assert all(each.HasField("recorded_time") for each in commits)
    followed_state: dict[str, Any] = {}
    for commit in commits:
        replay(followed_state, commit.changes)
        assert len({each.priority for each in followed_state.values()}) == len(followed_state)
    assert followed_state == state


async def test_export_then_watch_is_the_state(service: Partitioning) -> None:
    """A follower that exports in mid-history and watches from there ends with the state of a later export."""
    caller = service.caller()
    writer = asyncio.create_task(scribble(caller, 9, 80))
    await caller.create("first")
    revision, state = await caller.export()
    await writer
    head, later = await caller.export(freshness={"at_least": [revision]})
    for commit in await followed(caller, revision, head.number):
        replay(state, commit.changes)
    assert state == later


async def test_an_export_of_nothing_has_a_revision(service: Partitioning) -> None:
    """No policies at all are one message with a revision to watch from; those there are none of them deleted."""
    caller = service.caller()
    empty = [message async for message in caller.stream("ExportPartitioning")]
    assert [(message.revision.number, len(message.objects)) for message in empty] == [(0, 0)]
    await caller.create("b", "a")
    (message,) = [message async for message in caller.stream("ExportPartitioning")]
    assert [(each.policy.policy, each.deleted) for each in message.objects] == [("a", False), ("b", False)]


async def test_a_commit_is_one_message(service: Partitioning) -> None:
    """A new order is one message with every policy that moved, as a whole; what is removed is told as it last was."""
    caller = service.caller()
    made = [await caller.create(name, display_name=name.upper()) for name in "abc"]
    await caller.do("ReorderPolicies", policies=["c", "b", "a"])
    await caller.do("DeletePolicy", policy="b")
    order, gone = (await followed(caller, None, 5))[3:]
    assert [
        (each.policy.policy, each.policy.priority, each.policy.display_name, each.policy.etag) for each in order.changes
    ] == [("c", 1, "C", "4"), ("a", 3, "A", "4")]
    (change,) = gone.changes
    assert (change.policy, change.deleted) == (made[1], True)


async def test_a_watch_stands_at_once(service: Partitioning) -> None:
    """With nothing to tell, the first message is a heartbeat with the mark, and what comes later follows."""
    caller = service.caller()
    await caller.create("first")
    revision = (await caller.do("ListPolicies")).revision
    call = caller.stream("WatchPartitioning", after=revision)
    async with asyncio.timeout(DEADLINE_SECONDS):
        beat = await call.read()
        assert (beat.through, len(beat.changes), beat.HasField("recorded_time")) == (revision, 0, False)
        await service.caller("other").create("theirs")
        await caller.create("ours")
        while not (message := await call.read()).changes:
            pass
    assert (message.through.number, message.changes[0].policy.policy) == (2, "ours")
    call.cancel()


async def test_marks_of_elsewhere_are_refused(service: Partitioning) -> None:
    """A revision of another database or context, or one that was never drawn, does not begin a watch."""
    caller = service.caller()
    await caller.create("a")
    made = (await caller.do("ListPolicies")).revision
    for reason, change in (
        ("REVISION_AHEAD", {"number": 2}),
        ("REVISION_FOREIGN", {"cluster": "elsewhere"}),
        ("REVISION_FOREIGN", {"context": "sharing"}),
        ("REVISION_FOREIGN", {"epoch": made.epoch + 1}),
        ("REQUEST_MALFORMED", {"number": -1}),
    ):
        mark = {field.name: value for field, value in made.ListFields()} | change
        told = await refusal(caller.stream("WatchPartitioning", after=mark).read())
        assert (told.kind, told.reason) == (Kind.MALFORMED, reason)


async def test_history_that_was_given_up_fences(service: Partitioning, database: FreshDatabase) -> None:
    """A mark before the oldest kept revision is refused with that; from it on, and without a mark, watches go on."""
    caller = service.caller()
    marks = []
    for name in "abcd":
        marks.append((await caller.do("CreatePolicy", policy={"policy": name, "strategy": EQUAL})).revision)
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("DELETE FROM weir_partitioning.changes WHERE revision <= 2")
    await owner.close()
    told = await refusal(caller.stream("WatchPartitioning", after=marks[0]).read())
    assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
    assert (told.metadata["number"], told.metadata["oldest_kept"]) == ("1", "2")
    for mark in (marks[1], None):
        assert [each.through.number for each in await followed(caller, mark, 4)] == [3, 4]
