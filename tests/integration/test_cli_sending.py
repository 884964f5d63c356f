"""`weir snapshot` against a ledger whose streams break where a script says: it goes on by itself, and not for ever."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.kit.command import Weir
from tests.kit.waiting import until
from weir.ledger.v1 import ledger_service_pb2 as pb
from weir.ledger.v1 import snapshot_pb2
from weir_chassis import status
from weir_chassis.errors import Refusal, RequestIdReused
from weir_cli.snapshot.sending import BREAKS_MAX
from weir_ledger.errors import SnapshotNotFound

LINES = 3500


class Ledger:
    """Settles lines and keeps what came; breaks each stream after as many messages with lines as `script` says next,
    and none when that has come to its end."""

    def __init__(self, *script: int, ending: Refusal | None = None) -> None:
        """With `ending` a whole stream is refused."""
        self.script = list(script)
        self._ending = ending
        self.holding = asyncio.Lock()
        """Keeps every stream waiting while it is held."""
        self.streams: list[int] = []
        """The line each stream began with."""
        self.units: dict[int, int] = {}
        self.state = snapshot_pb2.SNAPSHOT_IMPORT_STATE_RUNNING
        self.feeds: list[snapshot_pb2.SnapshotFeed] = []

    @property
    def found(self) -> snapshot_pb2.SnapshotImport:
        """How far the import is."""
        return snapshot_pb2.SnapshotImport(
            request_id="n", state=self.state, next_line=len(self.units) + 1, applied=len(self.units)
        )

    async def ImportSnapshot(
        self, messages: AsyncIterator[pb.ImportSnapshotRequest], context: Any
    ) -> pb.ImportSnapshotResponse:
        first = await anext(messages)
        self.feeds.append(first.feed)
        self.streams.append(first.first_line)
        async with self.holding:
            pass
        left = self.script.pop(0) if self.script else -1
        async for message in messages:
            if left == 0:
                await context.abort(grpc.StatusCode.INTERNAL, "gone")  # what gRPC itself does not repeat
            left -= 1
            for number, line in enumerate(message.lines, message.first_line):
                assert number <= len(self.units) + 1, "a line was left out"
                self.units.setdefault(number, line.quantity)
        if self._ending is not None:
            await refuse(context, self._ending)
        self.state = snapshot_pb2.SNAPSHOT_IMPORT_STATE_DONE
        return pb.ImportSnapshotResponse(snapshot_import=self.found)

    async def GetSnapshotImport(
        self, request: pb.GetSnapshotImportRequest, context: Any
    ) -> pb.GetSnapshotImportResponse:
        if not self.units:
            await refuse(context, SnapshotNotFound(request.request_id))
        return pb.GetSnapshotImportResponse(snapshot_import=self.found)


async def refuse(context: Any, refusal: Refusal) -> None:
    """End a call as a service of the suite does."""
    ending = status.refused(refusal)
    await context.abort(ending.code, ending.message, ending.trailers)


@asynccontextmanager
async def serving(ledger: Ledger) -> AsyncIterator[Weir]:
    """Somebody at a terminal whose ledger is this one."""
    server = grpc.aio.server()
    handlers: dict[str, Any] = {
        "ImportSnapshot": grpc.stream_unary_rpc_method_handler(
            ledger.ImportSnapshot, pb.ImportSnapshotRequest.FromString, pb.ImportSnapshotResponse.SerializeToString
        ),
        "GetSnapshotImport": grpc.unary_unary_rpc_method_handler(
            ledger.GetSnapshotImport,
            pb.GetSnapshotImportRequest.FromString,
            pb.GetSnapshotImportResponse.SerializeToString,
        ),
    }
    server.add_registered_method_handlers("weir.ledger.v1.LedgerService", handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Weir({"ledger": f"127.0.0.1:{port}"})
    finally:
        await server.stop(None)


@pytest.fixture
def report(tmp_path: Path) -> str:
    """A report of as many lines as four messages carry."""
    path = tmp_path / "report.csv"
    path.write_text("sku,location,quantity\n" + "".join(f"SKU-{n},DE1,{n}\n" for n in range(1, LINES + 1)))
    return str(path)


def line(report: str, *more: str) -> tuple[str, ...]:
    """The line that imports a report."""
    return ("snapshot", report, "--basis", "on-hand", "--as-of", "2026-11-22T10:00Z", "--json", *more)


async def test_a_broken_stream_is_resumed_where_the_ledger_is(report: str) -> None:
    """After each break the stream begins with the line the ledger expects: each line is settled once, none is left
    out, all under one feed, and that it broke is told."""
    ledger = Ledger(2, 1, 0)
    async with serving(ledger) as weir:
        said = await weir(*line(report))
    assert said.status == 0, said
    assert ledger.units == {number: number for number in range(1, LINES + 1)}
    assert ledger.streams == [1, 2001, 3001, 3001]
    assert len({feed.SerializeToString() for feed in ledger.feeds}) == 1
    assert (said.document["breaks"], said.document["snapshot_import"]["applied"]) == (3, LINES)


async def test_breaks_without_progress_are_endured_only_so_often(report: str) -> None:
    """A ledger that settles nothing in so many streams is given up with status 3, and what to repeat is said; the
    same line then goes on, and a third changes nothing."""
    ledger = Ledger(3, *[0] * (BREAKS_MAX + 1))
    async with serving(ledger) as weir:
        said = await weir(*line(report))
        assert (said.status, said.document["refusal"]["code"]) == (3, "INTERNAL")
        name = said.document["refusal"]["request_id"]
        assert len(ledger.streams) == BREAKS_MAX + 2
        again = await weir(*line(report))
        assert (again.document["request_id"], again.document["first_line"]) == (name, 3001)
        assert again.document["imported_before"] is False
        third = await weir(*line(report))
        assert (third.document["imported_before"], third.document["breaks"]) == (True, 0)
    assert ledger.units == {number: number for number in range(1, LINES + 1)}


async def test_many_breaks_with_progress_are_endured(report: str) -> None:
    """As long as lines are settled between, streams may break as often as they will."""
    ledger = Ledger(1, *[0] * 5, 1, *[0] * 4)
    async with serving(ledger) as weir:
        said = await weir(*line(report))
    assert (said.status, len(ledger.units)) == (0, LINES), said
    assert said.document["breaks"] == 11 > BREAKS_MAX


async def test_a_refusal_in_the_middle_of_a_stream_is_told_and_not_repeated(report: str) -> None:
    """What the ledger refuses ends the import at once, in its own words."""
    ledger = Ledger(ending=RequestIdReused("n"))
    async with serving(ledger) as weir:
        said = await weir(*line(report))
    assert (said.status, said.document["refusal"]["reason"]) == (1, "REQUEST_ID_REUSED")
    assert ledger.streams == [1]


async def test_an_import_that_is_broken_off_says_how_to_go_on(report: str) -> None:
    """Ctrl-C ends with status 3, as what became of it is not known, and names the attempt."""
    ledger = Ledger()
    async with serving(ledger) as weir, ledger.holding:
        process = await weir.begin(*line(report))
        await until(lambda: bool(ledger.streams), 60)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3
    assert b"Repeat it with --request-id snapshot-" in err


async def test_another_file_under_a_used_name_is_noticed(report: str, tmp_path: Path) -> None:
    """Under a name of the caller's own a file of another length is not taken for the one that was imported."""
    ledger = Ledger()
    other = tmp_path / "other.csv"
    other.write_text("sku,location,quantity\nMUG,DE1,1\n")
    async with serving(ledger) as weir:
        assert (await weir(*line(report, "--request-id", "n"))).status == 0
        said = await weir(*line(str(other), "--request-id", "n"))
    assert said.status == 2
    assert "that had 3,500 lines, this has 1" in said.document["faults"][0]["description"]
    assert ledger.streams == [1]


async def test_a_ledger_that_is_away_is_told_at_once(report: str) -> None:
    """Nobody waits for a ledger that was not there to begin with."""
    said = await Weir({"ledger": "127.0.0.1:1"})(*line(report))
    assert (said.status, said.document["refusal"]["code"]) == (3, "UNAVAILABLE")
