"""Until when lots can be sold."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from weir.ledger.v1 import ledger_pb2, ledger_service_pb2
from weir_cli import tables
from weir_cli.paging import listed
from weir_cli.session import Answer, Session, changed


async def set_lot(session: Session, lot: ledger_pb2.Lot, *, check: bool) -> Answer:
    """Say until when a lot can be sold; without a date for ever."""
    request = ledger_service_pb2.SetLotRequest(request_id=session.change(), lot=lot, validate_only=check)
    response = await session.ledger.SetLot(request)
    return changed(session, response, [_lots([response.lot])], check=check)


async def lots(session: Session, asked: ledger_service_pb2.ListLotsRequest, *, limit: int) -> Answer:
    """Lots of which something is known, `limit` at most; `asked` carries the filters."""
    found = await listed(session.ledger.ListLots, asked, "lots", limit=limit)
    return Answer(found.document, [_lots(found.found), found.footnote])


def _lots(found: Iterable[ledger_pb2.Lot]) -> RenderableType:
    made = tables.table("product", "lot", "last day")
    for each in found:
        never = Text("never expires", style="dim")
        made.add_row(tables.product(each.product.owner, each.product.sku), each.lot, each.expiry_date or never)
    return made
