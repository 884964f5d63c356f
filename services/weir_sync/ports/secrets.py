"""Secrets as they are kept, for whoever seals them anew; what is decided about them is kept as objects are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir_chassis.configuration.objects import Key
from weir_sync.domain.connections import Secret


class Resealing(Protocol):
    """The sealed secrets of all tenants. Every method raises DatabaseAway."""

    async def stale(self, tenant: str, key_id: str, *, after: Key, limit: int) -> Sequence[Secret]:
        """Secrets that another key than this one sealed, in order, from the first past `after`."""
        ...

    async def reseal(self, tenant: str, before: Secret, after: Secret) -> bool:
        """Keep the other seal of a secret; nothing happens, and False is told, where it is not as it was before."""
        ...
