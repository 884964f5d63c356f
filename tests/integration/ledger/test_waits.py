"""What is decided after a wait for a lock rests on what is there then, also on what could not be locked before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import ADJUST, PARTIAL, Caller, claiming, draft, eventually, item, movement, request

WAITING = """
SELECT count(*) = $1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@asynccontextmanager
async def locked(owner: Owner, acme: Caller, sku: str) -> AsyncIterator[None]:
    """The balance of goods is held by somebody else for the block."""
    async with owner.transaction():
        await owner.execute("SELECT FROM balances WHERE tenant = $1 AND sku = $2 FOR UPDATE", acme.tenant, sku)
        yield


async def waiting(owner: Owner, number: int) -> None:
    """Wait until so many transactions wait for a lock."""
    await eventually(lambda: owner.fetchval(WAITING, number))


async def test_one_attempt_at_two_ledgers(acme: Caller, twin: Caller, owner: Owner) -> None:
    """A correction that is asked of two ledgers at once, under one request id, and expects a revision: both tell of its
    one outcome, and none that the balance has changed, for it was this very request that changed it."""
    expected = (await acme.receive("A", 5)).revision.number
    asked = request("RecordMovements", movements=[movement(ADJUST, "A", 2, expected_revision=expected)])
    async with locked(owner, acme, "A"):
        calls = [asyncio.ensure_future(each.send("RecordMovements", asked)) for each in (acme, twin)]
        await waiting(owner, 2)
    first, second = await asyncio.gather(*calls)
    assert first == second
    assert (await acme.balance("A"))[0] == 7


async def test_goods_that_come_while_a_batch_waits(acme: Caller, twin: Caller, owner: Owner) -> None:
    """A batch that waits for one stock item sees another one that was first booked meanwhile: its commit is later."""
    await acme.receive("A", 5)
    asked = request("ReserveBatch", drafts=[draft(("new", 1)), draft(("A", 1))])
    async with locked(owner, acme, "A"):
        batch = asyncio.ensure_future(acme.send("ReserveBatch", asked))
        await waiting(owner, 1)
        came = await twin.receive("new", 3)
    answer = await batch
    assert answer.revision.number > came.revision.number
    assert [each.WhichOneof("outcome") for each in answer.outcomes] == ["reservation", "reservation"]


async def test_goods_that_come_while_an_order_waits(acme: Caller, twin: Caller, owner: Owner) -> None:
    """What an order is refused for is so at one moment: goods that came meanwhile are not among what is missing."""
    await acme.receive("A", 5)
    async with locked(owner, acme, "A"):
        order = asyncio.ensure_future(acme.refused("Reserve", draft=draft(("new", 1), ("A", 9))))
        await waiting(owner, 1)
        await twin.receive("new", 3)
    refusal = await order
    assert [each.field for each in refusal.violations] == ["draft.lines[1]"]


async def test_claims_that_come_while_a_batch_waits(acme: Caller, twin: Caller, owner: Owner) -> None:
    """A batch that waits sees what was first claimed under a key meanwhile."""
    for sku in "AB":
        await acme.receive(sku, 5)
    asked = request("ReserveBatch", drafts=[draft(claiming("A", 3, gold=2)), draft(("A", 1))])
    async with locked(owner, acme, "A"):
        batch = asyncio.ensure_future(acme.send("ReserveBatch", asked))
        await waiting(owner, 1)
        await twin.reserve(claiming("B", 2, gold=2))
    refused, made = (await batch).outcomes
    assert (refused.refusal.reason, refused.refusal.short_lines[0].claimed) == ("CLAIM_EXHAUSTED", 2)
    assert made.reservation.lines[0].open == 1


async def test_a_place_that_comes_while_a_batch_waits(acme: Caller, twin: Caller, owner: Owner) -> None:
    """A batch that waits sees a location that was added meanwhile: a line there may stay empty."""
    await acme.receive("A", 5)
    partly = draft(("A", 9), (item("A", "W7"), 1), mode=PARTIAL)
    asked = request("ReserveBatch", drafts=[partly, draft(("A", 1))])
    async with locked(owner, acme, "A"):
        batch = asyncio.ensure_future(acme.send("ReserveBatch", asked))
        await waiting(owner, 1)
        await twin.place("W7")
    made, refused = (await batch).outcomes
    assert [line.quantity for line in made.reservation.lines] == [5, 0]
    assert refused.refusal.reason == "INSUFFICIENT_STOCK"
