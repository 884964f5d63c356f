"""The objects of all tenants in one schema, and what happened to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.configuration.objects import Change, Commit, Decision, History, Outcome, T
from weir_chassis.configuration.postgres.objects import CHANGES, PostgresObjects
from weir_chassis.configuration.postgres.tables import Tables
from weir_chassis.database import Database, head
from weir_chassis.idempotency import Attempt

P = TypeVar("P", bound=PostgresObjects)

# What goes is always the beginning of history, even if a clock was set back meanwhile.
_FORGET = text("""
WITH gone AS (
    DELETE FROM changes WHERE tenant = :tenant AND revision <= (
        SELECT max(revision) FROM changes
        WHERE tenant = :tenant AND recorded_at < clock_timestamp() - make_interval(secs => :keep_seconds)
    ) RETURNING revision
)
SELECT count(DISTINCT revision) FROM gone
""")


class PostgresTenants(Generic[P]):
    """The objects of all tenants in one schema: `Tenants`."""

    def __init__(
        self, database: Database, tables: Tables, objects: Callable[[AsyncConnection, Tables, str, int], P]
    ) -> None:
        """Keep them in `database`, whose schema has these tables, `changes` and what is the foundation of each; what is
        read and written within one transaction is done by `objects`.
        """
        self._database = database
        self._tables = tables
        self._objects = objects

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[P]:
        async with self._database.reading(tenant) as connection:
            yield await self._of(connection, tenant)

    async def once(self, attempt: Attempt, decide: Callable[[P], Awaitable[Decision[T]]]) -> Outcome[T]:
        async def work(connection: AsyncConnection) -> idempotency.Outcome:
            objects = await self._of(connection, attempt.tenant)
            outcome = await objects.apply(await decide(objects))
            return idempotency.Outcome(self._tables.stored(outcome.object), outcome.revision)

        known = await idempotency.once(self._database, attempt, work)
        assert known.revision is not None
        return Outcome(self._tables.restored(known.answer), known.revision)

    async def history(self, tenant: str, *, after: int, limit: int) -> History:
        # Every revision changed something, and revisions have no gaps: a range of them holds as many commits.
        query = (
            select(CHANGES)
            .where(CHANGES.c.tenant == tenant, CHANGES.c.revision.between(after + 1, after + limit))
            .order_by(CHANGES.c.revision, CHANGES.c.line)
        )
        first = select(func.min(CHANGES.c.revision)).where(CHANGES.c.tenant == tenant)
        async with self._database.reading(tenant) as connection:
            newest = await head(connection, tenant)
            oldest_change: int | None = (await connection.execute(first)).scalar()
            rows = (await connection.execute(query)).all()
        oldest = newest if oldest_change is None else oldest_change - 1
        commits = tuple(self._commit(list(lines)) for _, lines in groupby(rows, lambda row: row.revision))
        return History(oldest, newest, commits if after >= oldest else ())

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            async with self._database.tenant(tenant) as connection:
                asked = {"tenant": tenant, "keep_seconds": keep_seconds}
                count += (await connection.execute(_FORGET, asked)).scalar_one()
        return count

    async def _of(self, connection: AsyncConnection, tenant: str) -> P:
        return self._objects(connection, self._tables, tenant, await head(connection, tenant))

    def _commit(self, lines: Sequence[Row[Any]]) -> Commit:
        changes = tuple(Change(self._tables.restored(msgspec.json.decode(line.body)), line.deleted) for line in lines)
        return Commit(lines[0].revision, lines[0].recorded_at, changes)
