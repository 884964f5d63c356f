"""What the aggregator is told and what it is asked, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weir_allocation.network import Channel
from weir_allocation.stock import Condition, Demand

Product = tuple[str, str]
"""Owner and stock keeping unit. A plain tuple: a projection holds hundreds of thousands of them, and these the garbage
collector need not visit."""


class Count(NamedTuple):
    """The counts of one stock item as they stand after a commit."""

    owner: str
    sku: str
    location: str
    lot: str
    uom: str
    custodian: str
    condition: Condition
    on_hand: int
    reserved: int


@dataclass(frozen=True, slots=True)
class WarehouseGroup:
    """Locations pooled together."""

    warehouse_group: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupLink:
    """The stock of a warehouse group feeds a channel group."""

    warehouse_group: str
    channel_group: str


@dataclass(frozen=True, slots=True)
class NetworkChange:
    """One object of the network as it stands after a commit; or, if `deleted`, as it last stood."""

    object: WarehouseGroup | Channel | GroupLink
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What may one channel sell of one product?"""

    product: Product
    channel: str
    demand: Demand


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of the table a list or a watch is about."""

    channels: tuple[str, ...] = ()
    """As asked; empty: all."""
    owner: str | None = None
    """Only products of this owner; None: of all."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels of some products in some channels, all of one state."""

    products: Sequence[Product]
    channels: Sequence[str]
    levels: Sequence[int]
    """Those of the first product in every channel, then those of the second."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a watcher is told at once."""

    levels: Levels | None = None
    """Levels that may have changed; None in a heartbeat."""
    complete: bool = False
    """Part of a complete list, which replaces all that was told before."""
    complete_begin: bool = False
    complete_end: bool = False
