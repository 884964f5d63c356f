"""The worked examples of docs/sync.md, played in the suite, against stores that sell by themselves.

    EAST sells 3    => EAST 7, WEST 10

What happens stands before the arrow; behind it what the stores show then, and how many units are promised that are not
there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.contract.tree import ROOT
from tests.kit.merchant import Merchant, request_id
from tests.kit.reference_shop import Shop
from tests.kit.reference_store import ReferenceStore
from tests.kit.stories import Example, examples
from tests.kit.suite import Suite
from tests.kit.waiting import until
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1.stock_pb2 import Product
from weir.connector.v1 import connector_pb2, store_connector_pb2
from weir.ledger.v1 import ledger_service_pb2
from weir.sync.v1 import connection_pb2, connection_service_pb2, order_service_pb2

EXAMPLES = examples((ROOT / "docs" / "sync.md").read_text())
SKU, WAREHOUSE = "LAMP", "WAREHOUSE"
PATIENCE_SECONDS = 60.0

_numbers = itertools.count(1)


class Reserved(ReferenceStore):
    """A store that is asked for no orders: it reports them when the page says so."""

    async def ListOrders(self, request: object, context: object) -> store_connector_pb2.ListOrdersResponse:
        """None."""
        return store_connector_pb2.ListOrdersResponse()


class Played:
    """A merchant with stores, to whom happens what the sentences say."""

    def __init__(self, merchant: Merchant, stores: Mapping[str, ReferenceStore]) -> None:
        """Nothing is there yet."""
        self._merchant, self._stores = merchant, stores
        self._sold: dict[str, str] = {}
        self._says: list[tuple[str, Callable[..., Awaitable[None]]]] = [
            (r"(\d+) lies? in the warehouse, EAST and WEST sell (?:it|them)", self._come),
            (r"(\d+) more come", self._come),
            (r"weir sells (\d+)", self._order),
            (r"(\w+) sells (\d+)( and reports it)?", self._sell),
            (r"(\w+) (reports it|cancels that order)", self._report),
            (r"(nothing|everything) flows", self._switch),
            (r"(\w+) (answers|does not answer)", self._answer),
        ]

    async def let(self, sentence: str) -> None:
        """Let it happen."""
        for pattern, happening in self._says:
            if found := re.fullmatch(pattern, sentence):
                await happening(*found.groups())
                return
        raise AssertionError(f"nobody understands: {sentence}")

    async def shows(self, outcome: str) -> None:
        """Wait until it is as the page says."""
        shown = {name: int(units) for name, units in re.findall(r"([A-Z]+) (\d+)", outcome)}
        short = re.search(r"short (\d+)", outcome)
        assert shown
        with suppress(TimeoutError):
            await until(lambda: self._shown() == shown, PATIENCE_SECONDS)
        assert self._shown() == shown
        if short:
            listed = await self._merchant.stubs.ledger.ListShortfalls(ledger_service_pb2.ListShortfallsRequest())
            assert sum(each.shortfall for each in listed.shortfalls) == int(short[1])

    def _shown(self) -> dict[str, int]:
        return {name: store.shop.shown[SKU] for name, store in self._stores.items()}

    async def _come(self, units: str) -> None:
        await self._merchant.receive(SKU, **{WAREHOUSE: int(units)})

    async def _order(self, units: str) -> None:
        line = fulfilment_pb2.WishLine(product=Product(sku=SKU), quantity=int(units))
        await self._merchant.stubs.fulfilment.ReserveFulfilment(
            fulfilment_service_pb2.ReserveFulfilmentRequest(
                request_id=request_id(),
                wish=fulfilment_pb2.Wish(channel="EAST", lines=[line]),
                freshness=self._merchant.freshness("ledger", "sharing"),
            )
        )

    async def _sell(self, store: str, units: str, reported: str | None) -> None:
        order = self._stores[store].shop.sell(SKU, int(units))
        assert order is not None
        self._sold[store] = order
        if reported:
            await self._report(store, reported)

    async def _report(self, store: str, how: str) -> None:
        order = self._stores[store].shop.orders[self._sold[store]]
        if how == "cancels that order":
            self._stores[store].shop.cancel(order.order)
        placed = Timestamp()
        placed.FromDatetime(order.placed_at)
        lines = [connector_pb2.StoreOrderLine(store_sku=sku, quantity=units) for sku, units in order.lines]
        told = connector_pb2.StoreOrder(
            store_order=order.order, lines=lines, place_time=placed, cancelled=order.cancelled
        )
        await self._merchant.stubs.store_orders.ReportStoreOrder(
            order_service_pb2.ReportStoreOrderRequest(request_id=request_id(), connection=store, order=told)
        )

    async def _switch(self, what: str) -> None:
        on = what == "everything"
        await self._merchant.stubs.connections.SetMasterSwitch(
            connection_service_pb2.SetMasterSwitchRequest(request_id=request_id(), on=on)
        )

    async def _answer(self, store: str, how: str) -> None:
        await (self._stores[store].start() if how == "answers" else self._stores[store].stop())


@asynccontextmanager
async def played(suite: Suite) -> AsyncIterator[Played]:
    """A merchant with two stores, for the block."""
    merchant = suite.merchant(f"page of stores {next(_numbers)}")
    await merchant.location(WAREHOUSE)
    await merchant.group("all", WAREHOUSE)
    async with AsyncExitStack() as stack:
        stores: dict[str, ReferenceStore] = {}
        for name in ("EAST", "WEST"):
            stores[name] = await stack.enter_async_context(Reserved(Shop.of([SKU])).serving())
            await merchant.channel(name)
            await merchant.link("all", name)
            connection = connection_pb2.Connection(
                connection=name,
                role=connection_pb2.CONNECTION_ROLE_STORE,
                kind=connection_pb2.CONNECTOR_KIND_GRPC,
                settings={"target": stores[name].target, "tls": "off", "deadline_seconds": "2"},
                channel=name,
                push_levels=True,
                take_orders=True,
            )
            await merchant.stubs.connections.CreateConnection(
                connection_service_pb2.CreateConnectionRequest(request_id=request_id(), connection=connection)
            )
        yield Played(merchant, stores)
        for name in stores:
            await merchant.stubs.connections.DeleteConnection(
                connection_service_pb2.DeleteConnectionRequest(request_id=request_id(), connection=name)
            )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_an_example_is_what_happens(suite: Suite, example: Example) -> None:
    """After each sentence the stores show what stands behind it."""
    async with played(suite) as merchant:
        for line in filter(None, map(str.strip, example.text.splitlines())):
            sentence, _, outcome = (part.strip() for part in line.partition("=>"))
            if sentence:
                await merchant.let(sentence)
            if outcome:
                await merchant.shows(outcome)
