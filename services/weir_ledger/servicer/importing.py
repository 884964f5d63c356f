"""How the stream of an ImportSnapshot is handed to the books: message by message, and at its end what is left to do.

Each step is a command of its own that finds out by itself how far the import is. So a stream may break anywhere and
another go on, even while the first still runs: what is settled is settled once.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import TypeVar

from msgspec.structs import replace

from weir.ledger.v1 import ledger_service_pb2 as pb
from weir_chassis import call
from weir_chassis.errors import CallAborted, Malformed, Overloaded, RequestIdReused, Violation
from weir_ledger.domain.imports import ApplyStaged, EndLines, ImportCommand, ImportLines, ZeroAbsent
from weir_ledger.domain.snapshots import Figure, KeptLine, LineState, SnapshotImport, Stage
from weir_ledger.domain.stock import StockItem
from weir_ledger.errors import SnapshotGap, SnapshotRefused
from weir_ledger.ports import Attempt, Books
from weir_ledger.wire import snapshots
from weir_ledger.wire.snapshots import Opening

METHOD = "ImportSnapshot"
AT_ONCE_MAX = 64
"""Imports at once: each holds two messages, and what is made of one."""
STEP = 1000
"""Staged lines applied, or stock items looked at, at a time."""
CHECKED_MAX = 1000
"""Most lines that can be checked only."""
SILENCE_SECONDS = 300.0
"""How long a stream may bring nothing."""
TOLD_MAX = 100
"""Most refused lines that an answer tells."""

T = TypeVar("T")
Messages = AsyncIterator[pb.ImportSnapshotRequest]


class Imports:
    """The imports into some books that are under way."""

    def __init__(self, books: Books) -> None:
        """None yet."""
        self._books = books
        self._under_way = 0

    async def run(self, messages: Messages) -> tuple[SnapshotImport, Sequence[KeptLine]]:
        """How the import ends that a stream brings for the caller's tenant, and the first of its refused lines.

        Raises Overloaded where too many are under way, Malformed, RequestIdReused, SnapshotGap, SnapshotRefused; what
        was settled before stays settled.
        """
        if self._under_way >= AT_ONCE_MAX:
            raise Overloaded
        self._under_way += 1
        try:
            return await _run(self._books, messages)
        finally:
            self._under_way -= 1


async def _run(books: Books, messages: Messages) -> tuple[SnapshotImport, Sequence[KeptLine]]:
    """Take what a stream brings, and finish."""
    first = await _awaited(anext(messages, None)) or pb.ImportSnapshotRequest()
    begun = snapshots.opening(first)
    stream = (Check if begun.validate_only else Import)(books, begun)
    await stream.begin()
    await stream.take(first, messages)
    await stream.finish()
    refused = await stream.refused()
    if stream.snapshot.stage is Stage.REFUSED:
        raise SnapshotRefused(
            stream.snapshot.request_id,
            refused=stream.snapshot.refused,
            line=refused[0].line,
            violations=snapshots.violations(refused),
        )
    return stream.snapshot, refused


class Import:
    """One stream of an import; `snapshot` is how far it is."""

    def __init__(self, books: Books, begun: Opening) -> None:
        """Import for the caller's tenant what the first message says."""
        self.snapshot = begun.begun
        self._books = books
        self._tenant = call.tenant()
        self._begun = begun

    async def begin(self) -> None:
        """Find out how far the import is; raises RequestIdReused where it is that of another feed."""
        found, _ = await self._books.snapshot_import(self._tenant, self.snapshot.request_id)
        if found is not None and found.fingerprint != self.snapshot.fingerprint:
            raise RequestIdReused(found.request_id)
        self.snapshot = found or self.snapshot

    async def take(self, first: pb.ImportSnapshotRequest, messages: Messages) -> None:
        """Settle all lines."""
        async with aclosing(ahead(self._unsettled(first, messages))) as unsettled:
            async for lines in unsettled:
                await self._carry_out(lines)

    async def finish(self) -> None:
        """Do what is left when there are no more lines, from where whoever began it last has come."""
        if self.snapshot.stage is Stage.LINES:
            await self._carry_out(EndLines(self._begun.begun, self._begun.feed))
        while self.snapshot.stage is Stage.STAGED:
            staged, _ = await self._books.snapshot_lines(
                self._tenant, self.snapshot.request_id, (LineState.STAGED,), after=self.snapshot.staged_line, limit=STEP
            )
            figures = snapshots.staged_figures(self._begun, staged)
            await self._carry_out(ApplyStaged(self._begun.begun, self._begun.feed, figures, last=len(staged) < STEP))
        if self.snapshot.stage is Stage.ABSENT:
            async with aclosing(self._absent()) as found:
                async for items in found:
                    await self._zero(items)
            await self._zero((), last=True)

    async def refused(self) -> Sequence[KeptLine]:
        """The first lines that were refused."""
        if not self.snapshot.refused:
            return ()
        found, _ = await self._books.snapshot_lines(
            self._tenant, self.snapshot.request_id, (LineState.REFUSED,), after=0, limit=TOLD_MAX
        )
        return found

    async def _unsettled(
        self, first: pb.ImportSnapshotRequest, messages: Messages
    ) -> AsyncGenerator[ImportLines, None]:
        """The lines of each message that are not known to be settled."""
        first_line, end = snapshots.numbered(first, 1)
        if end > self.snapshot.next_line:
            yield snapshots.import_lines(self._begun, first, first_line)
        async for message in messages:
            snapshots.require_continued(message, self._begun)
            first_line, end = snapshots.numbered(message, end)
            if end > self.snapshot.next_line:
                yield snapshots.import_lines(self._begun, message, first_line)

    async def _absent(self) -> AsyncGenerator[tuple[StockItem, ...], None]:
        """The stock items of the scopes that no line names, some at a time."""
        for scope in self._begun.feed.full_scopes:
            after: str | None = None
            while True:
                found = await self._books.absent(self._tenant, self.snapshot, scope, after=after, limit=STEP)
                if found.items:
                    yield found.items
                if found.after is None:
                    break
                after = found.after

    async def _zero(self, items: Sequence[StockItem], *, last: bool = False) -> None:
        """Set stock items to zero as of the feed."""
        feed = self._begun.feed
        figures = tuple(Figure(0, item, 0, feed.as_of) for item in items)
        await self._carry_out(ZeroAbsent(self._begun.begun, feed, figures, last=last))

    async def _carry_out(self, command: ImportCommand) -> Sequence[KeptLine]:
        """Carry out a command of the import; the lines that it keeps."""
        begun = self._begun.begun
        done = await self._books.carry_out(
            Attempt(self._tenant, METHOD, begun.request_id, begun.fingerprint, command, self._begun.validate_only)
        )
        self.snapshot = replace(done.receipt.snapshot, revision=done.revision)
        return done.receipt.kept


class Check(Import):
    """A stream that only asks what would happen: all its lines are decided at once, and nothing is written."""

    def __init__(self, books: Books, begun: Opening) -> None:
        """As if nothing had been imported before."""
        super().__init__(books, begun)
        self._kept: Sequence[KeptLine] = ()
        self._named: set[StockItem] = set()

    async def begin(self) -> None:
        pass

    async def take(self, first: pb.ImportSnapshotRequest, messages: Messages) -> None:
        figures: list[Figure] = []
        malformed: list[KeptLine] = []
        end = 1
        async for lines in self._unsettled(first, messages):
            if lines.first_line > end:
                raise SnapshotGap(self.snapshot.request_id, expected=end, line=lines.first_line)
            figures += [each for each in lines.figures if each.line >= end]
            malformed += [each for each in lines.malformed if each.line >= end]
            end = max(end, lines.end_line)
            if end > CHECKED_MAX + 1:
                raise Malformed([Violation("lines", f"Up to {CHECKED_MAX} in all where they are only checked.")])
        # Applied at once instead of being staged: what would come of it is the same.
        feed = replace(self._begun.feed, all_or_nothing=False)
        begun = self._begun.begun
        self._named = {each.item for each in figures}
        self._kept = await self._carry_out(
            ImportLines(begun, feed, tuple(figures), first_line=1, end_line=end, malformed=tuple(malformed))
        )
        if self._begun.feed.all_or_nothing and self.snapshot.refused:
            self.snapshot = replace(self.snapshot, stage=Stage.REFUSED, applied=0, stale=0)
        else:
            await self._carry_out(EndLines(begun, feed))

    async def refused(self) -> Sequence[KeptLine]:
        return [each for each in self._kept if each.state is LineState.REFUSED][:TOLD_MAX]

    async def _absent(self) -> AsyncGenerator[tuple[StockItem, ...], None]:
        async with aclosing(super()._absent()) as found:
            async for items in found:
                unnamed = tuple(each for each in items if each not in self._named)
                self._named.update(unnamed)
                if unnamed:
                    yield unnamed

    async def _carry_out(self, command: ImportCommand) -> Sequence[KeptLine]:
        return await super()._carry_out(dataclasses.replace(command, begun=self.snapshot, check_only=True))


async def ahead(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same values, each read while the one before it is dealt with; never more than one ahead.

    Raises CallAborted where the next one is awaited for too long: its place is for others.
    """
    async with aclosing(source):
        reading = asyncio.ensure_future(anext(source, None))
        try:
            while (value := await _awaited(reading)) is not None:
                reading = asyncio.ensure_future(anext(source, None))
                yield value
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _awaited(reading: Awaitable[T]) -> T:
    """What is being read; raises CallAborted where that takes too long."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await reading
    except TimeoutError as error:
        raise CallAborted from error
