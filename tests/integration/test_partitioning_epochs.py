"""Epochs over real gRPC and Postgres: what groups have left of their shares, how it came to that, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.kit import ledger as books
from tests.kit.calling import refusal
from tests.kit.dividing import Divided, dissolved, epoch, kept, on_postgres
from tests.kit.ledger import Ledger, weighing
from tests.kit.partitioning import Caller, Partitioning, partitioning
from tests.kit.postgres import FreshDatabase, PostgresForTests
from weir_allocation.claims import Claim
from weir_chassis.errors import Kind

DEADLINE_SECONDS = 60
MESSAGE_SIZE_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database for all of these tests; each has tenants of its own."""
    with postgres.fresh("weir_ledger", "weir_partitioning") as fresh:
        yield fresh


@pytest.fixture(scope="module")
async def ledger(database: FreshDatabase) -> AsyncIterator[Ledger]:
    """The ledger that counts."""
    async with books.ledger(database) as running:
        yield running


@pytest.fixture(scope="module")
async def service(database: FreshDatabase, ledger: Ledger) -> AsyncIterator[Partitioning]:
    """A service on it, to whose epochs nobody adds but the tests."""
    async with partitioning(database, ledger_target=ledger.server.address) as running:
        yield running


@pytest.fixture(scope="module")
async def divided(database: FreshDatabase) -> AsyncIterator[Divided]:
    """Where tests put epochs."""
    async with on_postgres(database) as there:
        yield there


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant that nobody else has."""
    return f"tenant of {request.node.name}"


@pytest.fixture
def caller(service: Partitioning, tenant: str) -> Caller:
    """A caller of it."""
    return service.caller(tenant)


async def pages(caller: Caller, method: str, **fields: Any) -> list[Any]:
    """Every page of a list."""
    found: list[Any] = []
    while not found or found[-1].next_page_token:
        token = found[-1].next_page_token if found else ""
        found.append(await caller.do(method, page_token=token, **fields))
    return found


def product(sku: str) -> dict[str, str]:
    """One of the products that are divided."""
    return {"owner": "acme", "sku": sku}


async def test_shares_are_counted_by_the_ledger(caller: Caller, divided: Divided, ledger: Ledger, tenant: str) -> None:
    """What orders claim in the ledger is taken from the share, in units of the product, and comes back when they are
    given up; what has gone out stays claimed and is promised no more."""
    (made,) = await kept(divided.epochs, tenant, epoch("KIT", "home", {"web": 10, "till": 4}, scale=2))
    web = Claim(("acme", "KIT"), "home", "web", 2)
    orders = ledger.caller(tenant)
    await orders.place("W1")
    await orders.receive("A", 20)
    await orders.ceilings(made.number, **{web.key: 20})
    order = await orders.confirmed(weighing("A", 6, **{web.key: 1}))

    async def told() -> list[tuple[str, int, int, int, int]]:
        answer = await caller.do("ListShares")
        assert answer.revision.context == "ledger"
        return [
            (each.channel_group, each.balanced, each.claimed, each.remaining, each.reserved) for each in answer.shares
        ]

    assert await told() == [("till", 4, 0, 4, 0), ("web", 10, 3, 7, 3)]
    await orders.do("Fulfil", reservation=order.reservation, lines=[{"line": 1, "quantity": 3}])
    assert (await told())[1] == ("web", 10, 3, 7, 2)
    await orders.do("Release", reservation=order.reservation)
    assert (await told())[1] == ("web", 10, 2, 8, 0)
    (till, _) = (await caller.do("ListShares")).shares
    assert (till.product.sku, till.warehouse_group, till.epoch, till.policy) == ("KIT", "home", 1, "balanced")


async def test_pages_of_shares(caller: Caller, divided: Divided, tenant: str) -> None:
    """Pages of any size are all shares once and in order, more than the ledger is asked for at once, too; filters leave
    only what is meant."""
    names = ["web", "till", "rep"]
    await kept(divided.epochs, tenant, *(epoch(f"{number:02}", shares=dict.fromkeys(names, 1)) for number in range(60)))
    every = [(f"{number:02}", name) for number in range(60) for name in sorted(names)]
    for size in (7, 90, 179, 180, 1000):
        found = await pages(caller, "ListShares", page_size=size)
        assert [(each.product.sku, each.channel_group) for page in found for each in page.shares] == every
        assert len(found) == -(-180 // size)
    (page,) = await pages(caller, "ListShares", product=product("07"), channel_group="web")
    assert [(each.product.sku, each.channel_group) for each in page.shares] == [("07", "web")]
    (page,) = await pages(caller, "ListShares", warehouse_group="elsewhere")
    assert (len(page.shares), page.revision.context) == (0, "ledger")


async def test_pages_of_epochs(caller: Caller, divided: Divided, tenant: str) -> None:
    """Pages of any size are all epochs once, the newest first; filters leave only what is meant."""
    several = [epoch(sku, group) for sku in "ab" for group in "xy" for _ in range(3)]
    await kept(divided.epochs, tenant, *several, dissolved("a", "x"))
    for size in (1, 5, 12, 13, 0):
        found = await pages(caller, "ListEpochs", page_size=size)
        assert [each.epoch for page in found for each in page.epochs] == list(range(13, 0, -1))
        assert {page.revision.number for page in found} == {13}
    (page,) = await pages(caller, "ListEpochs", product=product("a"), warehouse_group="x")
    assert [(each.epoch, len(each.shares)) for each in page.epochs] == [(13, 0), (3, 2), (2, 2), (1, 2)]
    assert (page.epochs[0].policy, page.epochs[1].policy) == ("", "balanced")


async def test_answers_fit_into_messages(caller: Caller, divided: Divided, tenant: str) -> None:
    """Epochs of a thousand groups each are listed and watched in messages of less than 1 MiB, none lost."""
    groups = {f"{number:03} of a group with a long name".ljust(100, "x"): 1 for number in range(1000)}
    await kept(divided.epochs, tenant, *(epoch(sku, shares=groups) for sku in "abcdefgh"))
    found = await pages(caller, "ListEpochs", page_size=1000)
    assert [each.epoch for page in found for each in page.epochs] == list(range(8, 0, -1))
    watched = await watched_through(caller, 8)
    assert [each.epoch for message in watched for each in message.epochs] == list(range(1, 9))
    sizes = [message.ByteSize() for message in (*found, *watched)]
    assert MESSAGE_SIZE_MAX // 4 < max(sizes) < MESSAGE_SIZE_MAX


async def watched_through(caller: Caller, number: int, **fields: Any) -> list[Any]:
    """The messages of a watch up to the one that reaches an epoch; the last may be a heartbeat."""
    call = caller.stream("WatchEpochs", **fields)
    found = []
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            async for message in call:
                found.append(message)
                if message.through.number >= number:
                    return found
    finally:
        call.cancel()
    raise AssertionError("the watch ended by itself")


async def test_a_watch_misses_nothing(caller: Caller, divided: Divided, tenant: str) -> None:
    """While several divide at the same time, a watcher that hangs up after every message and resumes is told every
    epoch once, in order of the numbers, without a gap."""

    async def divide(group: str) -> None:
        for number in range(20):
            await kept(divided.epochs, tenant, epoch(f"{number % 3}", group))

    dividing = [asyncio.create_task(divide(group)) for group in "abc"]
    found: list[int] = []
    mark: dict[str, Any] = {}
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not found or found[-1] < 60:
            call = caller.stream("WatchEpochs", **mark)
            message = await call.read()
            while not message.epochs:
                message = await call.read()
            call.cancel()
            found += [each.epoch for each in message.epochs]
            assert message.through.number == found[-1]
            mark = {"after": message.through}
    await asyncio.gather(*dividing)
    assert found == list(range(1, 61))


async def test_a_watch_stands_at_once(caller: Caller, divided: Divided, tenant: str) -> None:
    """With nothing to tell, the first message is a heartbeat with the mark, and what comes later follows; what happens
    to policies or to other tenants is none of it."""
    await kept(divided.epochs, tenant, epoch())
    head = (await caller.do("ListEpochs")).revision
    call = caller.stream("WatchEpochs", after=head)
    async with asyncio.timeout(DEADLINE_SECONDS):
        beat = await call.read()
        assert (beat.through, len(beat.epochs)) == (head, 0)
        await kept(divided.epochs, f"not {tenant}", epoch("THEIRS"))
        await caller.create("policy")
        await kept(divided.epochs, tenant, epoch("OURS"))
        while not (message := await call.read()).epochs:
            assert message.through == head
    call.cancel()
    assert [(each.epoch, each.product.sku, each.in_force) for each in message.epochs] == [(2, "OURS", False)]


async def test_marks_of_elsewhere_are_refused(caller: Caller, divided: Divided, tenant: str) -> None:
    """A revision of another database or context, policies' too, or one that was never drawn begins no watch, and no
    list includes it."""
    await kept(divided.epochs, tenant, epoch())
    made = (await caller.do("ListEpochs")).revision
    assert (made.context, made.number) == ("epochs", 1)
    await caller.do("ListEpochs", freshness={"at_least": [made]})
    for reason, change in (
        ("REVISION_AHEAD", {"number": 2}),
        ("REVISION_FOREIGN", {"cluster": "elsewhere"}),
        ("REVISION_FOREIGN", {"context": "partitioning"}),
        ("REVISION_FOREIGN", {"epoch": made.epoch + 1}),
        ("REQUEST_MALFORMED", {"number": -1}),
    ):
        mark = {field.name: value for field, value in made.ListFields()} | change
        told = [
            await refusal(caller.stream("WatchEpochs", after=mark).read()),
            await caller.refused("ListEpochs", freshness={"at_least": [mark]}),
        ]
        assert [(each.kind, each.reason) for each in told] == [(Kind.MALFORMED, reason)] * 2
    shares = await caller.refused("ListShares", freshness={"at_least": [made]}, channel_group="nobody")
    assert shares.reason == "REVISION_FOREIGN"  # what is claimed is of the ledger


async def test_epochs_that_were_given_up_fence(caller: Caller, divided: Divided, tenant: str) -> None:
    """A mark before the oldest kept epoch is refused with that; from it on, and without a mark, watches go on, and the
    newest epoch of every supply is listed for ever."""
    await kept(divided.epochs, tenant, epoch("A"), epoch("B"), epoch("A"), epoch("B"), epoch("B"))
    marks = [message.through for message in await watched_through(caller, 5)]
    origin = {field.name: value for field, value in marks[-1].ListFields()}
    await divided.epochs.forget(keep_seconds=0)
    told = await refusal(caller.stream("WatchEpochs", after={**origin, "number": 3}).read())
    assert (told.kind, told.reason) == (Kind.EXPIRED, "REVISION_COMPACTED")
    assert (told.metadata["number"], told.metadata["oldest_kept"]) == ("3", "4")
    for fields in ({}, {"after": {**origin, "number": 4}}):
        found = await watched_through(caller, 5, **fields)
        assert [each.epoch for message in found for each in message.epochs] == [5]
    assert [each.epoch for each in (await caller.do("ListEpochs")).epochs] == [5, 3]
    assert {each.epoch for each in (await caller.do("ListShares")).shares} == {5, 3}


MALFORMED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("ListShares", {"product": {}, "warehouse_group": " ", "channel_group": "\n", "page_size": -1},
        ["product.sku", "warehouse_group", "channel_group", "page_size"]),
    ("ListShares", {"product": {"owner": " ", "sku": "a"}, "page_size": 1001}, ["product.owner", "page_size"]),
    ("ListEpochs", {"product": {}, "warehouse_group": " ", "page_size": -1},
        ["product.sku", "warehouse_group", "page_size"]),
]  # fmt: skip


async def test_every_bad_field_is_named_at_once(caller: Caller) -> None:
    """Blank, missing, repeated, too many: one INVALID_ARGUMENT names all of them; and a token goes on only in the list
    that it was given out for."""
    for method, fields, bad in MALFORMED:
        told = await caller.refused(method, **fields)
        assert (told.kind, told.reason) == (Kind.MALFORMED, "REQUEST_MALFORMED")
        assert sorted(each.field for each in told.violations) == sorted(bad), fields
    products = [product("a"), {"owner": " "}, product("a")]
    told = await refusal(caller.stream("Rebalance", request_id="", products=products).read())
    assert [each.field for each in told.violations] == [
        "products[1].owner", "products[1].sku", "products[2]", "request_id",
    ]  # fmt: skip
    many = [product(f"{number}") for number in range(10_001)]
    told = await refusal(caller.stream("Rebalance", products=many).read())
    assert [each.field for each in told.violations] == ["products"]


async def test_tokens_are_of_their_list(service: Partitioning, caller: Caller, divided: Divided, tenant: str) -> None:
    """A token goes on only in the list, with the filter and for the tenant that it was given out for."""
    await kept(divided.epochs, tenant, epoch("A"), epoch("B"))
    shares = (await caller.do("ListShares", page_size=1)).next_page_token
    epochs = (await caller.do("ListEpochs", page_size=1)).next_page_token
    for asked in (
        caller.refused("ListEpochs", page_token=shares),
        caller.refused("ListShares", page_token=epochs),
        caller.refused("ListShares", page_token=shares, channel_group="web"),
        caller.refused("ListEpochs", page_token=epochs, product=product("A")),
        service.caller("another").refused("ListShares", page_token=shares),
    ):
        told = await asked
        assert (told.kind, told.reason) == (Kind.MALFORMED, "PAGE_TOKEN_INVALID")


async def test_each_tenant_sees_only_its_own(service: Partitioning, divided: Divided, tenant: str) -> None:
    """Lists and watches of a tenant hold nothing of another, and its numbers are its own."""
    await kept(divided.epochs, tenant, epoch(), epoch("B"))
    spy = service.caller(f"not {tenant}")
    for fields in ({}, {"product": product("TV"), "warehouse_group": "home"}):
        assert list((await spy.do("ListShares", **fields)).shares) == []
        answer = await spy.do("ListEpochs", **fields)
        assert (list(answer.epochs), answer.revision.number) == ([], 0)
    (beat,) = await watched_through(spy, 0)
    assert (beat.through.number, len(beat.epochs)) == (0, 0)
    head = (await service.caller(tenant).do("ListEpochs")).revision
    assert (await refusal(spy.stream("WatchEpochs", after=head).read())).reason == "REVISION_AHEAD"


async def test_peers_that_are_away(database: FreshDatabase, divided: Divided, tenant: str) -> None:
    """Without the ledger nobody knows what is left, without the aggregator nothing is divided, and both are said; what
    was divided is listed all the same. A request that could not begin is the same request when it comes again."""
    await kept(divided.epochs, tenant, epoch())
    async with partitioning(database) as alone:
        caller = alone.caller(tenant)
        told = await caller.refused("ListShares")
        assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")
        assert len((await caller.do("ListEpochs")).epochs) == 1
        for _ in range(2):
            told = await refusal(caller.stream("Rebalance", request_id="once").read())
            assert (told.kind, told.reason) == (Kind.AWAY, "PEER_AWAY")
        told = await refusal(caller.stream("Rebalance", request_id="once", products=[product("A")]).read())
        assert (told.kind, told.reason) == (Kind.TAKEN, "REQUEST_ID_REUSED")
        checked = caller.stream("Rebalance", request_id="checked", validate_only=True)
        assert (await refusal(checked.read())).reason == "PEER_AWAY"
        other = caller.stream("Rebalance", request_id="checked", products=[product("B")])
        assert (await refusal(other.read())).reason == "PEER_AWAY"  # a check uses up no request id
