"""Following the network: export and watch give every follower the same state, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import grpc
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.kit.calling import refusal
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.sharing import WEBSHOP, Caller, Sharing, golden_network, replay, sharing
from weir_chassis.database import Database
from weir_chassis.errors import Kind

DEADLINE_SECONDS = 60
RULES = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)


@pytest.fixture
def database(postgres: PostgresForTests) -> Any:
    """A fresh database."""
    with postgres.fresh("weir_sharing") as fresh:
        yield fresh


@pytest.fixture
async def service(database: FreshDatabase) -> AsyncIterator[Sharing]:
    """A service on it."""
    async with sharing(database) as running:
        yield running


async def followed(caller: Caller, after: Any, until: int) -> list[Any]:
    """The commits of one watch after a revision, up to the number `until`; the last message may be a heartbeat."""
    call = caller.stream("WatchNetwork", **({} if after is None else {"after": after}))
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
    """Write and remove at random, on few enough objects that writers meet; refusals are part of it."""
    chance = random.Random(seed)
    for _ in range(count):
        name, place = f"channel {chance.randrange(4)}", f"group {chance.randrange(3)}"
        commands: list[tuple[str, dict[str, Any]]] = [
            ("CreateChannel", {"channel": {"channel": name, "kind": WEBSHOP, "display_name": str(chance.random())}}),
            ("DeleteChannel", {"channel": name}),
            ("CreateWarehouseGroup", {"warehouse_group": {"warehouse_group": place}}),
            ("DeleteWarehouseGroup", {"warehouse_group": place}),
            ("CreateGroupLink", {"group_link": {"warehouse_group": place, "channel_group": name}}),
            ("DeleteGroupLink", {"warehouse_group": place, "channel_group": name}),
        ]
        method, fields = chance.choice(commands)
        try:
            await caller.do(method, **fields)
        except grpc.aio.AioRpcError as error:
            if error.code() not in RULES:
                raise


async def follow(callers: Sequence[Caller], commits: list[Any]) -> None:
    """Collect commits without end, by watches that break off after a few messages and resume at any service."""
    chance = random.Random(4)
    mark: Any = None
    while True:
        call = chance.choice(callers).stream("WatchNetwork", **({} if mark is None else {"after": mark}))
        for _ in range(chance.randrange(1, 9)):
            message = await call.read()
            mark = message.through
            commits += [message] if message.changes else []
        call.cancel()


async def raced(
    services: Sequence[Sharing], write: Callable[[Caller, int], Awaitable[None]]
) -> tuple[list[Any], Any, dict[tuple[str, ...], Any]]:
    """What a follower saw while two writers at each service wrote, and the export at their end."""
    commits: list[Any] = []
    follower = asyncio.create_task(follow([each.caller() for each in services], commits))
    await asyncio.gather(*(write(each.caller(), seed) for seed, each in enumerate((*services, *services))))
    head, state = await services[0].caller().export()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not commits or commits[-1].through.number < head.number:
            assert not follower.done()
            await asyncio.sleep(0.01)
    follower.cancel()
    return commits, head, state


async def test_watching_under_concurrent_writers(service: Sharing, database: FreshDatabase) -> None:
    """Revisions come in order, each once and whole, however writers race in two processes and the watch is resumed."""
    async with sharing(database) as second:
        commits, head, state = await raced([service, second], lambda caller, seed: scribble(caller, seed, 60))
    assert head.number > 40
    assert [each.through.number for each in commits] == list(range(1, head.number + 1))
    assert all(each.HasField("recorded_time") for each in commits)
    followed_state: dict[tuple[str, ...], Any] = {}
    for commit in commits:
        replay(followed_state, commit.changes)
    assert followed_state == state


async def test_a_skipped_revision_would_be_seen(
    service: Sharing, database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: where numbers are drawn before the lock that orders commits, the same follower misses some."""
    counter, chance = itertools.count(2), random.Random(7)
    later = text("UPDATE tenants SET revision = greatest(revision, :number) WHERE tenant = :tenant")

    async def draw_too_early(connection: AsyncConnection, tenant: str) -> int:
        number = next(counter)
        await asyncio.sleep(chance.random() / 100)
        await connection.execute(later, {"number": number, "tenant": tenant})
        return number

    async def fill(caller: Caller, seed: int) -> None:
        for each in range(40):
            await caller.do("CreateChannelGroup", channel_group={"channel_group": f"{seed} {each}"})

    await service.caller().do("CreateChannelGroup", channel_group={"channel_group": "first"})
    monkeypatch.setattr("weir_chassis.configuration.postgres.objects.draw", draw_too_early)
    monkeypatch.setattr(Database, "writing", Database.tenant)
    async with sharing(database) as second:
        commits, head, _ = await raced([service, second], fill)
    assert head.number == 161
    assert [each.through.number for each in commits] != list(range(1, head.number + 1))


async def test_export_then_watch_is_the_state(service: Sharing) -> None:
    """A follower that exports in mid-history and watches from there ends with the state of a later export."""
    caller = service.caller()
    writer = asyncio.create_task(scribble(caller, 9, 80))
    await caller.do("CreateChannel", channel={"channel": "first", "kind": WEBSHOP})
    revision, state = await caller.export()
    await writer
    head, later = await caller.export(freshness={"at_least": [revision]})
    for commit in await followed(caller, revision, head.number):
        replay(state, commit.changes)
    assert state == later


async def test_an_export_comes_in_the_order_that_things_refer_in(service: Sharing) -> None:
    """Policies, warehouse groups, channel groups, channels, links; an empty network is one message with a revision."""
    caller = service.caller()
    empty = [message async for message in caller.stream("ExportNetwork")]
    assert [(message.revision.number, len(message.objects)) for message in empty] == [(0, 0)]
    await golden_network(caller)
    (message,) = [message async for message in caller.stream("ExportNetwork")]
    kinds = [each.WhichOneof("object") for each in message.objects]
    assert kinds == (
        ["location_setting"] + ["warehouse_group"] * 3 + ["channel_group"] * 3 + ["channel"] * 3 + ["group_link"] * 3
    )
    assert message.revision.number == 10
    assert not any(each.deleted for each in message.objects)


async def test_a_commit_is_one_message(service: Sharing) -> None:
    """What one write changes comes together: a channel with the group of its own, made and removed."""
    caller = service.caller()
    await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP})
    await caller.do("DeleteChannel", channel="web")
    made, removed = await followed(caller, None, 2)
    assert [each.WhichOneof("object") for each in made.changes] == ["channel_group", "channel"]
    assert [(each.WhichOneof("object"), each.deleted) for each in removed.changes] == [
        ("channel", True),
        ("channel_group", True),
    ]
    assert removed.changes[0].channel == made.changes[1].channel


async def test_a_watch_stands_at_once(service: Sharing) -> None:
    """With nothing to tell, the first message is a heartbeat with the mark, and what comes later follows."""
    caller = service.caller()
    revision = (await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP})).revision
    call = caller.stream("WatchNetwork", after=revision)
    async with asyncio.timeout(DEADLINE_SECONDS):
        beat = await call.read()
        assert (beat.through, len(beat.changes), beat.HasField("recorded_time")) == (revision, 0, False)
        await service.caller("other").do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP})
        await caller.do("DeleteChannel", channel="web")
        while not (message := await call.read()).changes:
            pass
    assert message.through.number == 2
    call.cancel()


async def test_marks_of_elsewhere_are_refused(service: Sharing) -> None:
    """A revision of another database or context, or one that was never drawn, does not begin a watch."""
    caller = service.caller()
    made = (await caller.do("CreateChannel", channel={"channel": "web", "kind": WEBSHOP})).revision
    for reason, change in (
        ("REVISION_AHEAD", {"number": 2}),
        ("REVISION_FOREIGN", {"cluster": "elsewhere"}),
        ("REVISION_FOREIGN", {"context": "ledger"}),
        ("REVISION_FOREIGN", {"epoch": made.epoch + 1}),
        ("REQUEST_MALFORMED", {"number": -1}),
    ):
        mark = {field.name: value for field, value in made.ListFields()} | change
        told = await refusal(caller.stream("WatchNetwork", after=mark).read())
        assert (told.kind, told.reason) == (Kind.MALFORMED, reason)


async def test_history_that_was_given_up_fences(service: Sharing, database: FreshDatabase) -> None:
    """A mark before the oldest kept revision is refused with that; from it on, and without a mark, watches go on."""
    caller = service.caller()
    revisions = [
        (await caller.do("CreateChannel", channel={"channel": str(each), "kind": WEBSHOP})).revision
        for each in range(4)
    ]
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("DELETE FROM weir_sharing.changes WHERE revision <= 2")
    await owner.close()
    told = await refusal(caller.stream("WatchNetwork", after=revisions[0]).read())
    assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
    assert (told.metadata["number"], told.metadata["oldest_kept"]) == ("1", "2")
    for mark in (revisions[1], None):
        assert [each.through.number for each in await followed(caller, mark, 4)] == [3, 4]
