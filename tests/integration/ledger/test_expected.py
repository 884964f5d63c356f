"""Compare and set: a figure that was made for one state of a balance is not booked on another."""

from __future__ import annotations

import asyncio
from collections import Counter

import grpc
import pytest

from tests.kit.ledger import ADJUST, COUNT, Caller, item, movement, outcomes
from weir_chassis import status
from weir_chassis.errors import Kind

ROUNDS = 5


async def revision_of(acme: Caller, sku: str = "A") -> int:
    """The revision that changed a balance last."""
    found: int = (await acme.do("GetBalance", stock_item=item(sku))).balance.changed_revision
    return found


async def test_the_balance_as_it_was_read(acme: Caller) -> None:
    """With the revision that was read a COUNT or ADJUST is booked; after any change of the balance it is ABORTED with
    the revision of now, and changes nothing."""
    await acme.receive("A", 5)
    read = await revision_of(acme)
    done = await acme.record(movement(COUNT, "A", 7, expected_revision=read))
    assert done.balances[0].changed_revision == done.revision.number
    await acme.reserve(("A", 1))
    for kind in (COUNT, ADJUST):
        told = await acme.refused("RecordMovements", movements=[movement(kind, "A", 1, expected_revision=read)])
        assert (told.kind, told.reason) == (Kind.RACED, "BALANCE_CHANGED")
        current = str(done.revision.number + 1)
        assert told.metadata == {"sku": "A", "location": "W1", "expected": str(read), "current": current}
    assert await acme.balance("A") == (7, 1, 6, 0)
    assert await revision_of(acme) == done.revision.number + 1


async def test_a_balance_that_was_never_booked(acme: Caller) -> None:
    """0 expects a stock item that was never booked; one that was, is told with its revision."""
    done = await acme.record(movement(COUNT, "A", 5, expected_revision=0))
    told = await acme.refused("RecordMovements", movements=[movement(COUNT, "A", 6, expected_revision=0)])
    assert told.metadata["current"] == str(done.revision.number)
    told = await acme.refused("RecordMovements", movements=[movement(COUNT, "B", 6, expected_revision=3)])
    assert told.metadata["current"] == "0"


async def test_one_stale_figure_refuses_the_request(acme: Caller) -> None:
    """Movements are recorded together or not at all; what they expect is what was there before all of them."""
    await acme.receive("A", 5)
    read = await revision_of(acme)
    both = [movement(COUNT, "A", 1, expected_revision=read), movement(ADJUST, "A", 1, expected_revision=read)]
    await acme.refused("RecordMovements", movements=[*both, movement(COUNT, "B", 1, expected_revision=9)])
    assert await acme.balance("A") == (5, 0, 5, 0)
    await acme.record(*both)
    assert await acme.balance("A") == (2, 0, 2, 0)


async def test_an_aborted_request_is_not_remembered(acme: Caller) -> None:
    """A lost race is no outcome: the same request id can be used again, with the figure read anew."""
    await acme.receive("A", 5)
    read = await revision_of(acme)
    stale = [movement(COUNT, "A", 1, expected_revision=read - 1)]
    await acme.refused("RecordMovements", request_id="count", movements=stale)
    done = await acme.record(movement(COUNT, "A", 1, expected_revision=read), request_id="count")
    assert await acme.record(movement(COUNT, "A", 1, expected_revision=read), request_id="count") == done


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_one_of_many_wins(acme: Caller, twin: Caller, number: int) -> None:
    """Of many figures made for one state of a balance, sent to two ledgers at once, one is booked; each other is told
    the revision that booked it, also where both were decided in one commit."""
    await acme.receive("A", 100)
    read = await revision_of(acme)
    calls = [(acme, twin)[each % 2].record(movement(COUNT, "A", each, expected_revision=read)) for each in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    [won] = [each for each in answers if not isinstance(each, BaseException)]
    for each in answers:
        if isinstance(each, grpc.aio.AioRpcError):
            told = status.told(each)
            assert told is not None
            assert (told.reason, told.metadata["current"]) == ("BALANCE_CHANGED", str(won.revision.number))
    assert (await acme.balance("A"))[0] == won.balances[0].on_hand
    assert await acme.verify() == []


async def test_the_first_to_book_wins(acme: Caller, twin: Caller) -> None:
    """Of many who count a stock item that was never booked one does."""
    for sku in map(str, range(5)):
        calls = [each.record(movement(COUNT, sku, 3, expected_revision=0)) for each in (acme, twin) * 3]
        assert Counter(await outcomes(calls)) == {"ok": 1, "BALANCE_CHANGED": 5}
        assert await acme.balance(sku) == (3, 0, 3, 0)


async def test_no_count_is_lost(acme: Caller, twin: Caller) -> None:
    """Clients who read, add one and write what they read make as many units as they had successes."""
    await acme.record(movement(COUNT, "A", 0))

    async def add(caller: Caller) -> None:
        added = 0
        while added < 5:
            found = (await caller.do("GetBalance", stock_item=item("A"))).balance
            more = movement(COUNT, "A", found.on_hand + 1, expected_revision=found.changed_revision)
            added += await outcomes([caller.record(more)]) == ["ok"]

    await asyncio.gather(*map(add, (acme, twin) * 3))
    assert (await acme.balance("A"))[0] == 30


async def test_when_it_was_counted(acme: Caller) -> None:
    """A balance tells when its units were last counted: the latest moment of all COUNTs, and nothing else's."""
    await acme.receive("A", 5)
    balance = (await acme.do("GetBalance", stock_item=item("A"))).balance
    assert not balance.HasField("counted_time")
    early, late = {"seconds": 1_700_000_000}, {"seconds": 1_700_000_100, "nanos": 5000}
    for moment, seen in ((late, late), (early, late)):
        done = await acme.record(movement(COUNT, "A", 5, occurred_time=moment))
        told = done.balances[0].counted_time
        assert (told.seconds, told.nanos) == (seen["seconds"], seen.get("nanos", 0))
    now = (await acme.count("A", 5)).balances[0].counted_time
    [listed] = (await acme.do("ListBalances")).balances
    assert listed.counted_time == now
    assert now.seconds > late["seconds"]
