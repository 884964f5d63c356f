"""CaseService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from weir.common.v1.revision_pb2 import Revision
from weir.pooling.v1 import case_service_pb2 as pb
from weir.pooling.v1 import case_service_pb2_grpc
from weir_chassis import call, policy
from weir_chassis.configuration import wire
from weir_chassis.configuration.handlers import Decide, Handlers
from weir_chassis.configuration.objects import Change
from weir_chassis.configuration.servicer import shown
from weir_chassis.idempotency import Attempt
from weir_chassis.paging import Pages
from weir_chassis.server import Registration
from weir_chassis.watch import Wakeups
from weir_pooling.domain.authority import Standing
from weir_pooling.domain.cases import Case, Comment, Marking, Unmarking, Usage, Usages, subject
from weir_pooling.domain.deeds import Deed
from weir_pooling.handlers import cases as handlers
from weir_pooling.handlers.settling import Settling
from weir_pooling.ports import Pooling
from weir_pooling.servicer.access import READ, WATCH, WRITE
from weir_pooling.servicer.seeing import Seeing
from weir_pooling.wire import cases

Context = ServicerContext[Any, Any]
W = TypeVar("W", Marking, Unmarking)

CASES_POLICY = policy.of(
    "weir.pooling.v1.CaseService",
    CreateCase=WRITE,
    GetCase=READ,
    ListCases=READ,
    UpdateCase=WRITE,
    CloseCase=WRITE,
    ReopenCase=WRITE,
    MarkUsed=WRITE,
    UnmarkUsed=WRITE,
    ListUsages=READ,
    ReportUsage=READ,
    WatchCases=WATCH,
    AddComment=WRITE,
    ListComments=READ,
)


class CaseServicer(Seeing[Pooling], case_service_pb2_grpc.CaseServiceServicer):
    """Every rpc of the case service, for the person who calls."""

    def __init__(
        self, answering: Handlers[Pooling], settling: Settling[Pooling], *, pages: Pages, wakeups: Wakeups
    ) -> None:
        """Answer by handlers; `settling` has units used up and put back."""
        super().__init__(answering, pages=pages, wakeups=wakeups)
        self._settling = settling

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["CaseService"]
        return Registration(service, case_service_pb2_grpc.add_CaseServiceServicer_to_server, self)

    async def CreateCase(self, request: pb.CreateCaseRequest, context: Context) -> pb.CreateCaseResponse:
        done, revision = await self._write(request, cases.wording(request), handlers.create_case)
        return pb.CreateCaseResponse(case=cases.to_case(done), revision=revision)

    async def GetCase(self, request: pb.GetCaseRequest, context: Context) -> pb.GetCaseResponse:
        found, revision = await self._get_seen(wire.lookup(request, Case), handlers.case)
        return pb.GetCaseResponse(case=cases.to_case(found), revision=revision)

    async def ListCases(self, request: pb.ListCasesRequest, context: Context) -> pb.ListCasesResponse:
        found, token, revision = await self._list_seen(
            request, Case, cases.case_listing(request), cases.to_case, seen=handlers.seen, descending=True
        )
        return pb.ListCasesResponse(cases=found, next_page_token=token, revision=revision)

    async def UpdateCase(self, request: pb.UpdateCaseRequest, context: Context) -> pb.UpdateCaseResponse:
        done, revision = await self._write(request, cases.rewording(request), handlers.update_case)
        return pb.UpdateCaseResponse(case=cases.to_case(done), revision=revision)

    async def CloseCase(self, request: pb.CloseCaseRequest, context: Context) -> pb.CloseCaseResponse:
        asked = cases.named(request)
        done, revision = await self._settling.alone(
            call.tenant(), lambda: self._write(request, asked, handlers.close_case), subject=subject(request.case)
        )
        return pb.CloseCaseResponse(case=cases.to_case(done), revision=revision)

    async def ReopenCase(self, request: pb.ReopenCaseRequest, context: Context) -> pb.ReopenCaseResponse:
        done, revision = await self._write(request, cases.named(request), handlers.reopen_case)
        return pb.ReopenCaseResponse(case=cases.to_case(done), revision=revision)

    async def MarkUsed(self, request: pb.MarkUsedRequest, context: Context) -> pb.MarkUsedResponse:
        done, *revisions = await self._settle(request, cases.marking(request), handlers.mark_used, handlers.marked)
        usages = map(cases.to_usage, done.usages)
        return pb.MarkUsedResponse(usages=usages, ledger_revision=revisions[0], revision=revisions[1])

    async def UnmarkUsed(self, request: pb.UnmarkUsedRequest, context: Context) -> pb.UnmarkUsedResponse:
        done, *revisions = await self._settle(
            request, cases.unmarking(request), handlers.unmark_used, handlers.unmarked
        )
        usages = map(cases.to_usage, done.usages)
        return pb.UnmarkUsedResponse(usages=usages, ledger_revision=revisions[0], revision=revisions[1])

    async def ListUsages(self, request: pb.ListUsagesRequest, context: Context) -> pb.ListUsagesResponse:
        asked = wire.listing(request, "case")
        found, token, revision = await self._list_seen(
            request, Usage, asked, cases.to_usage, seen=handlers.seen, descending=True
        )
        if request.case and not found:
            await self._get_seen(((request.case,), asked[1]), handlers.case)
        return pb.ListUsagesResponse(usages=found, next_page_token=token, revision=revision)

    async def ReportUsage(self, request: pb.ReportUsageRequest, context: Context) -> pb.ReportUsageResponse:
        period, fresh = cases.period(request)
        page = self._pages.read(request, cases.SUM_SHAPE)
        after = tuple(map(str, page.after or ()))
        async with self._handlers.reading(call.tenant(), fresh) as (objects, revision):
            found = await handlers.report(objects, period, after=after, limit=page.size + 1)
        sums, token = shown(page, found, lambda each: each.key, cases.to_sum)
        return pb.ReportUsageResponse(sums=sums, next_page_token=token, revision=revision.to_wire())

    def WatchCases(self, request: pb.WatchCasesRequest, context: Context) -> AsyncIterator[pb.WatchCasesResponse]:
        return self._watch_seen(request, pb.WatchCasesResponse, _change, field="changes")

    async def AddComment(self, request: pb.AddCommentRequest, context: Context) -> pb.AddCommentResponse:
        done, revision = await self._write(request, cases.remark(request), handlers.add_comment)
        return pb.AddCommentResponse(comment=cases.to_comment(done), revision=revision)

    async def ListComments(self, request: pb.ListCommentsRequest, context: Context) -> pb.ListCommentsResponse:
        asked = cases.comment_listing(request)
        found, token, revision = await self._list_seen(request, Comment, asked, cases.to_comment, seen=handlers.seen)
        if not found:
            await self._get_seen(((request.case,), asked[1]), handlers.case)
        return pb.ListCommentsResponse(comments=found, next_page_token=token, revision=revision)

    async def _settle(
        self,
        request: wire.Mutation,
        asked: tuple[Attempt, W],
        decide: Decide[Pooling, W, Deed],
        outcome: Callable[[Pooling, Deed], Awaitable[Usages]],
    ) -> tuple[Usages, Revision | None, Revision]:
        """What the request comes to, the revision of the ledger of it, and that of the change; of a check what it would
        come to."""
        attempt, wanted = asked
        about = subject(wanted.case)
        if request.validate_only:
            foreseen = await self._settling.foreseen(attempt.tenant, decide, wanted, subject=about)
            async with self._handlers.reading(attempt.tenant, {}) as (objects, revision):
                return await outcome(objects, foreseen.object), None, revision.to_wire()
        settled = await self._settling.settle(attempt, decide, wanted, subject=about)
        assert isinstance(settled.answer, Usages)
        return settled.answer, settled.books.to_wire(), settled.revision.to_wire()


def _change(viewer: Standing, change: Change) -> Message | None:
    """What somebody sees of a change: cases of those whom he acts for, what was used in them and what was said."""
    match change.object:
        case Case(user=user) | Usage(user=user) | Comment(user=user) if viewer.acts_for(user):
            return cases.to_change(change)
    return None
