"""What stores are told, and what warehouses have: a row for each SKU."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.sync.v1 import sync_pb2, sync_service_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.paging import cut, listed
from weir_cli.session import Answer, Session
from weir_cli.sync.sheet import Sheet


async def channel_view(
    session: Session, asked: sync_service_pb2.ListChannelRowsRequest, *, limit: int, sheet: Sheet | None
) -> Answer:
    """Per store and SKU the level and what was told, `limit` rows at most, or all into a sheet."""
    if sheet is not None:
        return await sheet.write(session.sync.ListChannelRows, asked, "rows", _cells)
    found = await listed(session.sync.ListChannelRows, asked, "rows", limit=limit)
    return Answer(found.document, [_channel_rows(found.found), found.footnote])


async def warehouse_view(
    session: Session, asked: sync_service_pb2.ListWarehouseRowsRequest, *, limit: int, sheet: Sheet | None
) -> Answer:
    """Per facility and SKU what was reported and what the ledger has, `limit` rows at most, or all into a sheet."""
    if sheet is not None:
        return await sheet.write(session.sync.ListWarehouseRows, asked, "rows", _cells)
    last = sync_service_pb2.ListWarehouseRowsResponse()

    async def asking(
        request: sync_service_pb2.ListWarehouseRowsRequest,
    ) -> sync_service_pb2.ListWarehouseRowsResponse:
        page = await session.sync.ListWarehouseRows(request)
        last.ledger_revision.CopyFrom(page.ledger_revision)
        return page

    found = await listed(asking, asked, "rows", limit=limit)
    footnote = tables.footnote(last.ledger_revision, note=cut(found.found, found.more))
    told = {**found.document, "ledger_revision": document(last.ledger_revision)}
    return Answer(told, [_warehouse_rows(found.found), footnote])


def _cells(each: sync_pb2.ChannelRow | sync_pb2.WarehouseRow) -> dict[str, object]:
    return {**document(each, without=("product",)), "owner": each.product.owner, "product": each.product.sku}


def _channel_rows(found: Iterable[sync_pb2.ChannelRow]) -> RenderableType:
    rows = list(found)
    more = ["#unreported"] if any(each.unreported for each in rows) else []
    errors = ["why it failed"] if any(each.error for each in rows) else []
    made = tables.table(
        "connection", "store SKU", "product", "#level", "#told", "when", "", "status", "#reserved", *more, *errors
    )
    for each in rows:
        told = tables.number(each.told, faint=False) if each.HasField("told") else Text("none", style="dim")
        if each.HasField("told") and each.told != each.level:
            told.stylize("yellow")
        made.add_row(
            each.connection, each.store_sku, tables.product(each.product.owner, each.product.sku),
            tables.number(each.level, faint=False), told, tables.time(each.tell_time),
            Text("seen", style="green") if each.verified else "", _status(each), tables.number(each.reserved),
            *([tables.number(each.unreported)] if more else []),
            *([Text(each.error, style="red")] if errors else []),
        )  # fmt: skip
    return made


def _status(each: sync_pb2.ChannelRow) -> Text:
    return tables.state(each, "status") if each.status else Text("")


def _warehouse_rows(found: Iterable[sync_pb2.WarehouseRow]) -> RenderableType:
    rows = list(found)
    errors = ["why it was left"] if any(each.error for each in rows) else []
    made = tables.table(
        "connection", "SKU", "facility", "location", "product", "#reported", "when", "#on hand", "#available", *errors
    )
    for each in rows:
        on_hand = tables.number(each.on_hand)
        if each.on_hand != each.reported:
            on_hand.stylize("yellow")
        made.add_row(
            each.connection, each.sku, each.facility, each.location or Text("none", style="dim"),
            tables.product(each.product.owner, each.product.sku), tables.number(each.reported),
            tables.time(each.report_time), on_hand, tables.number(each.available),
            *([Text(each.error, style="red")] if errors else []),
        )  # fmt: skip
    return made
