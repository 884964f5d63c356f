"""The checkers of the ledger's load find each thing that can be wrong, and nothing in a history that is right."""

from __future__ import annotations

from typing import Any

from tests.kit.ledger import RECEIVE, SHIP, draft, item, movement, request
from tests.simulation.ledger_load import Load, Write, expected, wrong
from weir.ledger.v1 import ledger_pb2, ledger_service_pb2, reservation_pb2, reservation_service_pb2

RESERVE = ledger_pb2.ENTRY_KIND_RESERVE
NAME = "01a200ca-98d0-74cf-9b25-c4403338ded3"


def history() -> Load:
    """Five units received and four promised of them; a shipment was refused."""
    load = Load(list, 1)
    facts = request("RecordMovements", request_id="in", movements=[movement(RECEIVE, "A", 5)])
    answer: Any = ledger_service_pb2.RecordMovementsResponse()
    answer.revision.number = 1
    load.history.append(Write("RecordMovements", facts, 1, answer))
    answer = reservation_service_pb2.ReserveResponse()
    answer.revision.number = 2
    answer.reservation.reservation = NAME
    answer.reservation.lines.append(reservation_pb2.ReservationLine(stock_item=item("A"), quantity=4, open=4))
    load.history.append(Write("Reserve", request("Reserve", request_id="hold", draft=draft(("A", 4))), 1, answer))
    refused = request("RecordMovements", request_id="out", movements=[movement(SHIP, "A", 9)])
    load.history.append(Write("RecordMovements", refused, 1, None, "INSUFFICIENT_ON_HAND"))
    return load


def entry(revision: int, kind: int, request_id: str, *counts: int) -> ledger_pb2.Entry:
    """An entry of A with the changes of both counts and the counts after it."""
    made = ledger_pb2.Entry(revision=revision, line=1, account=ledger_pb2.ACCOUNT_STOCK, stock_item=item("A"))
    made.kind = kind  # type: ignore[assignment]
    made.request_id = request_id
    made.on_hand_delta, made.reserved_delta, made.on_hand, made.reserved = counts
    return made


def books() -> list[ledger_pb2.Entry]:
    """The entries that such a history makes."""
    return [entry(1, RECEIVE, "in", 5, 0, 5, 0), entry(2, RESERVE, "hold", 0, 4, 5, 4)]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    """Books that tell what the clients were told are in order."""
    assert wrong(history(), books()) == []
    assert expected(history()) == {"A": (5, 4), "B": (0, 0), "C": (0, 0)}


def test_each_wrong_is_found() -> None:
    """Units promised twice, a count out of step, a write lost, moved, doubled or made up, and an accident are found."""
    first, second = books()
    tampered: dict[str, list[ledger_pb2.Entry]] = {
        "oversold": [first, entry(2, RESERVE, "hold", 0, 6, 5, 6)],
        "not the fold": [first, entry(2, RESERVE, "hold", 0, 4, 5, 3)],
        "it is in None": [first],
        "it is in {3}": [first, entry(3, RESERVE, "hold", 0, 4, 5, 4)],
        "it is in {2, 3}": [first, second, entry(3, RESERVE, "hold", 0, 1, 5, 5)],
        "but was refused": [first, second, entry(3, SHIP, "out", -1, 0, 4, 4)],
    }
    for what, entries in tampered.items():
        found = wrong(history(), entries)
        assert found
        assert all(what in each for each in found), found
    broken = history()
    broken.accidents.append("incident 1")
    assert wrong(broken, books()) == ["accident: incident 1"]
