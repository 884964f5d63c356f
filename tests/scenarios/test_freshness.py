"""Read your writes, across services and behind a slow network: an answer is as fresh as its caller asks, or is
refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import grpc
import pytest

import weir_aggregator.app
from tests.kit import suite as kit
from tests.kit.founding import Founding
from tests.kit.merchant import Merchant, golden, refused
from tests.kit.postgres import PostgresForTests
from tests.kit.proxy import Wire, wire
from tests.kit.stories import Limited, Said, Without
from weir.aggregator.v1 import availability_service_pb2 as availability_pb
from weir.common.v1.revision_pb2 import Freshness, Revision
from weir.common.v1.stock_pb2 import Product
from weir_allocation.policy import Part, Policy, Strategy
from weir_allocation.rules import Limits, Rule
from weir_allocation.sharing import Link
from weir_chassis import status


@dataclass(frozen=True, slots=True)
class Slow:
    """A suite whose aggregator hears from every context over a wire that a test can hold."""

    suite: kit.Suite
    wires: Mapping[str, Wire]
    """To each context, by name."""

    @property
    def ledger(self) -> Wire:
        """The wire to the ledger."""
        return self.wires["ledger"]

    @property
    def sharing(self) -> Wire:
        """The wire to sharing."""
        return self.wires["sharing"]

    async def merchant(self) -> Merchant:
        """A merchant of golden case 1, whose projection is loaded."""
        merchant = self.suite.merchant()
        await golden(merchant)
        assert await merchant.level("BIKE", "web-eu") == 180
        return merchant


@pytest.fixture(scope="module")
async def slow_suite(postgres: PostgresForTests) -> AsyncIterator[Slow]:
    """One for the module."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*kit.SCHEMAS))
        servers = await kit.books_and_rules(stack, database)
        addresses = kit.addresses(servers)
        wires = {name: await stack.enter_async_context(wire(address)) for name, address in addresses.items()}
        settings = kit.aggregator_settings({name: each.address for name, each in wires.items()})
        aggregator = await stack.enter_async_context(weir_aggregator.app.running(settings))
        addresses["aggregator"] = aggregator.address
        channels = await stack.enter_async_context(kit.connected(*addresses.values()))
        yield Slow(kit.Suite(addresses, channels, servers), wires)


@pytest.fixture
async def slow(slow_suite: Slow) -> AsyncIterator[Slow]:
    """The same, its wires open before and after each test."""
    yield slow_suite
    for each in slow_suite.wires.values():
        each.let_go()


async def ask(
    merchant: Merchant, *at_least: Revision, channel: str = "web-eu", seconds: float = 10.0
) -> availability_pb.GetAvailabilityResponse:
    """The availability of BIKE, at least as new as these revisions."""
    request = availability_pb.GetAvailabilityRequest(
        product=Product(sku="BIKE"), channel=channel, freshness=Freshness(at_least=at_least)
    )
    return await merchant.stubs.availability.GetAvailability(request, timeout=seconds)


async def test_a_reservation_is_seen_at_its_revision(slow: Slow) -> None:
    """While the aggregator lags behind, an unconditional question is answered from before, and one at the revision of a
    reservation waits for it and shows it."""
    merchant = await slow.merchant()
    slow.ledger.hold()
    reserved = await merchant.reserve("BIKE", "DE1", 4)
    assert (await ask(merchant)).level == 180
    waiting = asyncio.create_task(ask(merchant, reserved.revision))
    assert (await ask(merchant)).level == 180
    assert not waiting.done()
    slow.ledger.let_go()
    answer = await waiting
    assert answer.level == 176
    rests_on = {each.context: each for each in answer.revisions}
    assert set(rests_on) == set(kit.CONTEXTS)
    assert rests_on["ledger"].number >= reserved.revision.number


@pytest.mark.parametrize("lagging", ["ledger", "sharing", "both"])
async def test_stock_is_never_seen_through_a_revoked_link(slow: Slow, lagging: str) -> None:
    """Revoke a link, then receive stock: no answer at least as new as both shows that stock through the link, whichever
    of the two the aggregator hears of first."""
    merchant = await slow.merchant()
    held = [slow.wires[each] for each in (("ledger", "sharing") if lagging == "both" else (lagging,))]
    for each in held:
        each.hold()
    revoked = await merchant.unlink("europe", "web-eu")
    received = await merchant.receive("BIKE", DE1=1000)
    asking = [asyncio.create_task(ask(merchant, revoked, received)) for _ in range(20)]
    for each in held:
        each.let_go()
        asking += [asyncio.create_task(ask(merchant, revoked, received)) for _ in range(20)]
    assert {answer.level for answer in await asyncio.gather(*asking)} == {0}


LENT = Link("TV-1 to BIKE", ("", "TV-1"), ("", "BIKE"))
TAKEN_BACK: dict[str, tuple[str, Said, int]] = {
    "a link of products": ("sharing", Without(LENT), 180),
    "a share": ("partitioning", Policy("none", 1, Strategy.EQUAL_DIVISION, parts=(Part("till"),)), 0),
    "what a rule lets through": ("sync", Rule("high", 1, frozenset(["web-eu"]), threshold=10_000), 0),
    "what a store may be told": ("sync", Limited("web-eu", Limits(max_quantity=5)), 5),
}
"""What may be taken back: the context that says so, what it is told, and the level after it."""


@pytest.mark.parametrize("lagging", ["ledger", "its context", "both"])
@pytest.mark.parametrize("what", TAKEN_BACK)
async def test_stock_is_never_seen_through_what_was_taken_back(slow: Slow, what: str, lagging: str) -> None:
    """Take back a link, a share or an offer, then receive stock: no answer at least as new as both shows that stock,
    whichever of the two the aggregator hears of first."""
    context, said, level = TAKEN_BACK[what]
    merchant, founding = await lent(slow)
    held = [slow.wires[each] for each in {"ledger": ("ledger",), "both": ("ledger", context)}.get(lagging, (context,))]
    for each in held:
        each.hold()
    await founding.add(said)
    taken_back = merchant.seen[context]
    received = await merchant.receive("TV-1", DE1=1000)
    asking = [asyncio.create_task(ask(merchant, taken_back, received)) for _ in range(20)]
    for each in held:
        each.let_go()
        asking += [asyncio.create_task(ask(merchant, taken_back, received)) for _ in range(20)]
    assert {answer.level for answer in await asyncio.gather(*asking)} == {level}


@pytest.mark.parametrize("what", TAKEN_BACK)
async def test_asked_for_less_what_was_taken_back_would_be_seen(slow: Slow, what: str) -> None:
    """The control: a question that names only the receipt, while what was taken back is still on its way, shows the
    stock."""
    context, said, level = TAKEN_BACK[what]
    merchant, founding = await lent(slow)
    slow.wires[context].hold()
    await founding.add(said)
    received = await merchant.receive("TV-1", DE1=1000)
    assert (await ask(merchant, received)).level == 1181
    slow.wires[context].let_go()
    assert (await ask(merchant, received, merchant.seen[context])).level == level


async def lent(slow: Slow) -> tuple[Merchant, Founding]:
    """A merchant of golden case 1, where TV-1 lends to BIKE."""
    merchant = await slow.merchant()
    founding = Founding(merchant)
    await founding.add(LENT)
    await merchant.receive("TV-1", DE1=1)
    assert await merchant.level("BIKE", "web-eu") == 181
    return merchant, founding


async def test_asked_for_less_it_would_be_seen(slow: Slow) -> None:
    """The control: a question that names only the receipt, while the revocation is still on its way, is answered
    through the link; so the wire does hold what the test above rests on."""
    merchant = await slow.merchant()
    slow.sharing.hold()
    revoked = await merchant.unlink("europe", "web-eu")
    received = await merchant.receive("BIKE", DE1=1000)
    assert (await ask(merchant, received)).level == 1180
    slow.sharing.let_go()
    assert (await ask(merchant, received, revoked)).level == 0


async def test_every_write_is_read_at_its_revision(slow: Slow) -> None:
    """Many writers, each reading right after its write: every answer includes the write it was asked to include."""
    merchant = await slow.merchant()
    received = 0

    async def write_and_read(units: int) -> None:
        nonlocal received
        done = await merchant.receive("BIKE", DE1=units)
        received += units
        at_least = received
        assert (await ask(merchant, done)).level - 180 >= units
        assert (await ask(merchant, *merchant.seen.values())).level - 180 >= at_least

    await asyncio.gather(*(write_and_read(units) for units in range(1, 31)))
    assert await merchant.level("BIKE", "web-eu") == 180 + sum(range(1, 31))


async def test_a_revision_not_reached_in_time_is_refused(slow: Slow) -> None:
    """Where the deadline comes before the revision, the caller hears so before it gives up, with both numbers; and the
    same question holds once the network is well."""
    merchant = await slow.merchant()
    slow.ledger.hold()
    received = await merchant.receive("BIKE", DE1=1)
    error = await refused(ask(merchant, received, seconds=2.0))
    told = status.told(error)
    assert told is not None
    assert (error.code(), told.reason) == (grpc.StatusCode.ABORTED, "REVISION_NOT_REACHED")
    assert told.metadata == {
        "context": "ledger",
        "number": str(received.number),
        "reached": str(received.number - 1),
    }
    slow.ledger.let_go()
    assert (await ask(merchant, received)).level == 181


@pytest.mark.parametrize("seconds", [0.5, 10.0])
async def test_a_revision_never_drawn_is_not_awaited_for_ever(slow: Slow, seconds: float) -> None:
    """A number that no commit has yet, or an epoch that has not begun, is refused with the reason before the caller
    gives up, however patient it is; never answered."""
    merchant = await slow.merchant()
    number, epoch = (Revision(), Revision())
    for each in (number, epoch):
        each.CopyFrom(merchant.seen["ledger"])
    number.number += 1000
    epoch.epoch += 1
    errors = await asyncio.gather(*(refused(ask(merchant, each, seconds=seconds)) for each in (number, epoch)))
    assert [status.reason(error) for error in errors] == ["REVISION_NOT_REACHED"] * 2


@pytest.mark.parametrize("field", ["cluster", "epoch", "context"])
async def test_a_foreign_revision_is_refused(slow: Slow, field: str) -> None:
    """A revision of another database, of an epoch that is over, or of no context of ours is refused at once."""
    merchant = await slow.merchant()
    foreign = Revision()
    foreign.CopyFrom(merchant.seen["ledger"])
    setattr(foreign, field, foreign.epoch - 1 if field == "epoch" else "0193c0de-0000-7000-8000-000000000000")
    error = await refused(ask(merchant, foreign))
    assert (error.code(), status.reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "REVISION_FOREIGN")


async def test_a_cut_wire_loses_nothing(slow: Slow) -> None:
    """Connections that break again and again between aggregator and ledger cost time, and no change."""
    merchant = await slow.merchant()
    before = slow.ledger.connections
    for units in range(1, 6):
        slow.ledger.cut()
        received = await merchant.receive("BIKE", DE1=units)
        assert (await ask(merchant, received)).level == 180 + sum(range(1, units + 1))
    assert slow.ledger.connections > before
