"""A pooling service of one's own, and callers of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.pooling.v1 import (
    alert_service_pb2,
    alert_service_pb2_grpc,
    case_service_pb2,
    case_service_pb2_grpc,
    pool_pb2,
    pooling_service_pb2,
    pooling_service_pb2_grpc,
    transfer_service_pb2,
    transfer_service_pb2_grpc,
)
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ServerSettings
from weir_pooling.app import Settings, running

ADMINISTRATOR, DISTRIBUTOR, REP = (
    pool_pb2.USER_ROLE_ADMINISTRATOR,
    pool_pb2.USER_ROLE_DISTRIBUTOR,
    pool_pb2.USER_ROLE_REP,
)
NOWHERE = "127.0.0.1:1"
"""Where nothing listens."""


class Caller(Calling):
    """One tenant's caller, or a person of it."""

    services = (
        (pooling_service_pb2, pooling_service_pb2_grpc.PoolingServiceStub),
        (transfer_service_pb2, transfer_service_pb2_grpc.TransferServiceStub),
        (case_service_pb2, case_service_pb2_grpc.CaseServiceStub),
        (alert_service_pb2, alert_service_pb2_grpc.AlertServiceStub),
    )

    async def export(self, **fields: Any) -> tuple[Any, dict[tuple[str, str], Any]]:
        """The revision of an export, and its objects by kind and identifier."""
        revision: Any = None
        state: dict[tuple[str, str], Any] = {}
        async for message in self.stream("ExportPooling", **fields):
            assert revision in (None, message.revision)
            revision = message.revision
            for each in message.objects:
                state[identity(each)] = getattr(each, identity(each)[0])
        return revision, state

    async def pages(self, method: str, size: int, **fields: Any) -> AsyncIterator[Any]:
        """Every page of a list, one after the other."""
        token = ""
        while True:
            page = await self.do(method, page_size=size, page_token=token, **fields)
            yield page
            token = page.next_page_token
            if not token:
                return

    async def user(self, user: str, role: Any = REP, **fields: Any) -> Any:
        """Add a person; the person as stored."""
        return (await self.do("CreateUser", user={"user": user, "role": role, **fields})).user

    async def pool(self, pool: str, hub: str, *members: str, on: bool = False) -> Any:
        """Add a distributor, reps, and a pool of them; the pool as stored."""
        await self.user(hub, DISTRIBUTOR)
        for each in members:
            await self.user(each)
        made = {"pool": pool, "hub": hub, "members": members, "access_hub_stock": on}
        return (await self.do("CreatePool", pool=made)).pool


class Pooling:
    """A running service, and a connection to it."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        """Use `pooling`."""
        self.server = server
        self.channel = channel

    def caller(
        self, tenant: str = "acme", *, user: str = "", metadata: Sequence[tuple[str, str]] | None = None
    ) -> Caller:
        """A caller of `tenant` in development mode, who acts for a person if one is named; or one with other
        metadata.
        """
        acting = (("weir-user", user),) if user else ()
        return Caller(self.channel, (("weir-tenant", tenant), *acting) if metadata is None else metadata)


@asynccontextmanager
async def pooling(
    database: FreshDatabase, *, ledger: str = NOWHERE, auth: AuthSettings | None = None, **server: Any
) -> AsyncIterator[Pooling]:
    """A service on `database` for the block, whose ledger is at this address, by default away; `server` are settings of
    the server.
    """
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0, **server),
        database=database.settings("weir_pooling"),
        auth=auth or AuthSettings(),
        ledger_target=ledger,
    )
    async with running(settings) as serving, connect(serving.address) as channel:
        yield Pooling(serving, channel)


def identity(each: Any) -> tuple[str, str]:
    """Kind and identifier of a person or a pool, as an export or a watch tells it."""
    kind = each.WhichOneof("object")
    return kind, getattr(getattr(each, kind), kind)
