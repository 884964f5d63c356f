"""Locations come, change and go."""

from __future__ import annotations

from typing import Any

from tests.simulation.model.books import Books, Place, Refused
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2


def create_location(books: Books, request: Any, told: Any = None) -> ledger_service_pb2.CreateLocationResponse:
    """A new one."""
    name = request.location.location
    if books.get("place", name) is not None:
        raise Refused("LOCATION_EXISTS", location=name)
    return ledger_service_pb2.CreateLocationResponse(location=_write(books, request.location))


def update_location(books: Books, request: Any, told: Any = None) -> ledger_service_pb2.UpdateLocationResponse:
    """Another kind and name."""
    _require(books, request.location.location, request.location.etag)
    return ledger_service_pb2.UpdateLocationResponse(location=_write(books, request.location))


def delete_location(books: Books, request: Any, told: Any = None) -> ledger_service_pb2.DeleteLocationResponse:
    """None, where nothing was ever booked."""
    _require(books, request.location, request.etag)
    booked = sum(each.location == request.location for each in books.every("count"))
    if booked:
        raise Refused("LOCATION_IN_USE", location=request.location, stock_items=booked)
    books.put("place", request.location, None)
    return ledger_service_pb2.DeleteLocationResponse()


def location(books: Books, name: str) -> ledger_pb2.Location:
    """A location as the ledger tells it."""
    found: Place = books.get("place", name)
    return ledger_pb2.Location(
        location=name,
        kind=found.kind,  # type: ignore[arg-type]
        display_name=found.display_name,
        etag=str(found.revision),
    )


def _require(books: Books, name: str, etag: str) -> None:
    found: Place | None = books.get("place", name)
    if found is None:
        raise Refused("LOCATION_NOT_FOUND", location=name)
    if etag not in ("", str(found.revision)):
        raise Refused("ETAG_STALE", current=found.revision)


def _write(books: Books, asked: ledger_pb2.Location) -> ledger_pb2.Location:
    books.put("place", asked.location, Place(asked.kind, asked.display_name, books.revision))
    return location(books, asked.location)
