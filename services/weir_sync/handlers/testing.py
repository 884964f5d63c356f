"""Whether the other end of a connection answers, asked because somebody wants to know."""

from __future__ import annotations

import asyncio
import time

from weir_chassis import call
from weir_chassis.errors import Overloaded
from weir_sync.connectors.port import ConnectorFailed, Connectors
from weir_sync.domain.connections import Connection, Role
from weir_sync.domain.health import Tested
from weir_sync.ports.health import Healths

AT_ONCE_MAX = 16
"""Tests under way in this process: others have to wait for the same two cores."""
SECONDS_MAX = 20.0
MARGIN_SECONDS = 0.5
"""What is left of a caller's time to tell the answer in."""
FACILITIES_MAX = 1000


class Testing:
    """Asks the other end of a connection, and keeps what a store said it can do."""

    def __init__(self, connectors: Connectors, healths: Healths) -> None:
        """Ask by `connectors`."""
        self._connectors = connectors
        self._healths = healths
        self._free = AT_ONCE_MAX

    async def test(self, tenant: str, connection: Connection) -> Tested:
        """What came of it; raises Overloaded where too many are under way, DatabaseAway."""
        if not self._free:
            raise Overloaded
        self._free -= 1
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_patience()):
                tested = await self._ask(tenant, connection)
        except ConnectorFailed as failed:
            tested = Tested(0, str(failed) or "It does not work.")
        except TimeoutError:
            tested = Tested(0, "It did not answer in time.")
        finally:
            self._free += 1
        if tested.abilities is not None:
            await self._healths.set_abilities(tenant, connection.connection, tested.abilities)
        return tested._replace(milliseconds=int((time.monotonic() - begun) * 1000))

    async def _ask(self, tenant: str, connection: Connection) -> Tested:
        if connection.role is Role.STORE:
            async with self._connectors.store(tenant, connection) as store:
                return Tested(0, abilities=await store.describe())
        async with self._connectors.warehouse(tenant, connection) as warehouse:
            return Tested(0, facilities=tuple(await warehouse.probe())[:FACILITIES_MAX])


def _patience() -> float:
    """Seconds to wait for an answer, of those that the caller waits."""
    remaining = call.remaining_seconds()
    return SECONDS_MAX if remaining is None else max(0.0, min(SECONDS_MAX, remaining - MARGIN_SECONDS))
