"""What became of the lines of a snapshot, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from weir.ledger.v1 import ledger_service_pb2, snapshot_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import Listed, listed
from weir_cli.session import Answer, Session
from weir_cli.snapshot.file import Place

Lines = Sequence[snapshot_pb2.SnapshotLineOutcome]


async def kept(session: Session, request_id: str, state: str, limit: int) -> Listed:
    """Up to `limit` lines that were not applied; `state` is a word such as REFUSED, empty for all."""
    asked = ledger_service_pb2.ListSnapshotLinesRequest(
        request_id=request_id,
        state=snapshot_pb2.SnapshotLineState.Value(f"SNAPSHOT_LINE_STATE_{state or 'UNSPECIFIED'}"),
    )
    return await listed(session.ledger.ListSnapshotLines, asked, "lines", limit=limit)


async def imported(session: Session, request_id: str, state: str, *, limit: int) -> Answer:
    """How far an import has come, and the lines that were not applied."""
    request = ledger_service_pb2.GetSnapshotImportRequest(request_id=request_id)
    found = (await session.ledger.GetSnapshotImport(request)).snapshot_import
    lines = await kept(session, request_id, state, limit)
    shown: list[RenderableType] = [outcome(found), table(lines.found), lines.footnote]
    return Answer({"snapshot_import": document(found), **lines.document}, shown)


def outcome(found: snapshot_pb2.SnapshotImport) -> Text:
    """How an import ended, or how far it is."""
    settled = tables.counted(found.next_line - 1, "line")
    match found.state:
        case snapshot_pb2.SNAPSHOT_IMPORT_STATE_REFUSED:
            told = f"{found.refused:,} of {settled} refused, and all or nothing was asked for."
            return Text.assemble(("✗ Nothing was applied: ", "bold red"), told)
        case snapshot_pb2.SNAPSHOT_IMPORT_STATE_DONE:
            mark = ("! ", "yellow") if found.refused else ("✓ ", "green")
            return Text.assemble(mark, f"{settled}: {counts(found)}.")
        case _:
            return Text.assemble(("Not at its end: ", "yellow"), f"{settled} so far: {counts(found)}.")


def counts(found: snapshot_pb2.SnapshotImport) -> str:
    """What became of the lines, in numbers."""
    said = f"{found.applied:,} applied, {found.stale:,} stale, {found.refused:,} refused"
    zeroed = f"; {tables.counted(found.zeroed, 'stock item')} not named set to zero" if found.zeroed else ""
    return said + zeroed


def table(lines: Lines, places: Mapping[int, Place] | None = None) -> Table:
    """Lines that were not applied; by `places` with their lines in the file."""
    made = tables.table("#line", "product", "location", "", "#quantity", "state", "what")
    for each in lines:
        sent = each.snapshot_line
        item = sent.stock_item
        line = each.line if places is None else places[each.line].line
        made.add_row(
            str(line), tables.product(item.product.owner, item.product.sku), item.location, tables.details(item),
            tables.number(sent.quantity, faint=False), each.reason or word(each, "state"), explained(each, places),
        )  # fmt: skip
    return made


def explained(each: snapshot_pb2.SnapshotLineOutcome, places: Mapping[int, Place] | None) -> str:
    """Why a line was not applied: what is wrong with its row in the file, or else what the ledger says."""
    faults = places[each.line].faults if places is not None else ()
    return " ".join(faults) or each.message
