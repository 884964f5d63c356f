"""When a schedule is due: every so often, or by the clock of a time zone; pure.

Times by the clock are those of Debian's cron: of five fields, minute, hour, day of the month, month, day of the week;
where both sorts of days are named, either will do. When clocks go forward, what would be due in the hour that is left
out is due right after it; when they go back, a time of the day is due once, and what is due every so many minutes goes
on through both hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from weir_sync.domain.connections import Schedule

FIELDS = 5
_SOME_DAY = datetime(2000, 1, 1)


def cron_fault(cron: str) -> str | None:
    """What is wrong with times by the clock, as one sentence; None where nothing is."""
    if len(cron.split()) != FIELDS:
        return "Minute, hour, day of the month, month and day of the week, with blanks between them."
    try:
        next(CronSim(cron, _SOME_DAY))
    except CronSimError as error:
        return f"{error}."
    except StopIteration:
        return "It is never due."
    return None


def zone_fault(time_zone: str) -> str | None:
    """What is wrong with the name of a time zone, as one sentence; None where nothing is."""
    try:
        ZoneInfo(time_zone)
    except (OSError, LookupError, ValueError):
        return "No time zone that is known, such as 'Europe/Berlin'."
    return None


def next_time(schedule: Schedule, due: datetime, now: datetime) -> datetime | None:
    """The first time after `now` that a schedule is due, which was due or set at `due`, and that in UTC.

    However many times went by since `due`, they are one. None: never again.
    """
    if schedule.interval_seconds:
        interval = timedelta(seconds=schedule.interval_seconds)
        return due + max(1, (now - due) // interval + 1) * interval
    there = now.astimezone(ZoneInfo(schedule.time_zone or "UTC"))
    try:
        return next(CronSim(schedule.cron, there)).astimezone(UTC)
    except StopIteration:
        return None
