"""One tenant's objects within one transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.configuration.objects import Configured, Decision, Key, Outcome, T, Where
from weir_chassis.configuration.postgres.tables import Kept, Tables
from weir_chassis.configuration.rules import stamped
from weir_chassis.database import draw, notify

CHANGES = Table(
    "changes",
    MetaData(),
    Column("tenant", Text),
    Column("revision", BigInteger),
    Column("line", Integer),
    Column("body", Text),
    Column("deleted", Boolean),
    Column("recorded_at", DateTime(timezone=True)),
)


class PostgresObjects:
    """One tenant's objects within one transaction: `Objects`."""

    def __init__(self, connection: AsyncConnection, tables: Tables, tenant: str, newest: int) -> None:
        """Read and write by `connection`, which belongs to a transaction of `tenant` that sees revision `newest`."""
        self._connection = connection
        self._tables = tables
        self._tenant = tenant
        self._head = newest

    @property
    def head(self) -> int:
        return self._head

    async def get(self, kind: type[T], key: Key) -> T | None:
        kept = self._tables[kind]
        found = await self._objects(kind, kept.query(self._tenant).where(*kept.bears(key)))
        return found[0] if found else None

    async def select(
        self,
        kind: type[T],
        where: Where | None = None,
        *,
        after: Key = (),
        limit: int | None = None,
        descending: bool = False,
    ) -> list[T]:
        kept = self._tables[kind]
        order = [each.desc() if descending else each for each in kept.identity]
        query = kept.query(self._tenant).order_by(*order).limit(limit)
        if after:
            here, there = tuple_(*kept.identity), tuple_(*map(literal, after))
            query = query.where(here < there if descending else here > there)
        for name, value in (where or {}).items():
            query = query.where(kept.has(name, value))
        return await self._objects(kind, query)

    async def count(self, kind: type[T], where: Where) -> int:
        kept = self._tables[kind]
        query = select(func.count()).select_from(kept.table).where(kept.table.c.tenant == self._tenant)
        for name, value in where.items():
            query = query.where(kept.has(name, value))
        return (await self._connection.execute(query)).scalar_one()

    async def apply(self, decision: Decision[T]) -> Outcome[T]:
        """Carry out the changes as the next revision and tell watchers; at most once, and only while writing."""
        if not decision.changes:
            return Outcome(decision.object, self._head)
        self._head = await draw(self._connection, self._tenant)
        done = stamped(decision, self._head)
        for change in done.changes:
            await (self._remove if change.deleted else self._put)(change.object)
        await self._connection.execute(
            insert(CHANGES),
            [
                {
                    "tenant": self._tenant,
                    "revision": self._head,
                    "line": line,
                    "body": msgspec.json.encode(self._tables.stored(change.object)).decode(),
                    "deleted": change.deleted,
                }
                for line, change in enumerate(done.changes)
            ],
        )
        await notify(self._connection, self._tenant)
        return Outcome(done.object, self._head)

    async def _objects(self, kind: type[T], query: Select[Any]) -> list[T]:
        rows = await self._connection.execute(query)
        names = list(map(str, rows.keys()))  # labels are a kind of str that msgspec does not know
        return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in rows]

    async def _put(self, wanted: Configured) -> None:
        kept = self._tables[type(wanted)]
        values = kept.values(wanted, self._tenant)
        keys = ("tenant", *wanted.identity)
        replaced = {name: value for name, value in values.items() if name not in keys}
        await self._connection.execute(
            postgresql.insert(kept.table).values(values).on_conflict_do_update(index_elements=keys, set_=replaced)
        )
        if kept.rows is not None:
            await self._put_children(kept, kept.rows, wanted)

    async def _put_children(self, kept: Kept, rows: Table, wanted: Configured) -> None:
        await self._connection.execute(delete(rows).filter_by(**kept.child_key(wanted, self._tenant)))
        if held := kept.child_rows(wanted, self._tenant):
            await self._connection.execute(insert(rows), held)

    async def _remove(self, last: Configured) -> None:
        kept = self._tables[type(last)]
        await self._connection.execute(
            delete(kept.table).where(kept.table.c.tenant == self._tenant, *kept.bears(last.key))
        )
