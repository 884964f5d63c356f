"""Read all of the books at one revision, beside all writers: to export them and to audit them."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import select

from weir_chassis.database import Database, head
from weir_chassis.errors import Overloaded
from weir_ledger.domain.audit import Difference, Verification
from weir_ledger.domain.stock import Balance
from weir_ledger.store import rows
from weir_ledger.store.audit import audit
from weir_ledger.store.tables import balances

AT_ONCE_MAX = 4
"""Exports and audits at once: each holds a connection for as long as its caller takes to read."""


class WholeReader:
    """What `ports.Books` promises of `export` and `verify`; raises Overloaded where too many are under way."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database
        self._under_way = 0

    async def export(self, tenant: str, chunk: int) -> AsyncIterator[tuple[int, Sequence[Balance]]]:
        with self._turn():
            async with self._database.reading(tenant) as connection:
                revision = await head(connection, tenant)
                wanted = select(balances).where(balances.c.tenant == tenant)
                found = await connection.stream(wanted.execution_options(yield_per=chunk))
                sent = False
                async for part in found.mappings().partitions():
                    yield revision, [rows.balance(row) for row in part]
                    sent = True
                if not sent:
                    yield revision, []

    async def verify(self, tenant: str) -> AsyncIterator[Difference | Verification]:
        with self._turn():
            async with self._database.reading(tenant) as connection:
                async for finding in audit(connection, tenant):
                    yield finding

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
