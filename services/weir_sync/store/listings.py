"""Listings on Postgres: the port `Listings`, and where listings and their touches are kept.

What SKUs are is told by `domain.listings.Listed`, from the listings that bear on a question: statements only find
these.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Boolean

from weir_chassis.configuration.postgres import Kept, column
from weir_chassis.database import Database, retrying
from weir_sync.domain.listings import Carried, Listed, Listing, ListingTouch, StoreSku
from weir_sync.domain.rules import Product

LISTINGS = (
    Kept(Listing, "listings", *Listing.identity, "owner", "sku", column("disabled", Boolean)),
    Kept(ListingTouch, "listing_touches", *ListingTouch.identity),
)
"""Listings and touches as they are written one by one."""

_BEARING = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[]) AS a (connection, owner, sku)
)
SELECT l.connection, l.store_sku, l.owner, l.sku, l.disabled
FROM asked a JOIN listings l ON l.tenant = $1 AND l.connection = a.connection AND l.store_sku = a.sku
UNION
SELECT l.connection, l.store_sku, l.owner, l.sku, l.disabled
FROM asked a JOIN listings l
    ON l.tenant = $1 AND l.connection = a.connection AND l.owner = a.owner AND l.sku = a.sku
"""
_TOUCHED = """
SELECT connection, store_sku, changed::text AS etag FROM listing_touches
WHERE tenant = $1 ORDER BY connection, store_sku LIMIT $2
"""
_SETTLE = """
DELETE FROM listing_touches t
USING unnest($2::text[], $3::text[], $4::bigint[]) AS s (connection, store_sku, changed)
WHERE t.tenant = $1 AND t.connection = s.connection AND t.store_sku = s.store_sku AND t.changed <= s.changed
"""


class PostgresListings:
    """The listings of all tenants in one schema, which is the one of `migrations`: `Listings`."""

    def __init__(self, database: Database) -> None:
        """Read them in `database`."""
        self._database = database

    async def products(
        self, tenant: str, store_skus: Collection[StoreSku], *, owner: str = ""
    ) -> Mapping[StoreSku, Product]:
        listed = await self._listed(tenant, [(each.connection, owner, each.store_sku) for each in store_skus])
        found = {each: listed.product(each, owner=owner) for each in store_skus}
        return {each: product for each, product in found.items() if product is not None}

    async def store_skus(
        self, tenant: str, products: Collection[Carried], *, owner: str = ""
    ) -> Mapping[Carried, Sequence[str]]:
        listed = await self._listed(tenant, [(each.connection, *each.product) for each in products])
        found = {each: listed.store_skus(each, owner=owner) for each in products}
        return {each: store_skus for each, store_skus in found.items() if store_skus}

    async def touched(self, tenant: str, *, limit: int) -> Sequence[ListingTouch]:
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_TOUCHED, tenant, limit)
        return [ListingTouch(row["connection"], row["store_sku"], etag=row["etag"]) for row in rows]

    async def settle(self, tenant: str, touches: Collection[ListingTouch]) -> None:
        columns = _columns((*each.key, int(each.etag)) for each in touches)

        async def work() -> None:
            async with self._database.driving(tenant) as driver:
                await driver.execute(_SETTLE, tenant, *columns)

        if columns:
            await retrying(work)

    async def _listed(self, tenant: str, asked: Sequence[tuple[str, str, str]]) -> Listed:
        """The listings that bear on products, each a connection, an owner and a SKU, or on SKUs of connections."""
        if not asked:
            return Listed(())

        async def work() -> Listed:
            async with self._database.driving(tenant) as driver:
                return Listed(Listing(*row) for row in await driver.fetch(_BEARING, tenant, *_columns(asked)))

        return await retrying(work)


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """The rows as columns; none where there are no rows."""
    return [list(each) for each in zip(*rows, strict=True)]
