"""How connectors are made: what there is of each kind, its settings and secrets, and the address it may reach."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from weir_sync.connectors.discretion import DiscreetStore, DiscreetWarehouse, Discretion
from weir_sync.connectors.port import Denied, StoreConnector, WarehouseConnector
from weir_sync.connectors.settings import Fault, read, secret_faults, setting_faults
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard

S = TypeVar("S")


class Reach(NamedTuple):
    """Whose connector it is, and what says where it may connect to."""

    tenant: str
    connection: Connection
    guard: Guard


@dataclass(frozen=True, slots=True)
class Sort(Generic[S]):
    """A kind of system: the class of its settings (see `settings`), and what makes a connector of them, without asking
    anybody; None for a role that it cannot have.
    """

    settings: type[S]
    store: Callable[[S, Reach], StoreConnector] | None = None
    warehouse: Callable[[S, Reach], WarehouseConnector] | None = None

    def has(self, role: Role) -> bool:
        """Whether it can be the other end of a connection of this role."""
        return (self.store if role is Role.STORE else self.warehouse) is not None


Sorts = Mapping[ConnectorKind, Sort[Any]]
"""Every kind that this installation can talk to."""


class Secrets(Protocol):
    """The secrets of connections."""

    async def secrets(self, tenant: str, connection: str) -> Mapping[str, str]:
        """All that are set, by name, as they were given. Raises Denied where one cannot be opened, DatabaseAway."""
        ...


class Making:
    """Makes connectors: `Connectors`; and judges what they are to be made of."""

    def __init__(self, sorts: Sorts, secrets: Secrets, guard: Guard) -> None:
        """Make these sorts, which connect where the guard lets them."""
        self._sorts = sorts
        self._secrets = secrets
        self._guard = guard

    def setting_faults(self, wanted: Connection) -> Sequence[Fault]:
        """What is wrong with the settings of a connection, or with its kind, which has no name; as far as it can be
        told without its secrets.
        """
        sort = self._sorts.get(wanted.kind)
        if sort is None:
            return [Fault("", "This installation has no connector of this kind.")]
        if not sort.has(wanted.role):
            return [Fault("", f"No {wanted.role.lower()} is of this kind.")]
        return setting_faults(sort.settings, wanted.settings, self._guard)

    def secret_faults(self, connection: Connection, name: str, value: str) -> Sequence[Fault]:
        """What is wrong with a secret by itself."""
        sort = self._sorts.get(connection.kind)
        return [] if sort is None else secret_faults(sort.settings, {name: value}, self._guard)

    @asynccontextmanager
    async def store(self, tenant: str, connection: Connection) -> AsyncIterator[StoreConnector]:
        sort = self._sort(connection)
        if sort.store is None:
            raise Denied(f"The connection '{connection.connection}' is no store.")
        settings, discretion = await self._given(sort, tenant, connection)
        made = sort.store(settings, Reach(tenant, connection, self._guard))
        try:
            yield DiscreetStore(made, discretion)
        finally:
            await made.close()

    @asynccontextmanager
    async def warehouse(self, tenant: str, connection: Connection) -> AsyncIterator[WarehouseConnector]:
        sort = self._sort(connection)
        if sort.warehouse is None:
            raise Denied(f"The connection '{connection.connection}' is no warehouse.")
        settings, discretion = await self._given(sort, tenant, connection)
        made = sort.warehouse(settings, Reach(tenant, connection, self._guard))
        try:
            yield DiscreetWarehouse(made, discretion)
        finally:
            await made.close()

    def _sort(self, connection: Connection) -> Sort[Any]:
        sort = self._sorts.get(connection.kind)
        if sort is None:
            raise Denied(f"This installation has no connector of kind {connection.kind}.")
        return sort

    async def _given(self, sort: Sort[S], tenant: str, connection: Connection) -> tuple[S, Discretion]:
        secrets = await self._secrets.secrets(tenant, connection.connection)
        settings, faults = read(sort.settings, connection.settings, secrets, self._guard)
        if settings is None:
            raise Denied(" ".join(f"{each.name}: {each.description}" for each in faults))
        return settings, Discretion(secrets.values())
