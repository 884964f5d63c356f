"""The times of schedules on Postgres: the port `ScheduleTimes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import asyncpg

from weir_chassis.configuration.objects import Key
from weir_chassis.database import Database, Driver
from weir_chassis.ids import new_id
from weir_sync.domain.connections import Schedule
from weir_sync.domain.schedules import next_time

SCHEDULES_MAX = 100
"""Schedules that are begun at once."""

_TIMES = """
SELECT t.connection, t.schedule, t.changed, t.next_time
FROM unnest($2::text[], $3::text[]) AS asked (connection, schedule)
JOIN schedule_times t ON t.tenant = $1 AND t.connection = asked.connection AND t.schedule = asked.schedule
"""
_CHANGED = """
SELECT s.*, clock_timestamp() AS due
FROM schedules s LEFT JOIN schedule_times t USING (tenant, connection, schedule)
WHERE s.tenant = $1 AND t.changed IS DISTINCT FROM s.changed
LIMIT $2 FOR NO KEY UPDATE OF s SKIP LOCKED
"""
_DUE = """
SELECT s.*, t.next_time AS due
FROM schedule_times t JOIN schedules s USING (tenant, connection, schedule)
WHERE t.tenant = $1 AND t.next_time <= clock_timestamp() AND t.changed = s.changed
ORDER BY t.next_time, t.connection, t.schedule
LIMIT $2 FOR NO KEY UPDATE OF t SKIP LOCKED
"""
_SET = """
INSERT INTO schedule_times (tenant, connection, schedule, changed, next_time)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
ON CONFLICT (tenant, connection, schedule)
    DO UPDATE SET changed = excluded.changed, next_time = excluded.next_time
"""
_BEGIN = """
WITH begun AS (
    INSERT INTO runs (tenant, run, connection, "full", trigger, store_skus)
    SELECT $1, n.run, n.connection, n."full", 'SCHEDULE', '{}'
    FROM unnest($2::text[], $3::text[], $4::boolean[]) AS n (run, connection, "full")
    JOIN connections c ON c.tenant = $1 AND c.connection = n.connection
    WHERE (c.push_levels OR c.pull_stock)
      AND NOT EXISTS (SELECT FROM master_switches WHERE tenant = $1 AND NOT "on")
      AND NOT EXISTS (
          SELECT FROM runs r
          WHERE r.tenant = $1 AND r.connection = n.connection AND r.ended_at IS NULL
            AND r.trigger = 'SCHEDULE' AND r."full" >= n."full"
      )
    RETURNING run
)
SELECT pg_notify(current_schema(), $1) WHERE EXISTS (SELECT FROM begun)
"""


class PostgresSchedules:
    """The times of all schedules in one schema, which is the one of `migrations`: `ScheduleTimes`."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def next_times(self, tenant: str, schedules: Sequence[Schedule]) -> Mapping[Key, datetime]:
        names = [each.connection for each in schedules], [each.schedule for each in schedules]
        async with self._database.driving(tenant) as driver:
            rows = await driver.fetch(_TIMES, tenant, *names)
        kept = {(row["connection"], row["schedule"], str(row["changed"])): row["next_time"] for row in rows}
        now, found = datetime.now(UTC), {}
        for each in schedules:
            version = (*each.key, each.etag)
            found[each.key] = kept[version] if version in kept else _next(each, now, now)
        return {key: due for key, due in found.items() if due is not None}

    async def begin_due(self, tenant: str) -> int:
        async with self._database.driving(tenant) as driver:
            await _set(driver, tenant, await driver.fetch(_CHANGED, tenant, SCHEDULES_MAX))
            due = await driver.fetch(_DUE, tenant, SCHEDULES_MAX)
            if due:
                runs = [(new_id(), row["connection"], row["full"]) for row in due]
                await driver.execute(_BEGIN, tenant, *map(list, zip(*runs, strict=True)))
                await _set(driver, tenant, due)
        return len(due)


async def _set(driver: Driver, tenant: str, rows: Sequence[asyncpg.Record]) -> None:
    """Say when schedules are due next that were due, or set, at `due`."""
    now = datetime.now(UTC)
    times = [
        (row["connection"], row["schedule"], row["changed"], _next(_schedule(row), row["due"], max(now, row["due"])))
        for row in rows
    ]
    if times:
        await driver.execute(_SET, tenant, *map(list, zip(*times, strict=True)))


def _next(schedule: Schedule, due: datetime, now: datetime) -> datetime | None:
    return None if schedule.disabled else next_time(schedule, due, now)


def _schedule(row: asyncpg.Record) -> Schedule:
    return Schedule(
        row["connection"],
        row["schedule"],
        row["full"],
        row["interval_seconds"],
        row["cron"],
        row["time_zone"],
        row["disabled"],
        etag=str(row["changed"]),
    )
