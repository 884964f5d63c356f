"""What the tests of the database do to shelves, and how they wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import text

from weir_chassis.auth import Principal, Role
from weir_chassis.call import Call
from weir_chassis.database import Database

PUT = text("INSERT INTO shelves VALUES (:tenant, :shelf, :units)")
COUNT = text("SELECT count(*) FROM shelves")
UNITS = text("SELECT units FROM shelves WHERE shelf = :shelf")


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Wait until it holds, not for ever."""
    deadline = time.monotonic() + 30
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def deadline_in(seconds: float) -> Call:
    """A call whose caller waits no longer than that."""
    principal = Principal(tenant="a", subject="test", role=Role.OPERATOR)
    return Call(method="/test", principal=principal, deadline=time.monotonic() + seconds)


async def put(database: Database, tenant: str, shelf: str, units: int = 1) -> None:
    """One shelf of one tenant, committed."""
    async with database.tenant(tenant) as connection:
        await connection.execute(PUT, {"tenant": tenant, "shelf": shelf, "units": units})


async def count(database: Database, tenant: str) -> int:
    """How many shelves the tenant sees."""
    async with database.reading(tenant) as connection:
        number: int = (await connection.execute(COUNT)).scalar_one()
        return number
