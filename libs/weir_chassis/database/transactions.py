"""Open and end transactions on the driver's connection: one round trip to open, and a commit that is never torn.

A task that is cancelled while COMMIT is on its way cannot know whether it happened. So the commit runs on in a task of
its own, and the cancel is heard when it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    Driver = asyncpg.Connection[asyncpg.Record]
else:
    Driver = asyncpg.Connection

T = TypeVar("T")

_ROLLBACK_SECONDS = 5.0


class TransactionFailed(Exception):
    """A statement of the transaction had failed and its failure was swallowed, so nothing was committed: a bug."""


async def driver_of(connection: AsyncConnection) -> Driver:
    """The driver's connection beneath one of SQLAlchemy, within the same transaction."""
    driver: Driver | None = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    return driver


def literal(value: str) -> str:
    """`value` as a string literal of SQL; Postgres cannot hold NUL, and nothing else needs more than doubled quotes."""
    assert "\0" not in value
    return "'" + value.replace("'", "''") + "'"


def opening(tenant: str, *, mode: str = "", statement_seconds: float | None = None) -> str:
    """The statements that begin a transaction of `tenant`, to be sent as one.

    Strings need only their quotes doubled because every connection is opened with standard_conforming_strings on.
    """
    assert tenant
    begin = f"BEGIN {mode}; SET LOCAL weir.tenant = {literal(tenant)}"
    if statement_seconds is None:
        return begin
    return f"{begin}; SET LOCAL statement_timeout = {max(1, int(statement_seconds * 1000))}"


@asynccontextmanager
async def transaction(driver: Driver, script: str) -> AsyncIterator[None]:
    """Run the block within the transaction that `script` opens: committed at its end, rolled back if it raises."""
    try:
        await driver.execute(script)
        yield
    except BaseException:
        await abandon(driver)
        raise
    await commit(driver)


async def commit(driver: Driver) -> None:
    """Commit; a cancel meanwhile is heard once it is known how the commit ended.

    No time limit: cancelling a commit that waits for a standby would make it visible before it is safe.
    """
    try:
        tag = await finished(driver.execute("COMMIT"))
    except BaseException:
        if not driver.is_closed() and driver.is_in_transaction():
            await abandon(driver)
        raise
    if tag != "COMMIT":
        raise TransactionFailed("The transaction was rolled back: one of its statements had failed.")


async def abandon(driver: Driver) -> None:
    """Roll back, or close the connection where that does not work: it is never left in between."""
    if driver.is_closed():
        return
    try:
        await finished(driver.execute("ROLLBACK", timeout=_ROLLBACK_SECONDS))
    except asyncio.CancelledError:
        raise
    except Exception:
        driver.terminate()


async def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which runs to its end even if we are cancelled; the cancel is raised after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as cancel:
            cancelled = cancel
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is warned of it
        raise cancelled
    return task.result()
