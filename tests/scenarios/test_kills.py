"""Services die by kill -9, one after the other, while orders come in: what was acknowledged is there, what was asked
twice happened once, and every level is right again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import grpc
import pytest

from tests.kit.merchant import Merchant, golden, item, request_id, verified
from tests.kit.postgres import PostgresForTests
from tests.kit.processes import Programs, programs
from tests.kit.suite import SCHEMAS, Suite
from tests.kit.waiting import until
from weir.ledger.v1 import ledger_service_pb2, reservation_service_pb2
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


async def test_every_service_ends_when_asked(mortal: Programs) -> None:
    """Asked to end, every process of the suite ends with status 0 and says nothing of an error."""
    for program in reversed(mortal.each):
        assert await program.stop() == 0, program.log
        assert '"level": "error"' not in program.log
