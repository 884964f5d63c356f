"""What sync asks of a store or a warehouse, whatever it is: the contract `weir.connector.v1` in the words of the
domain.

A connector raises `Away` where nothing is known of what became of a request (no answer, an answer that makes no
sense, a failure of the other end), `Throttled` where nothing was done and the other end said when to come again,
`Denied` where nothing was done and it will not talk to us until somebody changes something. All else is told by
outcomes, one for each level; where a request breaks off midway, what was decided is told, and the rest is `RETRY` or
`IN_DOUBT`. A connector that was told to wait keeps to it by itself: until then it raises `Throttled` without asking.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_sync.domain.connections import Connection
from weir_sync.domain.health import Abilities as Abilities


class Outcome(enum.StrEnum):
    """What became of a level."""

    APPLIED = "APPLIED"
    ACCEPTED = "ACCEPTED"
    """It will be shown some time later: read it back."""
    CHANGED = "CHANGED"
    """The store shows something else than was expected."""
    SUPERSEDED = "SUPERSEDED"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    REFUSED = "REFUSED"
    """For good."""
    RETRY = "RETRY"
    """Not now, and nothing was done."""
    IN_DOUBT = "IN_DOUBT"
    """Nobody knows whether it is shown, or will be: read it back before it is sent again."""


class Level(NamedTuple):
    """A level as a store shall show it; `expected` is what it must show before, None: whatever it shows."""

    store_sku: str
    quantity: int
    number: int
    expected: int | None = None


class LevelOutcome(NamedTuple):
    """What became of a level; `shown` is what the store shows, and `number` that of the level which was applied last,
    where it said so.
    """

    store_sku: str
    outcome: Outcome
    shown: int | None = None
    error: str = ""
    number: int | None = None


class ShownLevel(NamedTuple):
    """What a store shows, below 0 where it sold more than it had; None where it does not know the SKU, or cannot tell
    what it sold without an order, or the number of the level that was applied last.
    """

    store_sku: str
    quantity: int | None
    unreported: int | None = None
    number: int | None = None


class SoldLine(NamedTuple):
    """Units of a SKU in a store's order."""

    store_sku: str
    quantity: int


class SoldOrder(NamedTuple):
    """An order as a store has it."""

    store_order: str
    lines: tuple[SoldLine, ...]
    placed_at: datetime | None
    cancelled: bool = False


class OrderPage(NamedTuple):
    """Orders that came, changed or were cancelled since a cursor, oldest first, and the cursor to go on from."""

    orders: Sequence[SoldOrder]
    cursor: str
    more: bool


class Stock(NamedTuple):
    """Units of a SKU at a facility, as a warehouse has them; `removed`: none any more.

    What cannot be read has a `fault` that says why, for people, and is kept with it.
    """

    sku: str
    facility: str
    quantity: int
    lot: str = ""
    uom: str = "EACH"
    removed: bool = False
    fault: str = ""


class StockPart(NamedTuple):
    """Some of what a warehouse reports: `as_of` and `full` are told by the first part, `cursor` by the last."""

    stock: Sequence[Stock]
    as_of: datetime | None = None
    full: bool = False
    cursor: str = ""


class ConnectorFailed(Exception):
    """What was asked did not come to pass, so far as is known; the text is for people, and holds no secret."""


class Away(ConnectorFailed):
    """Nothing is known of what became of the request."""


class Throttled(ConnectorFailed):
    """Nothing was done; the other end said when to come again."""

    def __init__(self, text: str, *, retry_after_seconds: float) -> None:
        """Come again after so long."""
        super().__init__(text)
        self.retry_after_seconds = retry_after_seconds


class Denied(ConnectorFailed):
    """The other end will not talk to us until somebody changes the settings, a secret, or something there."""


class StoreConnector(Protocol):
    """One store, as long as one holder talks to it; closed by its maker."""

    async def describe(self) -> Abilities:
        """What it can do; asks the store, so that an answer means that it works. Raises ConnectorFailed."""
        ...

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        """Show levels, each SKU once, up to `batch_max`. An outcome for each, in order. Raises ConnectorFailed."""
        ...

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        """What is shown for each, up to `batch_max`, in their order. Raises ConnectorFailed."""
        ...

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        """Orders since a cursor, empty for the beginning, and up to `limit` (1 to 250) of them; none ever where the
        store reports them itself. An order may come more than once, with or without a change. Raises ConnectorFailed.
        """
        ...

    async def close(self) -> None:
        """Give up what it holds."""
        ...


class WarehouseConnector(Protocol):
    """One warehouse, as long as one holder talks to it; closed by its maker."""

    async def probe(self) -> Sequence[str]:
        """Ask whether it works; facilities that it reports, in order, as far as it can tell without a full report: up
        to 1000. Raises ConnectorFailed.
        """
        ...

    def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        """All of it, or what changed since a cursor, in parts of up to 1000. Raises ConnectorFailed."""
        ...

    async def close(self) -> None:
        """Give up what it holds."""
        ...


class Connectors(Protocol):
    """Makes connectors. Whoever keeps one makes it anew when the etag of its connection has changed, which it does with
    each of its secrets, too.
    """

    def store(self, tenant: str, connection: Connection) -> AbstractAsyncContextManager[StoreConnector]:
        """A connector to a store, with its secrets, closed at the end of the block.

        Raises Denied where its settings or secrets do not do, or it is no store; DatabaseAway.
        """
        ...

    def warehouse(self, tenant: str, connection: Connection) -> AbstractAsyncContextManager[WarehouseConnector]:
        """A connector to a warehouse, as `store` makes one."""
        ...
