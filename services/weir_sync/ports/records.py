"""What the handlers need from the world about sync records and the views: read by pages, and watched."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from weir_chassis.idempotency import Attempt
from weir_chassis.revisions import Revision
from weir_sync.domain.records import Record, RecordQuery
from weir_sync.domain.rules import Product
from weir_sync.domain.views import ChannelQuery, ChannelRow, Counts, OpenOrders, ReportedStock, StockQuery
from weir_sync.ports.watching import Mark, Told


class RecordPlace(NamedTuple):
    """Where a list of records stands: at the one of this number, which fell due then."""

    at: datetime
    record: int


class Records(Protocol):
    """The sync records of all tenants. Every method raises DatabaseAway."""

    async def past(
        self, tenant: str, query: RecordQuery, *, before: RecordPlace | None = None, limit: int
    ) -> Sequence[Record]:
        """Records, newest first, before a place."""
        ...

    async def retry(
        self, attempt: Attempt, records: Sequence[str], *, connection: str = "", check: bool = False
    ) -> int:
        """Have the SKUs of these records sent again, or else all of a connection (empty: of all) whose level was given
        up, once however often the request arrives; returns how many SKUs. A `check` changes nothing.

        Raises RecordNotFound for one that is not there, or not of the connection, RecordNotFailed, RequestIdReused.
        """
        ...

    async def now(self, tenant: str) -> Mark:
        """The mark of this moment."""
        ...

    async def since(self, tenant: str, mark: Mark, *, connection: str = "", limit: int) -> Told[Record]:
        """Records that began, were sent, or ended since a mark."""
        ...

    async def forget(self, *, keep_seconds: float) -> int:
        """Give up records that ended earlier, of every tenant; returns how many."""
        ...


class Views(Protocol):
    """What stores are told and warehouses reported, of all tenants. Every method raises DatabaseAway."""

    async def channels(
        self, tenant: str, query: ChannelQuery, *, after: tuple[str, str] | None = None, limit: int
    ) -> Sequence[ChannelRow]:
        """Listings of stores in order of connection and SKU, after a place."""
        ...

    async def open_orders(self, tenant: str) -> Sequence[OpenOrders]:
        """Where there are orders of which units are promised, as far as is known."""
        ...

    async def end_orders(self, tenant: str, orders: OpenOrders, promised: Collection[str], at: Revision) -> None:
        """These orders have come to an end, but those whose reservations are `promised` still, and those that were
        promised after a revision of the ledger.
        """
        ...

    async def warehouses(
        self, tenant: str, query: StockQuery, *, after: tuple[str, str, str] | None = None, limit: int
    ) -> Sequence[ReportedStock]:
        """Lines of warehouses in order of connection, SKU and facility, after a place."""
        ...


class Counting(Protocol):
    """The ledger, asked what it has."""

    async def counts(
        self, tenant: str, places: Collection[tuple[Product, str]]
    ) -> tuple[Mapping[tuple[Product, str], Counts], Revision]:
        """What there is of products at locations, and the revision it is of; nothing where there is none.

        Raises PeerAway.
        """
        ...

    async def promised(self, tenant: str, channel: str) -> tuple[Collection[str], Revision]:
        """The reservations of a channel that are open, and a revision by which they were all there that are missing.

        Raises PeerAway.
        """
        ...
