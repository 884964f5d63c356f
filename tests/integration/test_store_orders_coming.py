"""How orders of stores come in: while others are away, and by asking the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.kit.market import SCHEMAS, Caller, Market, market
from tests.kit.postgres import PostgresForTests
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ReferenceStore
from tests.kit.waiting import until
from weir.sync.v1 import store_order_pb2

PATIENCE = 60.0


@asynccontextmanager
async def selling(postgres: PostgresForTests, **store: Any) -> AsyncIterator[tuple[Market, Caller]]:
    """Five bikes on one shelf, that a shop of the suite and one beside it sell from."""
    with postgres.fresh(*SCHEMAS) as database:
        async with market(database, syncing={"allow_loopback": True, "order_poll_seconds": 0.1}) as services:
            caller = services.caller()
            await caller.locations("A")
            await caller.feed("region", ["A"], "shop", "beside")
            await caller.receive("BIKE", "A", 5)
            connection = {"connection": "north", "role": "CONNECTION_ROLE_STORE", "kind": "CONNECTOR_KIND_GRPC",
                          "settings": {"target": "127.0.0.1:1", "tls": "off"}, "channel": "shop", **store}  # fmt: skip
            await caller.do("CreateConnection", connection=connection)
            try:
                yield services, caller
            finally:
                await caller.close()


async def state(caller: Caller, name: str) -> str:
    """What became of an order."""
    found = await caller.do("GetStoreOrder", connection="north", store_order=name)
    return store_order_pb2.StoreOrderState.Name(found.order.state).removeprefix("STORE_ORDER_STATE_")


def order(name: str, units: int) -> dict[str, Any]:
    """Some bikes."""
    return {"store_order": name, "lines": [{"store_sku": "BIKE", "quantity": units}]}


async def test_orders_that_come_while_others_are_away(postgres: PostgresForTests) -> None:
    """An order is kept and answered as reported while the ledger or the aggregator is away, and so is one that was
    cancelled meanwhile; once they are back each is promised, once, or given up, without being reported again."""
    async with selling(postgres) as (services, caller):
        done = await caller.do("ReportStoreOrder", connection="north", order=order("#0", 1))
        for peer, name in ((services.ledger, "#1"), (services.aggregator, "#2")):
            await peer.end()
            kept = await caller.do("ReportStoreOrder", connection="north", order=order(name, 1))
            assert (kept.order.state, bool(kept.order.error)) == (store_order_pb2.STORE_ORDER_STATE_REPORTED, True)
            assert not kept.HasField("ledger_revision")
            gone = {**order("#0", 1), "cancelled": True}
            if peer is services.ledger:
                await caller.do("ReportStoreOrder", connection="north", order=gone)
                assert await state(caller, "#0") == "PROMISED"
            await peer.begin()

        async def settled() -> bool:
            return [await state(caller, name) for name in ("#0", "#1", "#2")] == ["CANCELLED", "PROMISED", "PROMISED"]

        await until(settled, PATIENCE)
        found = await caller.do("ListReservations", channel="shop")
        assert sorted(each.order for each in found.reservations) == ["#0", "#1", "#2"]
        released = await caller.do("GetReservation", reservation=done.order.reservation)
        assert await caller.level("BIKE", "beside", released.revision) == 3


async def test_orders_are_read_from_a_store(postgres: PostgresForTests) -> None:
    """What a store sold is asked for every so often, from where it was read up to, also by a service that was started
    anew; a cancellation gives it back; what it sold beyond what there is is a shortfall."""
    async with (
        ReferenceStore(Shop.of({"BIKE": 9})).serving() as store,
        selling(postgres, settings={"target": store.target, "tls": "off"}, take_orders=True) as (services, caller),
    ):
        first, second = store.shop.sell("BIKE", 2), store.shop.sell("BIKE", 1)
        assert first
        assert second

        async def is_so(name: str, wanted: str) -> bool:
            listed = await caller.do("ListStoreOrders", connection="north")
            return wanted in [await state(caller, name) for each in listed.orders if each.order.store_order == name]

        await until(lambda: is_so(second, "PROMISED"), PATIENCE)
        await until(lambda: is_so(first, "PROMISED"), PATIENCE)
        await services.sync.end()
        store.shop.cancel(first)
        third = store.shop.sell("BIKE", 6)
        assert third
        await services.sync.begin()
        await until(lambda: is_so(first, "CANCELLED"), PATIENCE)
        await until(lambda: is_so(third, "SHORT"), PATIENCE)
        listed = (await caller.do("ListShortfalls")).shortfalls
        assert sum(each.shortfall for each in listed) == 2
        found = await caller.do("ListStoreOrders", connection="north")
        assert sorted(each.order.store_order for each in found.orders) == sorted([first, second, third])
