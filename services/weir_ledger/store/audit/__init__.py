"""Audit the books at one revision, in the database and beside all writers.

`check` is what every law is made of; `counts`, `closings`, `promises`, `lots`, `waiting` and `history` hold the laws
themselves.
"""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import head
from weir_ledger.domain.audit import Difference, Verification
from weir_ledger.domain.chain import ChainHead
from weir_ledger.store.audit import closings, counts, history, lots, promises, waiting

# A law compares whole tables: row by row, which is what a planner takes that believes them to be small, takes for ever.
_WHOLE = text("SET LOCAL enable_nestloop = off")
_CHECKS = (*counts.CHECKS, *closings.CHECKS, *promises.CHECKS, *lots.CHECKS, *waiting.CHECKS, *history.CHECKS)


async def audit(
    connection: AsyncConnection, tenant: str, heads: Sequence[ChainHead] = ()
) -> AsyncIterator[Difference | Verification]:
    """Every law broken in the snapshot that `connection` reads, and every one of the `heads` that is not in its chain;
    then what was looked at.

    Raises RevisionCompacted where a head is older than what is kept.
    """
    await connection.execute(_WHOLE)
    horizon = await history.horizon(connection, tenant)
    found = await history.missed(connection, tenant, heads, horizon)
    differences = len(found)
    for difference in found:
        yield difference
    for check in _CHECKS:
        async for difference in check.differences(connection, tenant, horizon):
            differences += 1
            yield difference
    revision = await head(connection, tenant)
    extent = await history.extent(connection, tenant, horizon)
    if gap := history.gap(revision, extent, horizon):
        differences += 1
        yield gap
    yield Verification(revision, extent.entries, extent.balances, extent.reservation_lines, differences=differences)
