"""What can be asked of the books. A filter that is None, empty or 0 lets everything through."""

from dataclasses import dataclass
from datetime import datetime

from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.reservations import State
from weir_ledger.domain.stock import Condition, StockItem
from weir_ledger.domain.waiting import Product, WaitingState


@dataclass(frozen=True, slots=True)
class BalanceQuery:
    """Which balances are meant; an empty `lot` or `custodian` means those without, None all.

    `after` is a stock item that all that are meant come after, in the order of its fields.
    """

    owner: str | None = None
    skus: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    lot: str | None = None
    custodian: str | None = None
    condition: Condition | None = None
    shortfall_only: bool = False
    held_only: bool = False
    after: StockItem | None = None


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Which entries are meant; `product` is (owner, sku)."""

    product: tuple[str, str] | None = None
    location: str = ""
    reservation: str = ""
    kinds: tuple[EntryKind, ...] = ()
    recorded_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReservationQuery:
    """Which reservations are meant; product and location are those of any of its lines."""

    states: tuple[State, ...] = ()
    order: str = ""
    channel: str = ""
    product: tuple[str, str] | None = None
    location: str = ""


@dataclass(frozen=True, slots=True)
class LotQuery:
    """Which lots are meant: of a product, which is (owner, sku), and with their last day before another, as in
    `2027-01-31`."""

    product: tuple[str, str] | None = None
    expiring_before: str = ""


@dataclass(frozen=True, slots=True)
class WaitingQuery:
    """Which waiting demands are meant; the product is that of any of its lines."""

    states: tuple[WaitingState, ...] = ()
    order: str = ""
    channel: str = ""
    product: Product | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment whose state is asked for: as goods lay then by all that is known, if `occurred`; else as the ledger
    stood."""

    moment: datetime
    occurred: bool


@dataclass(frozen=True, slots=True)
class AsOf:
    """A state of the books: all that was recorded up to `revision`; of that only what had occurred by a moment, if one
    is given."""

    revision: int
    occurred_by: datetime | None = None
