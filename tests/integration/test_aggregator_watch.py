"""WatchLevels over real gRPC: complete, in step, resumable, and harmless to those who read slowly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.kit.market import SCHEMAS, Caller, Market, golden, market, until
from tests.kit.postgres import PostgresForTests
from weir_chassis.policy import Traffic

GOLDEN = {"shop-eu": 180, "shop-us": 80, "till": 12}


@pytest.fixture
async def services(postgres: PostgresForTests) -> AsyncIterator[Market]:
    """The services on a fresh database; watchers hear something twice a second."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database, heartbeat_seconds=0.5) as running:
            yield running


@pytest.fixture
async def caller(services: Market) -> AsyncIterator[Caller]:
    """A caller of the tenant that was loaded at the start."""
    calling = services.caller()
    yield calling
    await calling.close()


class Watch:
    """A client of a watch, which keeps the table it was told."""

    def __init__(self, caller: Caller, **fields: Any) -> None:
        """Watch what `fields` say."""
        self.call = caller.stream("WatchLevels", seconds=None, **fields)
        self.levels: dict[str, dict[str, int]] = {}
        self.messages: list[Any] = []
        self.through: list[Any] = []

    async def read(self) -> Any:
        """Take one message over."""
        message = await self.call.read()
        self.messages.append(message)
        if message.complete_begin:
            self.levels = {}
        table = message.table
        cells = iter(table.levels)
        for sku in table.skus:
            self.levels[sku] = {channel: next(cells) for channel in table.channels}
        self.through = list(message.through) or self.through
        return message

    async def reach(self, *revisions: Any) -> None:
        """Read until told everything up to these revisions."""
        while not all(self._reached(revision) for revision in revisions):
            await self.read()

    def _reached(self, revision: Any) -> bool:
        return any(each.context == revision.context and each.number >= revision.number for each in self.through)


async def test_everything_then_every_change(caller: Caller) -> None:
    """A complete list, then the product that an order lowered and no other; heartbeats repeat the mark."""
    made = await golden(caller)
    booked = await caller.receive("CAR", "US", 5)
    await caller.level("CAR", "till", booked, made[1])
    watch = Watch(caller)
    await watch.reach(booked, made[1])
    assert watch.levels["BIKE"] == GOLDEN
    begun = len(watch.messages)
    reserved = await caller.reserve("BIKE", "FR", 7)
    await watch.reach(reserved)
    assert watch.levels["BIKE"] == {**GOLDEN, "shop-eu": 173}
    assert [list(each.table.skus) for each in watch.messages[begun:] if each.table.skus] == [["BIKE"]]
    heartbeat = await watch.read()
    assert not heartbeat.HasField("table")
    assert [each.number for each in heartbeat.through] == [reserved.number, made[1].number, 0, 0, 0]


async def test_resuming_after_a_mark(caller: Caller) -> None:
    """What changed meanwhile is told and nothing else, as often as the watch breaks."""
    made = await golden(caller)
    booked = await caller.receive("CAR", "US", 5)
    await caller.level("CAR", "till", booked)
    watch = Watch(caller)
    await watch.reach(booked, made[1])
    for number in range(1, 4):
        watch.call.cancel()
        reserved = await caller.reserve("BIKE", "US", 1)
        await caller.level("BIKE", "till", reserved)
        resumed = Watch(caller, after=watch.through)
        await resumed.reach(reserved)
        assert resumed.levels == {"BIKE": {**GOLDEN, "shop-us": 80 - number}}
        assert not any(each.complete for each in resumed.messages)
        watch = resumed


async def test_resuming_where_the_log_is_gone(services: Market, caller: Caller) -> None:
    """A restarted aggregator cannot tell what changed since: it tells everything, marked complete."""
    made = await golden(caller)
    watch = Watch(caller)
    await watch.reach(*made)
    await services.aggregator.end()
    reserved = await caller.reserve("BIKE", "US", 1)
    await services.aggregator.begin()
    resumed = Watch(caller, after=watch.through)
    first = await resumed.read()
    assert first.complete_begin
    await resumed.reach(reserved)
    assert resumed.levels["BIKE"]["shop-us"] == 79


async def test_a_network_that_changes(caller: Caller) -> None:
    """A link shows at once, a new channel in a new complete list, and who watches a channel that goes is refused."""
    made = await golden(caller)
    everyone = Watch(caller)
    await everyone.reach(*made)
    one = Watch(caller, channels=["till"])  # which there is by now
    await one.reach(*made)
    link = {"warehouse_group": "us", "channel_group": "shop-eu"}
    await everyone.reach(await caller.write("CreateGroupLink", group_link=link))
    assert everyone.levels["BIKE"] == {**GOLDEN, "shop-eu": 260}
    added = await caller.write("CreateChannel", channel={"channel": "new", "kind": "CHANNEL_KIND_B2B"})
    await everyone.reach(added)
    assert everyone.levels["BIKE"] == {**GOLDEN, "shop-eu": 260, "new": 0}
    await caller.write("DeleteGroupLink", warehouse_group="berlin", channel_group="till")
    gone = await caller.write("DeleteChannel", channel="till")
    await everyone.reach(gone)
    assert "till" not in everyone.levels["BIKE"]
    with pytest.raises(Exception, match="There is no channel 'till'"):
        await one.reach(gone)


async def test_a_slow_reader_is_told_the_newest(caller: Caller) -> None:
    """Two hundred orders while nobody reads: afterwards it hears the last level, in few messages."""
    made = await golden(caller)
    await caller.do("GetAvailability", product={"sku": "BIKE"}, channel="shop-us", freshness={"at_least": made})
    slow = Watch(caller, channels=["shop-us"])
    await slow.reach(*made)
    draft = {"lines": [{"stock_item": {"product": {"sku": "BIKE"}, "location": "US"}, "quantity": 1}]}
    for _ in range(4):
        for _ in range(10):
            answer = await caller.do("ReserveBatch", drafts=[draft])
        reserved = answer.revision
    await slow.reach(reserved)
    assert slow.levels["BIKE"] == {"shop-us": 40}


async def test_a_cancelled_watch_leaves_nothing_behind(services: Market, caller: Caller) -> None:
    """Its place among the watches is free again."""
    made = await golden(caller)
    watches = [Watch(caller) for _ in range(5)]
    for watch in watches:
        await watch.reach(*made)
    server = services.aggregator.server
    assert server.in_flight(Traffic.WATCH) == 5
    for watch in watches:
        watch.call.cancel()
    await until(lambda: server.in_flight(Traffic.WATCH) == 0)
