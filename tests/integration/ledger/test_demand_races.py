"""Whatever runs beside it, in one process or in two: no more waits than may, no more is promised than waits or is
there, and of two ends of the same units one comes first."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.integration.ledger.conftest import Owner
from tests.kit.ledger import Caller, awaiting, draft, eventually, outcomes, promise
from weir_ledger.store import waiting

ROUNDS = 3
BLOCKED = """
SELECT count(*) >= $1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_the_limit_holds_over_all(acme: Caller, twin: Caller, number: int) -> None:
    """20 orders that would wait for 1 each, at two ledgers, where 10 may: exactly 10 do, on every run."""
    await acme.allow("A", 10)
    calls = [(acme, twin)[each % 2].do("Reserve", waiting=awaiting(("A", 1))) for each in range(20)]
    assert Counter(await outcomes(calls)) == {"ok": 10, "BACK_ORDERS_EXHAUSTED": 10}
    assert await acme.waits("A") == (10, 10)
    assert await acme.verify() == []


async def test_products_cross_without_a_deadlock(acme: Caller, twin: Caller) -> None:
    """Orders that wait for the same products in opposite order, and promise and wait for them crosswise, all find an
    outcome."""
    for sku in "AB":
        await acme.allow(sku, 30)
        await acme.receive(sku, 30)
    calls = [
        (acme, twin)[each % 2].do(
            "Reserve", draft=draft(("BA"[each % 2], 1)), waiting=awaiting(*[("A", 1), ("B", 1)][:: 1 - each % 2 * 2])
        )
        for each in range(40)
    ]
    assert Counter(await outcomes(calls)) == {"ok": 30, "BACK_ORDERS_EXHAUSTED": 10}
    assert await acme.waits("A") == await acme.waits("B") == (30, 30)
    assert await acme.verify() == []


@pytest.mark.parametrize(("units", "promised"), [(30, 10), (7, 7)])
async def test_one_demand_at_two_ledgers(acme: Caller, twin: Caller, units: int, promised: int) -> None:
    """However many promise units to one demand at once at two ledgers, no more are promised than wait, and no more than
    are available."""
    await acme.allow("A", 10)
    made = await acme.await_units(("A", 10))
    await acme.receive("A", units)
    answers = await asyncio.gather(
        *((acme, twin)[each % 2].promise(*[promise(made, ("A", 1))] * 2) for each in range(10))
    )
    found = Counter(outcome for answer in answers for outcome in answer)
    assert found.pop("ok") == promised
    assert set(found) <= {"WAITING_STATE", "INSUFFICIENT_STOCK"}
    line = (await acme.demand(made.waiting)).lines[0]
    assert (line.promised, line.open) == (promised, 10 - promised)
    assert (await acme.balance("A"))[:2] == (units, promised)
    assert (await twin.waits("A"))[0] == 10 - promised
    assert await acme.verify() == []


async def test_whole_demands_at_two_ledgers(acme: Caller, twin: Caller) -> None:
    """Of many that promise whole demands from units that suffice for some, some get all and the others nothing."""
    await acme.allow("A", 100)
    made = [await acme.await_units(("A", 3), ("A", 2), whole=True) for _ in range(6)]
    await acme.receive("A", 18)
    asked = [promise(each, ("A", 5), units={1: 3, 2: 2}) for each in made]
    answers = await asyncio.gather(acme.promise(*asked), twin.promise(*reversed(asked)))
    assert sum(answer.count("ok") for answer in answers) == 3
    found = [await acme.demand(each.waiting) for each in made]
    assert sorted(sum(line.promised for line in each.lines) for each in found) == [0, 0, 0, 5, 5, 5]
    assert await acme.balance("A") == (18, 15, 3, 0)
    assert await acme.verify() == []


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_promised_or_given_up(acme: Caller, twin: Caller, number: int) -> None:
    """Of those that promise and those that give up the same units at once one ends them, and the others are told that
    the demand has ended; every unit ends in one way."""
    await acme.allow("A", 100)
    await acme.receive("A", 100)
    made = [await acme.await_units(("A", 4)) for _ in range(8)]
    promises = [(acme, twin)[n % 2].promise(promise(each, ("A", 4))) for n, each in enumerate(made)]
    cancels = [twin.do("CancelWaiting", waiting=each.waiting) for each in made]
    promised, cancelled = await asyncio.gather(asyncio.gather(*promises), outcomes(cancels))
    for each, (one,), other in zip(made, promised, cancelled, strict=True):
        assert sorted((one, other)) == ["WAITING_STATE", "ok"]
        line = (await acme.demand(each.waiting)).lines[0]
        assert (line.promised, line.cancelled) == ((4, 0) if one == "ok" else (0, 4))
    assert (await acme.balance("A"))[1] == 4 * sum(one == "ok" for (one,) in promised)
    assert await acme.waits("A") == (0, 100)
    assert await acme.verify() == []


async def test_a_limit_set_at_two_ledgers_at_once(acme: Caller, twin: Caller) -> None:
    """However many say for the first time at once how much of a product may wait, while orders come, the last one
    stays, what waits is counted, and of those who name one mark only one succeeds."""
    wanted = [{"product": {"sku": "A"}, "limit": 50 + each} for each in range(10)]
    calls = [(acme, twin)[n % 2].do("SetBackOrders", back_orders=each) for n, each in enumerate(wanted)]
    orders = [(acme, twin)[each % 2].do("Reserve", waiting=awaiting(("A", 1))) for each in range(20)]
    said, waited = await asyncio.gather(outcomes(calls), outcomes(orders))
    assert said == ["ok"] * 10
    assert set(waited) <= {"ok", "BACK_ORDERS_EXHAUSTED"}
    assert (await acme.waits("A"))[0] == waited.count("ok")
    etag = (await acme.do("GetBackOrders", product={"sku": "A"})).back_orders.etag
    found = await outcomes(
        (acme, twin)[n % 2].do("SetBackOrders", back_orders={"product": {"sku": "A"}, "limit": n, "etag": etag})
        for n in range(10)
    )
    assert Counter(found) == {"ok": 1, "ETAG_STALE": 9}
    assert await acme.verify() == []


async def test_said_while_an_order_waits_for_a_lock(acme: Caller, twin: Caller, owner: Owner) -> None:
    """An order that waits for a lock sees what was said of another product meanwhile: its commit is later."""
    await acme.allow("A", 5)
    async with owner.transaction():
        await owner.execute("SELECT FROM back_orders WHERE tenant = $1 FOR UPDATE", acme.tenant)
        order = asyncio.ensure_future(acme.do("Reserve", waiting=awaiting(("A", 1), ("B", 1))))
        await eventually(lambda: owner.fetchval(BLOCKED, 1))
        said = await twin.allow("B", 5)
    assert (await order).revision.number > int(said.etag)
    assert await acme.verify() == []


async def test_a_refusal_in_a_group_tells_its_commit(acme: Caller, owner: Owner) -> None:
    """Where an earlier order of the same commit took what may wait, the refusal tells the revision of that commit, and
    so does its repetition."""
    await acme.allow("A", 3)
    async with owner.transaction():
        await owner.execute("SELECT FROM back_orders WHERE tenant = $1 FOR UPDATE", acme.tenant)
        held = asyncio.ensure_future(acme.do("Reserve", waiting=awaiting(("A", 1))))
        await eventually(lambda: owner.fetchval(BLOCKED, 1))
        one = asyncio.ensure_future(acme.do("Reserve", waiting=awaiting(("A", 2))))
        other = asyncio.ensure_future(acme.refused("Reserve", request_id="late", waiting=awaiting(("A", 1))))
        await asyncio.sleep(0)
    await held
    made, told = await one, await other
    assert (told.reason, told.metadata["waiting"]) == ("BACK_ORDERS_EXHAUSTED", "3")
    assert told.metadata["revision"] == str(made.revision.number)
    again = await acme.refused("Reserve", request_id="late", waiting=awaiting(("A", 1)))
    assert again.metadata == told.metadata


@pytest.mark.parametrize("name", ["LOCK_BACK_ORDERS", "LOCK"])
async def test_without_a_lock_it_would_be_found_out(
    acme: Caller, twin: Caller, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The control: ledgers that do not lock what waits let more wait than may, or promise more than waits, and the
    audit tells."""
    statement = getattr(waiting, name)
    assert "FOR UPDATE" in statement
    monkeypatch.setattr(waiting, name, statement.replace("FOR UPDATE", ""))
    for sku in map(str, range(20)):
        await acme.allow(sku, 10 if name == "LOCK_BACK_ORDERS" else 40)
        if name == "LOCK":
            await acme.receive(sku, 30)
            made, _ = [await acme.await_units((sku, units)) for units in (10, 30)]
            asked = [promise(made, (sku, 1)) for _ in range(6)]
            await outcomes(each.do("PromiseWaiting", promises=asked) for each in (acme, twin))
        else:
            await outcomes((acme, twin)[n % 2].do("Reserve", waiting=awaiting((sku, 1))) for n in range(20))
        if await acme.verify():
            return
    raise AssertionError("nobody noticed")
