"""What schedules need from the world: when each is due next, and runs that begin when it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from weir_chassis.configuration.objects import Key
from weir_sync.domain.connections import Schedule


class ScheduleTimes(Protocol):
    """The times of the schedules of all tenants. Every method raises DatabaseAway."""

    async def next_times(self, tenant: str, schedules: Sequence[Schedule]) -> Mapping[Key, datetime]:
        """When each of these schedules, as they are, is due next, by its key; of those that are disabled, or never due
        again, nothing.
        """
        ...

    async def begin_due(self, tenant: str) -> int:
        """Begin a run for each schedule that is due, and say when it is due next; returns how many were due.

        However many times went by, there is one run. None is begun where the switch or the flows of the connection
        are off, or one by schedule that does as much is still under way. Schedules that are new or were changed are
        due after their first interval.
        """
        ...
