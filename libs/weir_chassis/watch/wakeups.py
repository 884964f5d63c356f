"""Rings those who wait for a tenant's next commit.

Three ways lead to a ring: the writer in this process calls `wake`, another process's commit is notified by Postgres,
and once a second the heads of the tenants waited for are read, because a notification may be lost. A ring is a hint and
never data: whoever is rung reads the history.
"""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog

from weir_chassis.database import Database
from weir_chassis.errors import DatabaseAway

POLL_SECONDS = 1.0
PAUSE_SECONDS_MAX = 5.0

log = structlog.get_logger(__name__)


class Bell:
    """What one watcher waits on; once rung it stays rung until muted."""

    def __init__(self) -> None:
        """Not rung."""
        self._event = asyncio.Event()

    def mute(self) -> None:
        """Forget former rings; call it before looking, so that what comes while looking is not missed."""
        self._event.clear()

    def ring(self) -> None:
        """Wake the watcher, now or when it next waits."""
        self._event.set()

    async def rung(self, seconds: float) -> bool:
        """Wait to be rung, but no longer than `seconds`; whether it was."""
        if self._event.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Wakeups:
    """The bells of one process, by tenant; rung by Postgres while `listening`."""

    def __init__(self, database: Database | None = None, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Without a database only `wake` rings."""
        self._database = database
        self._poll_seconds = poll_seconds
        self._bells: defaultdict[str, dict[Bell, None]] = defaultdict(dict)
        self._heads: dict[str, int] = {}

    @contextmanager
    def bell(self, tenant: str) -> Iterator[Bell]:
        """A bell that rings for `tenant` within the block."""
        bell = Bell()
        self._bells[tenant][bell] = None
        try:
            yield bell
        finally:
            bells = self._bells[tenant]
            del bells[bell]
            if not bells:
                del self._bells[tenant]
                self._heads.pop(tenant, None)

    def wake(self, tenant: str) -> None:
        """Ring all that wait for `tenant`."""
        for bell in self._bells.get(tenant, ()):
            bell.ring()

    def wake_all(self) -> None:
        """Ring everyone: something may have been missed."""
        for tenant in self._bells:
            self.wake(tenant)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Wakeups"]:
        """Within the block the database rings too."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> None:
        """Hold a connection that listens; connect again for ever."""
        database = self._database
        assert database is not None, "nothing to listen to"
        pause_seconds = 0.1
        while True:
            try:
                async with database.dedicated() as connection:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(database.channel, self._notified)
                    self.wake_all()  # what was committed while nobody listened
                    pause_seconds = 0.1
                    await lost.wait()
                log.warning("notifications lost; listening again")
            except Exception as error:  # whatever breaks, polling goes on and we try again
                log.warning("cannot listen for notifications; polling meanwhile", fault=type(error).__name__)
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause_seconds)  # noqa: S311
            pause_seconds = min(PAUSE_SECONDS_MAX, pause_seconds * 2)

    def _notified(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        self.wake(str(payload))

    async def _poll(self) -> None:
        """Read the heads of the tenants waited for, and ring where one moved."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            if not self._bells:
                continue
            with contextlib.suppress(DatabaseAway):
                for tenant, head in await self._read_heads(sorted(self._bells)):
                    if self._heads.get(tenant) != head:
                        self._heads[tenant] = head
                        self.wake(tenant)

    async def _read_heads(self, tenants: list[str]) -> list[tuple[str, int]]:
        assert self._database is not None
        async with self._database.driver() as driver:
            rows = await driver.fetch("SELECT tenant, revision FROM tenants WHERE tenant = ANY($1::text[])", tenants)
        return [(row["tenant"], row["revision"]) for row in rows]
