"""Orders that wait, from the aggregator to the ledger and back, through restarts and outages and with two replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.kit.market import SCHEMAS, Caller, Market, Service, market
from tests.kit.postgres import FreshDatabase, PostgresForTests
from tests.kit.tokens import AUDIENCE, ISSUER, Signer, bearer, write_key_set
from tests.kit.waiting import until
from weir.common.v1 import verdict_pb2
from weir_chassis.settings import AuthSettings, ClientSettings

BIKE: dict[str, Any] = {"sku": "BIKE"}
CONFIRMED = 2


@pytest.fixture
def database(postgres: PostgresForTests) -> Iterator[FreshDatabase]:
    """A database with the schemas of all contexts."""
    with postgres.fresh(*SCHEMAS) as fresh:
        yield fresh


@dataclass
class Shop:
    """A shop of one region with two locations, and what orders of it came to."""

    services: Market
    caller: Caller
    seen: tuple[Any, ...] = ()
    """What orders are planned on, at least."""

    async def open(self) -> None:
        """Configure it: nothing is stocked, and a hundred bikes may wait."""
        caller = self.caller
        await caller.locations("A", "B")
        fed = await caller.feed("region", ["A", "B"], "shop")
        self.seen = fed, await caller.write("SetBackOrders", back_orders={"product": BIKE, "limit": 100})

    async def order(self, name: str, units: int, *, whole: bool = False) -> str:
        """Order bikes that are not there; returns the demand that waits."""
        mode = "FULFILMENT_MODE_WHOLE_ORDER" if whole else "FULFILMENT_MODE_AS_MUCH_AS_POSSIBLE"
        wish = {"lines": [{"product": BIKE, "quantity": units}], "channel": "shop", "mode": mode}
        freshness = {"at_least": self.seen}
        answer = await self.caller.do("ReserveFulfilment", wish=wish, order=name, back_order=True, freshness=freshness)
        assert [line.open for line in answer.waiting.lines] == [units], answer
        return str(answer.waiting.waiting)

    async def stands(self) -> dict[str, int]:
        """Units that wait, by order, in the order in which they came."""
        answer = await self.caller.do("ListWaiting")
        return {each.order: sum(line.open for line in each.lines) for each in answer.waiting}

    async def promised(self) -> dict[str, list[int]]:
        """Units of each order's reservations, oldest first; all of them are confirmed."""
        answer = await self.caller.do("ListReservations")
        found: dict[str, list[int]] = {}
        for each in answer.reservations:
            assert each.state == CONFIRMED
            found.setdefault(each.order, []).append(sum(line.open for line in each.lines))
        return found

    async def come_to(self, **waits: int) -> None:
        """Wait until that much waits of each order."""

        async def there() -> bool:
            return await self.stands() == waits

        await until(there)


@asynccontextmanager
async def opened(database: FreshDatabase, **settings: Any) -> AsyncIterator[Shop]:
    """A shop for the block; `settings` are those of the aggregator."""
    async with market(database, **settings) as services:
        caller = services.caller()
        try:
            shop = Shop(services, caller)
            await shop.open()
            yield shop
        finally:
            await caller.close()


async def test_who_waits_is_promised_what_comes(database: FreshDatabase) -> None:
    """First come first served, in part or whole as was wished; what is cancelled is for the next, and what nobody waits
    for is offered.
    """
    async with opened(database) as shop:
        await shop.order("first", 3)
        await shop.order("whole", 4, whole=True)
        await shop.order("third", 2)
        fourth = await shop.order("fourth", 2)
        await shop.caller.receive("BIKE", "A", 5)
        await shop.come_to(first=0, whole=4, third=0, fourth=2)
        await shop.caller.receive("BIKE", "B", 1)
        await shop.come_to(first=0, whole=4, third=0, fourth=1)
        await shop.caller.write("CancelWaiting", waiting=fourth)
        booked = await shop.caller.receive("BIKE", "B", 6)
        await shop.come_to(first=0, whole=0, third=0, fourth=0)
        assert await shop.promised() == {"first": [3], "third": [2], "fourth": [1], "whole": [4]}
        assert await shop.caller.level("BIKE", "shop", booked) == 2


async def test_a_restart_in_between_loses_nothing(database: FreshDatabase) -> None:
    """What came while no aggregator ran is promised once one does, before it answers anybody that there is some."""
    async with opened(database) as shop:
        await shop.order("first", 3)
        await shop.order("second", 3)
        await shop.services.aggregator.end()
        booked = await shop.caller.receive("BIKE", "A", 4)
        await shop.services.aggregator.begin()
        assert await shop.caller.level("BIKE", "shop", booked) == 0
        await shop.come_to(first=0, second=2)
        booked = await shop.caller.receive("BIKE", "A", 3)
        await shop.come_to(first=0, second=0)
        assert await shop.promised() == {"first": [3], "second": [1, 2]}
        assert await shop.caller.level("BIKE", "shop", booked) == 1


async def test_a_ledger_that_is_away_for_a_while(database: FreshDatabase) -> None:
    """Nobody else is told of the units meanwhile; once it is back those who wait are promised them."""
    async with opened(database) as shop:
        await shop.order("first", 3)
        await shop.services.ledger.end()
        assert await shop.caller.level("BIKE", "shop") == 0
        await shop.services.ledger.begin()
        booked = await shop.caller.receive("BIKE", "A", 5)
        assert await shop.caller.level("BIKE", "shop", booked) == 2
        await shop.come_to(first=0)


async def test_no_promises_where_they_are_switched_off(database: FreshDatabase) -> None:
    """Units are kept for who waits, in levels and plans, and nobody is promised them by this process."""
    async with opened(database, promises=False) as shop:
        await shop.order("first", 3)
        booked = await shop.caller.receive("BIKE", "A", 4)
        assert await shop.caller.level("BIKE", "shop", booked) == 1
        wish = {"lines": [{"product": BIKE, "quantity": 2}], "channel": "shop"}
        [missing] = (await shop.caller.do("PlanFulfilment", wish=wish)).plan.missing
        assert (missing.quantity, missing.nearest.quantity) == (2, 1)
        assert missing.verdict == missing.nearest.verdict == verdict_pb2.VERDICT_AWAITED
        refused = await shop.caller.refused("ReserveFulfilment", wish=wish)
        assert refused.reason == "ORDER_UNFILLED"
        assert await shop.stands() == {"first": 3}


async def test_two_replicas_do_no_harm(database: FreshDatabase) -> None:
    """Both promise what comes: each demand gets what it waits for once, in order, and both come to the same levels."""
    async with opened(database) as shop, replica(shop) as other:
        for number in range(12):
            await shop.order(f"order{number:02}", 2)
        for number in range(5):
            await asyncio.gather(shop.caller.receive("BIKE", "A", 2), shop.caller.receive("BIKE", "B", 1 + number % 2))
        booked = await shop.caller.receive("BIKE", "A", 9)
        await shop.come_to(**{f"order{number:02}": 0 for number in range(12)})
        promised = await shop.promised()
        assert {order: sum(units) for order, units in promised.items()} == {
            f"order{number:02}": 2 for number in range(12)
        }
        assert await level(other, booked) == await shop.caller.level("BIKE", "shop", booked) == 2


async def test_it_promises_with_its_own_token(database: FreshDatabase, tmp_path: Path) -> None:
    """With tokens on: it acts for the tenant whose order waits, by what says that it is a service of the suite."""
    signer = Signer()
    auth = AuthSettings(jwks=str(write_key_set(tmp_path / "keys.json", signer)), issuer=ISSUER, audience=AUDIENCE)
    token_file = tmp_path / "token"
    token_file.write_text(signer.token(tenant=None, role="SERVICE"))
    settings: dict[str, Any] = {"client": ClientSettings(token_file=token_file), "replan_shortfalls": True}
    async with market(database, auth=auth, **settings) as services:
        caller = services.caller(metadata=bearer(signer.token(role="ADMINISTRATOR")))
        shop = Shop(services, caller)
        await shop.open()
        await shop.order("first", 3)
        await caller.receive("BIKE", "A", 3)
        await shop.come_to(first=0)
        await caller.receive("BIKE", "B", 3)
        await caller.receive("BIKE", "A", 1, kind="COUNT")
        await until(lambda: lies(shop, A=1, B=2))
        await caller.close()


@pytest.mark.parametrize("on", [True, False])
async def test_shortfalls_are_planned_again_where_that_is_said(database: FreshDatabase, on: bool) -> None:
    """Of each reservation that a count leaves without its units, what can lie elsewhere is moved there: what was
    short at the start, and what comes to be; what cannot be moved stays promised where it was. Otherwise nobody moves
    anything.
    """
    async with opened(database, replan_shortfalls=on) as shop:
        caller = shop.caller
        shop.seen = shop.seen[0], await caller.receive("BIKE", "A", 6)
        await order_at_once(shop, "first", 4)
        await order_at_once(shop, "second", 2)
        await shop.services.aggregator.end()
        await caller.receive("BIKE", "B", 1)
        short = await caller.receive("BIKE", "A", 5, kind="COUNT")
        await shop.services.aggregator.begin()
        if not on:
            assert await caller.level("BIKE", "shop", short) == 1
            assert await lies(shop, A=6)
            return
        await until(lambda: lies(shop, A=5, B=1))
        booked = await caller.receive("BIKE", "A", 3, kind="COUNT")
        assert await caller.level("BIKE", "shop", booked) == 0
        await caller.receive("BIKE", "B", 5)
        await caller.receive("BIKE", "A", 2, kind="COUNT")
        await until(lambda: covered(shop, A=2, B=6))
        before = await caller.do("ListReservations")
        booked = await caller.receive("BIKE", "A", 2, kind="COUNT")
        assert await caller.level("BIKE", "shop", booked) == 2
        assert (await caller.do("ListReservations")).reservations == before.reservations


async def order_at_once(shop: Shop, name: str, units: int) -> None:
    """Order bikes that are there, and confirm it."""
    wish = {"lines": [{"product": BIKE, "quantity": units}], "channel": "shop"}
    freshness = {"at_least": shop.seen}
    answer = await shop.caller.do("ReserveFulfilment", wish=wish, order=name, freshness=freshness)
    await shop.caller.write("Confirm", reservation=answer.reservation.reservation)


async def lies(shop: Shop, **units: int) -> bool:
    """Whether just so many units are promised at each location."""
    return await promised(shop) == units


async def covered(shop: Shop, **units: int) -> bool:
    """Whether no more than so many units are promised at each location: which, depends on what was planned when."""
    return all(number <= units[location] for location, number in (await promised(shop)).items())


async def promised(shop: Shop) -> dict[str, int]:
    """How many units are promised at each location."""
    found: dict[str, int] = {}
    for each in (await shop.caller.do("ListReservations")).reservations:
        for line in each.lines:
            if line.open:
                location = line.stock_item.location
                found[location] = found.get(location, 0) + line.open
    return found


@asynccontextmanager
async def replica(shop: Shop) -> AsyncIterator[Market]:
    """Another aggregator beside the first, for the block."""
    beside = replace(shop.services, aggregator=Service(shop.services.aggregator.start))
    await beside.aggregator.begin()
    try:
        yield beside
    finally:
        await beside.aggregator.end()


async def level(services: Market, *at_least: Any) -> int:
    """What the aggregator of some services says may be sold of BIKE."""
    caller = services.caller()
    try:
        return await caller.level("BIKE", "shop", *at_least)
    finally:
        await caller.close()
