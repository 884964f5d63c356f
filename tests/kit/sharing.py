"""A sharing service of one's own, and callers of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.sharing.v1 import (
    network_pb2,
    network_service_pb2,
    network_service_pb2_grpc,
    sharing_service_pb2,
    sharing_service_pb2_grpc,
)
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ServerSettings
from weir_sharing.app import Settings, running

GLOBAL, FIXED = network_pb2.LOCATION_POLICY_GLOBAL, network_pb2.LOCATION_POLICY_FIXED
WEBSHOP, MARKETPLACE = network_pb2.CHANNEL_KIND_WEBSHOP, network_pb2.CHANNEL_KIND_MARKETPLACE


class Caller(Calling):
    """One tenant's caller."""

    services = (
        (network_service_pb2, network_service_pb2_grpc.NetworkServiceStub),
        (sharing_service_pb2, sharing_service_pb2_grpc.SharingServiceStub),
    )

    async def export(self, **fields: Any) -> tuple[Any, dict[tuple[str, ...], Any]]:
        """The revision of an export, and its objects by kind and identifier."""
        revision: Any = None
        state: dict[tuple[str, ...], Any] = {}
        async for message in self.stream("ExportNetwork", **fields):
            assert revision in (None, message.revision)
            revision = message.revision
            replay(state, message.objects)
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


class Sharing:
    """A running service, and a connection to it."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        """Use `sharing`."""
        self.server = server
        self.channel = channel

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> Caller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return Caller(self.channel, (("weir-tenant", tenant),) if metadata is None else metadata)


@asynccontextmanager
async def sharing(
    database: FreshDatabase, *, auth: AuthSettings | None = None, **server: Any
) -> AsyncIterator[Sharing]:
    """A service on `database` for the block, whose ledger is away; `server` are settings of the server."""
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0, **server),
        database=database.settings("weir_sharing"),
        auth=auth or AuthSettings(),
        ledger_target="127.0.0.1:1",  # where nothing listens
    )
    async with running(settings) as serving, connect(serving.address) as channel:
        yield Sharing(serving, channel)


def replay(state: dict[tuple[str, ...], Any], changes: Sequence[Any]) -> None:
    """Apply changes to objects by kind and identifier, as a follower of the network does."""
    for change in changes:
        kind = change.WhichOneof("object")
        each = getattr(change, kind)
        key = (kind, *identity(kind, each))
        if change.deleted:
            state.pop(key, None)
        else:
            state[key] = each


def identity(kind: str, each: Any) -> Iterator[str]:
    """The identifier of an object, by the name of its kind."""
    names = {
        "location_setting": ("location",),
        "group_link": ("warehouse_group", "channel_group"),
        "product_link": ("source.owner", "source.sku", "destination.owner", "destination.sku"),
        "bundle": ("product.owner", "product.sku"),
    }
    return (attrgetter(name)(each) for name in names.get(kind, (kind,)))


async def golden_network(caller: Caller) -> None:
    """The network of golden case 1: Europe, US and Berlin, each feeding channels of its own."""
    await caller.do("SetLocationPolicy", location_setting={"location": "BERLIN", "policy": FIXED})
    groups = {"europe": ["DE1", "DE2", "FR"], "us": ["US"], "berlin": ["BERLIN"]}
    for group, locations in groups.items():
        await caller.do("CreateWarehouseGroup", warehouse_group={"warehouse_group": group, "locations": locations})
    for channel, group in {"web-eu": "europe", "web-us": "us", "till": "berlin"}.items():
        await caller.do("CreateChannel", channel={"channel": channel, "kind": WEBSHOP})
        await caller.do("CreateGroupLink", group_link={"warehouse_group": group, "channel_group": channel})
