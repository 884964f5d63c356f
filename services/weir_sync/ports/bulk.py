"""Listings by the million: what is imported is staged until all of it is there, what is exported comes in parts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from weir_chassis.configuration.objects import Outcome
from weir_chassis.idempotency import Attempt
from weir_sync.domain.imports import Faults, Import, Lines, ListingsImported
from weir_sync.domain.listings import Listing


class Bulk(Protocol):
    """The listings of all tenants; every method raises DatabaseAway."""

    async def stage(self, tenant: str, upload: str, lines: Lines) -> None:
        """Keep lines of an import until they are taken or dropped; those of an import that nobody ended go by
        themselves, not before a day.
        """
        ...

    async def repeated(self, tenant: str, upload: str) -> Faults:
        """The staged lines that name a SKU which an earlier line names."""
        ...

    async def check(self, tenant: str, wanted: Import) -> Outcome[ListingsImported]:
        """What `take` would answer if it came now; where lines are bad, that nothing would change.

        Raises ConnectionNotFound, ListingsExhausted.
        """
        ...

    async def take(self, attempt: Attempt, wanted: Import) -> Outcome[ListingsImported]:
        """Take all that is staged as one revision, once however often the request arrives, and give the same outcome at
        every arrival; where nothing changes no revision is drawn.

        Raises ConnectionNotFound, ListingsRefused, which are outcomes; ListingsExhausted, and RequestIdReused where the
        request id stands for other contents.
        """
        ...

    async def drop(self, tenant: str, upload: str) -> None:
        """Forget what is staged."""
        ...

    def export(self, tenant: str, connection: str) -> AsyncGenerator[tuple[int, Sequence[Listing]], None]:
        """All listings of a connection in order, in parts of up to 1000, at one revision, which comes with each; one
        part at least. Raises ConnectionNotFound, Overloaded where too many are under way.
        """
        ...
