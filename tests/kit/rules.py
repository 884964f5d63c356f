"""A sync service of one's own, callers of its rules, and stores of rules without a service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from weir.sync.v1 import rule_service_pb2, rule_service_pb2_grpc
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ClientSettings, ServerSettings
from weir_sync.app import Settings, running


class Caller(Calling):
    """One tenant's caller."""

    services = ((rule_service_pb2, rule_service_pb2_grpc.RuleServiceStub),)

    async def create(self, name: str, *stores: str, **fields: Any) -> Any:
        """A new rule for these stores, as it is stored; for one of its name where none is given."""
        rule = {"rule": name, "stores": stores or (f"{name} store",), **fields}
        return (await self.do("CreateRule", rule=rule)).rule

    async def export(self, **fields: Any) -> tuple[Any, dict[tuple[str, str], Any]]:
        """The revision of an export, and its objects by kind and identifier."""
        revision: Any = None
        state: dict[tuple[str, str], Any] = {}
        async for message in self.stream("ExportRules", **fields):
            assert revision in (None, message.revision)
            revision = message.revision
            replay(state, message.objects)
        return revision, state

    async def order(self) -> list[tuple[str, int]]:
        """All rules by priority."""
        listed = (await self.do("ListRules", page_size=1000)).rules
        return sorted(((each.rule, each.priority) for each in listed), key=lambda pair: pair[1])


class Rules:
    """A running service, and a connection to it."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        """Use `rules`."""
        self.server = server
        self.channel = channel

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> Caller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return Caller(self.channel, (("weir-tenant", tenant),) if metadata is None else metadata)


@asynccontextmanager
async def rules(
    database: FreshDatabase, *, auth: AuthSettings | None = None, rules_max: int = 200, **server: Any
) -> AsyncIterator[Rules]:
    """A service on `database` for the block; `server` are settings of the server."""
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0, **server),
        database=database.settings("weir_sync"),
        auth=auth or AuthSettings(),
        rules_max=rules_max,
    )
    received = [("grpc.max_receive_message_length", ClientSettings().message_bytes_max)]
    async with running(settings) as serving, connect(serving.address, received) as channel:
        yield Rules(serving, channel)


def replay(state: dict[tuple[str, str], Any], changes: Sequence[Any]) -> None:
    """Apply changes to objects by kind and identifier, as a follower of the rules does."""
    for change in changes:
        kind = change.WhichOneof("object")
        each = getattr(change, kind)
        key = (kind, each.rule if kind == "rule" else each.store)
        if change.deleted:
            state.pop(key, None)
        else:
            state[key] = each
