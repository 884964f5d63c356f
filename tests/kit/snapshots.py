"""What a warehouse reports, as messages."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from tests.kit.ledger import Caller, Wish, eventually, item
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1 import snapshot_pb2
from weir_chassis import status

ON_HAND, AVAILABLE = snapshot_pb2.SNAPSHOT_BASIS_ON_HAND, snapshot_pb2.SNAPSHOT_BASIS_AVAILABLE

_numbers = itertools.count()


def moment(seconds: float = 0.0) -> datetime:
    """So many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def line(what: Any, quantity: int, **others: Any) -> snapshot_pb2.SnapshotLine:
    """A figure of a stock item, or of a plain one that is named by its sku."""
    named = item(what) if isinstance(what, str) else what
    return snapshot_pb2.SnapshotLine(stock_item=named, quantity=quantity, **others)


def lines(*figures: Wish) -> list[snapshot_pb2.SnapshotLine]:
    """Figures."""
    return [line(what, quantity) for what, quantity in figures]


def opening(
    *,
    request_id: str = "",
    lines: Iterable[snapshot_pb2.SnapshotLine] = (),
    first_line: int = 0,
    validate_only: bool = False,
    feed: snapshot_pb2.SnapshotFeed | None = None,
    **means: Any,
) -> pb.ImportSnapshotRequest:
    """The first message of a stream: of units on hand as of now, unless told."""
    return pb.ImportSnapshotRequest(
        request_id=request_id or f"snapshot {next(_numbers)}",
        feed=feed or snapshot_pb2.SnapshotFeed(**{"basis": ON_HAND, "as_of_time": moment(), **means}),
        lines=lines,
        first_line=first_line,
        validate_only=validate_only,
    )


def message(lines: Iterable[snapshot_pb2.SnapshotLine], **others: Any) -> pb.ImportSnapshotRequest:
    """A message after the first."""
    return pb.ImportSnapshotRequest(lines=lines, **others)


async def imported(caller: Caller, *messages: pb.ImportSnapshotRequest) -> pb.ImportSnapshotResponse:
    """The answer to a stream of messages."""
    answer: pb.ImportSnapshotResponse = await caller.send("ImportSnapshot", stream(messages))
    return answer


async def progress(caller: Caller, request_id: str) -> snapshot_pb2.SnapshotImport | None:
    """How far an import is; None where there is none."""
    try:
        found: pb.GetSnapshotImportResponse = await caller.do("GetSnapshotImport", request_id=request_id)
    except grpc.aio.AioRpcError as error:
        if status.reason(error) != "SNAPSHOT_NOT_FOUND":
            raise
        return None
    return found.snapshot_import


async def settled(caller: Caller, request_id: str, line: int) -> snapshot_pb2.SnapshotImport:
    """Wait until an import awaits a line; how far it is then."""
    reached: list[snapshot_pb2.SnapshotImport] = []

    async def reaches() -> bool:
        found = await progress(caller, request_id)
        if found is not None and found.next_line >= line:
            reached.append(found)
        return bool(reached)

    await eventually(reaches)
    return reached[-1]


async def kept(caller: Caller, request_id: str, **fields: Any) -> list[snapshot_pb2.SnapshotLineOutcome]:
    """Every line that an import did not apply."""
    pages = caller.pages("ListSnapshotLines", 1000, request_id=request_id, **fields)
    return [each async for page in pages for each in page.lines]


async def stream(messages: Iterable[pb.ImportSnapshotRequest]) -> AsyncIterator[pb.ImportSnapshotRequest]:
    """Messages one after the other."""
    for each in messages:
        yield each
