"""The SQL of claims: write what is claimed and may be, and read it.

Like the other statements of the write path each finds its rows by a key whatever the planner knows.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.database import Driver
from weir_ledger.domain.reservations import Claim
from weir_ledger.store import rows
from weir_ledger.store.tables import claims

EXPORT_TEXT_MAX = 2**18
"""How many characters the keys and subjects of one part of an export have together."""

WRITE = """
WITH fresh AS (
    INSERT INTO claims (tenant, claim, open, fulfilled, ceiling, epoch, subject, revision)
    SELECT $1, c.*, $2
    FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[])
         AS c (claim, open, fulfilled, ceiling, epoch, subject)
), changed AS (
    UPDATE claims
    SET open = c.open, fulfilled = c.fulfilled, ceiling = c.ceiling, epoch = c.epoch,
        subject = CASE WHEN c.subject = '' THEN claims.subject ELSE c.subject END, revision = $2
    FROM unnest($9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[])
         AS c (claim, open, fulfilled, ceiling, epoch, subject)
    CROSS JOIN LATERAL (SELECT ctid FROM claims WHERE tenant = $1 AND claim = c.claim LIMIT 1) found
    WHERE claims.ctid = found.ctid
)
INSERT INTO claim_changes (tenant, revision, claim, open, fulfilled, ceiling, epoch, subject)
SELECT $1, $2, c.*
FROM unnest($3::text[] || $9::text[], $4::bigint[] || $10::bigint[], $5::bigint[] || $11::bigint[],
            $6::bigint[] || $12::bigint[], $7::bigint[] || $13::bigint[], $8::text[] || $14::text[])
     AS c (claim, open, fulfilled, ceiling, epoch, subject)
"""
"""What is claimed and may be, under keys that are new and under others; the write of the group has digested it. An
empty subject is the one there was.
"""

READ = """
SELECT asked.claim, coalesce(c.open, 0) AS open, coalesce(c.fulfilled, 0) AS fulfilled, c.ceiling,
       coalesce(c.epoch, 0) AS epoch, coalesce(c.subject, '') AS subject, coalesce(c.revision, 0) AS revision,
       coalesce((SELECT revision FROM tenants WHERE tenant = $1), 0) AS newest
FROM unnest($2::text[]) WITH ORDINALITY AS asked (claim, place)
LEFT JOIN LATERAL (SELECT * FROM claims WHERE tenant = $1 AND claim = asked.claim LIMIT 1) c ON true
ORDER BY asked.place
"""


def told(claim: Claim, before: Claim | None) -> tuple[Any, ...]:
    """Row of what is claimed and may be under a key; what it stands for only where that is another than `before`."""
    named = "" if before is not None and before.subject == claim.subject else claim.subject
    return (claim.claim, claim.open, claim.fulfilled, claim.ceiling, claim.epoch, named)


async def write(
    driver: Driver, tenant: str, revision: int, told: Iterable[tuple[Any, ...]], known: Mapping[str, Claim]
) -> None:
    """Write claims that were `told`; should another process use a new key first too, the later of the two fails."""
    fresh: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for row in told:
        (changed if row[0] in known else fresh).append(row)
    if fresh or changed:
        await driver.execute(WRITE, tenant, revision, *_columns(fresh), *_columns(changed))


def _columns(told: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The columns of rows of claims, for `unnest`."""
    return [list(column) for column in zip(*told, strict=True)] or [[] for _ in range(6)]


async def with_ceilings(connection: AsyncConnection, tenant: str, chunk: int) -> AsyncIterator[Sequence[Claim]]:
    """All claims for which a ceiling is or was set, in parts of up to `chunk` whose texts are not too long."""
    wanted = select(claims).where(claims.c.tenant == tenant, claims.c.epoch > 0)
    found = await connection.stream(wanted.execution_options(yield_per=chunk))
    async for read in found.mappings().partitions():
        part: list[Claim] = []
        size = 0
        for claim in map(rows.claim, read):
            weight = len(claim.claim) + len(claim.subject)
            if part and size + weight > EXPORT_TEXT_MAX:
                yield part
                part, size = [], 0
            part.append(claim)
            size += weight
        yield part
