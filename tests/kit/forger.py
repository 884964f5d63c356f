"""Somebody with the rights of the database's owner, who changes the books of a tenant behind the ledger's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from weir_ledger.domain.chain import NO_DIGEST
from weir_ledger.store import chain

if TYPE_CHECKING:
    Owner = asyncpg.Connection[asyncpg.Record]
else:
    Owner = asyncpg.Connection

_LINK = f"""
UPDATE commits m SET digest = {
    chain.link(
        "$3",
        "m.revision",
        "m.recorded_at",
        f"(SELECT {chain.ENTERED} FROM entries e WHERE e.tenant = $1 AND e.revision = $2)",
        f"(SELECT {chain.CLAIMED} FROM claim_changes c WHERE c.tenant = $1 AND c.revision = $2)",
        *chain.further(
            f"(SELECT {chain.LOTTED} FROM lot_changes l WHERE l.tenant = $1 AND l.revision = $2)",
            f"(SELECT {chain.WAITED} FROM waiting_changes w WHERE w.tenant = $1 AND w.revision = $2)",
            f"(SELECT {chain.COUNTED} FROM back_order_changes b WHERE b.tenant = $1 AND b.revision = $2)",
        ),
    )
}
WHERE m.tenant = $1 AND m.revision = $2 RETURNING m.digest
"""

RECORDED = ("entries", "claim_changes", "lot_changes", "waiting_changes", "back_order_changes", "commits")
"""The tables that hold what a commit recorded."""


class Forger:
    """Knows the schema, the format of the digests, and no shame; has no key to sign with."""

    def __init__(self, owner: Owner, tenant: str) -> None:
        """Forge the books of `tenant`, whose name is $1 in every statement."""
        self._owner = owner
        self._tenant = tenant

    async def do(self, *statements: str) -> None:
        """Run statements."""
        for statement in statements:
            await self._owner.execute(statement, *[self._tenant] * ("$1" in statement))

    async def told(self, query: str) -> Any:
        """One value."""
        return await self._owner.fetchval(query, *[self._tenant] * ("$1" in query))

    async def remove_commit(self, revision: int) -> None:
        """Remove a commit with all that it recorded."""
        for table in RECORDED:
            await self.do(f"DELETE FROM {table} WHERE tenant = $1 AND revision = {revision}")

    async def cut_to(self, revision: int) -> None:
        """Remove the end of history, and make the tenant's row that of the commit that is then the newest."""
        for later in range(await self.told("SELECT revision FROM tenants WHERE tenant = $1"), revision, -1):
            await self.remove_commit(later)
        await self._reset()

    async def renumber(self, revision: int, other: int) -> None:
        """Give a commit, with all that it recorded, another number."""
        for table in RECORDED:
            await self.do(f"UPDATE {table} SET revision = {other} WHERE tenant = $1 AND revision = {revision}")

    async def swap_commits(self, one: int, other: int) -> None:
        """Exchange the numbers of two commits."""
        await self.renumber(one, 10**6)
        await self.renumber(other, one)
        await self.renumber(10**6, other)

    async def age(self, months: int) -> None:
        """Make it so that all that is recorded was recorded so many months ago; every digest is made anew."""
        await self.do(f"SELECT open_months(now() - interval '{months} months', now())")
        for table in ("commits", "entries", "tenants", "closings"):
            moment = f"recorded_at - interval '{months} months'"
            await self.do(f"UPDATE {table} SET recorded_at = {moment} WHERE tenant = $1")
        await self.do(f"UPDATE shortfalls SET opened_at = opened_at - interval '{months} months' WHERE tenant = $1")
        await self.rechain()

    async def rechain(self) -> None:
        """Make every digest anew, so that the chain is whole whatever was changed."""
        digest = NO_DIGEST
        query = "SELECT revision FROM commits WHERE tenant = $1 ORDER BY revision"
        for row in await self._owner.fetch(query, self._tenant):
            digest = await self._owner.fetchval(_LINK, self._tenant, row["revision"], digest)
        await self._reset()

    async def _reset(self) -> None:
        await self.do(
            "UPDATE tenants t SET revision = c.revision, digest = c.digest, recorded_at = c.recorded_at"
            " FROM (SELECT * FROM commits WHERE tenant = $1 ORDER BY revision DESC LIMIT 1) c WHERE t.tenant = $1"
        )
