"""The networks on Postgres: a table a kind, and each change once more, as a whole, in the stream for watchers.

Every write holds the tenant's revision row from its beginning (`Database.writing`), so the writers of a tenant come one
after the other and what a rule reads is still so when its decision is committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Integer,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis import idempotency
from weir_chassis.database import Database, draw, head, notify
from weir_chassis.idempotency import Attempt
from weir_sharing.domain import (
    KINDS,
    Bundle,
    Change,
    Channel,
    ChannelGroup,
    Commit,
    Decision,
    GroupLink,
    History,
    Key,
    LocationSetting,
    NetworkObject,
    Outcome,
    Policy,
    Product,
    ProductLink,
    T,
    WarehouseGroup,
    Where,
    stamped,
)
from weir_sharing.ports import Network

_metadata = MetaData()


def _table(name: str, *columns: str | Column[Any]) -> Table:
    """A table of objects; what is given by name alone is text."""
    return Table(
        name,
        _metadata,
        Column("tenant", Text, primary_key=True),
        *(Column(column, Text) if isinstance(column, str) else column for column in columns),
        Column("changed", BigInteger),
    )


_TABLES: Mapping[type[NetworkObject], Table] = {
    LocationSetting: _table("location_settings", "location", "policy"),
    WarehouseGroup: _table("warehouse_groups", "warehouse_group", "display_name"),
    ChannelGroup: _table("channel_groups", "channel_group", "display_name", "own_channel"),
    Channel: _table("channels", "channel", "kind", "display_name", "channel_group"),
    GroupLink: _table("group_links", "warehouse_group", "channel_group"),
    Bundle: _table("bundles", "owner", "sku"),
    ProductLink: _table(
        "product_links",
        *ProductLink.identity,
        Column("bidirectional", Boolean),
        Column("locations", postgresql.ARRAY(Text)),
        Column("priority", Integer),
        Column("keep_back", BigInteger),
        Column("shares_bundles", Boolean),
        Column("disabled", Boolean),
        Column("created", BigInteger),
    ),
}
_MEMBERS = Table(
    "warehouse_group_locations",
    _metadata,
    Column("tenant", Text),
    Column("location", Text),
    Column("warehouse_group", Text),
)
_COMPONENTS = Table(
    "bundle_components",
    _metadata,
    Column("tenant", Text),
    Column("bundle_owner", Text),
    Column("bundle_sku", Text),
    Column("owner", Text),
    Column("sku", Text),
    Column("quantity", BigInteger),
)
_CHANGES = Table(
    "changes",
    _metadata,
    Column("tenant", Text),
    Column("revision", BigInteger),
    Column("line", Integer),
    Column("body", Text),
    Column("deleted", Boolean),
    Column("recorded_at", DateTime(timezone=True)),
)
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
_NAMES: Mapping[str, type[NetworkObject]] = {kind.__name__: kind for kind in KINDS}


class PostgresNetwork:
    """One tenant's network within one transaction: `Network`."""

    def __init__(self, connection: AsyncConnection, tenant: str, newest: int) -> None:
        """Read and write by `connection`, which belongs to a transaction of `tenant` that sees revision `newest`."""
        self._connection = connection
        self._tenant = tenant
        self._head = newest

    @property
    def head(self) -> int:
        return self._head

    async def get(self, kind: type[T], key: Key) -> T | None:
        found = await self._objects(kind, self._query(kind).where(*_bears(kind, key)))
        return found[0] if found else None

    async def select(
        self, kind: type[T], where: Where | None = None, *, after: Key = (), limit: int | None = None
    ) -> list[T]:
        identity = [_TABLES[kind].c[name] for name in kind.identity]
        query = self._query(kind).order_by(*identity).limit(limit)
        if after:
            query = query.where(tuple_(*identity) > tuple_(*map(literal, after)))
        for name, value in (where or {}).items():
            query = query.where(_meant(kind, name, value))
        return await self._objects(kind, query)

    async def homes(self, locations: Collection[str]) -> Mapping[str, str]:
        query = select(_MEMBERS.c.location, _MEMBERS.c.warehouse_group).where(
            _MEMBERS.c.tenant == self._tenant, _MEMBERS.c.location == _any(locations)
        )
        return {row.location: row.warehouse_group for row in await self._connection.execute(query)}

    async def fixed(self, locations: Collection[str]) -> Collection[str]:
        table = _TABLES[LocationSetting]
        query = select(table.c.location).where(
            table.c.tenant == self._tenant, table.c.policy == Policy.FIXED, table.c.location == _any(locations)
        )
        return set((await self._connection.execute(query)).scalars())

    async def bundles(self, products: Collection[Product]) -> Collection[Product]:
        table = _TABLES[Bundle]
        query = select(table.c.owner, table.c.sku).where(
            table.c.tenant == self._tenant, tuple_(table.c.owner, table.c.sku).in_(products)
        )
        return {Product(*row) for row in await self._connection.execute(query)}

    async def apply(self, decision: Decision[T]) -> Outcome[T]:
        """Carry out the changes as the next revision and tell watchers; at most once, and only while writing."""
        if not decision.changes:
            return Outcome(decision.object, self._head)
        self._head = await draw(self._connection, self._tenant)
        done = stamped(decision, self._head)
        for change in done.changes:
            await (self._remove if change.deleted else self._put)(change.object)
        await self._connection.execute(
            insert(_CHANGES),
            [
                {
                    "tenant": self._tenant,
                    "revision": self._head,
                    "line": line,
                    "body": msgspec.json.encode(_stored(change.object)).decode(),
                    "deleted": change.deleted,
                }
                for line, change in enumerate(done.changes)
            ],
        )
        await notify(self._connection, self._tenant)
        return Outcome(done.object, self._head)

    def _query(self, kind: type[NetworkObject]) -> Select[Any]:
        table = _TABLES[kind]
        columns: list[ColumnElement[Any]] = [table.c[name] for name in _fields(table)]
        if kind is WarehouseGroup:
            columns.append(_members_of(table).label("locations"))
        if kind is Bundle:
            columns.append(_components_of(table).label("components"))
        return select(*columns, cast(table.c.changed, Text).label("etag")).where(table.c.tenant == self._tenant)

    async def _objects(self, kind: type[T], query: Select[Any]) -> list[T]:
        rows = await self._connection.execute(query)
        names = list(map(str, rows.keys()))  # labels are a kind of str that msgspec does not know
        return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in rows]

    async def _put(self, wanted: NetworkObject) -> None:
        table = _TABLES[type(wanted)]
        values: dict[str, Any] = {name: getattr(wanted, name) for name in _fields(table)}
        values |= {"tenant": self._tenant, "changed": int(wanted.etag)}
        keys = ("tenant", *wanted.identity)
        replaced = {name: value for name, value in values.items() if name not in keys}
        await self._connection.execute(
            postgresql.insert(table).values(values).on_conflict_do_update(index_elements=keys, set_=replaced)
        )
        if isinstance(wanted, WarehouseGroup):
            await self._put_members(wanted)
        if isinstance(wanted, Bundle):
            await self._put_components(wanted)

    async def _put_members(self, group: WarehouseGroup) -> None:
        key = {"tenant": self._tenant, "warehouse_group": group.warehouse_group}
        await self._connection.execute(delete(_MEMBERS).filter_by(**key))
        if group.locations:
            rows = [{**key, "location": location} for location in group.locations]
            await self._connection.execute(insert(_MEMBERS), rows)

    async def _put_components(self, bundle: Bundle) -> None:
        key = {"tenant": self._tenant, "bundle_owner": bundle.owner, "bundle_sku": bundle.sku}
        await self._connection.execute(delete(_COMPONENTS).filter_by(**key))
        rows = [{**key, **each._asdict()} for each in bundle.components]
        await self._connection.execute(insert(_COMPONENTS), rows)

    async def _remove(self, last: NetworkObject) -> None:
        table = _TABLES[type(last)]
        await self._connection.execute(
            delete(table).where(table.c.tenant == self._tenant, *_bears(type(last), last.key))
        )


class PostgresNetworks:
    """The networks of all tenants in one schema: `Networks`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`, whose schema is the one of `migrations`."""
        self._database = database

    @asynccontextmanager
    async def reading(self, tenant: str) -> AsyncIterator[PostgresNetwork]:
        async with self._database.reading(tenant) as connection:
            yield PostgresNetwork(connection, tenant, await head(connection, tenant))

    async def once(self, attempt: Attempt, decide: Callable[[Network], Awaitable[Decision[T]]]) -> Outcome[T]:
        async def work(connection: AsyncConnection) -> idempotency.Outcome:
            network = PostgresNetwork(connection, attempt.tenant, await head(connection, attempt.tenant))
            outcome = await network.apply(await decide(network))
            return idempotency.Outcome(_stored(outcome.object), outcome.revision)

        known = await idempotency.once(self._database, attempt, work)
        assert known.revision is not None
        return Outcome(_restored(known.answer), known.revision)

    async def history(self, tenant: str, *, after: int, limit: int) -> History:
        # Every revision changed something, and revisions have no gaps: a range of them holds as many commits.
        query = (
            select(_CHANGES)
            .where(_CHANGES.c.tenant == tenant, _CHANGES.c.revision.between(after + 1, after + limit))
            .order_by(_CHANGES.c.revision, _CHANGES.c.line)
        )
        first = select(func.min(_CHANGES.c.revision)).where(_CHANGES.c.tenant == tenant)
        async with self._database.reading(tenant) as connection:
            newest = await head(connection, tenant)
            oldest_change: int | None = (await connection.execute(first)).scalar()
            rows = (await connection.execute(query)).all()
        oldest = newest if oldest_change is None else oldest_change - 1
        commits = tuple(_commit(list(lines)) for _, lines in groupby(rows, lambda row: row.revision))
        return History(oldest, newest, commits if after >= oldest else ())

    async def forget(self, *, keep_seconds: float) -> int:
        count = 0
        for tenant in await self._database.tenants():
            async with self._database.tenant(tenant) as connection:
                asked = {"tenant": tenant, "keep_seconds": keep_seconds}
                count += (await connection.execute(_FORGET, asked)).scalar_one()
        return count


def _commit(lines: Sequence[Row[Any]]) -> Commit:
    changes = tuple(Change(_restored(msgspec.json.decode(line.body)), line.deleted) for line in lines)
    return Commit(lines[0].revision, lines[0].recorded_at, changes)


def _stored(each: NetworkObject) -> dict[str, Any]:
    """The object in plain JSON values, with the name of its kind."""
    return {"object": type(each).__name__, **msgspec.to_builtins(each)}


def _restored(stored: Any) -> Any:
    """The object that `_stored` put down."""
    return msgspec.convert(stored, _NAMES[stored["object"]])


def _fields(table: Table) -> list[str]:
    """The columns of a kind's table that are fields of its objects under the same name."""
    return [column.name for column in table.c if column.name not in ("tenant", "changed")]


def _bears(kind: type[NetworkObject], key: Key) -> list[ColumnElement[bool]]:
    return [_TABLES[kind].c[name] == part for name, part in zip(kind.identity, key, strict=True)]


def _meant(kind: type[NetworkObject], name: str, value: str | Key) -> ColumnElement[bool]:
    """Whether an object has what it must have to be meant."""
    if kind is Bundle and name == "component":
        return _contains(Product(*value))
    return _holds(value) if name not in _TABLES[kind].c else _TABLES[kind].c[name] == value


def _contains(product: Product) -> ColumnElement[bool]:
    """Whether a bundle has the component."""
    bundles = _TABLES[Bundle]
    return exists().where(
        _COMPONENTS.c.tenant == bundles.c.tenant,
        _COMPONENTS.c.bundle_owner == bundles.c.owner,
        _COMPONENTS.c.bundle_sku == bundles.c.sku,
        _COMPONENTS.c.owner == product.owner,
        _COMPONENTS.c.sku == product.sku,
    )


def _holds(location: str | Key) -> ColumnElement[bool]:
    """Whether a warehouse group holds the location."""
    groups = _TABLES[WarehouseGroup]
    return exists().where(
        _MEMBERS.c.tenant == groups.c.tenant,
        _MEMBERS.c.warehouse_group == groups.c.warehouse_group,
        _MEMBERS.c.location == location,
    )


def _members_of(groups: Table) -> ColumnElement[Any]:
    members = (
        select(_MEMBERS.c.location)
        .where(_MEMBERS.c.tenant == groups.c.tenant, _MEMBERS.c.warehouse_group == groups.c.warehouse_group)
        .order_by(_MEMBERS.c.location)
    )
    return func.array(members.correlate(groups).scalar_subquery(), type_=postgresql.ARRAY(Text))


def _components_of(bundles: Table) -> ColumnElement[Any]:
    parts = _COMPONENTS.c
    component = func.json_build_array(parts.owner, parts.sku, parts.quantity)
    components = select(
        func.json_agg(aggregate_order_by(component, parts.owner, parts.sku), type_=postgresql.JSON)
    ).where(parts.tenant == bundles.c.tenant, parts.bundle_owner == bundles.c.owner, parts.bundle_sku == bundles.c.sku)
    return components.correlate(bundles).scalar_subquery()


def _any(values: Collection[str]) -> ColumnElement[Any]:
    return func.any(cast(literal(list(values), postgresql.ARRAY(Text)), postgresql.ARRAY(Text)))
