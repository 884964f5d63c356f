"""What waits: demands of orders for which there were no units, and how many units of each product may wait."""

import enum
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

Product = tuple[str, str]
"""Owner and stock keeping unit."""

DEMAND_LINES_MAX = 2000
"""Most lines, together, of the demands that one request may change: watchers are told of each whole, in one message."""

RESERVATIONS_MAX = 50
"""How many of its reservations a demand names: the newest."""


class WaitingState(enum.IntEnum):
    """How far a waiting demand has come. From PROMISED on it has ended and never changes again."""

    WAITING = 1
    PROMISED = 2
    CANCELLED = 3


class WaitingDraftLine(Struct, frozen=True):
    """Units that an order waits for."""

    product: Product
    quantity: int


class WaitingDraft(Struct, frozen=True):
    """What an order waits for; if `whole`, all that waits is promised at once or nothing.

    `plan` is what its caller keeps with the demand; nothing in the books looks into it.
    """

    lines: tuple[WaitingDraftLine, ...]
    whole: bool = False
    order: str = ""
    channel: str = ""
    plan: bytes = b""


def digested(plan: bytes) -> str:
    """The SHA-256 of what a caller keeps with a demand, in hexadecimal; empty where that is nothing."""
    return sha256(plan).hexdigest() if plan else ""


class WaitingLine(Struct, frozen=True):
    """Units that wait: always `quantity = open + promised + cancelled`."""

    product: Product
    quantity: int
    open: int
    promised: int = 0
    cancelled: int = 0


class Waiting(Struct, frozen=True):
    """A demand that waits; line n stands at `lines[n - 1]`. Demands stand in the order of `create_revision`, then name.

    `reservations` are the newest that promise units of it, oldest first. `plan_digest` is the SHA-256 of what its
    caller keeps with it, in hexadecimal, empty where that is nothing. `create_revision` and `revision`, that of its
    last change, are 0 while they are being written.
    """

    waiting: str
    lines: tuple[WaitingLine, ...]
    created_at: datetime
    whole: bool = False
    order: str = ""
    channel: str = ""
    reservations: tuple[str, ...] = ()
    plan_digest: str = ""
    create_revision: int = 0
    revision: int = 0

    @property
    def state(self) -> WaitingState:
        """How far it has come."""
        if any(line.open for line in self.lines):
            return WaitingState.WAITING
        promised = any(line.promised for line in self.lines)
        return WaitingState.PROMISED if promised else WaitingState.CANCELLED

    def open_units(self) -> dict[Product, int]:
        """The units of each product that wait, in the order of its lines."""
        units: dict[Product, int] = {}
        for line in self.lines:
            if line.open:
                units[line.product] = units.get(line.product, 0) + line.open
        return units


class PlannedWaiting(Struct, frozen=True):
    """A waiting demand, and what its caller keeps with it; empty where that is nothing, or is not told again."""

    demand: Waiting
    plan: bytes = b""


class BackOrders(Struct, frozen=True):
    """How many units of a product may wait, over all orders, and how many do.

    `limit_revision` is that of the last change of the limit, `revision` of any change; 0 while they are being written,
    and where nothing was ever said.
    """

    product: Product
    limit: int = 0
    waiting: int = 0
    limit_revision: int = 0
    revision: int = 0
