"""The rpcs of the partitioning service: read the request, call, render."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from grpc.aio import ServicerContext

from weir.partitioning.v1 import partitioning_service_pb2 as pb
from weir.partitioning.v1 import partitioning_service_pb2_grpc
from weir_chassis import policy
from weir_chassis.auth import Role
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Handlers
from weir_chassis.configuration.ports import Objects
from weir_chassis.configuration.servicer import Answering
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_partitioning import handlers
from weir_partitioning.domain import Policy
from weir_partitioning.wire import answers, requests

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)
_WATCH = Access(Role.READER, Traffic.WATCH)

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
)


class PartitioningServicer(Answering[Objects], partitioning_service_pb2_grpc.PartitioningServiceServicer):
    """Every rpc of the partitioning service, for the tenant of the caller."""

    def __init__(self, answering: Handlers[Objects], *, pages: Pages, wakeups: Wakeups, policies_max: int) -> None:
        """Answer by handlers; `wakeups` ring when a tenant has changed, which has `policies_max` policies at most."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._create = partial(handlers.create_policy, most=policies_max)

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
        done, revision = await self._write(request, requests.policy(request), handlers.update_policy)
        return pb.UpdatePolicyResponse(policy=answers.to_policy(done), revision=revision)

    async def ReorderPolicies(self, request: pb.ReorderPoliciesRequest, context: Context) -> pb.ReorderPoliciesResponse:
        done, revision = await self._write(request, requests.order(request), handlers.reorder_policies)
        return pb.ReorderPoliciesResponse(priorities=map(answers.to_priority, done.moved), revision=revision)

    async def DeletePolicy(self, request: pb.DeletePolicyRequest, context: Context) -> pb.DeletePolicyResponse:
        _, revision = await self._write(request, wire.removal(request, Policy), handlers.delete_policy)
        return pb.DeletePolicyResponse(revision=revision)

    def ExportPartitioning(
        self, request: pb.ExportPartitioningRequest, context: Context
    ) -> AsyncIterator[pb.ExportPartitioningResponse]:
        return self._export(request, pb.ExportPartitioningResponse, answers.to_change)

    def WatchPartitioning(
        self, request: pb.WatchPartitioningRequest, context: Context
    ) -> AsyncIterator[pb.WatchPartitioningResponse]:
        return self._watch(request, pb.WatchPartitioningResponse, answers.to_change)
