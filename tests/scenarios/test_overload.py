"""Too much at once: what is over the limit is refused at once with a hint when to come again, what was begun is
finished, and whoever asks how the service is hears that it is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2

from tests.kit import suite as kit
from tests.kit.merchant import Merchant, request_id
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.suite import Suite
from tests.kit.waiting import until
from weir.ledger.v1 import ledger_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2, policy_pb2
from weir.pooling.v1 import pool_pb2, pooling_service_pb2
from weir.sync.v1 import rule_pb2, rule_service_pb2
from weir_chassis import status
from weir_chassis.policy import Traffic

LIMIT = 8
BURST = 60


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for the module."""
    with postgres.fresh(*kit.SCHEMAS) as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def narrow(database: FreshDatabase) -> AsyncIterator[Suite]:
    """A ledger and a sharing service that take few calls at once; no aggregator."""
    async with AsyncExitStack() as stack:
        servers = await kit.books_and_rules(stack, database, write_limit=LIMIT, read_limit=LIMIT, watch_limit=LIMIT)
        addresses = kit.addresses(servers)
        channels = await stack.enter_async_context(kit.connected(*addresses.values()))
        yield Suite({**addresses, "aggregator": addresses["ledger"]}, channels, servers)


@asynccontextmanager
async def stalled(database: FreshDatabase, schema: str) -> AsyncIterator[None]:
    """Within the block no write of this schema gets anywhere: somebody else has locked what every one of them needs."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        async with connection.transaction():
            await connection.execute(f'LOCK TABLE "{schema}".requests, "{schema}".tenants IN ACCESS EXCLUSIVE MODE')
            yield
    finally:
        await connection.close()


async def healthy(suite: Suite, address: str) -> bool:
    """Whether the service at an address says that it serves."""
    check = suite.channels[address].unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    answer = await check(health_pb2.HealthCheckRequest(), timeout=60)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def burst(merchant: Merchant, service: str) -> list[asyncio.Task[Any]]:
    """Many writes at once to a service, each of something of its own."""
    writes: dict[str, Callable[[str], Coroutine[Any, Any, Any]]] = {
        "weir_ledger": merchant.location,
        "weir_sharing": merchant.group,
        "weir_partitioning": lambda name: policy(merchant, name),
        "weir_sync": lambda name: rule(merchant, name),
        "weir_pooling": lambda name: user(merchant, name),
    }
    return [asyncio.create_task(writes[service](f"{service} {number}")) for number in range(BURST)]


async def policy(merchant: Merchant, name: str) -> None:
    """Add a policy."""
    made = policy_pb2.Policy(policy=name, strategy=policy_pb2.STRATEGY_EQUAL_DIVISION)
    await merchant.stubs.partitioning.CreatePolicy(
        partitioning_service_pb2.CreatePolicyRequest(request_id=request_id(), policy=made)
    )


async def rule(merchant: Merchant, name: str) -> None:
    """Add a rule."""
    made = rule_pb2.Rule(rule=name, stores=["store"])
    await merchant.stubs.rules.CreateRule(rule_service_pb2.CreateRuleRequest(request_id=request_id(), rule=made))


async def user(merchant: Merchant, name: str) -> None:
    """Add a person."""
    made = pool_pb2.User(user=name, role=pool_pb2.USER_ROLE_REP)
    await merchant.stubs.pooling.CreateUser(pooling_service_pb2.CreateUserRequest(request_id=request_id(), user=made))


@pytest.mark.parametrize("service", kit.SCHEMAS)
async def test_what_is_too_much_is_shed_at_once(narrow: Suite, database: FreshDatabase, service: str) -> None:
    """Of a burst of writes while none can be finished as many as the limit says wait, the others are refused at once
    with RESOURCE_EXHAUSTED and a time to come again; health answers all along; those that waited succeed, and
    afterwards there is room again."""
    merchant = narrow.merchant()
    server = narrow.servers[service]
    async with stalled(database, service):
        writes = await burst(merchant, service)
        await until(lambda: sum(each.done() for each in writes) == BURST - LIMIT)
        assert server.in_flight(Traffic.WRITE) == LIMIT
        for each in [each for each in writes if each.done()]:
            error = each.exception()
            assert isinstance(error, grpc.aio.AioRpcError)
            told = status.told(error)
            assert told is not None
            assert (error.code(), told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert told.retry_after_seconds
        assert await healthy(narrow, server.address)
        waiting = [each for each in writes if not each.done()]
        assert len(waiting) == LIMIT
    await asyncio.gather(*waiting)
    assert server.in_flight(Traffic.WRITE) == 0
    await asyncio.gather(*(await burst(narrow.merchant(), service))[:LIMIT])


async def test_readers_are_not_shed_for_writers(narrow: Suite, database: FreshDatabase) -> None:
    """A class of traffic that is full leaves the others their room: while writes are shed, reads are answered."""
    merchant = narrow.merchant()
    await merchant.location("W")
    async with stalled_entries(database):
        writes = [asyncio.create_task(merchant.receive(f"SKU{number}", W=1)) for number in range(BURST)]
        await until(lambda: sum(each.done() for each in writes) == BURST - LIMIT)
        answer = await merchant.stubs.ledger.GetLocation(ledger_service_pb2.GetLocationRequest(location="W"))
        assert answer.location.location == "W"
    done = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in done) == LIMIT


@asynccontextmanager
async def stalled_entries(database: FreshDatabase) -> AsyncIterator[None]:
    """Within the block entries can be read and not written."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE weir_ledger.entries IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def test_watches_have_their_own_limit(narrow: Suite) -> None:
    """One watch more than the limit is refused at once; when one ends there is room for another."""
    merchant = narrow.merchant()
    await merchant.location("W")
    request = ledger_service_pb2.WatchEntriesRequest()
    watches = [merchant.stubs.ledger.WatchEntries(request) for _ in range(LIMIT)]
    for watch in watches:
        assert await first(watch) == 1
    one_more = merchant.stubs.ledger.WatchEntries(request)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await one_more.read()
    assert status.reason(refused.value) == "OVERLOADED"
    watches.pop().cancel()
    await until(lambda: narrow.servers["weir_ledger"].in_flight(Traffic.WATCH) == LIMIT - 1)
    watches.append(merchant.stubs.ledger.WatchEntries(request))
    assert await first(watches[-1]) == 1
    for watch in watches:
        watch.cancel()
    await until(lambda: narrow.servers["weir_ledger"].in_flight(Traffic.WATCH) == 0)


async def first(watch: Any) -> int:
    """The revision of the first commit of a watch."""
    message = await watch.read()
    return int(message.through.number)


async def test_nothing_is_left_of_calls_that_were_given_up(narrow: Suite, database: FreshDatabase) -> None:
    """Callers that cancel, or whose deadline passes, while nothing moves leave no call behind them; and the service
    answers the next one."""
    merchant = narrow.merchant()
    server = narrow.servers["weir_ledger"]
    await merchant.location("W")
    async with stalled_entries(database):
        writes = [asyncio.create_task(merchant.receive(f"SKU{number}", W=1)) for number in range(LIMIT)]
        await until(lambda: server.in_flight(Traffic.WRITE) == LIMIT)
        for each in writes:
            each.cancel()
        await asyncio.gather(*writes, return_exceptions=True)
        await until(lambda: server.in_flight(Traffic.WRITE) == 0)
    await merchant.receive("AFTERWARDS", W=1)
