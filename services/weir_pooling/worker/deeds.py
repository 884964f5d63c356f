"""What was begun and not brought to its end by whoever asked for it, for whatever died in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from weir_chassis.configuration.objects import Key
from weir_chassis.configuration.ports import Tenants
from weir_chassis.errors import Kind, Refusal
from weir_pooling.domain.deeds import Deed
from weir_pooling.handlers.settling import Settling
from weir_pooling.ports import Pooling

DEEDS_MAX = 100
"""Deeds of a tenant that are read at once."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeedWorker:
    """Brings the deeds of all tenants to their end that are older than a deed ever gets while somebody waits for it."""

    heads: Callable[[], Awaitable[Mapping[str, int]]]
    """The number of the newest revision of every tenant."""
    tenants: Tenants[Pooling]
    settling: Settling[Pooling]
    age_seconds: float
    """How long a deed is left to whoever asked for it; and how long until deeds are looked for again."""

    async def work(self) -> None:
        """Do so until cancelled. Several processes may do so at once."""
        clear: dict[str, int] = {}
        while True:
            try:
                await self.look(clear)
            except Exception as fault:
                _log(fault, "deeds cannot be looked for now")
            await asyncio.sleep(self.age_seconds)

    async def look(self, clear: dict[str, int]) -> None:
        """Finish what was left; `clear` are the heads of tenants of whom nothing is, until they change."""
        for tenant, head in (await self.heads()).items():
            if clear.get(tenant) == head:
                continue
            try:
                none_left = await self._finish(tenant)
            except Exception as fault:
                _log(fault, "deeds cannot be finished now", tenant=tenant)
            else:
                if none_left:
                    clear[tenant] = head

    async def _finish(self, tenant: str) -> bool:
        """Finish what was left of a tenant; False where something is under way still."""
        before, none_left = datetime.now(UTC) - timedelta(seconds=self.age_seconds), True
        after: Key = ()
        while found := await self._some(tenant, after):
            for deed in found:
                none_left &= deed.at < before and await self._ended(tenant, deed)
            after = found[-1].key
        return none_left

    async def _some(self, tenant: str, after: Key) -> list[Deed]:
        async with self.tenants.reading(tenant) as objects:
            return await objects.select(Deed, after=after, limit=DEEDS_MAX)

    async def _ended(self, tenant: str, deed: Deed) -> bool:
        """Whether a deed was brought to its end; raises where nothing else can be either."""
        try:
            await self.settling.finish(tenant, deed)
        except Exception as fault:
            if isinstance(fault, Refusal) and fault.kind is Kind.AWAY:
                raise
            _log(fault, "a deed cannot be finished now", tenant=tenant, subject=deed.subject)
            return False
        log.info("a deed was finished that was left behind", tenant=tenant, subject=deed.subject, action=deed.action)
        return True


def _log(fault: Exception, said: str, **more: str) -> None:
    """What a caller may hear of is no accident; everything else is."""
    if isinstance(fault, Refusal):
        log.warning(said, reason=fault.reason, **more)
    else:
        log.error(said, exc_info=fault, **more)
