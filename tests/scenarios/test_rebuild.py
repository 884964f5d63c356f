"""The aggregator has no truth of its own: killed in any moment it comes back, says nothing before it knows, and then
says the same; those who watched it go on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.kit import suite as kit
from tests.kit.merchant import Merchant, golden, refused, rows
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Program, program
from tests.kit.proxy import Wire, wire
from tests.kit.waiting import until
from weir.aggregator.v1 import availability_service_pb2 as availability_pb
from weir.common.v1.revision_pb2 import Revision
from weir.common.v1.stock_pb2 import Product
from weir_chassis import status
from weir_chassis.revisions import Revision as Mark
from weir_chassis.revisions import from_wire

TENANT = "merchant of the rebuild"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True)
class Mortal:
    """A suite whose aggregator is a process of its own, and hears from the ledger over a wire."""

    suite: kit.Suite
    ledger: Wire
    aggregator: Program
    merchant: Merchant
    """Whose projection is loaded at the start."""

    async def health(self) -> int:
        """What the aggregator says of itself; NOT_SERVING too while nobody answers."""
        stub: Any = health_pb2_grpc.HealthStub(self.suite.channels[self.aggregator.address])
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5, wait_for_ready=True)
        except grpc.aio.AioRpcError:
            return int(NOT_SERVING)
        return int(answer.status)

    async def until_serving(self) -> None:
        """Wait until the aggregator says that it serves."""

        async def serving() -> bool:
            return await self.health() == SERVING

        await until(serving)


@pytest.fixture(scope="module")
async def mortal(postgres: PostgresForTests) -> AsyncIterator[Mortal]:
    """One for the module, with a merchant of golden case 1 in its books."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*kit.SCHEMAS))
        servers = await kit.books_and_rules(stack, database)
        addresses = kit.addresses(servers)
        ledger_wire = await stack.enter_async_context(wire(addresses["ledger"]))
        targets = {**addresses, "ledger": ledger_wire.address}
        aggregator = await stack.enter_async_context(
            program(
                "aggregator",
                WEIR_AGGREGATOR_TENANTS=TENANT,
                WEIR_AGGREGATOR_HEARTBEAT_SECONDS="0.5",
                **{f"WEIR_{service.upper()}_TARGET": address for service, address in targets.items()},
            )
        )
        addresses["aggregator"] = aggregator.address
        channels = await stack.enter_async_context(kit.connected(*addresses.values()))
        suite = kit.Suite(addresses, channels, servers)
        merchant = suite.merchant(TENANT)
        await golden(merchant)
        yield Mortal(suite, ledger_wire, aggregator, merchant)


@pytest.fixture
async def merchant(mortal: Mortal) -> AsyncIterator[Merchant]:
    """The merchant of the module; the wire is open again afterwards."""
    yield mortal.merchant
    mortal.ledger.let_go()


async def test_it_says_nothing_before_it_knows(mortal: Mortal, merchant: Merchant) -> None:
    """Killed and started behind a wire that is held, it listens, is NOT_SERVING and refuses every question as
    NOT_CAUGHT_UP; let go, it serves the levels that it served before."""
    await mortal.until_serving()
    before = await merchant.levels()
    assert before["BIKE"] == {"till": 12, "web-eu": 180, "web-us": 80}
    mortal.ledger.hold()
    await mortal.aggregator.kill()
    await mortal.aggregator.start()
    assert await mortal.health() == NOT_SERVING
    question = availability_pb.GetAvailabilityRequest(product=Product(sku="BIKE"), channel="till")
    error = await refused(merchant.stubs.availability.GetAvailability(question, timeout=1.0))
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.UNAVAILABLE, "NOT_CAUGHT_UP")
    assert await mortal.health() == NOT_SERVING
    mortal.ledger.let_go()
    await mortal.until_serving()
    assert await merchant.levels() == before


@dataclass(slots=True)
class Follower:
    """A client that keeps a table of levels by watching, as any client would: resumed after the last mark."""

    merchant: Merchant
    levels: dict[str, dict[str, int]] = field(default_factory=dict)
    mark: dict[str, Revision] = field(default_factory=dict)
    marks: list[dict[str, Mark]] = field(default_factory=list)
    complete_lists: int = 0
    breaks: int = 0

    async def follow(self) -> None:
        """Watch for ever, over any number of breaks."""
        while True:
            request = availability_pb.WatchLevelsRequest(after=self.mark.values())
            watch = self.merchant.stubs.availability.WatchLevels(request, timeout=None, wait_for_ready=True)
            try:
                async for message in watch:
                    self.take(message)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.breaks += 1
            finally:
                watch.cancel()
            await asyncio.sleep(0.02)  # as every client pauses before it tries again

    def take(self, message: availability_pb.WatchLevelsResponse) -> None:
        """Apply one message."""
        if message.complete_begin:
            self.levels.clear()
            self.complete_lists += 1
        self.levels |= rows(message.table)
        if message.through:
            self.mark = {each.context: each for each in message.through}
            self.marks.append({each.context: from_wire(each) for each in message.through})

    async def until(self, context: str, number: int) -> None:
        """Wait until everything up to a revision was heard."""
        await until(lambda: context in self.mark and self.mark[context].number >= number)


async def test_those_who_watch_go_on(mortal: Mortal, merchant: Merchant) -> None:
    """Killed again and again while stock comes in, it leaves every watcher, once it is back, with the levels that it
    answers with itself; no mark that a watcher was given ever goes back."""
    await mortal.until_serving()
    follower = Follower(merchant)
    following = asyncio.create_task(follower.follow())
    try:
        units = 0
        for _ in range(2):
            received = await merchant.receive("LAMP", US=1)
            units += 1
            await follower.until("ledger", received.number)
            assert follower.levels["LAMP"]["web-us"] == units
            await mortal.aggregator.kill()
            for _ in range(5):
                received = await merchant.receive("LAMP", US=1)
                units += 1
            await mortal.aggregator.start()
            await follower.until("ledger", received.number)
            assert follower.levels["LAMP"]["web-us"] == units
        assert follower.levels == await merchant.levels()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert follower.breaks >= 2
    assert follower.complete_lists >= 1
    for earlier, later in zip(follower.marks, follower.marks[1:], strict=False):
        assert all(later[context].includes(mark) for context, mark in earlier.items())


async def test_it_ends_when_asked(mortal: Mortal, merchant: Merchant) -> None:
    """Asked to end it ends with status 0, though somebody watches, and can be started again."""
    await mortal.until_serving()
    watch = merchant.stubs.availability.WatchLevels(availability_pb.WatchLevelsRequest())
    assert (await anext(aiter(watch))).complete_begin
    assert await mortal.aggregator.stop() == 0
    error = await refused(watch)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    await mortal.aggregator.start()
    await mortal.until_serving()
