"""One function for each request about runs: it asks what there is, and tells how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from weir_chassis.watch import Wakeups
from weir_chassis.watch.following import HEARTBEAT_SECONDS
from weir_sync.domain.runs import Run
from weir_sync.errors import RunNotFound
from weir_sync.ports.runs import Runs

GATHER_SECONDS = 0.1
"""How long what happens to runs is gathered before it is told."""


async def get_run(runs: Runs, tenant: str, name: str) -> Run:
    """A run as it is. Raises RunNotFound."""
    for found in await runs.named(tenant, [name]):
        return found
    raise RunNotFound(name)


async def progress(
    runs: Runs, tenant: str, names: Sequence[str], wakeups: Wakeups
) -> AsyncGenerator[tuple[Sequence[Run], bool], None]:
    """Those of these runs that have come further, all of them at first, and whether all have ended; until they have.

    Nothing but a sign of life where nothing comes further for a while.
    """
    known: dict[str, Run] = {}
    with wakeups.bell(tenant) as bell:
        while True:
            bell.mute()
            found = await runs.named(tenant, names)
            further = [each for each in found if known.get(each.run) != each]
            known.update((each.run, each) for each in further)
            done = all(each.ended_at for each in found)
            yield further, done
            if done:
                return
            await bell.rung(HEARTBEAT_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)
