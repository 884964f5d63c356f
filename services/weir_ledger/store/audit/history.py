"""History is whole and as it was recorded: revisions without gaps, and the chain of digests.

Each commit's digest is computed anew from all that stands under its revision, in whichever month, and from the digest
that the commit before it has. So what was changed is told where it was changed, and not with all that follows.
"""

# ruff: noqa: S608  # what is put into a statement here are words of this package

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from weir_chassis.errors import RevisionCompacted
from weir_ledger.domain.audit import Difference, Law
from weir_ledger.domain.chain import BEFORE_ALL, ChainHead
from weir_ledger.store import chain
from weir_ledger.store.audit.check import Check

_SEPARATORS = "'[\\u001D-\\u001F]'"
"""None stands in a text that the ledger wrote; one that was put there could make two rows of one, or one of two."""
_ROW_SEPARATORS = "'[\\u001D-\\u001E]'"
"""Of these none stands in the text of a demand, which has its fields separated already."""
_NO_DIGEST = "decode(repeat('00', 32), 'hex')"


CHAIN = Check(
    f"""
WITH entered AS (
    SELECT e.revision, min(e.recorded_at) AS earliest, max(e.recorded_at) AS latest,
           bool_or(e.request_id || e.reference ~ {_SEPARATORS}) AS separated, {chain.ENTERED} AS told
    FROM entries e WHERE e.tenant = :tenant AND e.revision > :horizon GROUP BY e.revision
), claimed AS (
    SELECT c.revision, bool_or(c.claim || c.subject ~ {_SEPARATORS}) AS separated, {chain.CLAIMED} AS told
    FROM claim_changes c WHERE c.tenant = :tenant AND c.revision > :horizon GROUP BY c.revision
), lotted AS (
    SELECT l.revision, bool_or(l.owner || l.sku || l.lot || l.expiry ~ {_SEPARATORS}) AS separated, {
        chain.LOTTED
    } AS told
    FROM lot_changes l WHERE l.tenant = :tenant AND l.revision > :horizon GROUP BY l.revision
), waited AS (
    SELECT w.revision, bool_or(w.told ~ {_ROW_SEPARATORS}) AS separated, {chain.WAITED} AS told
    FROM waiting_changes w WHERE w.tenant = :tenant AND w.revision > :horizon GROUP BY w.revision
), counted AS (
    SELECT b.revision, bool_or(b.owner || b.sku ~ {_SEPARATORS}) AS separated, {chain.COUNTED} AS told
    FROM back_order_changes b WHERE b.tenant = :tenant AND b.revision > :horizon GROUP BY b.revision
), linked AS (
    SELECT revision, recorded_at, digest, lag(digest, 1, :digest) OVER (ORDER BY revision) AS before
    FROM commits WHERE tenant = :tenant AND revision > :horizon
), judged AS (
    SELECT revision, CASE
        WHEN l.digest IS NULL
            THEN 'entries, claims, lots or what waits stand there without a commit'
        WHEN l.recorded_at <> e.earliest OR l.recorded_at <> e.latest
            THEN 'an entry says another moment than its commit'
        WHEN e.separated OR c.separated OR t.separated OR w.separated OR b.separated
            THEN 'a text holds what separates the fields that are digested'
        WHEN l.digest <> {
        chain.link(
            "l.before",
            "revision",
            "l.recorded_at",
            "coalesce(e.told, '')",
            "coalesce(c.told, '')",
            *chain.further("t.told", "w.told", "b.told"),
        )
    }
            THEN 'its digest is not that of what it recorded after the commit before it'
        END AS fault
    FROM linked l FULL JOIN entered e USING (revision) FULL JOIN claimed c USING (revision)
         FULL JOIN lotted t USING (revision) FULL JOIN waited w USING (revision)
         FULL JOIN counted b USING (revision)
)
SELECT {Law.CHAIN} AS law, revision AS booked, revision AS computed, fault FROM judged WHERE fault IS NOT NULL
""",
    "Revision {booked}: {fault}",
)

HEAD = Check(
    f"""
SELECT {Law.CHAIN} AS law, coalesce(t.revision, 0) AS booked, coalesce(n.revision, 0) AS computed
FROM (SELECT) one
LEFT JOIN tenants t ON t.tenant = :tenant
LEFT JOIN LATERAL (
    SELECT revision, digest, recorded_at FROM commits WHERE tenant = :tenant
    UNION ALL
    SELECT revision, digest, recorded_at FROM horizons WHERE tenant = :tenant
    ORDER BY revision DESC LIMIT 1
) n ON true
WHERE coalesce(t.digest, {_NO_DIGEST}) <> coalesce(n.digest, {_NO_DIGEST})
   OR t.recorded_at IS DISTINCT FROM n.recorded_at
""",
    "The head, revision {booked}, has not the digest and the moment of the newest commit, revision {computed}",
)

CHECKS = (CHAIN, HEAD)

_HORIZON = text("SELECT revision, digest, recorded_at FROM horizons WHERE tenant = :tenant")
_DIGESTS = text("SELECT revision, digest FROM commits WHERE tenant = :tenant AND revision = ANY (:revisions)")
_EXTENT = text("""
SELECT e.entries, b.balances, l.reservation_lines, c.commits,
       greatest(:horizon, e.newest, b.newest, c.newest, r.newest, k.newest, n.newest, s.newest, p.newest,
                t.newest, o.newest, d.newest, w.newest, q.newest, v.newest) AS newest
FROM (SELECT count(*) FILTER (WHERE revision > :horizon) AS entries, max(revision) AS newest
      FROM entries WHERE tenant = :tenant) e,
     (SELECT count(*) AS balances, max(revision) AS newest FROM balances WHERE tenant = :tenant) b,
     (SELECT count(*) AS reservation_lines FROM reservation_lines WHERE tenant = :tenant) l,
     (SELECT count(*) AS commits, max(revision) AS newest FROM commits WHERE tenant = :tenant) c,
     (SELECT max(revision) AS newest FROM reservations WHERE tenant = :tenant) r,
     (SELECT max(revision) AS newest FROM claims WHERE tenant = :tenant) k,
     (SELECT max(revision) AS newest FROM claim_changes WHERE tenant = :tenant) n,
     (SELECT max(revision) AS newest FROM shortfalls WHERE tenant = :tenant) s,
     (SELECT max(revision) AS newest FROM locations WHERE tenant = :tenant) p,
     (SELECT max(revision) AS newest FROM lots WHERE tenant = :tenant) t,
     (SELECT max(revision) AS newest FROM lot_changes WHERE tenant = :tenant) o,
     (SELECT max(revision) AS newest FROM waiting WHERE tenant = :tenant) d,
     (SELECT max(revision) AS newest FROM waiting_changes WHERE tenant = :tenant) w,
     (SELECT max(revision) AS newest FROM back_orders WHERE tenant = :tenant) q,
     (SELECT max(revision) AS newest FROM back_order_changes WHERE tenant = :tenant) v
""")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is kept; `newest` is the newest revision that anything says it is of."""

    entries: int
    balances: int
    reservation_lines: int
    commits: int
    newest: int


async def extent(connection: AsyncConnection, tenant: str, horizon: ChainHead) -> Extent:
    """How much is kept after `horizon`."""
    found = await connection.execute(_EXTENT, {"tenant": tenant, "horizon": horizon.revision})
    return Extent(**found.mappings().one())


async def horizon(connection: AsyncConnection, tenant: str) -> ChainHead:
    """The commit up to which history was put away; before all where none was."""
    row = (await connection.execute(_HORIZON, {"tenant": tenant})).one_or_none()
    return BEFORE_ALL if row is None else ChainHead(*row)


def gap(revision: int, found: Extent, horizon: ChainHead) -> Difference | None:
    """That revisions are missing, or newer than the head, `revision`."""
    newest = horizon.revision + found.commits
    if newest == found.newest == revision:
        return None
    sentence = (
        f"The head is revision {revision}, the newest that anything is of is {found.newest}, and the commits that are"
        f" kept reach to {newest}."
    )
    return Difference(Law.REVISIONS, None, revision, newest if newest != revision else found.newest, sentence)


async def missed(
    connection: AsyncConnection, tenant: str, heads: Sequence[ChainHead], horizon: ChainHead
) -> list[Difference]:
    """Which of the `heads` that were signed earlier do not stand in the chain; raises RevisionCompacted for one that
    is older than the horizon."""
    if not heads:
        return []
    for each in heads:
        if each.revision < horizon.revision:
            raise RevisionCompacted(context="ledger", number=each.revision, oldest_kept=horizon.revision)
    revisions = [each.revision for each in heads]
    found = await connection.execute(_DIGESTS, {"tenant": tenant, "revisions": revisions})
    digests = {horizon.revision: horizon.digest, **{row.revision: row.digest for row in found}}
    return [_missed(each, each.revision in digests) for each in heads if digests.get(each.revision) != each.digest]


def _missed(signed: ChainHead, kept: bool) -> Difference:
    """That a head is not in the chain."""
    what = "has another digest in the books" if kept else "is not in the books"
    sentence = f"Revision {signed.revision}, of which a head was signed, {what}."
    return Difference(Law.CHAIN, None, signed.revision, signed.revision, sentence)
