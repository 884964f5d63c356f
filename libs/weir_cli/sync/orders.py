"""What stores sold."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.connector.v1 import connector_pb2
from weir.sync.v1 import order_service_pb2, store_order_pb2
from weir_cli import tables
from weir_cli.documents import document
from weir_cli.paging import listed
from weir_cli.promising import LineUnreadable, units_of
from weir_cli.session import Answer, Session


def sold_line(text: str) -> connector_pb2.StoreOrderLine:
    """A line written `SKU=QUANTITY`; without `=QUANTITY` one unit. Raises LineUnreadable."""
    sku, _, units = text.rpartition("=")
    if not sku:
        sku, units = text, "1"
    if not sku:
        raise LineUnreadable(f"'{text}' is not of the form SKU=QUANTITY.")
    return connector_pb2.StoreOrderLine(store_sku=sku, quantity=units_of(text, units))


async def report(session: Session, connection: str, order: connector_pb2.StoreOrder, *, check: bool) -> Answer:
    """Report an order that a store has taken, or that was cancelled there."""
    request = order_service_pb2.ReportStoreOrderRequest(
        request_id=session.change(), connection=connection, order=order, validate_only=check
    )
    response = await session.store_orders.ReportStoreOrder(request)
    revisions = [response.ledger_revision] if response.HasField("ledger_revision") else []
    note = "only checked, nothing was changed" if check else ""
    footnote = tables.footnote(*revisions, request_id=session.request_id, note=note)
    return Answer({"request_id": session.request_id, **document(response)}, [*detailed(response.order), footnote])


async def order(session: Session, connection: str, name: str) -> Answer:
    """One order of a store."""
    request = order_service_pb2.GetStoreOrderRequest(connection=connection, store_order=name)
    response = await session.store_orders.GetStoreOrder(request)
    return Answer(document(response), detailed(response.order))


async def orders(session: Session, asked: order_service_pb2.ListStoreOrdersRequest, *, limit: int) -> Answer:
    """Orders of stores, newest first, `limit` at most; `asked` carries the filters."""
    found = await listed(session.store_orders.ListStoreOrders, asked, "orders", limit=limit)
    return Answer(found.document, [_table(found.found), found.footnote])


def _table(found: Iterable[store_order_pb2.ReportedOrder]) -> RenderableType:
    orders = list(found)
    rules = ["rule"] if any(each.rule for each in orders) else []
    made = tables.table("connection", "store order", "state", "#units", "#short", "reported", "reservation", *rules)
    for each in orders:
        made.add_row(
            each.connection, each.order.store_order, tables.state(each),
            tables.number(sum(line.quantity for line in each.lines)), _short(sum(line.short for line in each.lines)),
            tables.time(each.report_time), each.reservation, *([each.rule] if rules else []),
        )  # fmt: skip
    return made


def detailed(found: store_order_pb2.ReportedOrder) -> list[RenderableType]:
    """One order with its lines."""
    errors = ["why it could not be read"] if any(each.error for each in found.lines) else []
    made = tables.table("store SKU", "product", "#units", "#short", *errors)
    for sold, line in zip(found.order.lines, found.lines, strict=False):
        made.add_row(
            sold.store_sku, tables.product(line.product.owner, line.product.sku), tables.number(line.quantity),
            _short(line.short), *([Text(line.error, style="red")] if errors else []),
        )  # fmt: skip
    return [_table([found]), made] if made.row_count else [_table([found])]


def _short(units: int) -> Text:
    return Text(f"{units:,}", style="bold red") if units else Text("0", style="dim")
