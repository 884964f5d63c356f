"""The networks in plain structures: what the ports promise, in the fewest words, for tests that need no Postgres."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_sharing.domain import Bundle, LocationSetting, Policy, Product, ProductLink, WarehouseGroup


class MemoryNetwork(MemoryObjects):
    """One tenant's network: `Network`."""

    async def homes(self, locations: Collection[str]) -> Mapping[str, str]:
        groups = self.all(WarehouseGroup).values()
        return {each: group.warehouse_group for group in groups for each in group.locations if each in locations}

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        settings = self.all(LocationSetting).values()
        return {each.location for each in settings if each.policy is Policy.FIXED and each.location in locations}

    async def serving(self, products: Collection[Product]) -> list[ProductLink]:
        links = sorted(self.all(ProductLink).values(), key=lambda link: link.key)
        return [each for each in links if each.serves & set(products)]

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        return {each.product for each in self.all(Bundle).values() if each.product in products}


class MemoryNetworks(MemoryTenants[MemoryNetwork]):
    """The networks of all tenants in this process: `Networks`."""

    def __init__(self) -> None:
        """No tenant has anything."""
        super().__init__(MemoryNetwork)
