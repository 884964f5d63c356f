"""A sequential ledger, made anew from the contract: one command after the other on plain values.

It shares no line with the ledger it judges. What only the ledger can choose, such as the names of reservations and the
moment, is taken from its answer; that it could have chosen so is for the checker to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.model.books import Books, Refused
from tests.simulation.model.ceilings import set_ceilings
from tests.simulation.model.demands import promise_waiting
from tests.simulation.model.endings import amend, confirm, expire, extend, fulfil, mark_handed_over, release, transfer
from tests.simulation.model.lots import set_lot
from tests.simulation.model.movements import record_movements
from tests.simulation.model.places import create_location, delete_location, update_location
from tests.simulation.model.promises import reserve, reserve_batch
from tests.simulation.model.reads import READS
from tests.simulation.model.waiting import cancel_waiting, set_back_orders

DECISIONS: Mapping[str, Callable[[Books, Any, Any], Any]] = {
    "CreateLocation": create_location,
    "UpdateLocation": update_location,
    "DeleteLocation": delete_location,
    "SetLot": set_lot,
    "RecordMovements": record_movements,
    "Reserve": reserve,
    "ReserveBatch": reserve_batch,
    "Amend": amend,
    "Confirm": confirm,
    "Extend": extend,
    "Fulfil": fulfil,
    "Transfer": transfer,
    "Release": release,
    "MarkHandedOver": mark_handed_over,
    "SetCeilings": set_ceilings,
    "SetBackOrders": set_back_orders,
    "CancelWaiting": cancel_waiting,
    "PromiseWaiting": promise_waiting,
}
"""How each write is decided: on the books, by its request; a third message tells what the ledger chose, if known.

Each returns the response without its revision, or raises Refused; then what it changed has to be taken back.
"""

__all__ = ["DECISIONS", "READS", "Books", "Refused", "expire"]
