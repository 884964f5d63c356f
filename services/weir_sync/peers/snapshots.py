"""Imports of snapshots into the ledger, over gRPC; what is settled is not sent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, suppress

import grpc

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1 import snapshot_pb2
from weir.ledger.v1.ledger_service_pb2_grpc import LedgerServiceStub
from weir_chassis import status
from weir_chassis.client import Peer
from weir_chassis.errors import PeerAway, Refusal
from weir_chassis.watch.resuming import PASSING, PAUSE_SECONDS_LEAST, PAUSE_SECONDS_MAX
from weir_sync.domain.connections import LeftOut
from weir_sync.domain.feeds import Figure, Snapshot
from weir_sync.ports.feeds import Figures, Imported, Settled

BREAKS_MAX = 8
"""Streams that may break one after the other without a figure settled between."""
LOOK_SECONDS = 1.0
"""How often it is asked how far an import is."""
PAGE = 1000

_DEDUCTIONS = {
    LeftOut.HANDED_OVER: snapshot_pb2.SNAPSHOT_DEDUCTION_HANDED_OVER,
    LeftOut.ALL: snapshot_pb2.SNAPSHOT_DEDUCTION_ALL,
    LeftOut.NONE: snapshot_pb2.SNAPSHOT_DEDUCTION_NONE,
}


class PeerSnapshots:
    """The ledger that `peer` reaches, asked for the tenant that is named: `Snapshots`."""

    def __init__(self, peer: Peer) -> None:
        """Ask `peer`."""
        self._peer = peer

    async def take_in(
        self, tenant: str, request_id: str, snapshot: Snapshot, part: int, figures: Figures, settled: Settled
    ) -> Imported:
        ledger = self._ledger(tenant)
        feed, in_a_row = _feed(snapshot, part), 0
        expected = await _expected(ledger, request_id)
        telling = asyncio.create_task(_tell(ledger, request_id, settled))
        try:
            while True:
                try:
                    return await _streamed(ledger, _messages(request_id, feed, figures, expected))
                except grpc.aio.AioRpcError as error:
                    if error.code() not in PASSING or in_a_row == BREAKS_MAX:
                        with status.passing_on():
                            raise
                    await _pause(error, in_a_row)
                before, expected = expected, await _expected(ledger, request_id)
                in_a_row = in_a_row + 1 if before == expected else 0
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def refused(self, tenant: str, request_id: str) -> AsyncIterator[Sequence[tuple[int, str]]]:
        request = pb.ListSnapshotLinesRequest(
            request_id=request_id, state=snapshot_pb2.SNAPSHOT_LINE_STATE_REFUSED, page_size=PAGE
        )
        while True:
            with status.passing_on():
                page = await self._ledger(tenant).ListSnapshotLines(request)
            yield [(each.line, each.message) for each in page.lines]
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _ledger(self, tenant: str) -> LedgerServiceStub:
        return LedgerServiceStub(self._peer.with_tenant(tenant).channel)


async def _streamed(ledger: LedgerServiceStub, messages: AsyncIterator[pb.ImportSnapshotRequest]) -> Imported:
    """What an import came to; raises what stopped us from sending all of it."""
    faults: list[Exception] = []

    async def sent() -> AsyncIterator[pb.ImportSnapshotRequest]:
        try:
            async for message in messages:
                yield message
        except Exception as fault:  # the call is cancelled: to end the stream well would say that this is all
            faults.append(fault)
            raise

    try:
        answer = await ledger.ImportSnapshot(sent())
    except asyncio.CancelledError:
        if faults:
            raise faults[0] from None
        task = asyncio.current_task()
        assert task is not None
        if task.cancelling():
            raise
        raise PeerAway from None  # the connection was given up for a newer one
    return _imported(answer.snapshot_import)


async def _messages(
    request_id: str, feed: snapshot_pb2.SnapshotFeed, figures: Figures, first: int
) -> AsyncIterator[pb.ImportSnapshotRequest]:
    """What is said in one stream, from a figure on."""
    yield pb.ImportSnapshotRequest(request_id=request_id, feed=feed, first_line=first)
    async with aclosing(figures(first)) as pieces:
        async for piece in pieces:
            yield pb.ImportSnapshotRequest(first_line=first, lines=map(_line, piece))
            first += len(piece)


async def _tell(ledger: LedgerServiceStub, request_id: str, settled: Settled) -> None:
    """Tell how far an import is, again and again; not knowing it is no harm."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(Refusal, grpc.aio.AioRpcError):
            await settled(await _expected(ledger, request_id) - 1)


async def _expected(ledger: LedgerServiceStub, request_id: str) -> int:
    """Number of the figure that the ledger awaits; where it is away that is found out later, by sending."""
    try:
        with status.passing_on():
            found = await ledger.GetSnapshotImport(pb.GetSnapshotImportRequest(request_id=request_id))
    except Refusal as refusal:
        if refusal.reason == "SNAPSHOT_NOT_FOUND":
            return 1
        raise
    return found.snapshot_import.next_line


async def _pause(error: grpc.aio.AioRpcError, in_a_row: int) -> None:
    """Wait before the next stream: longer the more broke in a row, and as long as was asked for."""
    told = status.told(error)
    floor_seconds = 0.0 if told is None else min(told.retry_after_seconds or 0.0, PAUSE_SECONDS_MAX)
    pause_seconds = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_LEAST * 2**in_a_row)
    await asyncio.sleep(max(floor_seconds, random.uniform(0, pause_seconds)))  # noqa: S311


def _feed(snapshot: Snapshot, part: int) -> snapshot_pb2.SnapshotFeed:
    feed = snapshot_pb2.SnapshotFeed(
        basis=snapshot_pb2.SNAPSHOT_BASIS_ON_HAND if snapshot.on_hand else snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE,
        deduction=_DEDUCTIONS[snapshot.left_out],
        full_scopes=[
            snapshot_pb2.SnapshotScope(location=location, owner=snapshot.owner) for location in snapshot.scopes[part]
        ],
        absent_items=snapshot_pb2.ABSENT_ITEMS_SET_TO_ZERO
        if snapshot.absent_is_zero
        else snapshot_pb2.ABSENT_ITEMS_LEAVE,
    )
    feed.as_of_time.FromDatetime(snapshot.as_of)
    return feed


def _line(figure: Figure) -> snapshot_pb2.SnapshotLine:
    item = stock_pb2.StockItem(
        product=stock_pb2.Product(owner=figure.owner, sku=figure.product),
        location=figure.location,
        lot=figure.lot,
        uom=figure.uom,
    )
    return snapshot_pb2.SnapshotLine(stock_item=item, quantity=figure.quantity)


def _imported(found: snapshot_pb2.SnapshotImport) -> Imported:
    return Imported(found.applied, found.stale, found.refused)
