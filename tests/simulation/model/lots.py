"""What is known of lots is set, and set again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.simulation.model.books import Books, Refused
from weir.common.v1 import stock_pb2
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2

Name = tuple[str, str, str]
"""Owner, sku and batch."""


class Known(NamedTuple):
    """The last day of a lot, and since which revision that is so."""

    day: str
    revision: int


def set_lot(books: Books, request: Any, told: Any = None) -> ledger_service_pb2.SetLotResponse:
    """Another last day; what is so already stays."""
    asked = request.lot
    name = (asked.product.owner, asked.product.sku, asked.lot)
    found: Known | None = books.get("lot", name)
    if asked.etag not in ("", str(found.revision) if found else ""):
        raise Refused("ETAG_STALE", current=found.revision if found else "")
    if found is None or found.day != asked.expiry_date:
        books.put("lot", name, Known(asked.expiry_date, books.revision))
    return ledger_service_pb2.SetLotResponse(lot=lot(books, name))


def list_lots(books: Books, request: Any) -> ledger_service_pb2.ListLotsResponse:
    """All that is known."""
    known: Mapping[Name, Known] = books.every("lot")
    return ledger_service_pb2.ListLotsResponse(lots=[lot(books, name) for name in sorted(known)])


def lot(books: Books, name: Name) -> ledger_pb2.Lot:
    """What is known of a lot, as the ledger tells it."""
    found: Known = books.get("lot", name)
    owner, sku, batch = name
    product = stock_pb2.Product(owner=owner, sku=sku)
    return ledger_pb2.Lot(product=product, lot=batch, expiry_date=found.day, etag=str(found.revision))
