"""Goods that pass from one person to another, and hub stock put on the shelves of facilities."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.pooling.v1 import pool_pb2, transfer_service_pb2
from weir_cli import tables
from weir_cli.documents import document, word
from weir_cli.paging import listed
from weir_cli.promising import order_line
from weir_cli.session import Answer, Session, changed
from weir_cli.watching import listed_and_followed, news


def stock_line(text: str, **item: str) -> pool_pb2.StockLine:
    """Units written `SKU@LOCATION=QUANTITY`; without `=QUANTITY` one unit. Raises LineUnreadable."""
    line = order_line(text, **item)
    return pool_pb2.StockLine(stock_item=line.stock_item, quantity=line.quantity)


async def request(session: Session, asked: transfer_service_pb2.RequestTransferRequest, *, check: bool) -> Answer:
    """Ask for goods to go to somebody."""
    asked.request_id, asked.validate_only = session.change(), check
    return _changed(session, await session.transfers.RequestTransfer(asked), check=check)


async def quick(session: Session, asked: transfer_service_pb2.RequestTransferRequest, *, check: bool) -> Answer:
    """Move goods to somebody at once."""
    asked.request_id, asked.validate_only = session.change(), check
    made = transfer_service_pb2.QuickTransferRequest.FromString(asked.SerializeToString())
    return _changed(session, await session.transfers.QuickTransfer(made), check=check)


async def settle(session: Session, verb: str, transfer: str, *, check: bool, **more: Any) -> Answer:
    """Accept, decline, cancel or return one; `verb` is the first word of the rpc."""
    asked = getattr(transfer_service_pb2, f"{verb}TransferRequest")(
        request_id=session.change(), transfer=transfer, validate_only=check, **more
    )
    return _changed(session, await getattr(session.transfers, f"{verb}Transfer")(asked), check=check)


async def remove(
    session: Session, transfer: str, units: Sequence[transfer_service_pb2.TransferUnits], *, check: bool
) -> Answer:
    """Take out what is missing."""
    asked = transfer_service_pb2.RemoveTransferUnitsRequest(
        request_id=session.change(), transfer=transfer, units=units, validate_only=check
    )
    return _changed(session, await session.transfers.RemoveTransferUnits(asked), check=check)


async def one(session: Session, transfer: str) -> Answer:
    """One transfer with its lines."""
    response = await session.transfers.GetTransfer(transfer_service_pb2.GetTransferRequest(transfer=transfer))
    return Answer(document(response), [*transfer_shown(response.transfer), tables.footnote(response.revision)])


async def several(session: Session, asked: transfer_service_pb2.ListTransfersRequest, *, limit: int) -> Answer:
    """Transfers, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.transfers.ListTransfers, asked, "transfers", limit=limit)
    return Answer(found.document, [transfer_table(found.found), found.footnote])


def watch(
    session: Session, asked: transfer_service_pb2.ListTransfersRequest, *, limit: int, count: int | None
) -> AsyncGenerator[Answer]:
    """One answer for those there are, then one for each commit that changes some which `asked` names."""

    def told(message: transfer_service_pb2.WatchTransfersResponse) -> Answer | None:
        found = [each for each in message.transfers if _named(asked, each)]
        return news("transfers", found, message.through, transfer_line)

    asking = transfer_service_pb2.WatchTransfersRequest()
    first = listed(session.transfers.ListTransfers, asked, "transfers", limit=limit)
    return listed_and_followed(first, transfer_table, session.transfers.WatchTransfers, asking, told, count=count)


def _named(asked: transfer_service_pb2.ListTransfersRequest, found: pool_pb2.Transfer) -> bool:
    """Whether the list would hold the transfer."""
    return (
        asked.state in (pool_pb2.TRANSFER_STATE_UNSPECIFIED, found.state)
        and asked.sender in ("", found.sender)
        and asked.recipient in ("", found.recipient)
    )


async def place(session: Session, asked: transfer_service_pb2.PlaceStockingOrderRequest, *, check: bool) -> Answer:
    """Put hub stock on the shelf of a facility."""
    asked.request_id, asked.validate_only = session.change(), check
    response = await session.transfers.PlaceStockingOrder(asked)
    return changed(session, response, stocking_shown(response.stocking_order), check=check)


async def stocking_order(session: Session, name: str) -> Answer:
    """One stocking order with its lines."""
    asked = transfer_service_pb2.GetStockingOrderRequest(stocking_order=name)
    response = await session.transfers.GetStockingOrder(asked)
    return Answer(document(response), [*stocking_shown(response.stocking_order), tables.footnote(response.revision)])


async def stocking_orders(
    session: Session, asked: transfer_service_pb2.ListStockingOrdersRequest, *, limit: int
) -> Answer:
    """Stocking orders, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.transfers.ListStockingOrders, asked, "stocking_orders", limit=limit)
    made = tables.table("stocking order", "hub", "facility", "#units", "placed", "by", "")
    for each in found.found:
        made.add_row(
            each.stocking_order, each.hub, each.facility, tables.number(sum(line.quantity for line in each.lines)),
            tables.time(each.create_time), actor(each.placed_by), _open("placing" if each.under_way else ""),
        )  # fmt: skip
    return Answer(found.document, [made, found.footnote])


def transfer_table(found: Iterable[pool_pb2.Transfer]) -> RenderableType:
    """Transfers, a row each."""
    made = tables.table("transfer", "state", "from", "to", "#units", "asked for", "by", "")
    for each in found:
        made.add_row(
            each.transfer, tables.state(each), each.sender, each.recipient, tables.number(_units(each)),
            tables.time(each.create_time), actor(each.requested_by), _open(each.under_way),
        )  # fmt: skip
    return made


def transfer_line(found: pool_pb2.Transfer) -> Text:
    """What a transfer is, without its lines."""
    said = Text.assemble(
        (found.transfer, "bold"), "  ", tables.state(found), f"  {found.sender} → {found.recipient}",
        f"  {tables.counted(_units(found), 'unit')}",
    )  # fmt: skip
    if found.quick:
        said.append("  at once", style="dim")
    return Text.assemble(said, "  ", _open(found.under_way)) if found.under_way else said


def transfer_shown(found: pool_pb2.Transfer) -> list[RenderableType]:
    """One transfer: who did what to it, and its lines."""
    said = [
        Text.assemble((f"{label} ", "dim"), value)
        for label, value in (
            ("asked for by", f"{actor(found.requested_by)} at {tables.time(found.create_time)}"),
            (f"{word(found, 'state').lower()} by", _settled(found)),
            ("put back to sale by", actor(found.returned_by) if found.HasField("returned_by") else ""),
            ("goes to location", found.location),
            ("note:", found.note),
            ("reason:", found.reason),
        )
        if value
    ]
    removed = any(line.removed for line in found.lines)
    made = tables.table("#line", "product", "location", "", "#units", *(["#taken out"] if removed else []))
    for line in found.lines:
        made.add_row(
            str(line.line), *item_cells(line.stock_item), tables.number(line.quantity),
            *([tables.number(line.removed)] if removed else []),
        )  # fmt: skip
    return [transfer_line(found), *said, made]


def _settled(found: pool_pb2.Transfer) -> str:
    if not found.HasField("settled_by"):
        return ""
    return f"{actor(found.settled_by)} at {tables.time(found.settle_time)}"


def stocking_shown(found: pool_pb2.StockingOrder) -> list[RenderableType]:
    """One stocking order with its lines."""
    head = Text.assemble(
        (found.stocking_order, "bold"), f"  {found.hub} → {found.facility}", ("  placed by ", "dim"),
        f"{actor(found.placed_by)} at {tables.time(found.create_time)}  ",
        _open("placing" if found.under_way else ""),
    )  # fmt: skip
    made = tables.table("product", "from", "", "#units")
    for line in found.lines:
        made.add_row(*item_cells(line.stock_item), tables.number(line.quantity))
    note = [Text.assemble(("note: ", "dim"), found.note)] if found.note else []
    return [head, *note, made]


def item_cells(item: stock_pb2.StockItem) -> tuple[Text, str, Text]:
    """Product, location and what else tells a stock item from others, but for its custodian."""
    return tables.product(item.product.owner, item.product.sku), item.location, tables.details(item, custody=False)


def actor(found: pool_pb2.Actor) -> str:
    """Who did something, and for whom where that is somebody else."""
    if found.acting_for in ("", found.user):
        return found.user
    return f"{found.user} for {found.acting_for}"


def _units(found: pool_pb2.Transfer) -> int:
    return sum(line.quantity - line.removed for line in found.lines)


def _open(under_way: str) -> Text:
    """That the ledger has not been heard of yet."""
    return Text(f"{under_way} is under way" if under_way else "", style="yellow")


def _changed(session: Session, response: Any, *, check: bool) -> Answer:
    return changed(session, response, transfer_shown(response.transfer), check=check)
