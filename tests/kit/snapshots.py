"""What a warehouse reports, as messages."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.kit.ledger import Caller, Wish, item
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1 import snapshot_pb2

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
    *, request_id: str = "", lines: Iterable[snapshot_pb2.SnapshotLine] = (), validate_only: bool = False, **feed: Any
) -> pb.ImportSnapshotRequest:
    """The first message of a stream: of units on hand as of now, unless told."""
    feed = {"basis": ON_HAND, "as_of_time": moment(), **feed}
    return pb.ImportSnapshotRequest(
        request_id=request_id or f"snapshot {next(_numbers)}",
        feed=snapshot_pb2.SnapshotFeed(**feed),
        lines=lines,
        validate_only=validate_only,
    )


async def imported(caller: Caller, *messages: pb.ImportSnapshotRequest) -> pb.ImportSnapshotResponse:
    """The answer to a stream of messages."""
    answer: pb.ImportSnapshotResponse = await caller.send("ImportSnapshot", stream(messages))
    return answer


async def stream(messages: Iterable[pb.ImportSnapshotRequest]) -> AsyncIterator[pb.ImportSnapshotRequest]:
    """Messages one after the other."""
    for each in messages:
        yield each
