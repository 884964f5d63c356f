"""The aggregator over real persons and pools: what a rep may sell, by every question, and orders from custody."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from tests.kit.market import REP, SCHEMAS, WEBSHOP, Caller, Market, market
from tests.kit.postgres import PostgresForTests
from weir_chassis.errors import Kind

VIEWS = ("STOCK_VIEW_MY_CUSTODY", "STOCK_VIEW_SHARED_BY_DISTRIBUTOR", "STOCK_VIEW_BOTH")
HIP = {"sku": "HIP"}


@pytest.fixture
async def services(postgres: PostgresForTests) -> AsyncIterator[Market]:
    """The services on a fresh database."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database) as running:
            yield running


async def pooled(caller: Caller) -> list[Any]:
    """A distributor with 10 hips, 4 of them in a clinic, and a rep with 3; a shop with 50; the last revisions."""
    await caller.locations("DEPOT", "CLINIC", "TRUNK")
    await caller.receive("HIP", "DEPOT", 50)
    await caller.receive("HIP", "DEPOT", 6, custodian="dora")
    await caller.receive("HIP", "CLINIC", 4, custodian="dora")
    booked = await caller.receive("HIP", "TRUNK", 3, custodian="ann")
    await caller.write("CreateChannel", channel={"channel": "rep-ann", "kind": REP})
    await caller.write("CreateChannel", channel={"channel": "rep-bob", "kind": REP})
    shared = await caller.feed("all", ["DEPOT"], "shop")
    await caller.write("CreateUser", user={"user": "dora", "role": "USER_ROLE_DISTRIBUTOR"})
    for rep in ("ann", "bob"):
        await caller.write("CreateUser", user={"user": rep, "role": "USER_ROLE_REP", "channel": f"rep-{rep}"})
    pool = {"pool": "north", "hub": "dora", "members": ["ann", "bob"], "access_hub_stock": True}
    return [booked, shared, await caller.write("CreatePool", pool=pool)]


async def views(caller: Caller, at_least: list[Any], channel: str = "rep-ann") -> list[int]:
    """What each view of a channel gives."""
    return [await caller.level("HIP", channel, *at_least, view=view) for view in VIEWS]


async def switch(caller: Caller, access_hub_stock: bool) -> Any:
    """Turn the switch of the pool."""
    return await caller.write("SetHubAccess", pool="north", access_hub_stock=access_hub_stock)


async def test_the_switch_on_and_off(services: Market) -> None:
    """3, 10 and 13, and 3, nothing and 3, by watch as by export; what else is asked of these channels says the same."""
    caller = services.caller()
    made = await pooled(caller)
    assert await views(caller, made) == [3, 10, 13]
    assert await views(caller, made, "rep-bob") == [0, 10, 10]
    off = await switch(caller, access_hub_stock=False)
    assert await views(caller, [off]) == [3, 0, 3]
    await services.aggregator.end()
    await services.aggregator.begin()
    assert await views(caller, [*made[:2], off]) == [3, 0, 3]
    on = await switch(caller, access_hub_stock=True)
    table = await caller.do("BatchGetAvailability", products=[HIP], freshness={"at_least": [on]})
    assert dict(zip(table.channels, table.levels, strict=True)) == {"rep-ann": 13, "rep-bob": 10, "shop": 50}
    assert [each.context for each in table.revisions][-1] == "pooling"
    listed = [part async for part in caller.stream("ListLevels", channels=["rep-ann"])]
    assert list(listed[0].table.levels) == [13]
    await caller.close()


async def test_a_watch_of_levels_tells_of_people(services: Market) -> None:
    """Whoever watches hears what a switch, a member who leaves and goods that change hands make of levels."""
    caller = services.caller()
    made = await pooled(caller)
    known: dict[str, int] = {}
    call = caller.stream("WatchLevels")

    async def read() -> AsyncGenerator[Any, None]:
        while True:
            yield await call.read()

    async with aclosing(read()) as messages:

        async def until(revision: Any) -> dict[str, int]:
            async for message in messages:
                known.update(zip(message.table.channels, message.table.levels, strict=True))
                through = {each.context: each.number for each in message.through}
                if through.get(revision.context, -1) >= revision.number:
                    return dict(known)
            raise AssertionError("it ended")

        for each in made:
            await caller.level("HIP", "shop", each)
        assert await until(made[2]) == {"rep-ann": 13, "rep-bob": 10, "shop": 50}
        assert await until(await switch(caller, access_hub_stock=False)) == {"rep-ann": 3, "rep-bob": 0, "shop": 50}
        await switch(caller, access_hub_stock=True)
        fewer = {"pool": "north", "hub": "dora", "members": ["ann"], "access_hub_stock": True}
        left = await caller.write("UpdatePool", pool=fewer)
        assert await until(left) == {"rep-ann": 13, "rep-bob": 0, "shop": 50}
        movement = {
            "kind": "ENTRY_KIND_TRANSFER",
            "quantity": 2,
            "stock_item": {"product": HIP, "location": "CLINIC", "custodian": "dora"},
            "destination": {"product": HIP, "location": "TRUNK", "custodian": "bob"},
        }
        moved = await caller.write("RecordMovements", movements=[movement])
        assert await until(moved) == {"rep-ann": 11, "rep-bob": 2, "shop": 50}
    call.cancel()
    await caller.close()


async def test_an_explanation_speaks_of_persons(services: Market) -> None:
    """It says whose custody counts and whose does not, and every stock item with whom it is; of others it is silent."""
    caller = services.caller()
    made = await pooled(caller)
    await caller.receive("HIP", "TRUNK", 9, custodian="zoe")
    explained = await caller.do("ExplainAvailability", product=HIP, channel="rep-ann", freshness={"at_least": made})
    assert explained.level == 13
    reach, supply, cap = explained.steps
    assert [(each.name, each.sentence) for each in reach.steps] == [
        ("ann", "What is in the custody of 'ann', who sells through it, counts."),
        ("dora", "What is in the custody of 'dora' counts: the hub of the pool has opened its stock to members."),
    ]
    items = [item.stock_item for place in supply.steps for item in place.steps]
    assert [(item.custodian, item.location) for item in items] == [
        ("dora", "CLINIC"), ("dora", "DEPOT"), ("ann", "TRUNK"),
    ]  # fmt: skip
    assert cap.sentence == "'rep-ann' is told 13 units."
    off = await switch(caller, access_hub_stock=False)
    shut = await caller.do("ExplainAvailability", product=HIP, channel="rep-ann", freshness={"at_least": [off]})
    assert (shut.level, shut.steps[0].steps[1].sentence) == (
        3,
        "What is in the custody of 'dora' does not count: the hub of the pool has not opened its stock to members.",
    )
    await caller.close()


def wish(quantity: int, channel: str = "rep-ann", **line: Any) -> dict[str, Any]:
    """So many hips of a channel."""
    return {"lines": [{"product": HIP, "quantity": quantity, **line}], "channel": channel}


def units(answer: Any) -> dict[str, int]:
    """What a plan takes, by custodian."""
    found: dict[str, int] = {}
    for each in answer.plan.allocations:
        found[each.stock_item.custodian] = found.get(each.stock_item.custodian, 0) + each.quantity
    return found


async def test_orders_from_custody(services: Market) -> None:
    """An order takes the rep's own first, then the hub's; what is promised is gone from every view, and planned again
    it stays in the custody that it was accepted with.
    """
    caller = services.caller()
    made = await pooled(caller)
    fresh = {"at_least": made}
    assert units(await caller.do("PlanFulfilment", wish=wish(5), freshness=fresh)) == {"ann": 3, "dora": 2}
    assert units(await caller.do("PlanFulfilment", wish=wish(5, view=VIEWS[1]))) == {"dora": 5}
    mine = await caller.do("PlanFulfilment", wish=wish(5, view=VIEWS[0]))
    assert (units(mine), mine.plan.missing[0].quantity) == ({}, 5)
    done = await caller.do("ReserveFulfilment", wish=wish(5), order="op 1")
    assert units(done) == {"ann": 3, "dora": 2}
    assert await views(caller, [done.revision]) == [0, 8, 8]
    off = await switch(caller, access_hub_stock=False)
    assert await views(caller, [off]) == [0, 0, 0]
    refused = await caller.refused("ReserveFulfilment", wish=wish(1), order="op 2")
    assert (refused.kind, refused.reason) == (Kind.UNMET, "ORDER_UNFILLED")
    shut = await caller.refused("ReserveFulfilment", wish=wish(1, view=VIEWS[1]))
    assert shut.message.endswith("'rep-ann' is shared nothing by the hub of a pool.")
    again = await caller.do("ReplanReservation", reservation=done.reservation.reservation, wish=wish(6))
    assert (units(again), again.promised) == ({"ann": 3, "dora": 3}, 1)
    await caller.close()


async def test_who_may_say_what_of_custody(services: Market) -> None:
    """A view of a shop is refused, and custodians beside a view; through a channel without a person custodians are
    named, as ever.
    """
    caller = services.caller()
    made = await pooled(caller)
    await caller.write("CreateChannel", channel={"channel": "rep-zoe", "kind": REP})
    fresh = await caller.write("CreateChannel", channel={"channel": "other", "kind": WEBSHOP})
    assert await caller.level("HIP", "rep-zoe", made[0], fresh, made[2], view=VIEWS[2]) == 0
    for method in ("GetAvailability", "ExplainAvailability"):
        refused = await caller.refused(method, product=HIP, channel="shop", view=VIEWS[0])
        assert [each.field for each in refused.violations] == ["view"]
    bad = {
        "view": wish(1, "shop", view=VIEWS[0]),
        "custodians": wish(1, "rep-zoe"),
    }
    for field, asked in bad.items():
        refused = await caller.refused("PlanFulfilment", wish=asked)
        assert [each.field for each in refused.violations] == [f"wish.lines[0].{field}"]
    both = await caller.refused("PlanFulfilment", wish=wish(1, view=VIEWS[0], custodians=["ann"]))
    assert [each.field for each in both.violations] == ["wish.lines[0].view"]
    assert units(await caller.do("PlanFulfilment", wish=wish(4, "rep-zoe", custodians=["dora"]))) == {"dora": 4}
    await caller.close()


async def test_pooling_away(services: Market) -> None:
    """While pooling is away answers rest on the persons last known; what happens meanwhile is known once it is back."""
    caller = services.caller()
    made = await pooled(caller)
    assert await views(caller, made) == [3, 10, 13]
    await services.pooling.end()
    sold = await caller.receive("HIP", "TRUNK", 1, custodian="ann")
    assert await views(caller, [sold]) == [4, 10, 14]
    await services.pooling.begin()
    other = services.caller()
    assert await views(other, [await switch(other, access_hub_stock=False)]) == [4, 0, 4]
    await caller.close()
    await other.close()
