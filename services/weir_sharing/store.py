"""The networks on Postgres: a table a kind, members of groups and components of bundles in rows of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Integer, Text, and_, cast, func, literal, select, tuple_
from sqlalchemy.dialects import postgresql

from weir_chassis.configuration.objects import Key
from weir_chassis.configuration.postgres import Children, Kept, PostgresObjects, PostgresTenants, Tables, column
from weir_chassis.database import Database
from weir_sharing.domain import (
    Bundle,
    Channel,
    ChannelGroup,
    GroupLink,
    LocationSetting,
    Policy,
    Product,
    ProductLink,
    WarehouseGroup,
)

_MEMBERS = Children(
    "locations",
    "warehouse_group_locations",
    parent=("warehouse_group",),
    columns=(column("location", Text),),
    asked="location",
)
_COMPONENTS = Children(
    "components",
    "bundle_components",
    parent=("bundle_owner", "bundle_sku"),
    columns=(column("owner", Text), column("sku", Text), column("quantity", BigInteger)),
    asked="component",
)
TABLES = Tables(
    Kept(LocationSetting, "location_settings", "location", "policy"),
    Kept(WarehouseGroup, "warehouse_groups", "warehouse_group", "display_name", children=_MEMBERS),
    Kept(ChannelGroup, "channel_groups", "channel_group", "display_name", "own_channel"),
    Kept(Channel, "channels", "channel", "kind", "display_name", "channel_group"),
    Kept(GroupLink, "group_links", "warehouse_group", "channel_group"),
    Kept(Bundle, "bundles", "owner", "sku", children=_COMPONENTS),
    Kept(
        ProductLink,
        "product_links",
        *ProductLink.identity,
        column("bidirectional", Boolean),
        column("locations", postgresql.ARRAY(Text)),
        column("priority", Integer),
        column("keep_back", BigInteger),
        column("shares_bundles", Boolean),
        column("disabled", Boolean),
        column("created", BigInteger),
    ),
)


class PostgresNetwork(PostgresObjects):
    """One tenant's network within one transaction: `Network`."""

    async def homes(self, locations: Collection[str]) -> Mapping[str, str]:
        members = TABLES[WarehouseGroup].rows
        assert members is not None
        query = select(members.c.location, members.c.warehouse_group).where(
            members.c.tenant == self._tenant, members.c.location == _any(locations)
        )
        return {row.location: row.warehouse_group for row in await self._connection.execute(query)}

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        table = TABLES[LocationSetting].table
        query = select(table.c.location).where(
            table.c.tenant == self._tenant, table.c.policy == Policy.FIXED, table.c.location == _any(locations)
        )
        return set((await self._connection.execute(query)).scalars())

    async def serving(self, products: Collection[Product]) -> list[ProductLink]:
        kept = TABLES[ProductLink]
        links = kept.table.c
        to = _among(products, links.destination_owner, links.destination_sku)
        back = _among(products, links.source_owner, links.source_sku)
        found: dict[Key, ProductLink] = {}
        for condition in (to, and_(links.bidirectional, back)):  # one after the other, for each has an index
            query = kept.all.where(condition)
            found |= {each.key: each for each in await self._objects(ProductLink, query)}
        return [found[key] for key in sorted(found)]

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        table = TABLES[Bundle].table
        query = select(table.c.owner, table.c.sku).where(
            table.c.tenant == self._tenant, _among(products, table.c.owner, table.c.sku)
        )
        return {Product(*row) for row in await self._connection.execute(query)}


class PostgresNetworks(PostgresTenants[PostgresNetwork]):
    """The networks of all tenants in one schema: `Networks`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`, whose schema is the one of `migrations`."""
        super().__init__(database, TABLES, PostgresNetwork)


def _among(products: Collection[Product], owner: ColumnElement[str], sku: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the two columns name one of the products, however many there are."""
    named = [func.unnest(_array([each[part] for each in products])) for part in (0, 1)]
    return tuple_(owner, sku).in_(select(*named))


def _any(values: Collection[str]) -> ColumnElement[Any]:
    return func.any(_array(values))


def _array(values: Collection[str]) -> ColumnElement[Any]:
    return cast(literal(list(values), postgresql.ARRAY(Text)), postgresql.ARRAY(Text))
