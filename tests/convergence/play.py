"""Plays a plan: what happens, and what the stores show once all is well again."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from tests.convergence.plan import ALONE, STORES, Plan, Step, What
from tests.convergence.world import APART, COMMON, LEASE_SECONDS, WatchedStore, World
from tests.kit.merchant import Merchant, request_id
from tests.kit.reference_shop import Sold
from tests.kit.reference_store import Weather
from tests.kit.waiting import until
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.connector.v1 import connector_pb2
from weir.sync.v1 import connection_service_pb2, order_service_pb2, rule_pb2, rule_service_pb2

PATIENCE_SECONDS = 120.0
"""How long stores may take to show what they should, once all is well."""
BAD = (
    Weather(throttle=0.3),
    Weather(lose_request=0.2, lose_answer=0.2),
    Weather(stall=0.1, lose_answer=0.1),
    Weather(late=0.4),
    Weather(drop=0.3, late=0.2),
)


@dataclass(slots=True)
class Run:
    """What came of a plan."""

    seed: int
    figures: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    """What led to what is wrong."""

    @property
    def missing(self) -> list[str]:
        """What a run has to reach, so that it shows anything, and this one did not."""
        return [each for each in ("sold unheard of", "levels", "kills", "stops") if not self.figures[each]]


class Player:
    """Does what a plan says, one step after the other; what goes wrong goes on meanwhile."""

    def __init__(self, world: World, merchant: Merchant, stores: Mapping[str, WatchedStore], run: Run) -> None:
        """Nothing happened yet."""
        self._world, self._merchant, self._stores, self._run = world, merchant, stores, run
        self._unreported: deque[tuple[str, str]] = deque()
        self._reported: deque[tuple[str, str]] = deque()
        self._faults: list[asyncio.Task[None]] = []
        self._free = [asyncio.Lock() for _ in world.syncs]
        self._came = Counter[str]()

    async def play(self, plan: Plan, patience_seconds: float) -> None:
        """Every step; then all is well again, one product is bought up, every order is reported, and the stores are
        waited for."""
        for step in plan.steps:
            await asyncio.sleep(step.pause_seconds)
            await self._do(step)
        await asyncio.gather(*self._faults)
        for store in self._stores.values():
            store.weather = Weather()
            store.settle()
        self._rush(self._stores[STORES[0]])
        while self._unreported:
            await self._report(*self._unreported.popleft())
        await self._switch(on=True)
        try:
            await until(self._settled, patience_seconds)
        except TimeoutError:
            self._run.wrong.append(f"stores do not show their levels: {await self._differing()}")
            self._run.evidence += [line for each in await self._differing() for line in await self._evidence(*each)]
        self._judge()

    async def _do(self, step: Step) -> None:
        self._run.figures[step.what.name] += 1
        store = self._stores[step.store]
        match step.what:
            case What.RECEIVE:
                await self._merchant.receive(step.sku, **{APART if step.sku == ALONE else COMMON: step.units})
                self._came[step.sku] += step.units
            case What.ORDER if step.sku != ALONE:
                await self._order(step)
            case What.SELL:
                self._sell(step, store)
            case What.REPORT if self._unreported:
                store_and_order = self._unreported.popleft()
                for _ in range(1 + (step.draw < 0.2)):
                    await self._report(*store_and_order)
                self._reported.append(store_and_order)
            case What.CANCEL if self._reported:
                name, order = self._reported.popleft()
                self._stores[name].shop.cancel(order)
                await self._report(name, order)
            case What.RULE:
                await self._rule(step)
            case What.WEATHER:
                store.weather = BAD[int(step.draw * len(BAD))]
            case What.RESTART:
                await store.restart()
            case What.KILL:
                self._befall(self._kill(int(step.draw * len(self._world.syncs))))
            case What.PAUSE:
                self._befall(self._pause(int(step.draw * len(self._world.syncs))))
            case What.SWITCH:
                self._befall(self._turn_off())

    def _sell(self, step: Step, store: WatchedStore) -> None:
        if order := store.shop.sell(step.sku, step.units):
            self._unreported.append((step.store, order))
            self._run.figures["sold unheard of"] += step.units

    def _rush(self, store: WatchedStore) -> None:
        """Customers buy all that is shown of what the store sells alone."""
        left = store.shop.shown[ALONE]
        if left and (order := store.shop.sell(ALONE, left)):
            self._unreported.append((STORES[0], order))

    async def _order(self, step: Step) -> None:
        wish = fulfilment_pb2.Wish(
            channel=step.store, lines=[fulfilment_pb2.WishLine(product=Product(sku=step.sku), quantity=step.units)]
        )
        asked = fulfilment_service_pb2.ReserveFulfilmentRequest(request_id=request_id(), wish=wish)
        with suppress(grpc.aio.AioRpcError):  # sold out: stores may have sold more than there is
            await self._merchant.stubs.fulfilment.ReserveFulfilment(asked)

    async def _report(self, name: str, order: str) -> None:
        """Until it is taken: sync and those it asks may be busy."""
        taken = self._stores[name].shop.orders[order]
        placed = Timestamp()
        placed.FromDatetime(taken.placed_at)
        lines = [connector_pb2.StoreOrderLine(store_sku=sku, quantity=units) for sku, units in taken.lines]
        told = connector_pb2.StoreOrder(store_order=order, lines=lines, place_time=placed, cancelled=taken.cancelled)
        asked = order_service_pb2.ReportStoreOrderRequest(request_id=request_id(), connection=name, order=told)
        await self._merchant.stubs.store_orders.ReportStoreOrder(asked, timeout=60)

    async def _rule(self, step: Step) -> None:
        """So much of a share as the draw says is told, to all stores."""
        rates = rule_pb2.Rule(rule="rate", stores=STORES, priority=1, rate_percent=25 * (1 + int(step.draw * 4)))
        if self._run.figures["RULE"] == 1:
            await self._merchant.stubs.rules.CreateRule(
                rule_service_pb2.CreateRuleRequest(request_id=request_id(), rule=rates)
            )
        else:
            await self._merchant.stubs.rules.UpdateRule(
                rule_service_pb2.UpdateRuleRequest(request_id=request_id(), rule=rates)
            )

    def _befall(self, fault: Coroutine[Any, Any, None]) -> None:
        self._faults.append(asyncio.create_task(fault))

    async def _kill(self, number: int) -> None:
        async with self._free[number]:
            await self._world.syncs[number].kill()
            await self._world.syncs[number].start()
            self._run.figures["kills"] += 1

    async def _pause(self, number: int) -> None:
        """For longer than a lease lives: another takes over, and this one must find that out."""
        async with self._free[number]:
            self._world.syncs[number].send(signal.SIGSTOP)
            await asyncio.sleep(1.5 * LEASE_SECONDS)
            self._world.syncs[number].send(signal.SIGCONT)
            self._run.figures["stops"] += 1

    async def _turn_off(self) -> None:
        await self._switch(on=False)
        await asyncio.sleep(0.3)
        await self._switch(on=True)

    async def _switch(self, *, on: bool) -> None:
        await self._merchant.stubs.connections.SetMasterSwitch(
            connection_service_pb2.SetMasterSwitchRequest(request_id=request_id(), on=on)
        )

    async def _differing(self) -> dict[tuple[str, str], tuple[int, int]]:
        """What stores show and should, by SKU and store, where that is not the same."""
        levels = await self._merchant.levels(*STORES)
        return {
            (sku, name): (store.shop.shown[sku], by_store[name])
            for sku, by_store in levels.items()
            for name, store in self._stores.items()
            if store.shop.shown[sku] != by_store[name]
        }

    async def _settled(self) -> bool:
        return not await self._differing()

    async def _evidence(self, sku: str, name: str) -> list[str]:
        """What happened to a SKU in a store, and what sync makes of it."""
        named = self._merchant.tenant, name, sku
        connection = await asyncpg.connect(self._merchant.database_url)
        try:
            rows = [
                row
                for table in ("records", "levels")
                for row in await connection.fetch(
                    f"SELECT * FROM weir_sync.{table} WHERE tenant = $1 AND connection = $2 AND store_sku = $3"
                    " ORDER BY record",
                    *named,
                )
            ]
        finally:
            await connection.close()
        shop = self._stores[name].shop
        happened = [
            each for each in shop.history if sku == (each.sku if isinstance(each, Sold) else each.level.store_sku)
        ]
        return [f"{name} {sku}: {each}" for each in (*happened, *rows)]

    def _judge(self) -> None:
        for name, store in self._stores.items():
            self._run.wrong += [f"{name}: {each}" for each in store.wrong]
            self._run.figures["levels"] += store.calls.count("ApplyLevels")
        sold = self._stores[STORES[0]].shop.sold(ALONE)
        if sold > self._came[ALONE]:
            self._run.wrong.append(f"{STORES[0]} sold {sold} of {self._came[ALONE]}: units were given back to it")


async def play(world: World, plan: Plan, *, patience_seconds: float = PATIENCE_SECONDS) -> Run:
    """Play a plan from beginning to end, and judge it."""
    run = Run(plan.seed)
    async with world.merchant(plan.seed) as (merchant, stores):
        await Player(world, merchant, stores, run).play(plan, patience_seconds)
    return run
