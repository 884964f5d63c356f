"""The two contexts the aggregator follows, over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from weir.ledger.v1 import ledger_service_pb2 as ledger_pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.sharing.v1 import network_service_pb2 as network_pb
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir_aggregator.domain import Count, NetworkChange
from weir_aggregator.ports import Commit
from weir_aggregator.wire import feeds
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passed_on
from weir_chassis.watch import later, watch


class LedgerFeed:
    """The counts of the ledger's books."""

    def __init__(self, peer: Peer) -> None:
        """Follow the ledger that `peer` reaches, acting for each tenant in turn."""
        self._peer = peer

    async def export(self, tenant: str) -> AsyncGenerator[Commit[Count], None]:
        stub = LedgerServiceStub(self._peer.with_tenant(tenant).channel)
        async with aclosing(_read(stub.ExportBalances(ledger_pb.ExportBalancesRequest()))) as parts:
            async for part in parts:
                yield Commit(from_wire(part.revision), feeds.balances(part))

    async def watch(self, tenant: str, after: Revision) -> AsyncGenerator[Commit[Count], None]:
        stub = LedgerServiceStub(self._peer.with_tenant(tenant).channel)

        def opened(mark: Revision | None) -> Any:
            return stub.WatchEntries(ledger_pb.WatchEntriesRequest(after=(mark or after).to_wire()))

        async with aclosing(watch(opened, after=after, through=_through, newer=later)) as commits:
            async for commit in commits:
                yield Commit(from_wire(commit.through), feeds.entries(commit.entries))


class SharingFeed:
    """The objects of sharing's network."""

    def __init__(self, peer: Peer) -> None:
        """Follow the sharing service that `peer` reaches, acting for each tenant in turn."""
        self._peer = peer

    async def export(self, tenant: str) -> AsyncGenerator[Commit[NetworkChange], None]:
        stub = NetworkServiceStub(self._peer.with_tenant(tenant).channel)
        async with aclosing(_read(stub.ExportNetwork(network_pb.ExportNetworkRequest()))) as parts:
            async for part in parts:
                yield Commit(from_wire(part.revision), feeds.network(part.objects))

    async def watch(self, tenant: str, after: Revision) -> AsyncGenerator[Commit[NetworkChange], None]:
        stub = NetworkServiceStub(self._peer.with_tenant(tenant).channel)

        def opened(mark: Revision | None) -> Any:
            return stub.WatchNetwork(network_pb.WatchNetworkRequest(after=(mark or after).to_wire()))

        async with aclosing(watch(opened, after=after, through=_through, newer=later)) as commits:
            async for commit in commits:
                yield Commit(from_wire(commit.through), feeds.network(commit.changes))


def _through(message: Any) -> Revision:
    return from_wire(message.through)


async def _read(stream: Any) -> AsyncGenerator[Any, None]:
    """The messages of a stream that ends; where it breaks, raises the refusal that says why, if we are not to blame."""
    try:
        while (message := await stream.read()) is not grpc.aio.EOF:
            yield message
    except grpc.aio.AioRpcError as error:
        refusal = passed_on(error)
        if refusal is None:
            raise
        raise refusal from error
    finally:
        stream.cancel()
