"""One tenant's objects within one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
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
        found = await self._objects(kind, kept.one, **{f"key_{place}": part for place, part in enumerate(key)})
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
        query = kept.all.order_by(*order).limit(limit)
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
        for (kind, gone), some in groupby(done.changes, key=lambda each: (type(each.object), each.deleted)):
            await (self._remove if gone else self._put)(self._tables[kind], [each.object for each in some])
        told = [each for each in done.changes if each.object.told]
        assert told, "a revision without a change would hold up who follows"
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
                for line, change in enumerate(told)
            ],
        )
        await notify(self._connection, self._tenant)
        return Outcome(done.object, self._head)

    async def _objects(self, kind: type[T], query: Select[Any], **given: str) -> list[T]:
        """What a query made of `Kept.all` finds for our tenant."""
        rows = await self._connection.execute(query, {"tenant": self._tenant, **given})
        names = list(map(str, rows.keys()))  # labels are a kind of str that msgspec does not know
        return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in rows]

    async def _put(self, kept: Kept, wanted: Sequence[Configured]) -> None:
        keys = ("tenant", *kept.kind.identity)
        put = postgresql.insert(kept.table)
        replaced = {column.name: put.excluded[column.name] for column in kept.table.c if column.name not in keys}
        await self._connection.execute(
            put.on_conflict_do_update(index_elements=keys, set_=replaced),
            [kept.values(each, self._tenant) for each in wanted],
        )
        if kept.rows is not None:
            for each in wanted:
                await self._put_children(kept, kept.rows, each)

    async def _put_children(self, kept: Kept, rows: Table, wanted: Configured) -> None:
        await self._connection.execute(delete(rows).filter_by(**kept.child_key(wanted, self._tenant)))
        if held := kept.child_rows(wanted, self._tenant):
            await self._connection.execute(insert(rows), held)

    async def _remove(self, kept: Kept, last: Sequence[Configured]) -> None:
        for each in last:
            await self._connection.execute(
                delete(kept.table).where(kept.table.c.tenant == self._tenant, *kept.bears(each.key))
            )
