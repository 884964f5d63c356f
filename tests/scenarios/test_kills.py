"""Services die by kill -9, one after the other, while orders come in: what was acknowledged is there, what was asked
twice happened once, and every level is right again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import grpc
import pytest

from tests.kit.merchant import RECEIVE, Merchant, golden, item, request_id, verified
from tests.kit.ordering import Playing, placed
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Programs, programs
from tests.kit.sentences import Placed, order
from tests.kit.suite import SCHEMAS, Suite
from tests.kit.waiting import until
from weir.aggregator.v1 import fulfilment_service_pb2 as pb
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2, waiting_pb2, waiting_service_pb2
from weir_chassis import status
from weir_chassis.client import Peer

STOCK = 1_000_000
UNKNOWN_OUTCOMES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@pytest.fixture(scope="module")
async def mortal(postgres: PostgresForTests) -> AsyncIterator[Programs]:
    """A suite of processes, asked by the client that the suite ships."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.fresh(*SCHEMAS))
        running = await stack.enter_async_context(programs(database))
        plain = running.suite
        peers = {address: await stack.enter_async_context(Peer(address)) for address in plain.channels}
        channels = {address: peer.channel for address, peer in peers.items()}
        yield Programs(Suite(plain.addresses, channels), running.each)


@dataclass(slots=True)
class Orders:
    """Orders of one unit each, placed by several clients; each is repeated under its name until it has an outcome."""

    merchant: Merchant
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Reservations by the request id that made them."""
    repeated: int = 0

    async def place(self) -> None:
        """Order for ever."""
        while True:
            named = request_id()
            done = await self.placed(named)
            self.acknowledged[named] = done.reservation.reservation
            await asyncio.sleep(0.02)  # a steady trickle: it is deaths that are shown here, not speed

    async def placed(self, named: str) -> reservation_service_pb2.ReserveResponse:
        """One order, whose outcome is unknown until it is answered."""
        while True:
            try:
                return await self.merchant.reserve("BIKE", "DE1", 1, named=named, hold_seconds=3600)
            except grpc.aio.AioRpcError as error:
                if error.code() not in UNKNOWN_OUTCOMES:
                    raise
                self.repeated += 1
                await asyncio.sleep(0.05)  # as every client pauses before it asks again


async def test_every_service_may_die_in_turn(mortal: Programs) -> None:
    """While four clients order without a pause, ledger, sharing and aggregator are killed in turn, the ledger twice:
    every order that was acknowledged is one reservation, no order became two, the books verify, and the level is what
    is left."""
    merchant = mortal.suite.merchant()
    await golden(merchant, quantities={"DE1": STOCK})
    orders = Orders(merchant)
    clients = [asyncio.create_task(orders.place()) for _ in range(4)]
    try:
        for program in (*mortal.each, mortal.ledger):
            before = len(orders.acknowledged)
            await until(lambda before=before: len(orders.acknowledged) > before + 5)  # type: ignore[misc]
            await program.kill()
            await program.start()
        before = len(orders.acknowledged)
        await until(lambda: len(orders.acknowledged) > before + 5)
    finally:
        for client in clients:
            client.cancel()
        ends = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ends), ends
    assert orders.repeated > 0, "no order met a dead ledger: nothing was shown"
    again = await asyncio.gather(*map(orders.placed, orders.acknowledged))
    assert [each.reservation.reservation for each in again] == list(orders.acknowledged.values())
    assert len(set(orders.acknowledged.values())) == len(again)
    reserved = await merchant.stubs.ledger.GetBalance(
        ledger_service_pb2.GetBalanceRequest(stock_item=item("BIKE", "DE1"), freshness=merchant.freshness("ledger"))
    )
    under_way = len(clients)  # each client may have had one order accepted that it did not hear of
    assert len(again) <= reserved.balance.reserved <= len(again) + under_way
    await verified(merchant)
    assert await merchant.level("BIKE", "web-eu") == STOCK - reserved.balance.reserved


HOUSE = """
    all pools L1, L2
    all feeds shop, market
    S lends to A
    SET is made of 1 A, 1 B
"""


@dataclass(slots=True)
class Plans:
    """Orders that are planned and promised, some of which wait; each is repeated until it has an outcome."""

    merchant: Merchant
    made: dict[str, tuple[Placed, pb.ReserveFulfilmentResponse]] = field(default_factory=dict)
    """Orders that have an outcome, by request id."""
    repeated: int = 0

    async def place(self, client: int) -> None:
        """Order for ever, one thing after the other."""
        for number in itertools.count():
            wanted = ("1 A for shop", "1 SET for market", "2 BIKE for shop, the rest waits")[number % 3]
            await self.placed(order(f"order {client}.{number}", wanted))
            await asyncio.sleep(0.02)

    async def placed(self, said: Placed) -> pb.ReserveFulfilmentResponse:
        """One order, whose outcome is unknown until it is answered."""
        while True:
            try:
                answer = await placed(self.merchant, said, named=said.order)
            except grpc.aio.AioRpcError as error:
                if error.code() not in UNKNOWN_OUTCOMES and status.reason(error) != "PLAN_OVERTAKEN":
                    raise
                self.repeated += 1
                await asyncio.sleep(0.05)
            else:
                return self.made.setdefault(said.order, (said, answer))[1]


async def test_an_order_is_one_promise_whoever_dies_meanwhile(mortal: Programs) -> None:
    """While four clients have orders planned and promised, aggregator and ledger are killed in turn, twice: every order
    is one reservation or one demand that waits, repeated it answers the same plan and the same promise, and the books
    verify."""
    merchant = mortal.suite.merchant()
    await Playing(merchant).play(
        f"{HOUSE}\n1000000 BIKE may wait; L1 has 1000000 S; L2 has 1000000 A; L2 has 1000000 B; L1 has 9 BIKE"
    )
    plans = Plans(merchant)
    clients = [asyncio.create_task(plans.place(number)) for number in range(4)]
    try:
        for program in (mortal.aggregator, mortal.ledger) * 2:
            before = len(plans.made)
            await until(lambda before=before: len(plans.made) > before + 8)  # type: ignore[misc]
            await program.kill()
            await program.start()
        before = len(plans.made)
        await until(lambda: len(plans.made) > before + 8)
    finally:
        for client in clients:
            client.cancel()
        ends = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ends), ends
    assert plans.repeated > 0, "no order met a dead service: nothing was shown"
    before_again = {name: answer for name, (_, answer) in plans.made.items()}
    for name, (said, _) in plans.made.items():
        again = await placed(merchant, said, named=name)
        assert again.plan == before_again[name].plan
        assert again.reservation.reservation == before_again[name].reservation.reservation
        assert again.waiting.waiting == before_again[name].waiting.waiting
    await once_each(merchant, plans)
    await verified(merchant)


async def once_each(merchant: Merchant, plans: Plans) -> None:
    """Each order that was answered is in the books once, promised or waiting."""
    story = Playing(merchant)
    for name, (said, answer) in plans.made.items():
        promised, waits = await story.orders.reservations(name), await story.orders.waiting(name)
        assert len(promised) + len(waits) == 1, (said, promised, waits)
        assert answer.HasField("reservation") == bool(promised)


async def test_units_that_came_are_promised_once_whoever_dies_meanwhile(mortal: Programs) -> None:
    """Forty orders wait, and units come while aggregator and ledger are killed in turn: in the end each has exactly
    what it waited for, in the order in which they came, nothing is left waiting, and what is left over is for
    sale."""
    merchant = mortal.suite.merchant()
    story = Playing(merchant)
    await story.play(f"{HOUSE}\n1000 BIKE may wait; L1 has 0 BIKE")
    wanted = {f"order {number:02}": 1 + number % 3 for number in range(40)}
    for name, units in wanted.items():
        await placed(merchant, order(name, f"{units} BIKE for shop, as much as possible, the rest waits"))
    deaths = itertools.cycle([mortal.aggregator, mortal.ledger])
    left = sum(wanted.values())
    while left > 0:
        await merchant.record(RECEIVE, "BIKE", "L1", 20)
        left -= 20
        program = next(deaths)
        await program.kill()
        await program.start()
    await until(lambda: nobody_waits(merchant))
    request = reservation_service_pb2.ListReservationsRequest(page_size=1000)
    promised: dict[str, int] = dict.fromkeys(wanted, 0)
    for each in (await merchant.stubs.reservations.ListReservations(request)).reservations:
        promised[each.order] += sum(line.open for line in each.lines)
    assert promised == wanted
    assert await merchant.level("BIKE", "market") == -left
    await verified(merchant)


async def nobody_waits(merchant: Merchant) -> bool:
    """Whether every demand was promised; somebody asks for a level meanwhile, as shops do."""
    await merchant.level("BIKE", "shop")
    request = waiting_service_pb2.ListWaitingRequest(states=[waiting_pb2.WAITING_STATE_WAITING])
    return not (await merchant.stubs.waiting.ListWaiting(request)).waiting


async def test_every_service_ends_when_asked(mortal: Programs) -> None:
    """Asked to end, every process of the suite ends with status 0 and says nothing of an error."""
    for program in reversed(mortal.each):
        assert await program.stop() == 0, program.log
        assert '"level": "error"' not in program.log
