"""What becomes of it that warehouses are late."""

from __future__ import annotations

from collections.abc import Collection

from weir_chassis.configuration.objects import Decision
from weir_chassis.configuration.ports import Objects
from weir_sync.domain import feeds
from weir_sync.domain.connections import Connection, LateFeed, Role


async def set_late_feeds(objects: Objects, late: Collection[str]) -> Decision[LateFeed]:
    """Have stores told less of what the warehouses have that are late, and of no others."""
    warehouses = await objects.select(Connection, {"role": Role.WAREHOUSE})
    return feeds.set_late_feeds(
        [each for each in warehouses if each.connection in late], await objects.select(LateFeed)
    )
