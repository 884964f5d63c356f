"""Listings by the million, in plain structures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence

from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants
from weir_chassis.configuration.objects import Decision, Outcome
from weir_chassis.configuration.rules import existing
from weir_chassis.idempotency import Attempt
from weir_sync.domain.connections import Connection
from weir_sync.domain.imports import Faults, Import, Lines, ListingsImported, imported, repetition
from weir_sync.domain.listings import Listing


class MemoryBulk:
    """The listings of all tenants in this process: `Bulk`."""

    def __init__(self, tenants: MemoryTenants[MemoryObjects]) -> None:
        """Listings are kept in `tenants`, as everything that is configured."""
        self._tenants = tenants
        self._staged: dict[tuple[str, str], list[Lines]] = defaultdict(list)

    async def stage(self, tenant: str, upload: str, lines: Lines) -> None:
        self._staged[tenant, upload].append(lines)

    async def repeated(self, tenant: str, upload: str) -> Faults:
        first: dict[str, int] = {}
        found = []
        for lines in self._staged[tenant, upload]:
            for line, store_sku in enumerate(lines.store_skus, lines.first_line):
                if store_sku and first.setdefault(store_sku, line) != line:
                    found.append(repetition(line, first[store_sku]))
        return Faults().joined(Faults(len(found), found))

    async def check(self, tenant: str, wanted: Import) -> Outcome[ListingsImported]:
        async with self._tenants.reading(tenant) as objects:
            decision = await self._decided(tenant, objects, wanted, check=True)
            return Outcome(decision.object, objects.head)

    async def take(self, attempt: Attempt, wanted: Import) -> Outcome[ListingsImported]:
        return await self._tenants.once(attempt, lambda objects: self._decided(attempt.tenant, objects, wanted))

    async def drop(self, tenant: str, upload: str) -> None:
        self._staged.pop((tenant, upload), None)

    async def export(self, tenant: str, connection: str) -> AsyncGenerator[tuple[int, Sequence[Listing]], None]:
        async with self._tenants.reading(tenant) as objects:
            existing(Connection, (connection,), await objects.get(Connection, (connection,)))
            found = await objects.select(Listing, {"connection": connection})
            for start in range(0, len(found) or 1, 1000):
                yield objects.head, found[start : start + 1000]

    async def _decided(
        self, tenant: str, objects: MemoryObjects, wanted: Import, *, check: bool = False
    ) -> Decision[ListingsImported]:
        key = (wanted.connection,)
        connection = existing(Connection, key, await objects.get(Connection, key))
        if check and wanted.faults.count:
            return Decision(ListingsImported(wanted.connection))
        there = await objects.select(Listing, {"connection": wanted.connection})
        return imported(wanted, self._staged[tenant, wanted.upload], there, connection)
