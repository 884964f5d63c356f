"""What the handlers need from the world: networks to read at one moment, and to change by one writer at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from weir_chassis.configuration.ports import Objects, Tenants
from weir_sharing.domain import Product


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

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        """Those of the products that are bundles."""
        ...


Networks = Tenants[Network]
"""The networks of all tenants, walled from one another."""
