"""What orders of stores need from the world: where they are kept, and who promises their units."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from weir_chassis.idempotency import Attempt
from weir_sync.domain.alerts import Concern
from weir_sync.domain.orders import OrderKey, OrderState, Point, Promised, StoreOrder


class Hits(NamedTuple):
    """Reservations that shortfalls hit; `all_told`: there are no others."""

    reservations: frozenset[str]
    all_told: bool


class Orders(Protocol):
    """The orders of stores of all tenants, walled from one another. Every method raises DatabaseAway.

    Whatever is written opens and closes the alerts that come of it in the same transaction. One that is due is left
    alone for as long as it is held.
    """

    async def report(self, tenant: str, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        """Write an order down, or what a further report of it changes, and hold it; as it then is.

        Raises StoreOrderChanged, having opened an alert that says so.
        """
        ...

    async def report_once(self, attempt: Attempt, wanted: StoreOrder, *, hold_seconds: float) -> StoreOrder:
        """The same at the first arrival of a request; at every further one the order as it is now.

        Raises StoreOrderChanged, RequestIdReused.
        """
        ...

    async def get(self, tenant: str, key: OrderKey) -> StoreOrder | None:
        """An order; None where none was reported."""
        ...

    async def page(
        self, tenant: str, *, connection: str = "", state: OrderState | None = None, before: int | None, limit: int
    ) -> Sequence[StoreOrder]:
        """Orders of a connection, or of all, newest first, those before a place."""
        ...

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[OrderKey]:
        """Hold orders that are due and that nobody holds, those first that wait longest."""
        ...

    async def trying(self, tenant: str, key: OrderKey, *, hold_seconds: float) -> StoreOrder | None:
        """Note that an order is being settled, and hold it; None where nothing is left to do."""
        ...

    async def promised(self, tenant: str, key: OrderKey, done: Promised, *, hold_seconds: float) -> StoreOrder:
        """Write down what was promised, and let levels know what was sold; once, whoever writes it. Where it was
        cancelled meanwhile it is held."""
        ...

    async def released(self, tenant: str, key: OrderKey, revision: Point) -> StoreOrder:
        """Write down that what was promised was given up."""
        ...

    async def failed(
        self, tenant: str, key: OrderKey, *, error: str, pause_seconds: float, concern: Concern | None, channel: str
    ) -> None:
        """Write down why it was not settled, leave it alone so long, and open an alert where there is a concern.

        It is sold through `channel` from now on, unless that is empty.
        """
        ...

    async def short(self, tenant: str, *, after: int, limit: int) -> Sequence[StoreOrder]:
        """Orders that are short, by place, those after one."""
        ...

    async def covered(self, tenant: str, keys: Collection[OrderKey]) -> None:
        """Nothing of these is short any more."""
        ...


class OrderPromises(Protocol):
    """Who promises units, for the tenant that is named. Each raises what is refused, and PeerAway."""

    async def promise(self, tenant: str, order: StoreOrder) -> Promised:
        """Promise the readable lines of an order whole, once however often it is asked."""
        ...

    async def release(self, tenant: str, order: StoreOrder) -> Point:
        """Give up what of an order has not gone out; harmless where it has ended."""
        ...

    async def move(self, tenant: str, order: StoreOrder) -> None:
        """Have units of an order that are not there promised from where there are some, as far as there are; nothing
        is lost by it. Raises PeerAway alone.
        """
        ...

    async def hits(self, tenant: str) -> Hits:
        """What shortfalls hit now."""
        ...


class Cursor(NamedTuple):
    """How far the orders of a store were read, by whoever holds it."""

    tenant: str
    connection: str
    cursor: str
    hints: int
    """How often somebody had said by then that there is something to read."""


class OrderCursors(Protocol):
    """How far the orders of each store were read, of all tenants. Every method raises DatabaseAway."""

    async def take(self, tenant: str, *, hold_seconds: float, limit: int) -> Sequence[Cursor]:
        """Hold cursors of stores whose orders are to be read now and that nobody holds; of none while all is off."""
        ...

    async def read(self, held: Cursor, cursor: str, *, pause_seconds: float) -> None:
        """Orders were read up to a cursor, and are to be read again after a pause, or sooner where somebody hinted."""
        ...

    async def hint(self, tenant: str, connection: str) -> None:
        """There is something to read at a store."""
        ...
