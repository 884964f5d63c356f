"""What the handlers of alerts need from the world. They are opened and closed by whoever finds the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir_chassis.idempotency import Attempt
from weir_sync.domain.alerts import Alert
from weir_sync.ports.runs import Place
from weir_sync.ports.watching import Mark, Told


class Alerts(Protocol):
    """The alerts of all tenants. Every method raises DatabaseAway."""

    async def past(
        self, tenant: str, *, connection: str = "", open_only: bool = False, before: Place | None = None, limit: int
    ) -> Sequence[Alert]:
        """Alerts, newest first, of a connection or else of all; those opened before a place."""
        ...

    async def close(self, attempt: Attempt, alert: str, *, check: bool = False) -> Alert:
        """Close an alert, once however often the request arrives; one that is closed stays as it is. A `check` changes
        nothing. Raises SyncAlertNotFound, RequestIdReused.
        """
        ...

    async def now(self, tenant: str) -> Mark:
        """The mark of this moment."""
        ...

    async def since(self, tenant: str, mark: Mark, *, connection: str = "", limit: int) -> Told[Alert]:
        """Alerts that opened or closed since a mark."""
        ...

    async def forget(self, *, keep_seconds: float) -> int:
        """Close the alerts of connections that are gone, and give up alerts that closed earlier, of every tenant;
        returns how many.
        """
        ...
