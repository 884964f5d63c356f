"""The projections of all tenants served: begun at the start or at the first question, then kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

from weir_aggregator.errors import TenantsExhausted
from weir_aggregator.projection.state import Projection
from weir_chassis.errors import NotCaughtUp

Follow = Callable[[Projection, str], Awaitable[None]]
"""Loads a tenant's projection and keeps it in step; never ends by itself."""


class Tenants:
    """At most so many tenants, each with a task that follows all contexts for it. Close it when done."""

    def __init__(self, follow: Follow, *, tenants_max: int, log_bytes_max: int) -> None:
        """No tenant yet; each one's logs of changes may take `log_bytes_max` each."""
        self._follow = follow
        self._tenants_max = tenants_max
        self._log_bytes_max = log_bytes_max
        self._projections: dict[str, Projection] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def projection(self, tenant: str) -> Projection:
        """The projection of a tenant, begun now where it is a new one; raises TenantsExhausted."""
        known = self._projections.get(tenant)
        if known is not None:
            return known
        if len(self._projections) >= self._tenants_max:
            raise TenantsExhausted(limit=self._tenants_max)
        projection = self._projections[tenant] = Projection(self._log_bytes_max)
        # In a context of its own: the first question's deadline is none of the follower's.
        self._tasks[tenant] = asyncio.get_running_loop().create_task(
            self._followed(projection, tenant), name=f"follow {tenant}", context=Context()
        )
        return projection

    async def close(self) -> None:
        """Follow nobody any more."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _followed(self, projection: Projection, tenant: str) -> None:
        await self._follow(projection, tenant)


async def caught_up(projection: Projection, seconds: float | None) -> None:
    """Wait until all contexts are loaded, for ever where `seconds` is None; raises NotCaughtUp when they are over."""
    with projection.listening() as moved:
        try:
            async with asyncio.timeout(seconds):
                while not projection.caught_up:
                    moved.clear()
                    await moved.wait()
        except TimeoutError:
            raise NotCaughtUp from None
