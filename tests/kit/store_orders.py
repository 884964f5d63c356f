"""Orders of stores without a suite: a desk over plain structures, and who promises made up."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.kit.listings import SHOP, Kept, in_memory
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.errors import PeerAway
from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Origin
from weir_sync.connectors.port import SoldLine, SoldOrder
from weir_sync.domain.orders import OrderKey, Point, Promised, StoreOrder
from weir_sync.domain.rules import KINDS, Product
from weir_sync.handlers.orders import OrderDesk
from weir_sync.memory.orders import MemoryOrders
from weir_sync.ports.orders import Hits, Orders

TENANT = "acme"
NOTHING_HIT = Hits(frozenset(), all_told=True)
NOW = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)

_numbers = itertools.count(1)


def sold(name: str, *lines: tuple[str, int], cancelled: bool = False) -> SoldOrder:
    """An order as a store has it."""
    return SoldOrder(name, tuple(SoldLine(*line) for line in lines), NOW, cancelled)


def key(name: str) -> OrderKey:
    """The order of that name of the shop."""
    return OrderKey(SHOP.connection, name)


@dataclass
class Books:
    """Who promises: so many units of everything at first."""

    there: int = 10
    faults: list[Callable[[], None]] = field(default_factory=list)
    """What happens in place of an answer, each once: see `away` and `lost`."""
    promises: dict[str, dict[Product, int]] = field(default_factory=dict)
    """Units that each order was promised, by its name."""
    released: set[str] = field(default_factory=set)
    moved: list[OrderKey] = field(default_factory=list)
    asked: int = 0
    hit: Hits = NOTHING_HIT

    async def promise(self, tenant: str, order: StoreOrder) -> Promised:
        """Promise the lines whole, once; what is more than is there is short."""
        self.asked += 1
        self._before()
        short: dict[int, int] = {}
        if order.name not in self.promises:
            wanted: dict[Product, int] = {}
            for place, line in order.readable:
                assert line.product is not None
                left = max(0, self.there - self.units(line.product) - wanted.get(line.product, 0))
                short[place] = max(0, line.quantity - left)
                wanted[line.product] = wanted.get(line.product, 0) + line.quantity
            self.promises[order.name] = wanted
        self._after()
        return Promised(f"reservation of {order.name}", {place: units for place, units in short.items() if units},
                        Point("c", 1, next(_numbers)))  # fmt: skip

    async def release(self, tenant: str, order: StoreOrder) -> Point:
        """Give up what was promised."""
        self._before()
        assert order.reservation == f"reservation of {order.name}"
        self.released.add(order.name)
        self._after()
        return Point("c", 1, next(_numbers))

    async def move(self, tenant: str, order: StoreOrder) -> None:
        """Note that it was asked for."""
        self.moved.append(order.key)

    async def hits(self, tenant: str) -> Hits:
        """What shortfalls hit."""
        return self.hit

    def units(self, product: Product) -> int:
        """How many are promised now."""
        return sum(wanted.get(product, 0) for name, wanted in self.promises.items() if name not in self.released)

    def away(self) -> None:
        """The next request does not arrive."""
        self.faults.append(_away)

    def lost(self) -> None:
        """The next request is done, and its answer lost."""
        self.faults.append(_nothing)
        self.faults.append(_away)

    def _before(self) -> None:
        if self.faults and self.faults[0] is _away:
            self.faults.pop(0)()

    def _after(self) -> None:
        if self.faults and self.faults[0] is _nothing:
            self.faults.pop(0)
            self.faults.pop(0)()


def _away() -> None:
    raise PeerAway


def _nothing() -> None:
    return


@dataclass
class World:
    """A shop, and a desk that takes its orders in."""

    kept: Kept
    desk: OrderDesk
    orders: Orders
    books: Books

    async def report(self, order: SoldOrder, request_id: str = "", *, tenant: str = TENANT) -> StoreOrder:
        """Report an order of the shop, by a request of its own unless one is named."""
        named = request_id or f"request {next(_numbers)}"
        attempt = Attempt(tenant, "/report", named, repr(order).encode())
        return await self.desk.report(attempt, SHOP.connection, order)


async def world(kept: Kept | None = None, orders: Orders | None = None, *, tenant: str = TENANT) -> World:
    """A shop, by default in plain structures."""
    found = kept or in_memory()
    await found.connect(tenant, SHOP)
    books = Books()
    answering = Handlers(found.tenants, Origin("sync", "c", 1), KINDS)
    made = orders or MemoryOrders()
    return World(found, OrderDesk(answering, found.listings, made, books), made, books)
