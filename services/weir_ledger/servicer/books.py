"""LedgerService."""

from collections.abc import AsyncIterator
from typing import Any

from grpc.aio import ServicerContext

from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceServicer
from weir_chassis import call, policy
from weir_chassis.auth import Role
from weir_chassis.paging import Pages
from weir_chassis.policy import Access, Traffic
from weir_chassis.revisions import Origin
from weir_chassis.watch import Batch, Wakeups, follow
from weir_ledger.handlers import Questions
from weir_ledger.ports import CLAIMS_AT_ONCE, Books
from weir_ledger.servicer.importing import Imports
from weir_ledger.servicer.writing import carry_out
from weir_ledger.wire import answers, queries, requests, snapshots
from weir_ledger.wire.heads import Heads

Context = ServicerContext[Any, Any]

EXPORT_CHUNK = 2000
WATCH_BATCH = 64
"""Commits read at once for a watcher that is behind."""

_READ = Access(Role.READER, Traffic.READ)
_STREAM = Access(Role.READER, Traffic.WATCH)
_WRITE = Access(Role.OPERATOR, Traffic.WRITE)
_ADMINISTER = Access(Role.ADMINISTRATOR, Traffic.WRITE)

LEDGER_POLICY = policy.of(
    pb.DESCRIPTOR.services_by_name["LedgerService"].full_name,
    CreateLocation=_ADMINISTER,
    GetLocation=_READ,
    ListLocations=_READ,
    UpdateLocation=_ADMINISTER,
    DeleteLocation=_ADMINISTER,
    SetLot=_WRITE,
    GetLot=_READ,
    ListLots=_READ,
    RecordMovements=_WRITE,
    ImportSnapshot=_WRITE,
    GetSnapshotImport=_READ,
    ListSnapshotLines=_READ,
    GetBalance=_READ,
    ListBalances=_READ,
    ListShortfalls=_READ,
    ListEntries=_READ,
    VerifyBooks=_STREAM,
    GetSignedHead=_READ,
    ExportBalances=_STREAM,
    WatchEntries=_STREAM,
)


class LedgerServicer(LedgerServiceServicer):
    """Keeps the books."""

    def __init__(self, books: Books, origin: Origin, wakeups: Wakeups, heads: Heads) -> None:
        """Keep `books`, whose revisions are of `origin` and whose heads are `heads`; `wakeups` rings when they grow."""
        self._books = books
        self._origin = origin
        self._wakeups = wakeups
        self._heads = heads
        self._questions = Questions(books, origin)
        self._imports = Imports(books)
        self._pages = Pages(origin.cluster)

    async def CreateLocation(self, request: pb.CreateLocationRequest, context: Context) -> pb.CreateLocationResponse:
        done = await carry_out(self._books, request, requests.create_location(request))
        return pb.CreateLocationResponse(
            location=answers.location(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def GetLocation(self, request: pb.GetLocationRequest, context: Context) -> pb.GetLocationResponse:
        found, revision = await self._questions.location(call.tenant(), *queries.get_location(request))
        return pb.GetLocationResponse(
            location=answers.location(found), revision=self._origin.revision(revision).to_wire()
        )

    async def ListLocations(self, request: pb.ListLocationsRequest, context: Context) -> pb.ListLocationsResponse:
        kind, seen = queries.list_locations(request)
        page = self._pages.read(request, queries.NAME_POSITION)
        found, revision = await self._questions.locations(
            call.tenant(), kind, seen, after=queries.after_location(page), limit=page.size
        )
        return pb.ListLocationsResponse(
            locations=map(answers.location, found),
            next_page_token=page.token((found[-1].location,)) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def UpdateLocation(self, request: pb.UpdateLocationRequest, context: Context) -> pb.UpdateLocationResponse:
        done = await carry_out(self._books, request, requests.update_location(request))
        return pb.UpdateLocationResponse(
            location=answers.location(done.receipt, done.revision),
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def DeleteLocation(self, request: pb.DeleteLocationRequest, context: Context) -> pb.DeleteLocationResponse:
        done = await carry_out(self._books, request, requests.delete_location(request))
        return pb.DeleteLocationResponse(revision=self._origin.revision(done.revision).to_wire())

    async def SetLot(self, request: pb.SetLotRequest, context: Context) -> pb.SetLotResponse:
        done = await carry_out(self._books, request, requests.set_lot(request))
        return pb.SetLotResponse(
            lot=answers.lot(done.receipt, done.revision), revision=self._origin.revision(done.revision).to_wire()
        )

    async def GetLot(self, request: pb.GetLotRequest, context: Context) -> pb.GetLotResponse:
        found, revision = await self._questions.lot(call.tenant(), *queries.get_lot(request))
        return pb.GetLotResponse(lot=answers.lot(found), revision=self._origin.revision(revision).to_wire())

    async def ListLots(self, request: pb.ListLotsRequest, context: Context) -> pb.ListLotsResponse:
        query, seen = queries.list_lots(request)
        page = self._pages.read(request, queries.LOT_POSITION)
        found, revision = await self._questions.lots(
            call.tenant(), query, seen, after=queries.after_lot(page), limit=page.size
        )
        return pb.ListLotsResponse(
            lots=map(answers.lot, found),
            next_page_token=page.token(found[-1].name) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def RecordMovements(self, request: pb.RecordMovementsRequest, context: Context) -> pb.RecordMovementsResponse:
        done = await carry_out(self._books, request, requests.record_movements(request))
        return pb.RecordMovementsResponse(
            balances=[answers.balance(each, done.revision) for each in done.receipt],
            revision=self._origin.revision(done.revision).to_wire(),
        )

    async def ImportSnapshot(
        self, requests: AsyncIterator[pb.ImportSnapshotRequest], context: Context
    ) -> pb.ImportSnapshotResponse:
        found, refused = await self._imports.run(requests)
        return pb.ImportSnapshotResponse(
            snapshot_import=snapshots.snapshot_import(found),
            refused_lines=map(snapshots.line_outcome, refused),
            revision=self._origin.revision(found.revision).to_wire(),
        )

    async def GetSnapshotImport(
        self, request: pb.GetSnapshotImportRequest, context: Context
    ) -> pb.GetSnapshotImportResponse:
        found, revision = await self._questions.snapshot_import(call.tenant(), *snapshots.get_snapshot_import(request))
        return pb.GetSnapshotImportResponse(
            snapshot_import=snapshots.snapshot_import(found), revision=self._origin.revision(revision).to_wire()
        )

    async def ListSnapshotLines(
        self, request: pb.ListSnapshotLinesRequest, context: Context
    ) -> pb.ListSnapshotLinesResponse:
        asked = snapshots.list_snapshot_lines(request)
        page = self._pages.read(request, snapshots.LINE_POSITION)
        found, revision = await self._questions.snapshot_lines(
            call.tenant(), *asked, after=snapshots.after_line(page), limit=page.size
        )
        return pb.ListSnapshotLinesResponse(
            lines=map(snapshots.line_outcome, found),
            next_page_token=page.token((found[-1].line,)) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def GetBalance(self, request: pb.GetBalanceRequest, context: Context) -> pb.GetBalanceResponse:
        found, revision = await self._questions.balance(call.tenant(), *queries.get_balance(request))
        return pb.GetBalanceResponse(balance=answers.balance(found), revision=self._origin.revision(revision).to_wire())

    async def ListBalances(self, request: pb.ListBalancesRequest, context: Context) -> pb.ListBalancesResponse:
        query, point, seen = queries.list_balances(request)
        page = self._pages.read(request, queries.LISTED_POSITION)
        found, revision = await self._questions.balances(
            call.tenant(), query, point, seen, after=queries.after_listed(page), limit=page.size
        )
        return pb.ListBalancesResponse(
            balances=map(answers.balance, found),
            next_page_token=page.token((*queries.balance_position(found[-1]), revision))
            if len(found) == page.size
            else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def ListShortfalls(self, request: pb.ListShortfallsRequest, context: Context) -> pb.ListShortfallsResponse:
        query, seen = queries.list_shortfalls(request)
        page = self._pages.read(request, queries.BALANCE_POSITION)
        found, revision = await self._questions.shortfalls(
            call.tenant(), query, seen, after=queries.after_item(page), limit=page.size
        )
        return pb.ListShortfallsResponse(
            shortfalls=map(answers.shortfall, found),
            next_page_token=page.token(queries.balance_position(found[-1].balance)) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Context) -> pb.ListEntriesResponse:
        query, after_revision, seen = queries.list_entries(request)
        page = self._pages.read(request, queries.ENTRY_POSITION)
        found, revision = await self._questions.entries(
            call.tenant(), query, seen, after=queries.after_entry(page, after_revision), limit=page.size
        )
        return pb.ListEntriesResponse(
            entries=map(answers.entry, found),
            next_page_token=page.token((found[-1].revision, found[-1].line)) if len(found) == page.size else "",
            revision=self._origin.revision(revision).to_wire(),
        )

    async def VerifyBooks(
        self, request: pb.VerifyBooksRequest, context: Context
    ) -> AsyncIterator[pb.VerifyBooksResponse]:
        heads, seen = self._heads.verify_books(call.tenant(), request)
        await self._questions.check_drawn(call.tenant(), seen)
        async for finding in self._books.verify(call.tenant(), heads):
            yield answers.finding(finding, self._origin)

    async def GetSignedHead(self, request: pb.GetSignedHeadRequest, context: Context) -> pb.GetSignedHeadResponse:
        tenant = call.tenant()
        return self._heads.signed(
            tenant, await self._questions.chain_head(tenant, queries.freshness(request.freshness))
        )

    async def ExportBalances(
        self, request: pb.ExportBalancesRequest, context: Context
    ) -> AsyncIterator[pb.ExportBalancesResponse]:
        await self._questions.check_drawn(call.tenant(), queries.freshness(request.freshness))
        async for part in self._books.export(call.tenant(), EXPORT_CHUNK):
            yield answers.exported(part, self._origin)

    async def WatchEntries(
        self, request: pb.WatchEntriesRequest, context: Context
    ) -> AsyncIterator[pb.WatchEntriesResponse]:
        tenant = call.tenant()
        after, products = queries.watch_entries(request)

        async def read(number: int) -> Batch[pb.WatchEntriesResponse]:
            commits = await self._books.commits(tenant, number, WATCH_BATCH)
            messages = [answers.commit(each, self._origin, products) for each in commits]
            through = commits[-1].revision if commits else number
            if products:
                messages = [each for each in messages if each.entries or each.lots or each.back_orders]
            more = len(commits) == WATCH_BATCH or sum(len(each.claims) for each in commits) > CLAIMS_AT_ONCE
            return Batch(messages, through, more=more)

        def heartbeat(number: int) -> pb.WatchEntriesResponse:
            return pb.WatchEntriesResponse(through=self._origin.revision(number).to_wire())

        begin = await self._questions.begin_after(tenant, after)
        with self._wakeups.bell(tenant) as bell:
            async for message in follow(read, after=begin, bell=bell, heartbeat=heartbeat):
                yield message
