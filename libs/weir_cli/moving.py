"""Facts for the ledger: what came, went, moved, was counted; and what lies where."""

from __future__ import annotations

from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_cli import tables
from weir_cli.options import Point, View
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed

SHORTFALLS = 100
"""Shortfalls that one page may have."""


def stock_item(
    sku: str, location: str, *, owner: str = "", lot: str = "", uom: str = "", custodian: str = "", condition: str = ""
) -> stock_pb2.StockItem:
    """One physical row of the ledger; `condition` is a word such as HOLD, empty for sellable."""
    return stock_pb2.StockItem(
        product=stock_pb2.Product(owner=owner, sku=sku),
        location=location,
        lot=lot,
        uom=uom,
        custodian=custodian,
        condition=stock_pb2.Condition.Value(f"CONDITION_{condition or 'UNSPECIFIED'}"),
    )


def stock_view(view: View | None) -> stock_pb2.StockView.ValueType:
    """A view as the contracts have it; None says nothing."""
    return _VIEWS[view] if view is not None else stock_pb2.STOCK_VIEW_UNSPECIFIED


_VIEWS = {
    View.MINE: stock_pb2.STOCK_VIEW_MY_CUSTODY,
    View.SHARED: stock_pb2.STOCK_VIEW_SHARED_BY_DISTRIBUTOR,
    View.BOTH: stock_pb2.STOCK_VIEW_BOTH,
}


def movement(
    kind: str,
    item: stock_pb2.StockItem,
    quantity: int,
    *,
    destination: stock_pb2.StockItem | None = None,
    reference: str = "",
    occurred: datetime | None = None,
    expected: int | None = None,
) -> ledger_pb2.Movement:
    """One fact; `kind` is a word such as RECEIVE, `expected` the revision that the balance must have."""
    made = ledger_pb2.Movement(
        kind=ledger_pb2.EntryKind.Value(f"ENTRY_KIND_{kind}"),
        stock_item=item,
        quantity=quantity,
        destination=destination,
        reference=reference,
        expected_revision=expected,
    )
    if occurred is not None:
        made.occurred_time.FromDatetime(occurred)
    return made


async def record(session: Session, fact: ledger_pb2.Movement, *, check: bool) -> Answer:
    """Record one movement; the answer shows every stock item it touched."""
    request = ledger_service_pb2.RecordMovementsRequest(
        request_id=session.change(), movements=[fact], validate_only=check
    )
    response = await session.ledger.RecordMovements(request)
    return changed(session, response, [tables.balances(response.balances)], check=check)


async def stock(
    session: Session, asked: ledger_service_pb2.ListBalancesRequest, point: Point | None, *, limit: int
) -> Answer:
    """Counts of stock items at a point in history, or now, `limit` at most; `asked` carries the filters."""
    if point is not None:
        asked.as_of.CopyFrom(await as_of(session, point))
    found = await listed(session.ledger.ListBalances, asked, "balances", limit=limit)
    return Answer(found.document, [tables.balances(found.found), found.footnote])


async def as_of(session: Session, point: Point) -> ledger_pb2.AsOf:
    """A point in history as the contract names it; a number alone is one of these books, in their present epoch."""
    made = ledger_pb2.AsOf()
    if isinstance(point.at, int):
        made.revision.CopyFrom(await session.head())
        made.revision.number = point.at
    elif point.occurred:
        made.occurred_time.FromDatetime(point.at)
    else:
        made.recorded_time.FromDatetime(point.at)
    return made


async def shortfalls(session: Session, asked: ledger_service_pb2.ListShortfallsRequest, *, limit: int) -> Answer:
    """Stock items of which more is promised than is there, `limit` at most; `asked` carries the filters."""
    found = await listed(session.ledger.ListShortfalls, asked, "shortfalls", limit=limit, page_size=SHORTFALLS)
    shown: list[RenderableType] = [part for each in found.found for part in tables.shortfall(each)]
    if not found.found:
        shown.append(Text("Every promised unit is there.", style="green"))
    return Answer(found.document, [*shown, found.footnote])
