"""A sync service of one's own that can talk to systems which are not there, and callers of its connections."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.sync.v1 import connection_service_pb2, connection_service_pb2_grpc
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ServerSettings, integer
from weir_sync.app import Settings, running
from weir_sync.connectors.making import Reach, Sort, Sorts
from weir_sync.connectors.port import Abilities, Level, LevelOutcome, OrderPage, ShownLevel, StockPart
from weir_sync.connectors.settings import secret, setting
from weir_sync.domain.connections import ConnectorKind
from weir_sync.urls import WebAddress, web_address

ABILITIES = Abilities("Elsewhere 1.0", batch_max=50, requests_per_second=10, burst=20, reads_back=True)


@dataclass(frozen=True)
class ElsewhereSettings:
    """What a system elsewhere is reached by."""

    address: WebAddress = setting("Where it answers.", web_address)
    batch_max: int = setting("Levels in one request.", integer(1, 250), 100)
    token: str = secret("What it lets us in by.")
    pin: int = secret("Digits.", integer(1000, 9999), 1234)


@dataclass
class Elsewhere:
    """A system that is not there: what was made of whose settings, what it says, and what it does not."""

    made: list[tuple[ElsewhereSettings, Reach]] = field(default_factory=list)
    closed: int = 0
    abilities: Abilities = ABILITIES
    facilities: Sequence[str] = ("North", "South")
    fault: Exception | None = None
    silent: asyncio.Event | None = None
    """It answers only once this is set."""

    @property
    def sorts(self) -> Sorts:
        """Shops and warehouses of this sort."""
        return {
            ConnectorKind.SHOPIFY: Sort(ElsewhereSettings, store=self._connector),
            ConnectorKind.TRYTON: Sort(ElsewhereSettings, warehouse=self._connector),
        }

    def _connector(self, settings: ElsewhereSettings, reach: Reach) -> ElsewhereConnector:
        self.made.append((settings, reach))
        return ElsewhereConnector(self)

    async def answer(self) -> None:
        """Answer, or not."""
        if self.silent is not None:
            await self.silent.wait()
        if self.fault is not None:
            raise self.fault


class ElsewhereConnector:
    """A connector of a system that is not there."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        """Talk to it."""
        self._elsewhere = elsewhere

    async def describe(self) -> Abilities:
        """What it can do."""
        await self._elsewhere.answer()
        return self._elsewhere.abilities

    async def probe(self) -> Sequence[str]:
        """Its facilities."""
        await self._elsewhere.answer()
        return self._elsewhere.facilities

    async def apply(self, levels: Sequence[Level]) -> Sequence[LevelOutcome]:
        """Nothing is shown there."""
        raise AssertionError  # nobody asks

    async def read(self, store_skus: Sequence[str]) -> Sequence[ShownLevel]:
        """Nothing is shown there."""
        raise AssertionError  # nobody asks

    async def orders(self, cursor: str, *, limit: int) -> OrderPage:
        """Nobody buys there."""
        raise AssertionError  # nobody asks

    def stock(self, cursor: str) -> AsyncIterator[StockPart]:
        """Nothing lies there."""
        raise AssertionError  # nobody asks

    async def close(self) -> None:
        """Count that it was given up."""
        self._elsewhere.closed += 1


class ConnectionCaller(Calling):
    """One tenant's caller."""

    services = ((connection_service_pb2, connection_service_pb2_grpc.ConnectionServiceStub),)

    async def store(self, name: str = "web", **fields: Any) -> Any:
        """A new store, as it is stored."""
        return (await self.do("CreateConnection", connection=store(name, **fields))).connection

    async def warehouse(self, name: str = "wms", **fields: Any) -> Any:
        """A new warehouse, as it is stored."""
        return (await self.do("CreateConnection", connection=warehouse(name, **fields))).connection


def store(name: str = "web", **fields: Any) -> dict[str, Any]:
    """A store with these fields."""
    return {
        "connection": name,
        "role": 1,
        "kind": 1,
        "settings": {"address": "https://shop.example"},
        "channel": f"channel of {name}",
        **fields,
    }


def warehouse(name: str = "wms", **fields: Any) -> dict[str, Any]:
    """A warehouse with these fields."""
    return {"connection": name, "role": 2, "kind": 8, "settings": {"address": "https://wms.example"}, **fields}


@dataclass
class Connections:
    """A running service, a connection to it, and the systems elsewhere."""

    server: Server
    channel: grpc.aio.Channel
    elsewhere: Elsewhere

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> ConnectionCaller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return ConnectionCaller(self.channel, (("weir-tenant", tenant),) if metadata is None else metadata)


def key_line(name: str) -> str:
    """A line of a key file, with a key that nobody had."""
    return f"{name} {base64.b64encode(os.urandom(32)).decode()}\n"


@asynccontextmanager
async def connections(
    database: FreshDatabase,
    *,
    key_file: Path | None = None,
    auth: AuthSettings | None = None,
    elsewhere: Elsewhere | None = None,
    **settings: Any,
) -> AsyncIterator[Connections]:
    """A service on `database` for the block, which pushes nothing, and runs nothing by itself."""
    made = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0),
        database=database.settings("weir_sync"),
        auth=auth or AuthSettings(),
        secret_key_file=key_file,
        pushes=False,
        runs=False,
        **settings,
    )
    there = elsewhere or Elsewhere()
    async with running(made, there.sorts) as serving, connect(serving.address) as channel:
        yield Connections(serving, channel, there)
