"""The days of UTC, by the clock of this machine."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

LOOK_SECONDS = 60.0
"""How often the clock is looked at: it may be set while one waits for the end of a day."""


class UtcCalendar:
    """The day as the clock says."""

    def today(self) -> date:
        return datetime.now(UTC).date()

    async def over(self, day: date) -> None:
        end = datetime.combine(day + timedelta(days=1), time.min, UTC)
        while (left := (end - datetime.now(UTC)).total_seconds()) > 0:  # noqa: ASYNC110  # the clock rings no bell
            await asyncio.sleep(min(left, LOOK_SECONDS))
