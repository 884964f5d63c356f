"""What is in whose custody, as a person sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.pooling.v1 import pool_pb2, pooling_service_pb2
from weir_cli import tables
from weir_cli.documents import word
from weir_cli.paging import cut, listed
from weir_cli.session import Answer, Session

STYLES = {"HUB": "red", "OWN": "", "MEMBER": "cyan"}
"""The hub's custody is shown red and one's own plain; the word is always there."""


async def view(session: Session, asked: pooling_service_pb2.ListStockRequest, *, limit: int) -> Answer:
    """Goods as a viewer sees them, `limit` rows at most; `asked` carries viewer, view and filters."""
    newest = pooling_service_pb2.ListStockResponse()

    async def page(request: pooling_service_pb2.ListStockRequest) -> pooling_service_pb2.ListStockResponse:
        response = await session.pooling.ListStock(request)
        newest.ledger_revision.CopyFrom(response.ledger_revision)
        return response

    found = await listed(page, asked, "stock", limit=limit)
    note = cut(found.found, found.more) if found.more else available(found.found)
    foot = tables.footnote(found.revision, newest.ledger_revision, note=note)
    return Answer(found.document, [stock(found.found), foot])


def stock(found: Iterable[pool_pb2.Stock]) -> RenderableType:
    """Goods with whose custody they are in; last days, and goods on their way, only where there are some."""
    rows = list(found)
    dated = any(each.expiry_date for each in rows)
    ways = [name for name in ("in_transfer", "incoming") if any(getattr(each, name) for each in rows)]
    headed = [f"#{name.replace('_', ' ')}" for name in ways]
    days = ["last day"] if dated else []
    made = tables.table("custody", "custodian", "product", "location", "", *days, "#on hand", "#available", *headed)
    for each in rows:
        item = each.stock_item
        custody = word(each, "custody")
        made.add_row(
            Text(custody, style="bold"), item.custodian, tables.product(item.product.owner, item.product.sku),
            item.location, tables.details(item, custody=False), *([each.expiry_date] if dated else []),
            tables.number(each.on_hand),
            Text(tables.number(each.available).plain, style="bold"),
            *(tables.number(getattr(each, name)) for name in ways), style=STYLES.get(custody, ""),
        )  # fmt: skip
    return made


def available(found: Iterable[pool_pb2.Stock]) -> str:
    """How many units may be used now, of each custody."""
    units: Counter[str] = Counter()
    for each in found:
        units[word(each, "custody")] += each.available
    said = ", ".join(f"{count:,} {custody}" for custody, count in units.items())
    return f"available: {said}" if said else "nothing in custody"
