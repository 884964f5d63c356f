"""What every schema keeps per tenant: its revision, and who wants to hear of a new one."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_HEAD = text("SELECT revision FROM tenants WHERE tenant = :tenant")
_DRAW = text("UPDATE tenants SET revision = revision + 1 WHERE tenant = :tenant RETURNING revision")
_NOTIFY = text("SELECT pg_notify(current_schema(), :tenant)")


async def head(connection: AsyncConnection, tenant: str) -> int:
    """Number of the newest revision that this transaction sees; 0 where the tenant has written nothing yet."""
    number: int | None = (await connection.execute(_HEAD, {"tenant": tenant})).scalar()
    return number or 0


async def draw(connection: AsyncConnection, tenant: str) -> int:
    """The next revision of the tenant, for all that this transaction changes; at most once a transaction.

    Within `Database.writing`, which holds the row locked: so revisions have no gaps, and their order is the order of
    commits.
    """
    number: int = (await connection.execute(_DRAW, {"tenant": tenant})).scalar_one()
    return number


async def notify(connection: AsyncConnection, tenant: str) -> None:
    """Wake the watchers of the tenant when this transaction commits; a hint that may be missed."""
    await connection.execute(_NOTIFY, {"tenant": tenant})
