"""Answer what the counts were, in a time that does not grow with the history.

The counts of a stock item after a revision stand in its last entry up to there. That is looked for after the newest
closing before, and so in the month or two that lie between; what did not change since then stands in the closing, and
what did not change since the revision still stands in the balance. What had occurred by a moment is what was recorded
well before it, and what the entries since then say occurred by it: those of the days around the moment, and the few
that were late.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Select, bindparam, column, or_, text, true
from sqlalchemy.sql.selectable import LateralFromClause

from weir_chassis.database import BY_KEY, Database, Driver, driver_of, retrying
from weir_chassis.errors import RevisionCompacted
from weir_ledger.domain.queries import AsOf, BalanceQuery
from weir_ledger.domain.stock import Balance, StockItem
from weir_ledger.store import rows, statements
from weir_ledger.store.keys import key
from weir_ledger.store.reader import ALONG_A_KEY, EXPIRY, ITEM, after_item, is_walked, of_balances
from weir_ledger.store.tables import balances

LATE = timedelta(days=1)
"""Entries recorded later than this after they occurred have an index of their own."""
EARLY = timedelta(days=1, hours=1)
"""Longer than entries can be recorded before they occur: a day by a caller's clock, and what clocks differ by."""
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Before all that can have been recorded."""

_NEWEST_BY = """
coalesce(
    (SELECT revision FROM commits WHERE tenant = $1 AND recorded_at <= {moment}
     ORDER BY recorded_at DESC, revision DESC LIMIT 1),
    (SELECT revision FROM horizons WHERE tenant = $1 AND recorded_at <= {moment}),
    0
)
"""

_RECORDED_BY = f"""
SELECT {_NEWEST_BY.format(moment="$2")} AS found, coalesce(t.revision, 0) AS head,
       $2 > greatest(clock_timestamp(), t.recorded_at) AS ahead
FROM (SELECT) AS one LEFT JOIN tenants t ON t.tenant = $1
"""  # noqa: S608
"""The clock is the database's; a commit's moment may be ahead of it after it was set back, and is no future."""

_AROUND = f"SELECT {_NEWEST_BY.format(moment='$2')} AS base, {_NEWEST_BY.format(moment='$3')} AS near"

_CLOSED = """
SELECT (SELECT revision FROM horizons WHERE tenant = $1) AS horizon,
       coalesce((SELECT recorded_at FROM commits WHERE tenant = $1 AND revision = $2),
                (SELECT recorded_at FROM horizons WHERE tenant = $1 AND revision = $2)) AS base_at,
       c.revision AS closed, c.recorded_at AS closed_at
FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT revision, recorded_at FROM closings
    WHERE tenant = $1 AND revision <= $2 ORDER BY revision DESC LIMIT 1
) c ON true
"""

_BOOKED = """
FROM entries
WHERE tenant = :tenant AND item = balances.item AND account = 1 AND revision > :closed AND revision <= :base
  AND recorded_at >= :closed_at AND recorded_at <= :base_at
"""
"""The entries of a stock item since the closing. Both bounds say the same: one finds the rows, one the months."""

_RECORDED = f"""
SELECT balances.on_hand, balances.reserved, balances.revision, balances.counted_at
WHERE balances.revision <= :base
UNION ALL
SELECT coalesce(e.on_hand, c.on_hand), coalesce(e.reserved, c.reserved), coalesce(e.revision, c.changed_revision),
       CASE WHEN balances.counted_at IS NOT DISTINCT FROM c.counted_at THEN c.counted_at
            ELSE greatest(c.counted_at, (SELECT max(coalesce(occurred_at, recorded_at)) {_BOOKED} AND kind = 4))
       END
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT on_hand, reserved, revision {_BOOKED} ORDER BY revision DESC, line DESC LIMIT 1
) e ON true
LEFT JOIN LATERAL (
    SELECT * FROM closing_balances WHERE tenant = :tenant AND revision = :closed AND item = balances.item LIMIT 1
) c ON true
WHERE balances.revision > :base AND (e.revision IS NOT NULL OR c.revision IS NOT NULL)
"""  # noqa: S608
"""The counts of a balance as they were recorded up to the base; no row where it had none."""

_OCCURRED = f"""
SELECT coalesce(b.on_hand, 0) + coalesce(m.on_hand, 0) AS on_hand,
       greatest(0, coalesce(b.reserved, 0) + coalesce(m.reserved, 0)) AS reserved,
       greatest(b.revision, m.revision) AS revision, greatest(b.counted_at, m.counted_at) AS counted_at
FROM (SELECT) AS one
LEFT JOIN LATERAL ({_RECORDED}) b (on_hand, reserved, revision, counted_at) ON true
CROSS JOIN LATERAL (
    SELECT sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved, max(revision) AS revision,
           max(coalesce(occurred_at, recorded_at)) FILTER (WHERE kind = 4) AS counted_at
    FROM (
        SELECT revision, kind, on_hand_delta, reserved_delta, occurred_at, recorded_at FROM entries
        WHERE tenant = :tenant AND item = balances.item AND account = 1 AND revision > :base AND revision <= :near
          AND recorded_at >= :base_at AND recorded_at <= :near_at AND coalesce(occurred_at, recorded_at) <= :moment
        UNION ALL
        SELECT revision, kind, on_hand_delta, reserved_delta, occurred_at, recorded_at FROM entries
        WHERE tenant = :tenant AND item = balances.item AND account = 1 AND revision > :near AND revision <= :revision
          AND recorded_at >= :near_at AND occurred_at <= :moment
          AND (occurred_at AT TIME ZONE 'UTC') < (recorded_at AT TIME ZONE 'UTC') - interval '1 day'
    ) since
    WHERE balances.revision > :base
) m
WHERE b.revision IS NOT NULL OR m.revision IS NOT NULL
"""  # noqa: S608
"""The counts of a balance as they had occurred by the moment. Units may have gone before any are known to have come:
those on hand are then below 0, so that what is counted over all accounts still adds up.
"""


def _lateral(statement: str, tenant: str) -> LateralFromClause:
    """The counts that a statement tells of each row of `balances`; it is executed with `_Bounds`."""
    told = (
        text(statement)
        .bindparams(bindparam("tenant", tenant))
        .columns(
            column("on_hand", BigInteger),
            column("reserved", BigInteger),
            column("revision", BigInteger),
            column("counted_at", DateTime(timezone=True)),
        )
    )
    return told.lateral("past")


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Where the entries lie that tell of a state; the names are those of the statements."""

    horizon: int
    revision: int
    base: int
    base_at: datetime
    closed: int
    closed_at: datetime
    near: int
    near_at: datetime
    moment: datetime


class PastReader:
    """What `ports.Books` promises of the past."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def recorded_by(self, tenant: str, moment: datetime) -> tuple[int | None, int]:
        async def work() -> tuple[int | None, int]:
            async with self._database.driving(tenant) as driver:
                row = await driver.fetchrow(_RECORDED_BY, tenant, moment)
            assert row is not None  # the newest revision is always there
            return None if row["ahead"] else row["found"], row["head"]

        return await retrying(work)

    async def past_balance(self, tenant: str, item: StockItem, as_of: AsOf) -> Balance | None:
        wanted = _wanted(tenant, BalanceQuery(), as_of).where(balances.c.item == UUID(hex=key(item)))
        found = await self._bounded(tenant, wanted, as_of, BY_KEY)
        return found[0] if found else None

    async def past_balances(
        self, tenant: str, query: BalanceQuery, as_of: AsOf, *, after: StockItem | None, limit: int
    ) -> Sequence[Balance]:
        wanted = after_item(_wanted(tenant, query, as_of), query, after, limit)
        return await self._bounded(tenant, wanted, as_of, ALONG_A_KEY if is_walked(query) else BY_KEY)

    async def _bounded(self, tenant: str, wanted: Select[Any], as_of: AsOf, planned: str) -> list[Balance]:
        """The balances of the rows `wanted`, bounded as `as_of` asks; `planned` says how they are looked for."""

        async def work() -> list[Balance]:
            async with self._database.tenant(tenant) as connection:
                driver = await driver_of(connection)
                await driver.execute(planned)  # planned for each question, it would be looked at every month each time
                while True:
                    bounds = await _bounds(driver, tenant, as_of)
                    found = (await connection.execute(wanted, asdict(bounds))).mappings().all()
                    # Where history was put away meanwhile, what was just read may miss some of it.
                    if (await driver.fetchval(statements.HORIZON, tenant) or 0) == bounds.horizon:
                        return [rows.dated_balance(row) for row in found]

        return await retrying(work)


def _wanted(tenant: str, query: BalanceQuery, as_of: AsOf) -> Select[Any]:
    """The rows of the balances that `query` means, with the counts they had."""
    past = _lateral(_RECORDED if as_of.occurred_by is None else _OCCURRED, tenant)
    wanted = of_balances(tenant, replace(query, shortfall_only=False, held_only=False)).join(past, true())
    if query.shortfall_only:
        wanted = wanted.where(past.c.reserved > past.c.on_hand)
    if query.held_only:
        wanted = wanted.where(or_(past.c.on_hand != 0, past.c.reserved != 0))
    return wanted.with_only_columns(*ITEM, *past.c, EXPIRY)


async def _bounds(driver: Driver, tenant: str, as_of: AsOf) -> _Bounds:
    """Where to look for a state; raises RevisionCompacted where that is put away."""
    base, near, moment = as_of.revision, as_of.revision, as_of.occurred_by
    early = late = BEGINNING
    if moment is not None:
        early, late = max(moment, BEGINNING + EARLY) - EARLY, moment + LATE
        around = await driver.fetchrow(_AROUND, tenant, early, late)
        assert around is not None  # one row
        base, near = min(around["base"], base), min(around["near"], near)
    closed = await driver.fetchrow(_CLOSED, tenant, base)
    assert closed is not None  # one row
    horizon = closed["horizon"] or 0
    if base < horizon:
        raise RevisionCompacted(context="ledger", number=base, oldest_kept=horizon)
    return _Bounds(
        horizon,
        as_of.revision,
        base,
        early if moment is not None else closed["base_at"] or BEGINNING,
        closed["closed"] or 0,
        closed["closed_at"] or BEGINNING,
        near,
        late,
        moment or BEGINNING,
    )
