"""WaitingService."""

from collections.abc import AsyncIterator
from typing import Any

from grpc.aio import ServicerContext

from weir.ledger.v1 import waiting_service_pb2 as pb
from weir.ledger.v1.waiting_service_pb2_grpc import WaitingServiceServicer
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.ids import new_id
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.revisions import Origin
from weir_chassis.watch import Batch, Wakeups, follow
from weir_ledger.handlers import Questions
from weir_ledger.ports import Books
from weir_ledger.servicer.writing import carry_out
from weir_ledger.wire import answers, waiting

Context = ServicerContext[Any, Any]

WATCH_BATCH = 64
"""Commits read at once for a watcher that is behind."""

_READ = Access(Role.READER, Traffic.READ)
_STREAM = Access(Role.READER, Traffic.WATCH)
_WRITE = Access(Role.OPERATOR, Traffic.WRITE)

WAITING_POLICY = policy.of(
    pb.DESCRIPTOR.services_by_name["WaitingService"].full_name,
    SetBackOrders=_WRITE,
    GetBackOrders=_READ,
    ListBackOrders=_READ,
    GetWaiting=_READ,
    ListWaiting=_READ,
    CancelWaiting=_WRITE,
    PromiseWaiting=_WRITE,
    WatchWaiting=_STREAM,
)


class WaitingServicer(WaitingServiceServicer):
    """Keeps the demand of orders that wait for units."""

    def __init__(self, books: Books, origin: Origin, wakeups: Wakeups) -> None:
        """Keep what waits in `books`, whose revisions are of `origin`; `wakeups` rings when they grow."""
        self._books = books
        self._origin = origin
        self._wakeups = wakeups
        self._questions = Questions(books, origin)
        self._pages = Pages(origin.cluster)

    async def SetBackOrders(self, request: pb.SetBackOrdersRequest, context: Context) -> pb.SetBackOrdersResponse:
        done = await carry_out(self._books, request, waiting.set_back_orders(request))
        return pb.SetBackOrdersResponse(
            back_orders=answers.back_orders(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def GetBackOrders(self, request: pb.GetBackOrdersRequest, context: Context) -> pb.GetBackOrdersResponse:
        found, revision = await self._questions.back_orders(call.tenant(), *waiting.get_back_orders(request))
        return pb.GetBackOrdersResponse(
            back_orders=answers.back_orders(found), revision=self._origin.revision(revision).to_wire()
        )

    async def ListBackOrders(self, request: pb.ListBackOrdersRequest, context: Context) -> pb.ListBackOrdersResponse:
        owner, seen = waiting.list_back_orders(request)
        page = self._pages.read(request, waiting.PRODUCT_POSITION)
        found, revision = await self._questions.all_back_orders(
            call.tenant(), owner, seen, after=waiting.after_product(page), limit=page.size
        )
        return pb.ListBackOrdersResponse(
            back_orders=map(answers.back_orders, found),
            next_page_token=page.token(found[-1].product) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def GetWaiting(self, request: pb.GetWaitingRequest, context: Context) -> pb.GetWaitingResponse:
        found, revision = await self._questions.demand(call.tenant(), *waiting.get_waiting(request))
        return pb.GetWaitingResponse(
            waiting=answers.demand(found.demand, plan=found.plan), revision=self._origin.revision(revision).to_wire()
        )

    async def ListWaiting(self, request: pb.ListWaitingRequest, context: Context) -> pb.ListWaitingResponse:
        query, seen = waiting.list_waiting(request)
        page = self._pages.read(request, waiting.DEMAND_POSITION)
        found, more, revision = await self._questions.demands(
            call.tenant(), query, seen, after=waiting.after_demand(page), limit=page.size
        )
        return pb.ListWaitingResponse(
            waiting=map(answers.demand, found),
            next_page_token=page.token((found[-1].create_revision, found[-1].waiting)) if more else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def CancelWaiting(self, request: pb.CancelWaitingRequest, context: Context) -> pb.CancelWaitingResponse:
        done = await carry_out(self._books, request, waiting.cancel_waiting(request))
        return pb.CancelWaitingResponse(
            waiting=answers.demand(done.receipt, done.revision), revision=self._origin.revision(done.revision).to_wire()
        )

    async def PromiseWaiting(self, request: pb.PromiseWaitingRequest, context: Context) -> pb.PromiseWaitingResponse:
        done = await carry_out(self._books, request, waiting.promise_waiting(request, new_id))
        return pb.PromiseWaitingResponse(
            outcomes=answers.promise_outcomes(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def WatchWaiting(
        self, request: pb.WatchWaitingRequest, context: Context
    ) -> AsyncIterator[pb.WatchWaitingResponse]:
        tenant = call.tenant()
        after, channel = waiting.watch_waiting(request)

        async def read(number: int) -> Batch[pb.WatchWaitingResponse]:
            found = await self._books.waiting_commits(tenant, number, WATCH_BATCH)
            messages = [answers.changed_demands(*each, self._origin, channel) for each in found.commits]
            return Batch([each for each in messages if each.waiting], found.through, more=found.more)

        def heartbeat(number: int) -> pb.WatchWaitingResponse:
            return pb.WatchWaitingResponse(through=self._origin.revision(number).to_wire())

        begin = await self._questions.begin_after(tenant, after)
        with self._wakeups.bell(tenant) as bell:
            async for message in follow(read, after=begin, bell=bell, heartbeat=heartbeat):
                yield message
