"""Lost races and lost connections are met by doing it again."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.integration.database.shelves import UNITS, deadline_in, put
from weir_chassis.call import acting
from weir_chassis.database import Database, retrying, sqlstate
from weir_chassis.errors import DatabaseAway, Overloaded


async def test_a_deadlock_is_done_again(database: Database) -> None:
    """Two transactions lock two rows in opposite order; both get through."""
    await put(database, "a", "one", 0)
    await put(database, "a", "two", 0)
    change = text("UPDATE shelves SET units = units + 1 WHERE shelf = :shelf")
    met = asyncio.Barrier(2)
    attempts = 0

    async def cross(first: str, second: str) -> None:
        nonlocal attempts
        attempts += 1
        async with database.tenant("a") as connection:
            await connection.execute(change, {"shelf": first})
            if attempts <= 2:
                await met.wait()
            await connection.execute(change, {"shelf": second})

    await asyncio.gather(
        retrying(lambda: cross("one", "two")),
        retrying(lambda: cross("two", "one")),
    )
    assert attempts == 3
    async with database.reading("a") as connection:
        assert (await connection.execute(UNITS, {"shelf": "one"})).scalar_one() == 2


async def test_what_is_no_race_is_not_repeated(database: Database) -> None:
    """A broken rule stays broken: once is enough."""
    attempts = 0

    async def break_rule() -> None:
        nonlocal attempts
        attempts += 1
        await put(database, "a", "one", -1)

    with pytest.raises(DBAPIError) as caught:
        await retrying(break_rule)
    assert (attempts, sqlstate(caught.value)) == (1, "23514")


@pytest.mark.parametrize(("fault", "told"), [(asyncpg.SerializationError, Overloaded), (DatabaseAway, DatabaseAway)])
async def test_it_gives_up_in_the_end(fault: type[Exception], told: type[Exception]) -> None:
    """After so many attempts the caller is told to come again."""
    attempts = 0

    async def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise fault

    with pytest.raises(told):
        await retrying(fail, attempts=3)
    assert attempts == 3


async def test_it_gives_up_when_nobody_waits() -> None:
    """There is no next attempt behind the deadline."""
    attempts = 0

    async def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise DatabaseAway

    with acting(deadline_in(0.0)), pytest.raises(DatabaseAway):
        await retrying(fail)
    assert attempts == 1
