"""A partitioning service of one's own, and callers of its policies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from tests.kit.calling import Calling
from tests.kit.connecting import connect
from tests.kit.postgres import FreshDatabase
from tests.kit.suite import NOWHERE
from weir.partitioning.v1 import partitioning_service_pb2, partitioning_service_pb2_grpc, policy_pb2
from weir_chassis.server import Server
from weir_chassis.settings import Address, AuthSettings, ClientSettings, ServerSettings
from weir_partitioning.app import Settings, running

EQUAL = policy_pb2.STRATEGY_EQUAL_DIVISION


class Caller(Calling):
    """One tenant's caller."""

    services = ((partitioning_service_pb2, partitioning_service_pb2_grpc.PartitioningServiceStub),)

    async def create(self, *names: str, **fields: Any) -> Any:
        """New policies with these fields, EQUAL_DIVISION unless they say otherwise; the last of them, as stored."""
        for name in names:
            made = await self.do("CreatePolicy", policy={"policy": name, "strategy": EQUAL, **fields})
        return made.policy

    async def export(self, **fields: Any) -> tuple[Any, dict[str, Any]]:
        """The revision of an export, and its policies by identifier."""
        revision: Any = None
        state: dict[str, Any] = {}
        async for message in self.stream("ExportPartitioning", **fields):
            assert revision in (None, message.revision)
            revision = message.revision
            replay(state, message.objects)
        return revision, state

    async def order(self) -> list[tuple[str, int]]:
        """All policies by priority."""
        listed = (await self.do("ListPolicies", page_size=1000)).policies
        return sorted(((each.policy, each.priority) for each in listed), key=lambda pair: pair[1])

    async def pages(self, size: int) -> list[Any]:
        """Every page of the list of policies."""
        pages: list[Any] = []
        while not pages or pages[-1].next_page_token:
            token = pages[-1].next_page_token if pages else ""
            pages.append(await self.do("ListPolicies", page_size=size, page_token=token))
        return pages


class Partitioning:
    """A running service, and a connection to it."""

    def __init__(self, server: Server, channel: grpc.aio.Channel) -> None:
        """Use `partitioning`."""
        self.server = server
        self.channel = channel

    def caller(self, tenant: str = "acme", *, metadata: Sequence[tuple[str, str]] | None = None) -> Caller:
        """A caller of `tenant` in development mode, or one with other metadata."""
        return Caller(self.channel, (("weir-tenant", tenant),) if metadata is None else metadata)


@asynccontextmanager
async def partitioning(
    database: FreshDatabase,
    *,
    auth: AuthSettings | None = None,
    policies_max: int = 200,
    ledger_target: str = NOWHERE,
    **server: Any,
) -> AsyncIterator[Partitioning]:
    """A service on `database` for the block, whose peers are away, but for a ledger if one is named; `server` are
    settings of the server.
    """
    settings = Settings(
        server=ServerSettings(listen=Address("127.0.0.1", 0), notice_seconds=0.0, drain_seconds=2.0, **server),
        database=database.settings("weir_partitioning"),
        auth=auth or AuthSettings(),
        policies_max=policies_max,
        ledger_target=ledger_target,
        sharing_target=NOWHERE,
        aggregator_target=NOWHERE,
    )
    received = [("grpc.max_receive_message_length", ClientSettings().message_bytes_max)]
    async with running(settings) as serving, connect(serving.address, received) as channel:
        yield Partitioning(serving, channel)


def replay(state: dict[str, Any], changes: Sequence[Any]) -> None:
    """Apply changes to policies by identifier, as a follower does."""
    for change in changes:
        if change.deleted:
            state.pop(change.policy.policy, None)
        else:
            state[change.policy.policy] = change.policy
