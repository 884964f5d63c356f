"""What finds out that warehouses are late, and that they are not any more.

A tenant is looked at when what is configured for it changes, when a warehouse may be late next, and all the time while
one is: then its report is waited for. Since a report may be of old figures, each that awaits any is looked at every so
often, too. Several processes may do so at once: what one of them said already, another one
finds said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import structlog

from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.errors import Refusal
from weir_chassis.idempotency import Attempt
from weir_chassis.ids import new_id
from weir_sync.domain import feeds
from weir_sync.domain.connections import Connection, Role
from weir_sync.handlers.feeds import set_late_feeds
from weir_sync.ports.feeds import Late, Reports

JUDGING = "lateness"
"""The method under which it is kept what came of a look."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Seen(NamedTuple):
    """What is known of a tenant: its warehouses at a revision, and when to look again; None: when that changes."""

    head: int
    warehouses: Sequence[Connection]
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class LatenessWorker:
    """Tells which warehouses of all tenants are late."""

    heads: Callable[[], Awaitable[Mapping[str, int]]]
    """The number of the newest revision of every tenant."""
    handlers: Handlers[Objects]
    reports: Reports
    late: Late
    look_seconds: float = 1.0
    anew_seconds: float = 15.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def work(self) -> None:
        """Do so until cancelled."""
        seen: dict[str, _Seen] = {}
        while True:
            for tenant, head in (await _whatever_happens(self.heads()) or {}).items():
                await _whatever_happens(self._look(tenant, head, seen))
            await asyncio.sleep(self.look_seconds)

    async def _look(self, tenant: str, head: int, seen: dict[str, _Seen]) -> None:
        """Look at a tenant, if it is time to."""
        known = seen.get(tenant)
        if known is None or known.head != head:
            async with self.handlers.reading(tenant, {}) as (objects, _):
                known = _Seen(head, await objects.select(Connection, {"role": Role.WAREHOUSE}), self.clock())
        if known.again_at is not None and known.again_at <= self.clock():
            due = await self.judge(tenant, known.warehouses)
            anew = self.clock() + timedelta(seconds=self.anew_seconds)
            known = known._replace(again_at=None if due is None else min(due, anew))
        seen[tenant] = known

    async def judge(self, tenant: str, warehouses: Sequence[Connection]) -> datetime | None:
        """Say which of all warehouses of a tenant are late, and do about it what is configured. When to look again."""
        now, names = self.clock(), [each.connection for each in warehouses]
        awaited = [each.connection for each in warehouses if each.pull_stock and each.late_after_seconds]
        reportings = await self.reports.reportings(tenant, names, awaited=awaited) if names else ()
        reported = {each.connection: each.at for each in reportings}
        due = {
            each.connection: moment
            for each in warehouses
            if each.connection in reported and (moment := feeds.late_at(each, reported[each.connection]))
        }
        late = frozenset(connection for connection, moment in due.items() if moment <= now)
        await self._buffer(tenant, late)
        if late != {each.connection for each in reportings if each.late}:
            told = [
                (each.connection, feeds.lateness(each, reported[each.connection]))
                for each in warehouses
                if each.connection in late
            ]
            await self.late.say(tenant, told, [each for each in names if each not in late])
        return now if late else min(due.values(), default=None)

    async def _buffer(self, tenant: str, late: frozenset[str]) -> None:
        """Widen and narrow buffers."""
        async with self.handlers.reading(tenant, {}) as (objects, _):
            decision = await set_late_feeds(objects, late)
        if decision.changes:
            await self.handlers.write(Attempt(tenant, JUDGING, new_id(), b""), set_late_feeds, late)


async def _whatever_happens(work: Awaitable[T]) -> T | None:
    """What comes of it; None where it fails, which is logged."""
    try:
        return await work
    except Refusal as refusal:
        log.warning("late warehouses cannot be looked for now", reason=refusal.reason)
    except Exception:
        log.exception("late warehouses cannot be looked for now")
    return None
