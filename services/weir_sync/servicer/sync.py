"""SyncService: read the request, call, render."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from weir.sync.v1 import sync_service_pb2 as pb
from weir.sync.v1 import sync_service_pb2_grpc
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.configuration.servicer import shown
from weir_chassis.configuration.wire import portions
from weir_chassis.paging import Page, Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.server import Registration
from weir_chassis.watch import Batch, Bell, Wakeups, follow
from weir_sync.domain.views import Counts
from weir_sync.handlers import runs as handlers
from weir_sync.ports.alerts import Alerts
from weir_sync.ports.records import Counting, RecordPlace, Records, Views
from weir_sync.ports.runs import Place, Runs
from weir_sync.ports.watching import Mark, Told
from weir_sync.wire import activity

Context = ServicerContext[Any, Any]

_READ = Access(Role.READER, Traffic.READ)
_OPERATE = Access(Role.OPERATOR, Traffic.WRITE)
_RUN = Access(Role.OPERATOR, Traffic.WATCH)
_WATCH = Access(Role.READER, Traffic.WATCH)

SYNC_POLICY = policy.of(
    "weir.sync.v1.SyncService",
    RunSync=_RUN,
    GetRun=_READ,
    ListRuns=_READ,
    ListRecords=_READ,
    RetryRecords=_OPERATE,
    WatchRecords=_WATCH,
    ListChannelRows=_READ,
    ListWarehouseRows=_READ,
    ListAlerts=_READ,
    CloseAlert=_OPERATE,
    WatchAlerts=_WATCH,
)
_PART = 1000
"""Changes that are read at once for a watcher."""

PULSE_SECONDS = 0.5
"""How often records are looked at for who watches them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Activity:
    """What is asked about what goes on."""

    runs: Runs
    records: Records
    alerts: Alerts
    views: Views
    counting: Counting


class SyncServicer(sync_service_pb2_grpc.SyncServiceServicer):
    """Every rpc of the sync service, for the tenant of the caller."""

    def __init__(self, activity: Activity, *, pages: Pages, wakeups: Wakeups) -> None:
        """Answer from `activity`; `wakeups` ring when a tenant has changed."""
        self._runs = activity.runs
        self._records = activity.records
        self._alerts = activity.alerts
        self._views = activity.views
        self._counting = activity.counting
        self._pages = pages
        self._wakeups = wakeups

    @property
    def registration(self) -> Registration:
        """What a server needs to serve it."""
        service = pb.DESCRIPTOR.services_by_name["SyncService"]
        return Registration(service, sync_service_pb2_grpc.add_SyncServiceServicer_to_server, self)

    async def RunSync(self, request: pb.RunSyncRequest, context: Context) -> AsyncIterator[pb.RunSyncResponse]:
        attempt, wish = activity.run_sync(request)
        if request.validate_only:
            checked = await self._runs.wished(attempt.tenant, wish)
            for runs in portions([activity.to_run(each) for each in checked]):
                yield pb.RunSyncResponse(runs=runs)
            yield pb.RunSyncResponse(done=True)
            return
        names = await self._runs.begin(attempt, wish)
        async with aclosing(handlers.progress(self._runs, attempt.tenant, names, self._wakeups)) as steps:
            async for further, done in steps:
                told = list(portions([activity.to_run(each) for each in further]))
                for place, runs in enumerate(told, 1):
                    yield pb.RunSyncResponse(runs=runs, done=done and place == len(told))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        found = await handlers.get_run(self._runs, call.tenant(), activity.run(request))
        return pb.GetRunResponse(run=activity.to_run(found))

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        connection = activity.listed(request)
        page = self._pages.read(request, (int, str))
        found = await self._runs.past(call.tenant(), connection=connection, before=_place(page), limit=page.size + 1)
        runs, token = shown(page, found, lambda each: _position(each.created_at, each.run), activity.to_run)
        return pb.ListRunsResponse(runs=runs, next_page_token=token)

    async def ListRecords(self, request: pb.ListRecordsRequest, context: Context) -> pb.ListRecordsResponse:
        query = activity.records(request)
        page = self._pages.read(request, (int, int))
        before = RecordPlace(activity.moment(page.after[0]), int(page.after[1])) if page.after else None
        found = await self._records.past(call.tenant(), query, before=before, limit=page.size + 1)
        records, token = shown(
            page, found, lambda each: (activity.microseconds(each.created_at), each.record), activity.to_record
        )
        return pb.ListRecordsResponse(records=records, next_page_token=token)

    async def RetryRecords(self, request: pb.RetryRecordsRequest, context: Context) -> pb.RetryRecordsResponse:
        attempt, asked = activity.retry(request)
        retried = await self._records.retry(
            attempt, asked.records, connection=asked.connection, check=request.validate_only
        )
        return pb.RetryRecordsResponse(retried=retried)

    async def WatchRecords(
        self, request: pb.WatchRecordsRequest, context: Context
    ) -> AsyncIterator[pb.WatchRecordsResponse]:
        connection, tenant = activity.watched(request), call.tenant()

        async def since(mark: Mark) -> Told[Any]:
            return await self._records.since(tenant, mark, connection=connection, limit=_PART)

        def told(records: Sequence[Message]) -> pb.WatchRecordsResponse:
            return pb.WatchRecordsResponse(records=records)  # type: ignore[arg-type]

        mark = await self._records.now(tenant)
        async for message in _followed(mark, since, activity.to_record, told, _Pulse()):
            yield message

    async def ListChannelRows(self, request: pb.ListChannelRowsRequest, context: Context) -> pb.ListChannelRowsResponse:
        query = activity.channel_rows(request)
        page = self._pages.read(request, (str, str))
        after = (str(page.after[0]), str(page.after[1])) if page.after else None
        found = await self._views.channels(call.tenant(), query, after=after, limit=page.size + 1)
        rows, token = shown(page, found, lambda each: (each.connection, each.store_sku), activity.to_channel_row)
        return pb.ListChannelRowsResponse(rows=rows, next_page_token=token)

    async def ListWarehouseRows(
        self, request: pb.ListWarehouseRowsRequest, context: Context
    ) -> pb.ListWarehouseRowsResponse:
        query = activity.warehouse_rows(request)
        page = self._pages.read(request, (str, str, str))
        after = (str(page.after[0]), str(page.after[1]), str(page.after[2])) if page.after else None
        found = await self._views.warehouses(call.tenant(), query, after=after, limit=page.size + 1)
        places = dict.fromkeys((each.product, each.location) for each in found if each.location)
        counts, revision = await self._counting.counts(call.tenant(), list(places))
        rows, token = shown(
            page,
            found,
            lambda each: (each.connection, each.sku, each.facility),
            lambda each: activity.to_warehouse_row(each, counts.get((each.product, each.location), Counts())),
        )
        return pb.ListWarehouseRowsResponse(rows=rows, next_page_token=token, ledger_revision=revision.to_wire())

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Context) -> pb.ListAlertsResponse:
        connection = activity.listed(request)
        page = self._pages.read(request, (int, str))
        found = await self._alerts.past(
            call.tenant(),
            connection=connection,
            open_only=request.open_only,
            before=_place(page),
            limit=page.size + 1,
        )
        alerts, token = shown(page, found, lambda each: _position(each.opened_at, each.alert), activity.to_alert)
        return pb.ListAlertsResponse(alerts=alerts, next_page_token=token)

    async def CloseAlert(self, request: pb.CloseAlertRequest, context: Context) -> pb.CloseAlertResponse:
        attempt, alert = activity.close_alert(request)
        closed = await self._alerts.close(attempt, alert, check=request.validate_only)
        return pb.CloseAlertResponse(alert=activity.to_alert(closed))

    async def WatchAlerts(
        self, request: pb.WatchAlertsRequest, context: Context
    ) -> AsyncIterator[pb.WatchAlertsResponse]:
        connection, tenant = activity.watched(request), call.tenant()
        mark, before = await self._alerts.now(tenant), None
        while found := await self._alerts.past(
            tenant, connection=connection, open_only=True, before=before, limit=_PART
        ):
            for alerts in portions([activity.to_alert(each) for each in found]):
                yield pb.WatchAlertsResponse(alerts=alerts)
            before = Place(found[-1].opened_at, found[-1].alert)

        async def since(mark: Mark) -> Told[Any]:
            return await self._alerts.since(tenant, mark, connection=connection, limit=_PART)

        def told(alerts: Sequence[Message]) -> pb.WatchAlertsResponse:
            return pb.WatchAlertsResponse(alerts=alerts)  # type: ignore[arg-type]

        with self._wakeups.bell(tenant) as bell:
            async for message in _followed(mark, since, activity.to_alert, told, bell):
                yield message


class _Pulse(Bell):
    """A bell that rings by itself: records come and end too often for anybody to be rung by each."""

    async def rung(self, seconds: float) -> bool:
        return await super().rung(min(seconds, PULSE_SECONDS))


async def _followed(
    mark: Mark,
    since: Callable[[Mark], Awaitable[Told[Any]]],
    render: Callable[[Any], Message],
    told: Callable[[Sequence[Message]], T],
    bell: Bell,
) -> AsyncIterator[T]:
    """What changes from a mark on, in messages that `told` makes of it; of nothing as a sign of life."""

    async def read(after: int) -> Batch[T]:
        nonlocal mark
        found = await since(mark)
        mark = found.mark
        messages = [told(each) for each in portions([render(each) for each in found.things]) if each]
        return Batch(messages, after, found.more)

    async for message in follow(read, after=0, bell=bell, heartbeat=lambda _: told(())):
        yield message


def _place(page: Page) -> Place | None:
    """The place that a page of a list by age goes on from."""
    return Place(activity.moment(page.after[0]), str(page.after[1])) if page.after else None


def _position(at: datetime, name: str) -> tuple[int, str]:
    return activity.microseconds(at), name
