"""Where transfers and stocking orders are kept, their lines with them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, DateTime, or_

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_pooling.domain.transfers import StockingOrder, Transfer

_INSTANT = DateTime(timezone=True)


class _KeptTransfers(Kept):
    """Transfers, which can be asked for by a `side`: their sender or their recipient."""

    def has(self, name: str, value: Any) -> ColumnElement[bool]:
        """Whether a transfer has what `Where` asks for under this name."""
        if name != "side":
            return super().has(name, value)
        return or_(self.table.c.sender == value, self.table.c.recipient == value)


TRANSFERS = (
    _KeptTransfers(
        Transfer,
        "transfers",
        "transfer",
        "sender",
        "recipient",
        "state",
        nested("lines"),
        nested("requested_by"),
        column("create_time", _INSTANT),
        "location",
        column("quick", Boolean),
        "note",
        "reason",
        "under_way",
        nested("settled_by"),
        column("settle_time", _INSTANT),
        nested("returned_by"),
        "reservation",
    ),
    Kept(
        StockingOrder,
        "stocking_orders",
        "stocking_order",
        "hub",
        "facility",
        nested("lines"),
        nested("placed_by"),
        column("create_time", _INSTANT),
        "note",
        column("under_way", Boolean),
    ),
)
"""Transfers of custody, and stocking orders."""
