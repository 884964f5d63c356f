"""The contexts the aggregator follows, over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc

from weir.ledger.v1 import ledger_service_pb2 as ledger_pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir.partitioning.v1 import partitioning_service_pb2 as partitioning_pb
from weir.partitioning.v1.partitioning_service_pb2_grpc import PartitioningServiceStub
from weir.pooling.v1 import pooling_service_pb2 as pooling_pb
from weir.pooling.v1.pooling_service_pb2_grpc import PoolingServiceStub
from weir.sharing.v1 import network_service_pb2 as network_pb
from weir.sharing.v1.network_service_pb2_grpc import NetworkServiceStub
from weir.sync.v1 import rule_service_pb2 as rules_pb
from weir.sync.v1.rule_service_pb2_grpc import RuleServiceStub
from weir_aggregator.domain import BooksChange, Change
from weir_aggregator.ports import Commit
from weir_aggregator.wire import feeds
from weir_chassis.client import Peer
from weir_chassis.revisions import Revision, from_wire
from weir_chassis.status import passing_on
from weir_chassis.watch import later, watch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeerFeed(Generic[T]):
    """A context that `peer` reaches, followed for each tenant in turn."""

    peer: Peer
    exporting: Callable[[grpc.aio.Channel], Any]
    """The stream of the state, on a channel of the tenant."""
    watching: Callable[[grpc.aio.Channel, Revision], Any]
    """The stream of the commits after a revision."""
    exported: Callable[[Any], list[T]]
    """What a message of the one holds."""
    committed: Callable[[Any], list[T]]
    """What a message of the other brings."""

    async def export(self, tenant: str) -> AsyncGenerator[Commit[T], None]:
        stream = self.exporting(self.peer.with_tenant(tenant).channel)
        async with aclosing(_read(stream)) as parts:
            async for part in parts:
                yield Commit(from_wire(part.revision), self.exported(part))

    async def watch(self, tenant: str, after: Revision) -> AsyncGenerator[Commit[T], None]:
        channel = self.peer.with_tenant(tenant).channel

        def opened(mark: Revision | None) -> Any:
            return self.watching(channel, mark or after)

        async with aclosing(watch(opened, after=after, through=_through, newer=later)) as commits:
            async for commit in commits:
                yield Commit(from_wire(commit.through), self.committed(commit))


def ledger_feed(peer: Peer) -> PeerFeed[BooksChange]:
    """The counts and lots of the ledger's books."""
    return PeerFeed(
        peer,
        lambda channel: LedgerServiceStub(channel).ExportBalances(ledger_pb.ExportBalancesRequest()),
        lambda channel, after: LedgerServiceStub(channel).WatchEntries(
            ledger_pb.WatchEntriesRequest(after=after.to_wire())
        ),
        feeds.balances,
        feeds.entries,
    )


def sharing_feed(peer: Peer) -> PeerFeed[Change]:
    """The objects of sharing's network."""
    return PeerFeed(
        peer,
        lambda channel: NetworkServiceStub(channel).ExportNetwork(network_pb.ExportNetworkRequest()),
        lambda channel, after: NetworkServiceStub(channel).WatchNetwork(
            network_pb.WatchNetworkRequest(after=after.to_wire())
        ),
        lambda part: feeds.network(part.objects),
        lambda commit: feeds.network(commit.changes),
    )


def partitioning_feed(peer: Peer) -> PeerFeed[Change]:
    """The policies of partitioning."""
    return PeerFeed(
        peer,
        lambda channel: PartitioningServiceStub(channel).ExportPartitioning(
            partitioning_pb.ExportPartitioningRequest()
        ),
        lambda channel, after: PartitioningServiceStub(channel).WatchPartitioning(
            partitioning_pb.WatchPartitioningRequest(after=after.to_wire())
        ),
        lambda part: feeds.partitioning(part.objects),
        lambda commit: feeds.partitioning(commit.changes),
    )


def sync_feed(peer: Peer) -> PeerFeed[Change]:
    """The rules and limits of sync."""
    return PeerFeed(
        peer,
        lambda channel: RuleServiceStub(channel).ExportRules(rules_pb.ExportRulesRequest()),
        lambda channel, after: RuleServiceStub(channel).WatchRules(rules_pb.WatchRulesRequest(after=after.to_wire())),
        lambda part: feeds.rules(part.objects),
        lambda commit: feeds.rules(commit.changes),
    )


def pooling_feed(peer: Peer) -> PeerFeed[Change]:
    """The persons and pools of pooling."""
    return PeerFeed(
        peer,
        lambda channel: PoolingServiceStub(channel).ExportPooling(pooling_pb.ExportPoolingRequest()),
        lambda channel, after: PoolingServiceStub(channel).WatchPooling(
            pooling_pb.WatchPoolingRequest(after=after.to_wire())
        ),
        lambda part: feeds.pooling(part.objects),
        lambda commit: feeds.pooling_changes(commit.changes),
    )


def _through(message: Any) -> Revision:
    return from_wire(message.through)


async def _read(stream: Any) -> AsyncGenerator[Any, None]:
    """The messages of a stream that ends; where it breaks, raises the refusal that says why, if we are not to blame."""
    try:
        with passing_on():
            while (message := await stream.read()) is not grpc.aio.EOF:
                yield message
    finally:
        stream.cancel()
