"""What a connector is made of in a test: settings as a user gives them, and a reach that loopback is within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from weir_sync.connectors.making import Reach
from weir_sync.connectors.settings import read
from weir_sync.domain.connections import Connection, ConnectorKind, Role
from weir_sync.urls import Guard

S = TypeVar("S")

LOOPBACK = Guard(allow_loopback=True)


def reach(kind: ConnectorKind, *, tenant: str = "acme", connection: str = "shop", guard: Guard = LOOPBACK) -> Reach:
    """The reach of a store of this kind."""
    return Reach(tenant, Connection(connection=connection, role=Role.STORE, kind=kind, channel="web"), guard)


def given(settings: type[S], texts: Mapping[str, str], secrets: Mapping[str, str] | None = None) -> S:
    """Settings read as those of a connection are; fails where there is a fault."""
    made, faults = read(settings, texts, secrets or {}, LOOPBACK)
    assert made is not None, faults
    return made
