"""Bring the report of a warehouse to the ledger: judge its file, send or check it, tell what came of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from rich.console import RenderableType
from rich.progress import Progress
from rich.text import Text

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import snapshot_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.options import OK, REFUSED, USAGE
from weir_cli.paging import cut
from weir_cli.paper import bars
from weir_cli.session import Answer, Session
from weir_cli.sheets import SheetUnreadable
from weir_cli.snapshot import telling
from weir_cli.snapshot.file import STANDARD_INPUT, Judgement, SnapshotFile, read
from weir_cli.snapshot.sending import OtherFile, Sending, Sent, check

FAULTS_SHOWN = 50
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done with a file; `as_of` is None where every row says by itself when its figure was true.

    With `send_good` rows that cannot be read do not stop the others. `limit` bounds the refused lines that are told.
    """

    feed: snapshot_pb2.SnapshotFeed
    as_of: datetime | None
    send_good: bool = False
    check: bool = False
    limit: int = 200


async def snapshot(session: Session, path: Path, wish: Wish) -> Answer:
    """Import the file at `path`, or only check it; every fault of its form at once where it cannot be read."""
    name = "standard input" if path == STANDARD_INPUT else str(path)
    try:
        with read(path) as file:
            judged = file.judge()
            if faults := _faults(judged, wish):
                return _faulty(name, faults)
            feed = _feed(judged, wish)
            if wish.check:
                return await _checked(session, file, feed, wish)
            if not session.named:
                session.request_id = attempt(judged, feed)
            return await _imported(session, file, judged, feed, wish)
    except SheetUnreadable as fault:
        return _faulty(name, [(fault.line, str(fault))])
    except OtherFile as fault:
        return _faulty(name, [(0, str(fault))])
    except OSError as error:
        return _faulty(name, [(0, f"cannot be read: {error.strerror}.")])


def _faults(judged: Judgement, wish: Wish) -> Sequence[tuple[int, str]]:
    """Why nothing of a file is sent, with the lines that are to blame."""
    if judged.rows == 0:
        return [(0, "holds no figure. Where a warehouse has nothing left, lines of quantity 0 say so.")]
    if judged.faulty and not wish.send_good:
        return judged.faults
    if wish.as_of is None and (judged.undated is not None or judged.newest is None):
        return [(judged.undated or 0, "as_of: is empty, and no --as-of says when such figures were true.")]
    return []


def _feed(judged: Judgement, wish: Wish) -> snapshot_pb2.SnapshotFeed:
    """What the figures mean, with a moment for those that name none."""
    feed = snapshot_pb2.SnapshotFeed()
    feed.CopyFrom(wish.feed)
    moment = wish.as_of or judged.newest
    assert moment is not None
    feed.as_of_time.FromDatetime(moment)
    return feed


def attempt(judged: Judgement, feed: snapshot_pb2.SnapshotFeed) -> str:
    """The request id of a file with a meaning: the same again is the same attempt, and goes on where that was."""
    content = hashlib.sha256(judged.content)
    content.update(feed.SerializeToString(deterministic=True))
    return f"snapshot-{content.hexdigest()[:40]}"


async def _imported(
    session: Session, file: SnapshotFile, judged: Judgement, feed: snapshot_pb2.SnapshotFeed, wish: Wish
) -> Answer:
    sending = Sending(session, feed, file, judged.rows)
    with bars(quiet=session.options.json) as progress:
        following = asyncio.create_task(_follow(sending, progress, judged.rows))
        try:
            sent = await sending.run()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    found, revision = sent.response.snapshot_import, sent.response.revision
    refused: telling.Lines = ()
    if found.refused:
        refused = (await telling.kept(session, session.request_id, "REFUSED", wish.limit)).found
    told = {"checked": False, "imported_before": sent.before, "first_line": sent.first, "breaks": sent.breaks}
    return _answer(session, file, told, [telling.outcome(found), *_notes(sent)], found, refused, revision)


async def _follow(sending: Sending, progress: Progress, rows: int) -> None:
    """Show how many lines are settled: those sent may still be far ahead of them."""
    task = progress.add_task("lines", total=rows)
    while not progress.disable:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(grpc.aio.AioRpcError):
            progress.update(task, completed=(await sending.found()).next_line - 1)


def _notes(sent: Sent) -> list[Text]:
    said = []
    if sent.before:
        said.append("It was imported before; nothing was changed now.")
    elif sent.first > 1:
        said.append(f"It went on with line {sent.first:,} of the snapshot, where a run before had come.")
    if sent.breaks:
        said.append(f"The stream broke {tables.counted(sent.breaks, 'time')}, and went on.")
    if sent.response.snapshot_import.absent_left:
        said.append("Stock items not named were left as they are: refused lines may have named them.")
    return [Text.assemble(("! ", "yellow"), each) for each in said]


async def _checked(session: Session, file: SnapshotFile, feed: snapshot_pb2.SnapshotFeed, wish: Wish) -> Answer:
    response, whole = await check(session, feed, file, limit=wish.limit)
    found = response.snapshot_import
    said = [Text.assemble(("Only checked: ", "bold"), telling.counts(found), ". Nothing was changed.")]
    if not whole:
        note = "Checked in parts: what one does to the next was not looked at, nor stock items not named."
        said.append(Text.assemble(("! ", "yellow"), note))
    told = {"checked": True, "imported_before": False, "first_line": 1, "breaks": 0}
    return _answer(session, file, told, said, found, response.refused_lines, response.revision)


def _answer(
    session: Session,
    file: SnapshotFile,
    told: dict[str, Any],
    said: Sequence[Text],
    found: snapshot_pb2.SnapshotImport,
    refused: telling.Lines,
    revision: revision_pb2.Revision,
) -> Answer:
    places = file.places({each.line for each in refused})
    lines = [
        {**document(each), "file_line": places[each.line].line, "message": telling.explained(each, places)}
        for each in refused
    ]
    more = found.refused > len(refused)
    shown: list[RenderableType] = [*said]
    if refused:
        shown.append(telling.table(refused, places))
    named = "" if told["checked"] else session.request_id
    shown.append(tables.footnote(revision, request_id=named, note=cut(refused, more) if more else ""))
    return Answer(
        {
            "request_id": named or None,
            **told,
            "snapshot_import": document(found),
            "refused_lines": lines,
            "more": more,
            "revision": document(revision),
        },
        shown,
        REFUSED if found.refused else OK,
    )


def _faulty(name: str, faults: Sequence[tuple[int, str]]) -> Answer:
    shown: list[RenderableType] = [
        Text.assemble((f"{name}:{line}" if line else name, "bold"), "  ", description)
        for line, description in faults[:FAULTS_SHOWN]
    ]
    if len(faults) > FAULTS_SHOWN:
        shown.append(Text(f"... and more (--json prints {len(faults)}).", style="dim"))
    shown.append(Text("Nothing was sent.", style="bold red"))
    told = [{"file": name, "line": line, "description": description} for line, description in faults]
    return Answer({"faults": told}, shown, USAGE)
