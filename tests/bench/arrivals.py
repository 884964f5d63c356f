"""How long after units came those who wait for them are promised them.

Timed from when the goods receipt was sent until a watch of the ledger shows the promise.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.cases import RUN, Stubs
from tests.bench.load import open_loop
from weir.aggregator.v1 import fulfilment_pb2, fulfilment_service_pb2
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, waiting_pb2, waiting_service_pb2

PER_SECOND = 50
SECONDS = 4.0
CROWD = 500
"""Orders that wait for the same delivery."""
PATIENCE_SECONDS = 60

_numbers = itertools.count()


class Promises:
    """A watcher that notes when each order that waited had been promised its units."""

    def __init__(self) -> None:
        """None so far."""
        self.shown: dict[str, float] = {}
        self.more = asyncio.Event()

    async def follow(self, stream: Any) -> None:
        """Read the stream to its end."""
        async for message in stream:
            now = time.perf_counter()
            for each in message.waiting:
                if each.state == waiting_pb2.WAITING_STATE_PROMISED:
                    self.shown[each.order] = now
            self.more.set()

    async def until(self, orders: int) -> None:
        """Wait until so many were promised."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.shown) < orders:
                self.more.clear()
                await self.more.wait()


async def wait(clients: Stubs, channel: str, orders: Sequence[tuple[str, str]]) -> None:
    """Let each order, by name and product, wait for one unit."""
    for sku in dict.fromkeys(sku for _, sku in orders):
        allowed = waiting_pb2.BackOrders(product=stock_pb2.Product(sku=sku), limit=10**6)
        set_ = waiting_service_pb2.SetBackOrdersRequest(request_id=f"{RUN}-allow-{sku}", back_orders=allowed)
        await clients.waiting.SetBackOrders(set_)
    for order, sku in orders:
        line = fulfilment_pb2.WishLine(product=stock_pb2.Product(sku=sku), quantity=1)
        wish = fulfilment_pb2.Wish(channel=channel, lines=[line])
        request = fulfilment_service_pb2.ReserveFulfilmentRequest(
            request_id=f"{RUN}-{order}", wish=wish, order=order, back_order=True
        )
        answer = await clients.fulfilment.ReserveFulfilment(request)
        assert answer.HasField("waiting"), answer


async def receive(clients: Stubs, sku: str, place: str, units: int) -> None:
    """Units come in."""
    goods = stock_pb2.StockItem(product=stock_pb2.Product(sku=sku), location=place)
    movement = ledger_pb2.Movement(kind=ledger_pb2.ENTRY_KIND_RECEIVE, stock_item=goods, quantity=units)
    request = ledger_service_pb2.RecordMovementsRequest(
        request_id=f"{RUN}-arrival-{next(_numbers)}", movements=[movement]
    )
    await clients.ledger.RecordMovements(request)


async def once(clients: Stubs, channel: str, place: str, number: int) -> tuple[list[float], float]:
    """The delays of deliveries that come one after the other, sorted, and how long a crowd took that waited for one."""
    single = [(f"order-{number}-{each}", f"late-{number}-{each}") for each in range(int(PER_SECOND * SECONDS))]
    crowd = [(f"crowd-{number}-{each}", f"late-{number}") for each in range(CROWD)]
    await wait(clients, channel, [*single, *crowd])
    promises = Promises()
    head = (await clients.ledger.ListLocations(ledger_service_pb2.ListLocationsRequest())).revision
    stream = clients.waiting.WatchWaiting(waiting_service_pb2.WatchWaitingRequest(after=head))
    task = asyncio.create_task(promises.follow(stream))
    await promises.more.wait()
    sent: dict[str, float] = {}

    async def call(index: int) -> object:
        order, sku = single[index]
        sent[order] = time.perf_counter()
        await receive(clients, sku, place, 1)
        return order

    await open_loop(call, per_second=PER_SECOND, seconds=SECONDS)
    await promises.until(len(single))
    begun = time.perf_counter()
    await receive(clients, crowd[0][1], place, CROWD)
    await promises.until(len(single) + CROWD)
    stream.cancel()
    await asyncio.gather(task, return_exceptions=True)
    last = max(promises.shown[order] for order, _ in crowd)
    return sorted(promises.shown[order] - begun for order, begun in sent.items()), last - begun


async def arrivals(clients: Stubs, *, channel: str, place: str, number: int) -> str:
    """Medians over all rounds, as two sentences."""
    found = [await once(clients, channel, place, each) for each in range(number)]
    p50, p99 = (statistics.median(each[int(part * len(each))] for each, _ in found) * 1e3 for part in (0.5, 0.99))
    crowd = statistics.median(seconds for _, seconds in found) * 1e3
    return (
        f"A unit sent to its promise at a watcher, {PER_SECOND}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms.\n"
        f"A delivery that {CROWD} orders wait for, until the last of them is promised its unit: {crowd:,.0f} ms."
    )
