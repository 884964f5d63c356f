"""Keep the outcome of a request as text, so that its repetition gets the same answer."""

from typing import Any

import msgspec

from weir_chassis.errors import Refusal, recorded
from weir_ledger.domain.demands import PromiseOutcome
from weir_ledger.domain.reservations import Reservation, Reserved, ReserveOutcome
from weir_ledger.domain.stock import Balance, Location, Lot
from weir_ledger.domain.waiting import BackOrders, Waiting

_RECEIPTS: dict[str, Any] = {
    "CreateLocation": Location,
    "UpdateLocation": Location,
    "DeleteLocation": type(None),
    "SetLot": Lot,
    "SetBackOrders": BackOrders,
    "SetCeilings": tuple[str, ...],
    "RecordMovements": tuple[Balance, ...],
    "Reserve": Reserved,
    "ReserveBatch": tuple[ReserveOutcome, ...],
    "Amend": Reservation,
    "Confirm": Reservation,
    "Extend": Reservation,
    "Fulfil": Reservation,
    "Transfer": Reservation,
    "Release": Reservation,
    "MarkHandedOver": Reservation,
    "CancelWaiting": Waiting,
    "PromiseWaiting": tuple[PromiseOutcome, ...],
}
"""What each method's receipt is, to read it back as."""

_encode = msgspec.json.Encoder().encode
_decoders = {
    method: msgspec.json.Decoder(dict[str, receipt])  # type: ignore[valid-type]
    for method, receipt in _RECEIPTS.items()
}


def kept(outcome: object) -> str:
    """A receipt or a definite refusal, as text."""
    if isinstance(outcome, Refusal):
        return _encode({"refusal": outcome.to_record()}).decode()
    return _encode({"ok": outcome}).decode()


def recalled(method: str, text: str) -> object:
    """The receipt of `method`, or the refusal, that `kept` wrote."""
    if text.startswith('{"refusal":'):
        return recorded(msgspec.json.decode(text)["refusal"])
    if method == "Reserve" and text.startswith('{"ok":{"reservation":"'):  # from before it made anything else
        return Reserved(_decoders["Confirm"].decode(text)["ok"])
    return _decoders[method].decode(text)["ok"]
