"""What the handlers need from the world: networks to read at one moment and to change by one writer at a time, and what
lies where.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir_allocation.stock import Holdings
from weir_chassis.configuration.ports import Objects, Tenants
from weir_chassis.revisions import Revision, Vector
from weir_sharing.domain import Product, ProductLink


class Network(Objects, Protocol):
    """One tenant's network as it stands at one moment: what is read twice is the same.

    Warehouse groups can be asked for by `location`, one they hold, bundles by `component`, owner and stock keeping unit
    of one they have.
    """

    async def homes(self, locations: Collection[str]) -> Mapping[str, str]:
        """The warehouse group of each of the locations that is in one."""
        ...

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        """Those of the locations that are FIXED."""
        ...

    async def serving(self, products: Collection[Product]) -> list[ProductLink]:
        """The links by which demand for any of the products may be served, in order of their identifiers: those to
        them, and those from them that are bidirectional.
        """
        ...

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        """Those of the products that are bundles."""
        ...


Networks = Tenants[Network]
"""The networks of all tenants, walled from one another."""


@dataclass(frozen=True, slots=True)
class Held:
    """What lies where at one revision of the books; the last days of lots as known then or later."""

    holdings: Holdings
    revision: Revision


class Ledger(Protocol):
    """The books of the tenant whose call is being answered."""

    async def held(self, products: Sequence[Product], fresh: Vector) -> Held:
        """All stock items of at least one product, from books that include `fresh`.

        Raises PeerAway, and what the ledger refuses.
        """
        ...
