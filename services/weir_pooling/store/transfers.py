"""Where transfers and stocking orders are kept, their lines with them."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, DateTime, or_, text
from sqlalchemy.dialects import postgresql

from weir_chassis.configuration.postgres import Kept, column, nested
from weir_pooling.domain.deeds import Item
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

GOING = text("""
SELECT item, sum(units)::bigint AS in_transfer,
       coalesce(sum(units) FILTER (WHERE recipient = :viewer), 0)::bigint AS incoming
FROM (
    SELECT line -> 0 AS item, t.recipient, (line ->> 1)::bigint - (line ->> 2)::bigint AS units
    FROM transfers t CROSS JOIN LATERAL jsonb_array_elements(t.lines) line
    WHERE t.tenant = :tenant AND t.state = 'PENDING' AND t.sender = ANY (:senders)
      AND line -> 0 = ANY (CAST(:items AS jsonb[]))
) going
WHERE units > 0 GROUP BY item
""").columns(column("item", postgresql.JSONB), column("in_transfer", BigInteger), column("incoming", BigInteger))
"""The units of transfers that are pending, by stock item, as a line of theirs has it."""


def asked(tenant: str, items: Collection[Item], viewer: str) -> dict[str, Any]:
    """What `GOING` is executed with, to be told of these stock items."""
    return {
        "tenant": tenant,
        "senders": sorted({each.custodian for each in items}),
        "items": [json.dumps(each, ensure_ascii=False) for each in items],
        "viewer": viewer,
    }
