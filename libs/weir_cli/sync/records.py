"""What stores were to be told, and what became of it; what of it wants attention."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from weir.sync.v1 import sync_pb2, sync_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import listed
from weir_cli.session import Answer, Session
from weir_cli.sync.sheet import Sheet


async def records(
    session: Session, asked: sync_service_pb2.ListRecordsRequest, *, limit: int, sheet: Sheet | None
) -> Answer:
    """Records, newest first, `limit` at most, or all of them into a sheet; `asked` carries the filters."""
    if sheet is not None:
        return await sheet.write(session.sync.ListRecords, asked, "records", _cells)
    found = await listed(session.sync.ListRecords, asked, "records", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


async def retry(session: Session, asked: sync_service_pb2.RetryRecordsRequest, *, check: bool) -> Answer:
    """Have what failed sent again, as the levels are now."""
    asked.request_id, asked.validate_only = session.change(), check
    response = await session.sync.RetryRecords(asked)
    verb = "would be" if check else "is" if response.retried == 1 else "are"
    told = f"{tables.counted(response.retried, 'SKU')} {verb} sent again, as the levels are now."
    return _changed(session, response, Text(told), check=check)


async def watch(session: Session, connection: str, *, count: int | None) -> AsyncGenerator[Answer]:
    """One answer for each message with records that began or ended; `count` answers end it."""
    asked = sync_service_pb2.WatchRecordsRequest(connection=connection)
    call = session.sync.WatchRecords(asked)
    try:
        answered = 0
        async for message in call:
            if not message.records:
                continue
            yield Answer(document(message), [record_line(each) for each in message.records])
            answered += 1
            if answered == count:
                return
    finally:
        call.cancel()


async def alerts(session: Session, asked: sync_service_pb2.ListAlertsRequest, *, limit: int) -> Answer:
    """Alerts, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.sync.ListAlerts, asked, "alerts", limit=limit)
    return Answer(found.document, [_alerts(found.found), found.footnote])


async def watch_alerts(session: Session, connection: str, *, count: int | None) -> AsyncGenerator[Answer]:
    """One answer for those that are open, then one for each message with some that opened or closed."""
    call = session.sync.WatchAlerts(sync_service_pb2.WatchAlertsRequest(connection=connection))
    try:
        answered = 0
        async for message in call:
            if not message.alerts:
                continue
            yield Answer(document(message), [alert_line(each) for each in message.alerts])
            answered += 1
            if answered == count:
                return
    finally:
        call.cancel()


async def close(session: Session, name: str, *, check: bool) -> Answer:
    """Close an alert that does not close by itself."""
    request = sync_service_pb2.CloseAlertRequest(request_id=session.change(), alert=name, validate_only=check)
    response = await session.sync.CloseAlert(request)
    return _changed(session, response, alert_line(response.alert), check=check)


def _changed(session: Session, response: Any, told: RenderableType, *, check: bool) -> Answer:
    """What a change answered that has no revision, with the name of the attempt."""
    note = "only checked, nothing was changed" if check else ""
    footnote = tables.footnote(request_id=session.request_id, note=note)
    return Answer({"request_id": session.request_id, **document(response)}, [told, footnote])


def _table(found: Sequence[sync_pb2.SyncRecord]) -> RenderableType:
    errors = ["why it failed"] if any(each.error for each in found) else []
    products = ["product"] if any(each.store_sku != each.product.sku or each.product.owner for each in found) else []
    made = tables.table(
        "record", "connection", "store SKU", *products, "status", "#before", "#after", "why", "due", "#tries", *errors
    )
    for each in found:
        before = tables.number(each.before) if each.HasField("before") else Text("none", style="dim")
        product = tables.product(each.product.owner, each.product.sku)
        made.add_row(
            each.record, each.connection, each.store_sku, *([product] if products else []),
            tables.state(each, "status"), before, tables.number(each.after, faint=False), _why(each),
            tables.time(each.create_time), tables.number(each.tries),
            *([Text(each.error, style="red")] if errors else []),
        )  # fmt: skip
    return made


def _why(found: sync_pb2.SyncRecord) -> Text:
    return Text(": ".join(filter(None, (word(found, "trigger").lower(), found.reason, found.rule))), style="dim")


def _cells(each: sync_pb2.SyncRecord) -> dict[str, object]:
    told = document(each, without=("product",))
    return {**told, "owner": each.product.owner, "sku": each.product.sku}


def record_line(found: sync_pb2.SyncRecord) -> Text:
    """A record on a line."""
    before = f"{found.before:,}" if found.HasField("before") else "none"
    line = Text.assemble(
        (found.record.rjust(8), "dim"), "  ", tables.state(found, "status"), "  ", (found.connection, "bold"),
        f"  {found.store_sku}  {before} → {found.after:,}  ", _why(found),
    )  # fmt: skip
    return line.append(f"  {found.error}", style="red") if found.error else line


def _alerts(found: Iterable[sync_pb2.SyncAlert]) -> RenderableType:
    made = tables.table("alert", "kind", "connection", "about", "what", "opened", "closed")
    for each in found:
        made.add_row(
            each.alert, _kind(each), each.connection, each.subject, each.sentence, tables.time(each.open_time),
            tables.time(each.close_time),
        )  # fmt: skip
    return made


def alert_line(found: sync_pb2.SyncAlert) -> Text:
    """An alert on a line."""
    line = Text.assemble((found.alert.rjust(8), "dim"), "  ", _kind(found), "  ", (found.connection, "bold"))
    line.append(f"  {found.subject}  {found.sentence}")
    return line.append(f"  closed {tables.time(found.close_time)}", style="green") if _closed(found) else line


def _kind(found: sync_pb2.SyncAlert) -> Text:
    return Text(word(found, "kind"), style="dim" if _closed(found) else "bold red")


def _closed(found: sync_pb2.SyncAlert) -> bool:
    return found.HasField("close_time")
