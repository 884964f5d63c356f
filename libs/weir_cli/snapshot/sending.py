"""Send the lines of a snapshot, going on by itself where a stream breaks; what is settled is not sent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import chain

import grpc

from weir.ledger.v1 import ledger_service_pb2, snapshot_pb2
from weir_chassis import status
from weir_chassis.watch.resuming import PASSING, PAUSE_SECONDS_LEAST, PAUSE_SECONDS_MAX
from weir_cli import tables
from weir_cli.session import Session
from weir_cli.snapshot.file import SnapshotFile

BREAKS_MAX = 8
"""Streams that may break one after the other without a line settled between."""

Response = ledger_service_pb2.ImportSnapshotResponse


class OtherFile(Exception):
    """Under the request id a file of another length was imported; says so in a sentence that begins with the verb."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How an import ended: with which line this run began, how often its stream broke, and whether all was settled
    before it."""

    response: Response
    first: int
    breaks: int
    before: bool


class Sending:
    """One run of an import: `rows` lines of `file`, under the request id of the session."""

    def __init__(self, session: Session, feed: snapshot_pb2.SnapshotFeed, file: SnapshotFile, rows: int) -> None:
        """Nothing is sent yet."""
        self._session = session
        self._feed = feed
        self._file = file
        self._rows = rows
        self._breaks = 0

    async def run(self) -> Sent:
        """Send what is not settled yet, opening the stream again from the line that the ledger expects.

        Raises OtherFile, and AioRpcError where the ledger refuses, is away from the beginning, or breaks too many
        streams in a row without settling a line.
        """
        start = await self.found()
        ended = start.state in (snapshot_pb2.SNAPSHOT_IMPORT_STATE_DONE, snapshot_pb2.SNAPSHOT_IMPORT_STATE_REFUSED)
        expected = start.next_line
        if expected > self._rows + 1 or (ended and expected <= self._rows):
            raise OtherFile(
                f"is not what was imported under {self._session.request_id!r}: that had"
                f" {tables.counted(expected - 1, 'line')}, this has {self._rows:,}. Give it a --request-id of its own."
            )
        in_a_row = 0
        while True:
            error = await self._attempt(expected)
            if not isinstance(error, grpc.aio.AioRpcError):
                return Sent(error, start.next_line, self._breaks, ended)
            if in_a_row == BREAKS_MAX:
                raise error
            self._breaks += 1
            await pause(error, in_a_row)
            try:
                settled = (await self.found()).next_line
            except grpc.aio.AioRpcError as still:
                if still.code() not in PASSING:
                    raise
                settled = expected
            in_a_row = in_a_row + 1 if settled == expected else 0
            expected = settled

    async def _attempt(self, first: int) -> Response | grpc.aio.AioRpcError:
        """What the import came to, or what the stream broke of; raises where trying again is of no use."""
        try:
            return await self._streamed(first)
        except grpc.aio.AioRpcError as error:
            if status.reason(error) == "SNAPSHOT_REFUSED":
                return await self._refused()
            if error.code() not in PASSING:
                raise
            return error

    async def _streamed(self, first: int) -> Response:
        faults: list[Exception] = []

        async def messages() -> AsyncIterator[ledger_service_pb2.ImportSnapshotRequest]:
            request_id = self._session.change()
            yield ledger_service_pb2.ImportSnapshotRequest(request_id=request_id, feed=self._feed, first_line=first)
            try:
                for number, batch in self._file.batches(first):
                    yield ledger_service_pb2.ImportSnapshotRequest(first_line=number, lines=batch)
            except Exception as fault:  # the call is cancelled: to end the stream well would say that this is all
                faults.append(fault)
                raise

        try:
            return await self._session.ledger.ImportSnapshot(messages())
        except asyncio.CancelledError:
            if faults:
                raise faults[0] from None
            task = asyncio.current_task()
            assert task is not None
            if task.cancelling():
                raise
            lost = "The connection was given up for a newer one."
            raise grpc.aio.AioRpcError(
                grpc.StatusCode.CANCELLED, grpc.aio.Metadata(), grpc.aio.Metadata(), lost
            ) from None

    async def found(self) -> snapshot_pb2.SnapshotImport:
        """The import as the ledger has it; one that expects line 1 where it has none."""
        request = ledger_service_pb2.GetSnapshotImportRequest(request_id=self._session.request_id)
        try:
            return (await self._session.ledger.GetSnapshotImport(request)).snapshot_import
        except grpc.aio.AioRpcError as error:
            if status.reason(error) != "SNAPSHOT_NOT_FOUND":
                raise
            return snapshot_pb2.SnapshotImport(next_line=1)

    async def _refused(self) -> Response:
        """An import of which all was refused, as an answer: its lines are asked for by whoever shows them."""
        request = ledger_service_pb2.GetSnapshotImportRequest(request_id=self._session.request_id)
        found = await self._session.ledger.GetSnapshotImport(request)
        return Response(snapshot_import=found.snapshot_import, revision=found.revision)


async def pause(error: grpc.aio.AioRpcError, in_a_row: int) -> None:
    """Wait before the next attempt: longer the more failed in a row, and as long as was asked for."""
    refusal = status.told(error)
    floor_seconds = 0.0 if refusal is None else min(refusal.retry_after_seconds or 0.0, PAUSE_SECONDS_MAX)
    pause_seconds = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_LEAST * 2**in_a_row)
    await asyncio.sleep(max(floor_seconds, random.uniform(0, pause_seconds)))  # noqa: S311


async def check(
    session: Session, feed: snapshot_pb2.SnapshotFeed, file: SnapshotFile, *, limit: int
) -> tuple[Response, bool]:
    """What would become of the lines, with up to `limit` of those that would be refused, and whether all were asked
    about together.

    Lines that are too many for one message are asked about in parts; nothing then is said of stock items that are not
    named.
    """
    batches = file.batches(1)
    head = [batch for batch in (next(batches, None), next(batches, None)) if batch is not None]
    whole = len(head) < 2
    asked = snapshot_pb2.SnapshotFeed()
    asked.CopyFrom(feed)
    asked.all_or_nothing = False
    if not whole:
        asked.ClearField("full_scopes")
        asked.ClearField("absent_items")
    summed = Response()
    total = summed.snapshot_import
    for number, batch in chain(head, batches):
        request = ledger_service_pb2.ImportSnapshotRequest(
            request_id=session.request_id, feed=asked, lines=batch, validate_only=True
        )
        response = await session.ledger.ImportSnapshot(iter([request]), timeout=session.options.deadline_seconds)
        found = response.snapshot_import
        total.applied += found.applied
        total.stale += found.stale
        total.refused += found.refused
        total.zeroed += found.zeroed
        total.absent_left |= found.absent_left
        for each in response.refused_lines[: limit - len(summed.refused_lines)]:
            summed.refused_lines.add().CopyFrom(each)
            summed.refused_lines[-1].line += number - 1
        summed.revision.CopyFrom(response.revision)
    return summed, whole
