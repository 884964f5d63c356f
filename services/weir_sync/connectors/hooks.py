"""What stores send by themselves: who signed it, and what it says.

Shopify and WooCommerce repeat, reorder and collapse what they send, so theirs is a hint: their orders are read from
them. Any other store sends one order in the words of `weir.connector.v1.StoreOrder` as JSON, signed as `signatures`
says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from weir_chassis.errors import Malformed
from weir_chassis.fields import Fields
from weir_sync.connectors.port import SoldLine, SoldOrder
from weir_sync.connectors.signatures import SIGNATURE, TIMESTAMP, is_signed
from weir_sync.domain.connections import ConnectorKind

LINES_MAX = 500
Units = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]

Headers = Mapping[str, str]
"""By name, in small letters."""


class Unreadable(ValueError):
    """What was sent is no order; the text is for people."""


class Hook(NamedTuple):
    """How stores of a kind send: the `secret` by which they sign, and how what they sent is read; None: it is a hint
    that there is something to read at the store."""

    secret: str
    is_signed: Callable[[str, Headers, bytes, float], bool]
    read: Callable[[bytes], SoldOrder] | None = None


class _Line(msgspec.Struct):
    store_sku: str
    quantity: Units


class _Order(msgspec.Struct):
    store_order: str
    lines: list[_Line]
    place_time: datetime | None = None
    cancelled: bool = False


def order(body: bytes) -> SoldOrder:
    """An order as a store sent it; raises Unreadable."""
    try:
        told = msgspec.json.decode(body, type=_Order)
        with Fields() as fields:
            lines = tuple(
                SoldLine(each.identifier("store_sku", line.store_sku), line.quantity)
                for each, line in fields.each("lines", told.lines, most=LINES_MAX)
            )
            name = fields.identifier("store_order", told.store_order)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Unreadable(str(fault)) from None
    except Malformed as fault:
        raise Unreadable(fault.message) from None
    if told.place_time is not None and told.place_time.tzinfo is None:
        raise Unreadable("`place_time` has no time zone.")
    placed_at = None if told.place_time is None else told.place_time.astimezone(UTC)
    return SoldOrder(name, lines, placed_at, told.cancelled)


def _by_us(key: str, headers: Headers, body: bytes, now: float) -> bool:
    return is_signed(key, headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, ""), body, now=now)


def _by_header(name: str) -> Callable[[str, Headers, bytes, float], bool]:
    def is_signed_there(key: str, headers: Headers, body: bytes, now: float) -> bool:
        wanted = base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest())
        return hmac.compare_digest(wanted, headers.get(name, "").encode())

    return is_signed_there


HOOKS: Mapping[ConnectorKind, Hook] = {
    ConnectorKind.WEBHOOK: Hook("signing_key", _by_us, order),
    ConnectorKind.SHOPIFY: Hook("webhook_secret", _by_header("x-shopify-hmac-sha256")),
    ConnectorKind.WOOCOMMERCE: Hook("webhook_secret", _by_header("x-wc-webhook-signature")),
}
"""Stores that send by themselves."""
