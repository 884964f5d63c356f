"""The networks on Postgres: a table a kind, members of groups and components of bundles in rows of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Integer, Text, cast, func, literal, select, tuple_
from sqlalchemy.dialects import postgresql

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
        members = self._tables[WarehouseGroup].rows
        assert members is not None
        query = select(members.c.location, members.c.warehouse_group).where(
            members.c.tenant == self._tenant, members.c.location == _any(locations)
        )
        return {row.location: row.warehouse_group for row in await self._connection.execute(query)}

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        table = self._tables[LocationSetting].table
        query = select(table.c.location).where(
            table.c.tenant == self._tenant, table.c.policy == Policy.FIXED, table.c.location == _any(locations)
        )
        return set((await self._connection.execute(query)).scalars())

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        table = self._tables[Bundle].table
        query = select(table.c.owner, table.c.sku).where(
            table.c.tenant == self._tenant, tuple_(table.c.owner, table.c.sku).in_(products)
        )
        return {Product(*row) for row in await self._connection.execute(query)}


class PostgresNetworks(PostgresTenants[PostgresNetwork]):
    """The networks of all tenants in one schema: `Networks`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`, whose schema is the one of `migrations`."""
        super().__init__(database, TABLES, PostgresNetwork)


def _any(values: Collection[str]) -> ColumnElement[Any]:
    return func.any(cast(literal(list(values), postgresql.ARRAY(Text)), postgresql.ARRAY(Text)))
