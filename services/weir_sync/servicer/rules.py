"""RuleService: read the request, call, render."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from grpc.aio import ServicerContext

from weir.sync.v1 import rule_service_pb2 as pb
from weir.sync.v1 import rule_service_pb2_grpc
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
from weir_sync.domain.rules import Rule, StoreLimits
from weir_sync.handlers import rules as handlers
from weir_sync.wire import rules as wire_rules

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_WRITE = Access(Role.ADMINISTRATOR, Traffic.WRITE)
_WATCH = Access(Role.READER, Traffic.WATCH)

RULES_POLICY = policy.of(
    "weir.sync.v1.RuleService",
    CreateRule=_WRITE,
    GetRule=_READ,
    ListRules=_READ,
    UpdateRule=_WRITE,
    ReorderRules=_WRITE,
    DeleteRule=_WRITE,
    SetStoreLimits=_WRITE,
    GetStoreLimits=_READ,
    ListStoreLimits=_READ,
    ExportRules=_WATCH,
    WatchRules=_WATCH,
)


class RuleServicer(Answering[Objects], rule_service_pb2_grpc.RuleServiceServicer):
    """Every rpc of the rule service, for the tenant of the caller."""

    def __init__(self, answering: Handlers[Objects], *, pages: Pages, wakeups: Wakeups, rules_max: int) -> None:
        """Answer by handlers, and let a tenant have `rules_max` rules; `wakeups` ring when a tenant has changed."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._create_rule = partial(handlers.create_rule, most=rules_max)

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["RuleService"]
        return Registration(service, rule_service_pb2_grpc.add_RuleServiceServicer_to_server, self)

    async def CreateRule(self, request: pb.CreateRuleRequest, context: Context) -> pb.CreateRuleResponse:
        done, revision = await self._write(request, wire_rules.rule(request), self._create_rule)
        return pb.CreateRuleResponse(rule=wire_rules.to_rule(done), revision=revision)

    async def GetRule(self, request: pb.GetRuleRequest, context: Context) -> pb.GetRuleResponse:
        found, revision = await self._get(Rule, wire.lookup(request, Rule))
        return pb.GetRuleResponse(rule=wire_rules.to_rule(found), revision=revision)

    async def ListRules(self, request: pb.ListRulesRequest, context: Context) -> pb.ListRulesResponse:
        found, token, revision = await self._list(request, Rule, wire.listing(request), wire_rules.to_rule)
        return pb.ListRulesResponse(rules=found, next_page_token=token, revision=revision)

    async def UpdateRule(self, request: pb.UpdateRuleRequest, context: Context) -> pb.UpdateRuleResponse:
        done, revision = await self._write(request, wire_rules.rule(request), handlers.update_rule)
        return pb.UpdateRuleResponse(rule=wire_rules.to_rule(done), revision=revision)

    async def ReorderRules(self, request: pb.ReorderRulesRequest, context: Context) -> pb.ReorderRulesResponse:
        done, revision = await self._write(request, wire_rules.order(request), handlers.reorder_rules)
        return pb.ReorderRulesResponse(priorities=map(wire_rules.to_priority, done.moved), revision=revision)

    async def DeleteRule(self, request: pb.DeleteRuleRequest, context: Context) -> pb.DeleteRuleResponse:
        _, revision = await self._write(request, wire.removal(request, Rule), handlers.delete_rule)
        return pb.DeleteRuleResponse(revision=revision)

    async def SetStoreLimits(self, request: pb.SetStoreLimitsRequest, context: Context) -> pb.SetStoreLimitsResponse:
        done, revision = await self._write(request, wire_rules.store_limits(request), handlers.set_store_limits)
        return pb.SetStoreLimitsResponse(store_limits=wire_rules.to_store_limits(done), revision=revision)

    async def GetStoreLimits(self, request: pb.GetStoreLimitsRequest, context: Context) -> pb.GetStoreLimitsResponse:
        (store,), fresh = wire.lookup(request, StoreLimits)
        found, revision = await self._get(StoreLimits, ((store,), fresh), default=StoreLimits(store))
        return pb.GetStoreLimitsResponse(store_limits=wire_rules.to_store_limits(found), revision=revision)

    async def ListStoreLimits(self, request: pb.ListStoreLimitsRequest, context: Context) -> pb.ListStoreLimitsResponse:
        found, token, revision = await self._list(
            request, StoreLimits, wire.listing(request), wire_rules.to_store_limits
        )
        return pb.ListStoreLimitsResponse(store_limits=found, next_page_token=token, revision=revision)

    def ExportRules(self, request: pb.ExportRulesRequest, context: Context) -> AsyncIterator[pb.ExportRulesResponse]:
        return self._export(request, pb.ExportRulesResponse, wire_rules.to_change)

    def WatchRules(self, request: pb.WatchRulesRequest, context: Context) -> AsyncIterator[pb.WatchRulesResponse]:
        return self._watch(request, pb.WatchRulesResponse, wire_rules.to_change)
