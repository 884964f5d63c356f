"""Answer what waits, how much may, and what each commit made of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Select, exists, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import Database, driver_of, head, retrying
from weir_chassis.errors import RevisionCompacted
from weir_ledger.domain.queries import WaitingQuery
from weir_ledger.domain.waiting import BackOrders, PlannedWaiting, Product, Waiting
from weir_ledger.ports import WaitingCommits
from weir_ledger.store import rows, told
from weir_ledger.store.tables import back_orders, waiting, waiting_lines
from weir_ledger.store.waiting import READ, READ_PLANNED

T = TypeVar("T")

ANSWER_BYTES_MAX = 2**20
"""How large the demands of one answer may be together, and those of one part of an export."""
_AT_ONCE = 50
"""Demands read at once: each may be large."""

COMMITS = """
SELECT coalesce(h.revision, 0) AS horizon, coalesce(t.revision, 0) AS head, c.revision, c.told
FROM (SELECT) AS one
LEFT JOIN tenants t ON t.tenant = $1
LEFT JOIN horizons h ON h.tenant = $1
LEFT JOIN LATERAL (
    SELECT revision, waiting, told FROM waiting_changes
    WHERE tenant = $1 AND revision > $2 AND revision <= (
        SELECT max(revision) FROM (
            SELECT DISTINCT revision FROM waiting_changes WHERE tenant = $1 AND revision > $2 ORDER BY revision LIMIT $3
        ) first
    )
) c ON true
ORDER BY c.revision, c.waiting
"""
"""Whole commits: the limit counts commits, not demands."""

_OPEN = text(f"""
SELECT {told.TOLD} AS told, w.revision, w.plan FROM waiting w
WHERE w.tenant = :tenant AND w.state = 1 ORDER BY w.create_revision, w.waiting
""")  # noqa: S608


class DemandReader:
    """What `ports.Books` promises of what waits."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def back_orders(self, tenant: str, product: Product) -> tuple[BackOrders | None, int]:
        wanted = select(back_orders).where(
            back_orders.c.tenant == tenant, back_orders.c.owner == product[0], back_orders.c.sku == product[1]
        )
        found, revision = await self._counts(tenant, wanted)
        return (found[0] if found else None), revision

    async def all_back_orders(
        self, tenant: str, owner: str | None, *, after: Product | None, limit: int
    ) -> tuple[Sequence[BackOrders], int]:
        key = (back_orders.c.owner, back_orders.c.sku)
        wanted = counted(tenant).order_by(*key).limit(limit)
        if owner is not None:
            wanted = wanted.where(back_orders.c.owner == owner)
        if after is not None:
            wanted = wanted.where(tuple_(*key) > tuple_(*after))
        return await self._counts(tenant, wanted)

    async def demand(self, tenant: str, waiting: str) -> tuple[PlannedWaiting | None, int]:
        async def work(connection: AsyncConnection) -> tuple[PlannedWaiting | None, int]:
            found = await _read(connection, READ_PLANNED, tenant, [UUID(waiting)])
            return (rows.planned_waiting(found[0]) if found else None), await head(connection, tenant)

        return await self._snapshot(tenant, work)

    async def demands(
        self, tenant: str, query: WaitingQuery, *, after: tuple[int, str] | None, limit: int
    ) -> tuple[Sequence[Waiting], bool, int]:
        arrival = (waiting.c.create_revision, waiting.c.waiting)
        wanted = _of_demands(tenant, query).order_by(*arrival).limit(limit)
        if after is not None:
            wanted = wanted.where(tuple_(*arrival) > tuple_(after[0], UUID(after[1])))

        async def work(connection: AsyncConnection) -> tuple[Sequence[Waiting], bool, int]:
            names = (await connection.execute(wanted)).scalars().all()
            found: list[Waiting] = []
            room = ANSWER_BYTES_MAX
            for place in range(0, len(names), _AT_ONCE):
                for row in await _read(connection, READ, tenant, names[place : place + _AT_ONCE]):
                    room -= told.weight(row["told"])
                    if room < 0 and found:
                        return found, True, await head(connection, tenant)
                    found.append(told.read(row["told"], row["revision"]))
            return found, len(names) == limit, await head(connection, tenant)

        return await self._snapshot(tenant, work)

    async def waiting_commits(self, tenant: str, after: int, limit: int) -> WaitingCommits:
        async def work() -> WaitingCommits:
            async with self._database.driving(tenant) as driver:
                found = await driver.fetch(COMMITS, tenant, after, limit)
            if after < found[0]["horizon"]:
                raise RevisionCompacted(context="ledger", number=after, oldest_kept=found[0]["horizon"])
            commits = [
                (revision, [told.read(row["told"], revision) for row in changed])
                for revision, changed in groupby(found, lambda row: row["revision"])
                if revision is not None
            ]
            if len(commits) == limit:
                return WaitingCommits(commits, commits[-1][0], more=True)
            return WaitingCommits(commits, max(after, found[0]["head"]), more=False)

        return await retrying(work)

    async def _counts(self, tenant: str, wanted: Select[Any]) -> tuple[Sequence[BackOrders], int]:
        """The counts of the rows `wanted`, and the revision they were read at."""

        async def work(connection: AsyncConnection) -> tuple[Sequence[BackOrders], int]:
            found = (await connection.execute(wanted)).mappings()
            return [rows.back_orders(row) for row in found], await head(connection, tenant)

        return await self._snapshot(tenant, work)

    async def _snapshot(self, tenant: str, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` reads from one snapshot, tried again where the connection is lost."""

        async def attempt() -> T:
            async with self._database.reading(tenant) as connection:
                return await work(connection)

        return await retrying(attempt)


def counted(tenant: str) -> Select[Any]:
    """The rows of the products of which units may wait or do."""
    may_or_do = or_(back_orders.c.limit_units > 0, back_orders.c.waiting_units > 0)
    return select(back_orders).where(back_orders.c.tenant == tenant, may_or_do)


async def open_demands(connection: AsyncConnection, tenant: str, chunk: int) -> AsyncIterator[Sequence[PlannedWaiting]]:
    """All demands that wait, in their order, in parts of up to `chunk` that are not too large."""
    found = await connection.stream(_OPEN, {"tenant": tenant}, execution_options={"yield_per": _AT_ONCE})
    part: list[PlannedWaiting] = []
    size = 0
    async for row in found.mappings():
        weight = told.weight(row["told"], row["plan"])
        if part and (len(part) == chunk or size + weight > ANSWER_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(rows.planned_waiting(row))
        size += weight
    if part:
        yield part


async def _read(connection: AsyncConnection, statement: str, tenant: str, names: Sequence[UUID]) -> list[Record]:
    """The rows of the demands of these names, in their order."""
    return await (await driver_of(connection)).fetch(statement, tenant, names)


def _of_demands(tenant: str, query: WaitingQuery) -> Select[Any]:
    """The names of the demands that `query` means."""
    wanted = select(waiting.c.waiting).where(waiting.c.tenant == tenant)
    if query.states:
        wanted = wanted.where(waiting.c.state.in_(query.states))
    if query.order:
        wanted = wanted.where(waiting.c.order_name == query.order)
    if query.channel:
        wanted = wanted.where(waiting.c.channel == query.channel)
    if query.product is not None:
        lines = waiting_lines
        of_demand = (lines.c.tenant == tenant) & (lines.c.waiting == waiting.c.waiting)
        of_product = (lines.c.owner == query.product[0]) & (lines.c.sku == query.product[1])
        wanted = wanted.where(exists(select(lines.c.waiting).where(of_demand, of_product)))
    return wanted
