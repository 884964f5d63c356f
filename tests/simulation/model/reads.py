"""What questions are answered at the end of a revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from tests.simulation.model.books import Books, Item, Place, Promise, Refused, item, moment
from tests.simulation.model.ceilings import claim
from tests.simulation.model.lots import list_lots
from tests.simulation.model.movements import known_balance
from tests.simulation.model.places import location
from tests.simulation.model.waiting import get_waiting, list_back_orders, list_waiting
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_service_pb2

HITS_MAX = 100


def get_balance(books: Books, request: Any) -> ledger_service_pb2.GetBalanceResponse:
    """The counts of a stock item."""
    what = item(request.stock_item)
    if books.get("count", what) is None:
        raise Refused("BALANCE_NOT_FOUND", sku=what.sku, location=what.location)
    return ledger_service_pb2.GetBalanceResponse(balance=known_balance(books, what))


def list_balances(books: Books, request: Any) -> ledger_service_pb2.ListBalancesResponse:
    """All counts."""
    return ledger_service_pb2.ListBalancesResponse(
        balances=[known_balance(books, what) for what in sorted(books.every("count"))]
    )


def list_shortfalls(books: Books, request: Any) -> ledger_service_pb2.ListShortfallsResponse:
    """All shortfalls."""
    short = sorted(what for what, count in books.every("count").items() if count.shortfall)
    return ledger_service_pb2.ListShortfallsResponse(shortfalls=[_shortfall(books, what) for what in short])


def _shortfall(books: Books, what: Item) -> ledger_pb2.Shortfall:
    """A shortfall, and the promises it hits: the newest by name first, until their units add up to it."""
    count = books.count(what)
    told = ledger_pb2.Shortfall(
        stock_item=what.message(),
        on_hand=count.on_hand,
        reserved=count.reserved,
        shortfall=count.shortfall,
        open_time=moment(books.get("short", what)),
    )
    missing = count.shortfall
    promises: Iterable[Promise] = books.every("promise").values()
    for promise in sorted(promises, key=attrgetter("name"), reverse=True):
        for number, line in reversed(list(enumerate(promise.lines, 1))):
            if line.item != what or not line.open or not missing:
                continue
            hit = min(missing, line.open)
            missing -= hit
            told.hits.add(
                reservation=promise.name, line=number, order=promise.order, channel=promise.channel, open=line.open,
                missing=hit, create_time=moment(promise.created),
            )  # fmt: skip
    return told


def list_locations(books: Books, request: Any) -> ledger_service_pb2.ListLocationsResponse:
    """All locations."""
    places: Mapping[str, Place] = books.every("place")
    return ledger_service_pb2.ListLocationsResponse(locations=[location(books, name) for name in sorted(places)])


def get_reservation(books: Books, request: Any) -> reservation_service_pb2.GetReservationResponse:
    """A reservation."""
    found = books.promise(request.reservation)
    plan: bytes = books.get("plan", found.name) or b""
    return reservation_service_pb2.GetReservationResponse(reservation=found.message(), plan=plan)


def list_reservations(books: Books, request: Any) -> reservation_service_pb2.ListReservationsResponse:
    """The first reservations, in some states if any are named."""
    promises: Mapping[str, Promise] = books.every("promise")
    found = [promises[name] for name in sorted(promises)]
    wanted = [each.message() for each in found if not request.states or each.state in request.states]
    return reservation_service_pb2.ListReservationsResponse(reservations=wanted[: request.page_size])


def get_claims(books: Books, request: Any) -> reservation_service_pb2.GetClaimsResponse:
    """What is claimed under some keys."""
    return reservation_service_pb2.GetClaimsResponse(claims=[claim(books, name) for name in request.claims])


READS: Mapping[str, Callable[[Books, Any], Any]] = {
    "GetBalance": get_balance,
    "ListBalances": list_balances,
    "ListShortfalls": list_shortfalls,
    "ListLocations": list_locations,
    "ListLots": list_lots,
    "GetReservation": get_reservation,
    "ListReservations": list_reservations,
    "GetClaims": get_claims,
    "GetWaiting": get_waiting,
    "ListWaiting": list_waiting,
    "ListBackOrders": list_back_orders,
}
"""How each question is answered: the response without its revision; or it raises Refused."""
