"""Listings in plain structures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_sync.domain.listings import Carried, Listed, Listing, ListingTouch, StoreSku
from weir_sync.domain.rules import Product


class MemoryListings:
    """The listings of all tenants in this process: `Listings`."""

    def __init__(self, tenants: MemoryTenants[MemoryObjects]) -> None:
        """Listings are kept in `tenants`, as everything that is configured."""
        self._tenants = tenants
        self._settled: dict[tuple[str, ListingTouch], int] = {}

    async def products(
        self, tenant: str, store_skus: Collection[StoreSku], *, owner: str = ""
    ) -> Mapping[StoreSku, Product]:
        listed = await self._listed(tenant)
        found = {each: listed.product(each, owner=owner) for each in store_skus}
        return {each: product for each, product in found.items() if product is not None}

    async def store_skus(
        self, tenant: str, products: Collection[Carried], *, owner: str = ""
    ) -> Mapping[Carried, Sequence[str]]:
        listed = await self._listed(tenant)
        found = {each: listed.store_skus(each, owner=owner) for each in products}
        return {each: store_skus for each, store_skus in found.items() if store_skus}

    async def touched(self, tenant: str, *, limit: int) -> Sequence[ListingTouch]:
        async with self._tenants.reading(tenant) as objects:
            there = await objects.select(ListingTouch)
        left = [each for each in there if int(each.etag) > self._settled.get((tenant, each), 0)]
        return left[:limit]

    async def settle(self, tenant: str, touches: Collection[ListingTouch]) -> None:
        for each in touches:
            self._settled[tenant, each] = max(int(each.etag), self._settled.get((tenant, each), 0))

    async def _listed(self, tenant: str) -> Listed:
        async with self._tenants.reading(tenant) as objects:
            return Listed(await objects.select(Listing))
