"""One outcome for each request id, however often it comes, wherever, and whatever it asks the second time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from tests.kit.ledger import Caller, Ledger, draft, item, ledger, movement, outcomes, request
from tests.kit.postgres import FreshDatabase
from weir_chassis import status
from weir_chassis.errors import Kind

WRITES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "CreateLocation": lambda _, __: {"location": {"location": "W2", "kind": 1}},
    "UpdateLocation": lambda _, __: {"location": {"location": "W1", "kind": 2}},
    "DeleteLocation": lambda _, __: {"location": "W9"},
    "SetLot": lambda _, __: {"lot": {"product": {"sku": "A"}, "lot": "L1"}},
    "SetCeilings": lambda _, __: {"ceilings": [{"claim": "share", "ceiling": 5, "epoch": 1}]},
    "RecordMovements": lambda _, __: {"movements": [movement(1, "A", 3)]},
    "Reserve": lambda _, __: {"draft": draft(("A", 2), order="O")},
    "ReserveBatch": lambda _, __: {"drafts": [draft(("A", 2)), draft(("A", 999)), draft(("B", 1), ("A", 1), mode=2)]},
    "Amend": lambda _, confirmed: {"reservation": confirmed, "releases": [{"line": 1, "quantity": 1}],
                                   "lines": draft(("A", 2)).lines, "plan": b"new"},
    "Confirm": lambda held, _: {"reservation": held},
    "Extend": lambda held, _: {"reservation": held, "hold_duration": {"seconds": 60}},
    "Fulfil": lambda _, confirmed: {"reservation": confirmed, "lines": [{"line": 1, "quantity": 1}]},
    "Transfer": lambda _, confirmed: {"reservation": confirmed,
                                      "lines": [{"line": 1, "quantity": 1, "destination": item("A", "W9")}]},
    "Release": lambda held, _: {"reservation": held, "lines": [{"line": 1, "quantity": 1}]},
    "MarkHandedOver": lambda held, _: {"reservation": held, "lines": [1]},
}  # fmt: skip
"""What each mutating rpc may ask, given a reservation that is held and one that is confirmed."""


async def wanted(acme: Caller, method: str) -> dict[str, Any]:
    """The fields of a request that can be carried out."""
    await acme.place("W9")
    await acme.receive("A", 20)
    held, confirmed = await acme.reserve(("A", 3)), await acme.confirmed(("A", 3))
    return WRITES[method](held.reservation, confirmed.reservation)


@pytest.mark.parametrize("method", WRITES)
async def test_a_repetition_gets_the_first_answer(acme: Caller, twin: Caller, method: str) -> None:
    """Repeated at the same ledger or another, a request gets the answer it got, to the byte, and changes nothing."""
    fields = await wanted(acme, method)
    first = await acme.do(method, request_id="once", **fields)
    after = await acme.export()
    assert await acme.do(method, request_id="once", **fields) == first
    assert await twin.do(method, request_id="once", **fields) == first
    assert await acme.export() == after


@pytest.mark.parametrize("method", WRITES)
async def test_other_contents_are_refused(acme: Caller, twin: Caller, method: str) -> None:
    """The id of a request that was carried out cannot be used for another, at any ledger."""
    fields = await wanted(acme, method)
    await acme.do(method, request_id="once", **fields)
    after = await acme.export()
    other = {**fields, **WRITES_CHANGED[method]}
    for caller in (acme, twin):
        told = await caller.refused(method, request_id="once", **other)
        assert (told.kind, told.reason, told.metadata) == (Kind.TAKEN, "REQUEST_ID_REUSED", {"request_id": "once"})
    assert await acme.export() == after


WRITES_CHANGED: dict[str, dict[str, Any]] = {
    "CreateLocation": {"location": {"location": "W2", "kind": 2}},
    "UpdateLocation": {"location": {"location": "W1", "kind": 3}},
    "DeleteLocation": {"location": "W1"},
    "SetLot": {"lot": {"product": {"sku": "A"}, "lot": "L1", "expiry_date": "2027-01-31"}},
    "SetCeilings": {"ceilings": [{"claim": "share", "ceiling": 6, "epoch": 1}]},
    "RecordMovements": {"movements": [movement(1, "A", 4)]},
    "Reserve": {"draft": draft(("A", 1))},
    "ReserveBatch": {"atomic": True},
    "Amend": {"plan": b"newer"},
    "Confirm": {"reservation": "01a200ca-98d0-74cf-9b25-c4403338ded3"},
    "Extend": {"hold_duration": {"seconds": 61}},
    "Fulfil": {"reference": "other"},
    "Transfer": {"reference": "other"},
    "Release": {"lines": []},
    "MarkHandedOver": {"handed_over_time": {"seconds": 1}},
}


async def test_refusals_are_kept(acme: Caller, twin: Caller) -> None:
    """A definite refusal stands under its id with all its numbers, also when the world has changed since."""
    fields = {"request_id": "short", "draft": draft(("A", 2), ("B", 1))}
    first = await acme.refused("Reserve", **fields)
    for sku in "AB":
        await acme.receive(sku, 10)
    for caller in (acme, twin):
        again = await caller.refused("Reserve", **fields)
        assert again.to_record() == first.to_record()
    assert first.metadata["lines"] == "2"
    assert (await acme.refused("Reserve", request_id="short", draft=draft(("A", 1)))).reason == "REQUEST_ID_REUSED"
    await acme.do("Reserve", **{**fields, "request_id": "another"})


async def test_malformed_requests_are_not_kept(acme: Caller) -> None:
    """The id of a malformed request is free."""
    told = await acme.refused("RecordMovements", request_id="bad", movements=[movement(1, "A", 0)])
    assert told.reason == "REQUEST_MALFORMED"
    await acme.receive("A", 1, request_id="bad")


async def test_lost_races_are_not_kept(acme: Caller) -> None:
    """The id of a request that rested on an old etag is free."""
    location = {"location": "W1", "kind": 2}
    told = await acme.refused("UpdateLocation", request_id="raced", location={**location, "etag": "77"})
    assert told.reason == "ETAG_STALE"
    await acme.do("UpdateLocation", request_id="raced", location=location)


async def test_ids_belong_to_a_method_and_a_tenant(service: Ledger, acme: Caller) -> None:
    """The same id names different attempts in different methods and for different tenants."""
    other = service.caller()
    for caller in (acme, other):
        await caller.do("CreateLocation", request_id="same", location={"location": "W2", "kind": 1})
        await caller.record(movement(1, item("A", "W2"), 5), request_id="same")
        await caller.do("Reserve", request_id="same", draft=draft((item("A", "W2"), 5)))
        assert await caller.balance(item("A", "W2")) == (5, 5, 0, 0)


@pytest.mark.parametrize("number", range(5))
async def test_one_id_at_once_everywhere(acme: Caller, twin: Caller, number: int) -> None:
    """Of equal requests that come at once to two ledgers one is decided, and all get its answer."""
    await acme.receive("A", 100)
    messages = [request("Reserve", request_id=f"r{each % 3}", draft=draft(("A", 7))) for each in range(24)]
    answers = await asyncio.gather(*((acme, twin)[i % 2].send("Reserve", each) for i, each in enumerate(messages)))
    assert len({each.reservation.reservation for each in answers}) == 3
    assert await acme.balance("A") == (100, 21, 79, 0)
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(5))
async def test_one_id_at_once_with_changed_contents(acme: Caller, twin: Caller, number: int) -> None:
    """Of requests with one id, half of them changed, one content wins, and the other half is refused."""
    found = await outcomes(
        (acme, twin)[each // 2 % 2].receive("A", 5 + each % 2, request_id="one") for each in range(20)
    )
    assert found.count("ok") == found.count("REQUEST_ID_REUSED") == 10
    assert (await acme.balance("A"))[0] == (5 if found[0] == "ok" else 6)
    assert len(await acme.entries()) == 2


async def test_refused_at_once_everywhere(acme: Caller, twin: Caller) -> None:
    """Where the one outcome is a refusal, it too is the same for all, though nothing else is written."""
    calls = [(acme, twin)[each % 2].do("Reserve", request_id="none", draft=draft(("A", 1))) for each in range(20)]
    assert await outcomes(calls) == ["INSUFFICIENT_STOCK"] * 20


async def test_outcomes_outlive_the_process(database: FreshDatabase) -> None:
    """A ledger that starts later knows what an earlier one answered, and what it refused."""
    good = request("RecordMovements", request_id="good", movements=[movement(1, "A", 5)])
    bad = request("Reserve", request_id="bad", draft=draft(("A", 9)))
    async with ledger(database) as first:
        caller = first.caller("restarted")
        await caller.place("W1")
        answer = await caller.send("RecordMovements", good)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await caller.send("Reserve", bad)
    async with ledger(database) as second:
        caller = second.caller("restarted")
        await caller.receive("A", 5)
        assert await caller.send("RecordMovements", good) == answer
        with pytest.raises(grpc.aio.AioRpcError) as again:
            await caller.send("Reserve", bad)
        assert status.told(again.value) is not None
        assert again.value.details() == refused.value.details()
        assert await caller.balance("A") == (10, 0, 10, 0)


@pytest.mark.parametrize("method", WRITES)
async def test_checking_changes_nothing(acme: Caller, method: str) -> None:
    """With validate_only a request is answered as it would be; nothing changes, and the id stays free."""
    fields = await wanted(acme, method)
    before = await acme.export()
    listed = await acme.do("ListReservations"), await acme.do("ListLocations")
    checked = await acme.do(method, request_id="try", validate_only=True, **fields)
    assert checked.revision == before[0]
    assert await acme.export() == before
    assert (await acme.do("ListReservations"), await acme.do("ListLocations")) == listed
    assert (await acme.do(method, request_id="try", **fields)).revision.number == before[0].number + 1


async def test_checking_tells_refusals(acme: Caller) -> None:
    """With validate_only a refusal is told and not kept."""
    fields = {"request_id": "try", "draft": draft(("A", 1))}
    assert (await acme.refused("Reserve", validate_only=True, **fields)).reason == "INSUFFICIENT_STOCK"
    await acme.receive("A", 1)
    await acme.do("Reserve", validate_only=True, **fields)
    await acme.do("Reserve", **fields)
