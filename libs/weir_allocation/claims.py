"""What the ledger counts a channel group's orders under: one claim for each product, warehouse group and channel group.

The claim stays the same from epoch to epoch, so that an order that comes late or is given back counts for whatever
share its group has by then; only the ceiling moves. A claim of a bundle is counted in units of its first component:
packed bundles and parts then add up without fractions. That quantity is its scale, 1 for everything else.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

import msgspec

from weir_allocation.sharing import Sharing
from weir_allocation.stock import Product

_written = json.JSONEncoder(ensure_ascii=False).encode
_read = msgspec.json.Decoder(tuple[str, str, str, str, int]).decode
_PREFIX = "share:"
_DIGITS = 32


class Claim(NamedTuple):
    """What is claimed: units of a product that a channel group sells out of a warehouse group."""

    product: Product
    warehouse_group: str
    channel_group: str
    scale: int = 1
    """What each unit of the product counts."""

    @property
    def subject(self) -> str:
        """What the claim stands for, as `read` understands it; people do too."""
        owner, sku = self.product
        return _written([owner, sku, self.warehouse_group, self.channel_group, self.scale])

    @property
    def key(self) -> str:
        """The key in the ledger; another one for every other claim."""
        return key(self.subject)


def key(subject: str) -> str:
    """The key of the claim that a subject stands for."""
    return _PREFIX + hashlib.sha256(subject.encode()).hexdigest()[:_DIGITS]


def read(subject: str) -> Claim | None:
    """The claim that a subject stands for; None where it is not one of these."""
    try:
        owner, sku, warehouse_group, channel_group, scale = _read(subject)
    except msgspec.MsgspecError:
        return None
    if scale < 1:
        return None
    return Claim((owner, sku), warehouse_group, channel_group, scale)


def scale(sharing: Sharing, product: Product) -> int:
    """What each unit of a product counts under its claims: of a bundle the quantity of its first component."""
    bundle = sharing.bundles.get(product)
    return bundle.parts[0][1] if bundle and bundle.parts else 1
