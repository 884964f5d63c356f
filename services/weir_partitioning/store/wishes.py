"""Wishes to divide anew, kept like the outcomes of all requests: that they came, and what came of them."""

from __future__ import annotations

from dataclasses import asdict, replace

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.database import Database
from weir_chassis.idempotency import Attempt, Outcome
from weir_partitioning.ports import Begun, Progress

_HEAD = text("SELECT epoch FROM epoch_heads WHERE tenant = :tenant")


class PostgresWishes:
    """The wishes of all tenants in one schema: `Wishes`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def begin(self, attempt: Attempt) -> Begun:
        again = True

        async def work(connection: AsyncConnection) -> Outcome:
            nonlocal again
            again = False
            head = (await connection.execute(_HEAD, {"tenant": attempt.tenant})).scalar()
            return Outcome(head or 0)

        begun = await idempotency.once(self._database, attempt, work)
        async with self._database.reading(attempt.tenant) as connection:
            ended = await idempotency.recall(connection, _end(attempt))
        after = msgspec.convert(begun.answer, int)
        return Begun(after, again, None if ended is None else msgspec.convert(ended.answer, Progress))

    async def end(self, attempt: Attempt, progress: Progress) -> None:
        async def work(connection: AsyncConnection) -> Outcome:
            return Outcome(asdict(progress))

        await idempotency.once(self._database, _end(attempt), work)


def _end(attempt: Attempt) -> Attempt:
    """The end of a wish, under a name of its own."""
    return replace(attempt, method=f"{attempt.method} done")
