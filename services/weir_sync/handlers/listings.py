"""One function per request that changes a listing: it reads what bears on the request, and decides."""

from __future__ import annotations

from weir_chassis.configuration.handlers import found
from weir_chassis.configuration.objects import Decision, Named
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.rules import existing
from weir_sync.domain import listings as domain
from weir_sync.domain.connections import Connection
from weir_sync.domain.listings import Listing


async def set_listing(objects: Objects, wanted: Listing, *, most: int) -> Decision[Listing]:
    """Add or replace a listing, where its connection has fewer than `most`."""
    connection = await of_connection(objects, wanted.connection)
    current = await objects.get(Listing, wanted.key)
    count = await objects.count(Listing, {"connection": wanted.connection}) if current is None else 0
    return domain.set_listing(wanted, current, connection, count=count, most=most)


async def delete_listing(objects: Objects, named: Named[Listing]) -> Decision[Listing]:
    """Remove a listing."""
    current = await found(objects, named)
    return domain.delete_listing(current, await of_connection(objects, current.connection))


async def of_connection(objects: Objects, name: str) -> Connection:
    """The connection of this name; raises ConnectionNotFound."""
    return existing(Connection, (name,), await objects.get(Connection, (name,)))
