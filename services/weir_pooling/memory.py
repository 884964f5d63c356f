"""What pooling keeps, in plain structures, for tests that need no Postgres."""

from __future__ import annotations

from weir_chassis.configuration.memory import MemoryObjects, MemoryTenants


def memory_pooling() -> MemoryTenants[MemoryObjects]:
    """The objects of all tenants in this process: none yet."""
    return MemoryTenants(MemoryObjects)
