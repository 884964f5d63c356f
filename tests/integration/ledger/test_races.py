"""Whatever runs beside it, in one process or in two: no unit is promised twice, and a reservation ends once."""

from __future__ import annotations

import asyncio

import pytest

from tests.kit.ledger import (
    CONFIRMED,
    EXPIRED,
    FULFILLED,
    PARTIAL,
    RELEASED,
    Caller,
    draft,
    eventually,
    item,
    outcomes,
    request,
)

ROUNDS = 5


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_golden_case_ten(acme: Caller, twin: Caller, number: int) -> None:
    """20 concurrent reservations of 1 against 10 units, at two ledgers: exactly 10 succeed, on every run."""
    await acme.receive("A", 10)
    found = await outcomes((acme, twin)[each % 2].do("Reserve", draft=draft(("A", 1))) for each in range(20))
    assert sorted(found) == ["INSUFFICIENT_STOCK"] * 10 + ["ok"] * 10
    assert await acme.balance("A") == (10, 10, 0, 0)
    assert await acme.verify() == []


async def test_golden_case_ten_at_one_ledger(acme: Caller) -> None:
    """20 concurrent reservations of 1 against 10 units within one group: exactly 10 succeed."""
    await acme.receive("A", 10)
    found = await outcomes(acme.do("Reserve", draft=draft(("A", 1))) for _ in range(20))
    assert found.count("ok") == 10
    assert await acme.balance("A") == (10, 10, 0, 0)


async def test_lines_cross_without_a_deadlock(acme: Caller, twin: Caller) -> None:
    """Orders that name the same stock items in opposite order at two ledgers all find an outcome."""
    for sku in "AB":
        await acme.receive(sku, 30)
    calls = [
        (acme, twin)[each % 2].do("Reserve", draft=draft(*[("A", 1), ("B", 1)][:: 1 - each % 2 * 2]))
        for each in range(40)
    ]
    found = await outcomes(calls)
    assert found.count("ok") == 30
    assert await acme.balance("A") == await acme.balance("B") == (30, 30, 0, 0)


async def test_new_stock_items_booked_first_by_two(acme: Caller, twin: Caller) -> None:
    """A stock item that two ledgers book for the first time at once holds what both received."""
    for sku in map(str, range(10)):
        assert await outcomes(each.receive(sku, 1) for each in (acme, twin)) == ["ok", "ok"]
        assert (await acme.balance(sku))[0] == 2
    assert await acme.verify() == []


async def test_first_write_of_a_tenant_by_two(acme: Caller, twin: Caller) -> None:
    """The first revisions of a tenant that two ledgers write to at once are 1 and 2."""
    callers = [Caller(each.channel, f"{acme.tenant} first") for each in (acme, twin)]
    places = [
        each.do("CreateLocation", location={"location": name, "kind": 1})
        for name, each in zip("XY", callers, strict=True)
    ]
    answers = await asyncio.gather(*places)
    assert sorted(each.revision.number for each in answers) == [1, 2]


async def test_one_location_made_by_many(acme: Caller, twin: Caller) -> None:
    """Of many that make the same location at once one does, and of many that replace one version of it one does."""
    made = await outcomes(
        (acme, twin)[each % 2].do("CreateLocation", location={"location": "N1", "kind": 1}) for each in range(10)
    )
    assert sorted(made) == ["LOCATION_EXISTS"] * 9 + ["ok"]
    etag = (await acme.do("GetLocation", location="N1")).location.etag
    changed = await outcomes(
        (acme, twin)[each % 2].do("UpdateLocation", location={"location": "N1", "kind": 2, "etag": etag})
        for each in range(10)
    )
    assert sorted(changed) == ["ETAG_STALE"] * 9 + ["ok"]


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_parts_released_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """Part of a line given up at one ledger and the rest at another at once: each unit comes back once."""
    await acme.receive("A", 20)
    await acme.confirmed(("A", 5))
    promise = await acme.confirmed(("A", 10))
    parts = [
        each.do("Release", reservation=promise.reservation, lines=[{"line": 1, "quantity": 1}])
        for each in (acme, twin) * 5
    ]
    assert await outcomes(parts) == ["ok"] * 10
    found = await acme.reservation(promise.reservation)
    assert (found.state, found.lines[0].released) == (RELEASED, 10)
    assert await acme.balance("A") == (20, 5, 15, 0)
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_fulfilled_and_released_at_two_ledgers(acme: Caller, twin: Caller, number: int) -> None:
    """A reservation fulfilled and released whole at once ends once."""
    await acme.receive("A", 10)
    promise = await acme.confirmed(("A", 4))
    found = await outcomes(
        [
            acme.do("Fulfil", reservation=promise.reservation),
            twin.do("Release", reservation=promise.reservation),
            twin.do("Fulfil", reservation=promise.reservation),
            acme.do("Release", reservation=promise.reservation),
        ]
    )
    assert sorted(found) == ["RESERVATION_STATE"] * 3 + ["ok"]
    ended = await acme.reservation(promise.reservation)
    assert await acme.balance("A") == ((6, 0, 6, 0) if ended.state == FULFILLED else (10, 0, 10, 0))
    assert await acme.verify() == []


@pytest.mark.parametrize("ender", ["Confirm", "Extend", "Release"])
async def test_enders_raced_with_expiry(acme: Caller, twin: Caller, ender: str) -> None:
    """As holds run out, each other ender either came in time or is told that it ran out; never both."""
    await acme.receive("A", 200)
    batch = await acme.do("ReserveBatch", drafts=[draft(("A", 1), hold_seconds=1)] * 200)
    promises = [each.reservation.reservation for each in batch.outcomes]
    more = {"hold_duration": {"seconds": 60}} if ender == "Extend" else {}
    found: dict[str, str] = {}

    async def end(caller: Caller, names: list[str]) -> None:
        for each in names:
            found[each] = (await outcomes([caller.do(ender, reservation=each, **more)]))[0]
            await asyncio.sleep(0.02)  # so that they last longer than the holds

    await asyncio.gather(end(acme, promises[::2]), end(twin, promises[1::2]))
    assert set(found.values()) == {"ok", "RESERVATION_EXPIRED"}, "no race was seen"
    kept = 0 if ender == "Release" else list(found.values()).count("ok")

    async def settled() -> bool:
        return (await acme.balance("A"))[1] == kept

    await eventually(settled)
    for name, outcome in found.items():
        state = (await acme.reservation(name)).state
        assert (state == EXPIRED) == (outcome == "RESERVATION_EXPIRED")
    assert await acme.verify() == []


async def test_confirmed_at_the_last_moment_never_expires(acme: Caller) -> None:
    """A hold confirmed before its time stays confirmed after it."""
    await acme.receive("A", 1)
    promise = await acme.confirmed(("A", 1), hold_seconds=1)
    await acme.receive("B", 1)
    held = await acme.reserve(("B", 1), hold_seconds=1)

    async def ran_out() -> bool:
        return (await acme.reservation(held.reservation)).state == EXPIRED

    await eventually(ran_out)
    assert (await acme.reservation(promise.reservation)).state == CONFIRMED


async def test_partial_orders_share_what_there_is(acme: Caller, twin: Caller) -> None:
    """Orders that take what they get take all of it together, and not one unit more."""
    await acme.receive("A", 10)
    calls = [
        (acme, twin)[each % 2].send("Reserve", request("Reserve", draft=draft(("A", 4), mode=PARTIAL)))
        for each in range(5)
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    granted = [each.reservation.lines[0].quantity for each in answers if not isinstance(each, BaseException)]
    assert sorted(granted) == [2, 4, 4]
    assert await acme.balance(item("A")) == (10, 10, 0, 0)
