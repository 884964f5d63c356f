"""What an operator does with old months: put them away, and drop them.

First the horizon of each tenant is set, and everybody who asks for what lies before it is refused from then on; then
the months before are detached from the books. Neither waits for those who read or write, nor makes them wait. A
compaction that was broken off is finished by the next one.
"""

from datetime import UTC, date, datetime

from weir_chassis.database import Driver, sqlstate
from weir_chassis.migrations import MigrationFailed, owning

SCHEMA = "weir_ledger"

_INVALID_PARAMETER = "22023"
_COMPACT = "SELECT tenant, revision FROM compact($1)"
_ATTACHED = """
SELECT format('ALTER TABLE entries DETACH PARTITION %s %s', p.oid::regclass,
              CASE WHEN i.inhdetachpending THEN 'FINALIZE' ELSE 'CONCURRENTLY' END)
FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
WHERE i.inhparent = 'entries'::regclass AND p.relname < $1
ORDER BY i.inhdetachpending DESC, p.relname
"""
_DETACHED = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
  AND relname ~ '^entries_[0-9]{4}_[0-9]{2}$' AND relname < $1
ORDER BY 1
"""


async def compact(owner_url: str, before: date) -> list[tuple[str, int]]:
    """Put away what was recorded before the month of `before`; each tenant of whom something was, with the revision up
    to which its history is gone.

    That is the newest closing's where `before` lies behind it. `owner_url` names who may migrate. Raises
    MigrationFailed where the schema is not there, or a month that would be put away is not over for a day.
    """
    async with owning(owner_url, SCHEMA) as owner:
        try:
            put_away = await owner.fetch(_COMPACT, datetime(before.year, before.month, 1, tzinfo=UTC))
        except Exception as error:
            if sqlstate(error) == _INVALID_PARAMETER:
                raise MigrationFailed(str(error)) from error
            raise
        for statement in await _named(owner, _ATTACHED, before):
            await owner.execute(statement)
        return [(row["tenant"], row["revision"]) for row in put_away]


async def drop(owner_url: str, before: date) -> list[str]:
    """Drop the months before that of `before` that were put away, for good; the names of their tables.

    Raises MigrationFailed where the schema is not there.
    """
    async with owning(owner_url, SCHEMA) as owner:
        months = await _named(owner, _DETACHED, before)
        for month in months:
            await owner.execute(f'DROP TABLE "{month}"')
        return months


async def _named(owner: Driver, statement: str, before: date) -> list[str]:
    """What a statement finds of the months before that of a day."""
    return [row[0] for row in await owner.fetch(statement, f"entries_{before:%Y_%m}")]
