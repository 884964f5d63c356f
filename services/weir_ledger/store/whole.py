"""Read all of the books at one revision, beside all writers: to export them and to audit them."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Select, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import Database, head, retrying
from weir_chassis.errors import Overloaded
from weir_ledger.domain.audit import Difference, Verification
from weir_ledger.domain.chain import BEFORE_ALL, ChainHead
from weir_ledger.domain.parts import Part
from weir_ledger.store import rows
from weir_ledger.store.audit import audit
from weir_ledger.store.claims import with_ceilings
from weir_ledger.store.demands import counted, open_demands
from weir_ledger.store.tables import balances, lots

T = TypeVar("T")

AT_ONCE_MAX = 4
"""Exports and audits at once: each holds a connection for as long as its caller takes to read."""

DEMANDS_MAX = 1000
"""Most demands of one part of an export."""

_CHAIN_HEAD = text("SELECT revision, digest, recorded_at FROM tenants WHERE tenant = :tenant")


class WholeReader:
    """What `ports.Books` promises of `export`, `verify` and `chain_head`.

    The first two raise Overloaded where too many are under way.
    """

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database
        self._under_way = 0

    async def export(self, tenant: str, chunk: int) -> AsyncIterator[Part]:
        with self._turn():
            async with self._database.reading(tenant) as connection:
                revision = await head(connection, tenant)
                sent = False
                async for known in _all(connection, lots, tenant, chunk, rows.lot):
                    yield Part(revision, lots=known)
                    sent = True
                async for demands in open_demands(connection, tenant, min(chunk, DEMANDS_MAX)):
                    yield Part(revision, waiting=demands)
                    sent = True
                async for counts in _streamed(connection, counted(tenant), chunk, rows.back_orders):
                    yield Part(revision, back_orders=counts)
                    sent = True
                async for claimed in with_ceilings(connection, tenant, chunk):
                    yield Part(revision, claims=claimed)
                    sent = True
                async for held in _all(connection, balances, tenant, chunk, rows.balance):
                    yield Part(revision, balances=held)
                    sent = True
                if not sent:
                    yield Part(revision)

    async def verify(self, tenant: str, heads: Sequence[ChainHead] = ()) -> AsyncIterator[Difference | Verification]:
        with self._turn():
            async with self._database.reading(tenant) as connection:
                async for finding in audit(connection, tenant, heads):
                    yield finding

    async def chain_head(self, tenant: str) -> ChainHead:
        async def work() -> ChainHead:
            async with self._database.reading(tenant) as connection:
                row = (await connection.execute(_CHAIN_HEAD, {"tenant": tenant})).one_or_none()
            return BEFORE_ALL if row is None else ChainHead(*row)

        return await retrying(work)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the places, for the block; raises Overloaded where all are taken."""
        if self._under_way >= AT_ONCE_MAX:
            raise Overloaded
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


async def _all(
    connection: AsyncConnection, table: Table, tenant: str, chunk: int, make: Callable[[rows.Row], T]
) -> AsyncIterator[Sequence[T]]:
    """The values of all rows of a tenant in a table, in chunks."""
    async for part in _streamed(connection, select(table).where(table.c.tenant == tenant), chunk, make):
        yield part


async def _streamed(
    connection: AsyncConnection, wanted: Select[Any], chunk: int, make: Callable[[rows.Row], T]
) -> AsyncIterator[Sequence[T]]:
    """The values of the rows `wanted`, in chunks."""
    found = await connection.stream(wanted.execution_options(yield_per=chunk))
    async for part in found.mappings().partitions():
        yield [make(row) for row in part]
