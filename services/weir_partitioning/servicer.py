"""The rpcs of the partitioning service: read the request, call, render."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from grpc.aio import ServicerContext

from weir.partitioning.v1 import partitioning_service_pb2 as pb
from weir.partitioning.v1 import partitioning_service_pb2_grpc, share_pb2
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.servicer import Answering, shown
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Batch, Wakeups, follow
from weir_partitioning.domain import Policy
from weir_partitioning.handlers import policies
from weir_partitioning.handlers.dividing import Dividing
from weir_partitioning.handlers.shares import Share, Shares
from weir_partitioning.ports import Draft, Numbered, Where
from weir_partitioning.wire import answers, requests, shares

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)
_WATCH = Access(Role.READER, Traffic.WATCH)
_DIVIDE = Access(Role.OPERATOR, Traffic.WRITE)

POLICY = policy.of(
    "weir.partitioning.v1.PartitioningService",
    CreatePolicy=_WRITE,
    GetPolicy=_READ,
    ListPolicies=_READ,
    UpdatePolicy=_WRITE,
    ReorderPolicies=_WRITE,
    DeletePolicy=_WRITE,
    ExportPartitioning=_WATCH,
    WatchPartitioning=_WATCH,
    Rebalance=_DIVIDE,
    ListShares=_READ,
    ListEpochs=_READ,
    WatchEpochs=_WATCH,
)

_SHARE_PLACE = (str, str, str, str)


class PartitioningServicer(Answering[Objects], partitioning_service_pb2_grpc.PartitioningServiceServicer):
    """Every rpc of the partitioning service, for the tenant of the caller."""

    def __init__(
        self,
        answering: Handlers[Objects],
        dealt: Shares,
        dividing: Dividing,
        *,
        pages: Pages,
        wakeups: Wakeups,
        policies_max: int,
    ) -> None:
        """Answer by handlers; `wakeups` ring when a tenant has changed, which has `policies_max` policies at most."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._shares = dealt
        self._dividing = dividing
        self._create = partial(policies.create_policy, most=policies_max)

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["PartitioningService"]
        return Registration(service, partitioning_service_pb2_grpc.add_PartitioningServiceServicer_to_server, self)

    async def CreatePolicy(self, request: pb.CreatePolicyRequest, context: Context) -> pb.CreatePolicyResponse:
        done, revision = await self._write(request, requests.policy(request), self._create)
        return pb.CreatePolicyResponse(policy=answers.to_policy(done), revision=revision)

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Context) -> pb.GetPolicyResponse:
        found, revision = await self._get(Policy, wire.lookup(request, Policy))
        return pb.GetPolicyResponse(policy=answers.to_policy(found), revision=revision)

    async def ListPolicies(self, request: pb.ListPoliciesRequest, context: Context) -> pb.ListPoliciesResponse:
        found, token, revision = await self._list(request, Policy, wire.listing(request), answers.to_policy)
        return pb.ListPoliciesResponse(policies=found, next_page_token=token, revision=revision)

    async def UpdatePolicy(self, request: pb.UpdatePolicyRequest, context: Context) -> pb.UpdatePolicyResponse:
        done, revision = await self._write(request, requests.policy(request), policies.update_policy)
        return pb.UpdatePolicyResponse(policy=answers.to_policy(done), revision=revision)

    async def ReorderPolicies(self, request: pb.ReorderPoliciesRequest, context: Context) -> pb.ReorderPoliciesResponse:
        done, revision = await self._write(request, requests.order(request), policies.reorder_policies)
        return pb.ReorderPoliciesResponse(priorities=map(answers.to_priority, done.moved), revision=revision)

    async def DeletePolicy(self, request: pb.DeletePolicyRequest, context: Context) -> pb.DeletePolicyResponse:
        _, revision = await self._write(request, wire.removal(request, Policy), policies.delete_policy)
        return pb.DeletePolicyResponse(revision=revision)

    def ExportPartitioning(
        self, request: pb.ExportPartitioningRequest, context: Context
    ) -> AsyncIterator[pb.ExportPartitioningResponse]:
        return self._export(request, pb.ExportPartitioningResponse, answers.to_change)

    def WatchPartitioning(
        self, request: pb.WatchPartitioningRequest, context: Context
    ) -> AsyncIterator[pb.WatchPartitioningResponse]:
        return self._watch(request, pb.WatchPartitioningResponse, answers.to_change)

    async def Rebalance(self, request: pb.RebalanceRequest, context: Context) -> AsyncIterator[pb.RebalanceResponse]:
        attempt, products = shares.rebalance(request)
        if request.validate_only:
            steps = self._dividing.checked(attempt.tenant, products)
        else:
            steps = self._dividing.divided(attempt, products)
        async with aclosing(steps):
            async for step in steps:
                for epochs in wire.portions([_epoch(each) for each in step.epochs]):
                    yield pb.RebalanceResponse(
                        supplies=step.progress.supplies,
                        seen=step.progress.seen,
                        divided=step.progress.divided,
                        moved=step.progress.moved,
                        epochs=epochs,
                        done=step.done,
                        revision=self._shares.origin.revision(step.progress.newest).to_wire(),
                    )

    async def ListShares(self, request: pb.ListSharesRequest, context: Context) -> pb.ListSharesResponse:
        meant, fresh = shares.list_shares(request)
        page = self._pages.read(request, _SHARE_PLACE)
        owner, sku, warehouse_group, channel_group = map(str, page.after or ("", "", "", ""))
        after = (owner, sku, warehouse_group, channel_group) if page.after else None
        found, revision = await self._shares.shares(
            call.tenant(), Where(*meant), fresh, after=after, limit=page.size + 1
        )
        messages, token = shown(page, found, lambda each: each.place, _share)
        return pb.ListSharesResponse(shares=messages, next_page_token=token, revision=revision.to_wire())

    async def ListEpochs(self, request: pb.ListEpochsRequest, context: Context) -> pb.ListEpochsResponse:
        meant, fresh = shares.list_epochs(request)
        page = self._pages.read(request, (int,))
        before = int(page.after[0]) if page.after else None
        found, revision = await self._shares.past(
            call.tenant(), Where(*meant), fresh, before=before, limit=page.size + 1
        )
        messages, token = shown(page, found, lambda each: (each.number,), _epoch)
        return pb.ListEpochsResponse(epochs=messages, next_page_token=token, revision=revision.to_wire())

    async def WatchEpochs(
        self, request: pb.WatchEpochsRequest, context: Context
    ) -> AsyncIterator[pb.WatchEpochsResponse]:
        tenant, origin = call.tenant(), self._shares.origin

        def heartbeat(through: int) -> pb.WatchEpochsResponse:
            return pb.WatchEpochsResponse(through=origin.revision(through).to_wire())

        def told(epochs: Sequence[share_pb2.Epoch]) -> pb.WatchEpochsResponse:
            message = heartbeat(epochs[-1].epoch)
            message.epochs.extend(epochs)
            return message

        async def read(after: int) -> Batch[pb.WatchEpochsResponse]:
            batch = await self._shares.since(tenant, after)
            portions = wire.portions([_epoch(each) for each in batch.messages]) if batch.messages else ()
            return Batch([told(each) for each in portions], batch.through, batch.more)

        start = await self._shares.watch_start(tenant, wire.after(request))
        with self._wakeups.bell(tenant) as bell:
            async for message in follow(read, after=start, bell=bell, heartbeat=heartbeat):
                yield message


def _epoch(each: Numbered | Draft) -> share_pb2.Epoch:
    if isinstance(each, Draft):
        return shares.to_epoch(each.epoch, each.books)
    return shares.to_epoch(each.epoch, each.books, number=each.number, in_force=each.in_force)


def _share(each: Share) -> share_pb2.Share:
    return shares.to_share(
        each.of.number,
        each.of.epoch,
        each.share,
        claimed=each.claimed,
        remaining=each.remaining,
        reserved=each.reserved,
    )
