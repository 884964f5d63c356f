"""Synchronise now, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from rich.console import RenderableType
from rich.progress import Progress, TaskID
from rich.text import Text

from weir.sync.v1 import sync_pb2, sync_service_pb2
from weir_chassis.watch.resuming import PASSING
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.options import OK, REFUSED
from weir_cli.paging import listed
from weir_cli.paper import bars
from weir_cli.session import Answer, Session
from weir_cli.snapshot.sending import BREAKS_MAX, pause


async def run(session: Session, asked: sync_service_pb2.RunSyncRequest) -> Answer:
    """Synchronise now and wait until all of it has ended, over any number of broken streams: the runs go on without us.

    The exit status is that of a refusal where a run was given up or some of it failed.
    """
    asked.request_id = session.change()
    runs: dict[str, sync_pb2.Run] = {}
    with bars(quiet=session.options.json) as progress:
        await _follow(session, asked, runs, _Bars(progress))
    found = [runs[name] for name in sorted(runs)]
    failed = any(each.error or each.failed for each in found)
    told = {"request_id": session.request_id, "runs": [document(each) for each in found]}
    shown = [_table(found), *_advice(found), tables.footnote(request_id=session.request_id)]
    return Answer(told, shown, REFUSED if failed else OK)


class _Bars:
    """A bar for each run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, run: sync_pb2.Run) -> None:
        """Bring its bar to where the run is."""
        if run.run not in self._tasks:
            self._tasks[run.run] = self._progress.add_task(run.connection, total=None)
        total = max(run.total, run.settled) if run.total or run.done else None
        self._progress.update(self._tasks[run.run], total=total, completed=run.settled)


async def _follow(
    session: Session, asked: sync_service_pb2.RunSyncRequest, runs: dict[str, sync_pb2.Run], bars: _Bars
) -> None:
    """Keep the runs as they come until all have ended; raises AioRpcError where it is refused, or breaks too often."""
    in_a_row = 0
    while True:
        call = session.sync.RunSync(asked)
        try:
            async for message in call:
                in_a_row = 0
                for each in message.runs:
                    runs[each.run] = each
                    bars.show(each)
                if message.done:
                    return
            return
        except grpc.aio.AioRpcError as error:
            if error.code() not in PASSING or in_a_row == BREAKS_MAX:
                raise
            await pause(error, in_a_row)
            in_a_row += 1
        finally:
            call.cancel()


async def runs(session: Session, asked: sync_service_pb2.ListRunsRequest, *, limit: int) -> Answer:
    """Runs, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.sync.ListRuns, asked, "runs", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


async def one(session: Session, name: str) -> Answer:
    """How far one run has come."""
    response = await session.sync.GetRun(sync_service_pb2.GetRunRequest(run=name))
    return Answer(document(response), [_table([response.run])])


def _table(found: Iterable[sync_pb2.Run]) -> RenderableType:
    rows = list(found)
    errors = ["why it was given up"] if any(each.error for each in rows) else []
    made = tables.table(
        "run",
        "connection",
        "takes",
        "trigger",
        "#lines",
        "#settled",
        "#unchanged",
        "#failed",
        "began",
        "ended",
        *errors,
    )
    for each in rows:
        made.add_row(
            each.run, each.connection, "everything" if each.full else "what changed", word(each, "trigger"),
            tables.number(each.total), tables.number(each.settled), tables.number(each.unchanged),
            Text(f"{each.failed:,}", style="bold red") if each.failed else Text("0", style="dim"),
            tables.time(each.create_time), tables.time(each.end_time) if each.done else Text("goes on", style="yellow"),
            *([Text(each.error, style="red")] if errors else []),
        )  # fmt: skip
    return made


def _advice(found: Iterable[sync_pb2.Run]) -> list[RenderableType]:
    if not any(each.failed for each in found):
        return []
    return [Text("What failed and why: weir sync records --status failed; weir sync retry sends it again.")]
