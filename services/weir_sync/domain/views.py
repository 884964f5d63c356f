"""What stores and warehouses look like from here: a row for each SKU; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from weir_sync.domain.records import RecordStatus
from weir_sync.domain.rules import Product


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A listing of a store as it is told: the level it is to show, and what it was told last, None for nothing.

    `status` is what became of its last record, None where there is none; `reserved` are units of its open orders,
    `unreported` those seen sold of which no order has come in.
    """

    connection: str
    store_sku: str
    product: Product
    level: int
    told: int | None
    told_at: datetime | None
    verified: bool
    status: RecordStatus | None
    error: str
    reserved: int
    unreported: int


@dataclass(frozen=True, slots=True)
class ReportedStock:
    """Units of a SKU at a facility as a warehouse reported them last; `location` is empty where the facility is none,
    `error` says why the line was not taken over.
    """

    connection: str
    sku: str
    facility: str
    location: str
    product: Product
    reported: int
    reported_at: datetime
    error: str


class OpenOrders(NamedTuple):
    """Orders of a store, sold by a channel, of which units are promised as far as is known."""

    connection: str
    channel: str


class Counts(NamedTuple):
    """Units of a product at a location of the ledger, of all lots and conditions."""

    on_hand: int = 0
    available: int = 0


class ChannelQuery(NamedTuple):
    """Which listings of stores are meant: those that have all that is named."""

    connection: str = ""
    status: RecordStatus | None = None
    product: Product | None = None
    differing: bool = False


class StockQuery(NamedTuple):
    """Which lines of warehouses are meant: those that have all that is named."""

    connection: str = ""
    facility: str = ""
    faulty: bool = False
