"""What can be asked of the books. A filter that is None, empty or 0 lets everything through."""

from dataclasses import dataclass
from datetime import datetime

from weir_ledger.domain.entries import EntryKind
from weir_ledger.domain.reservations import State
from weir_ledger.domain.stock import Condition


@dataclass(frozen=True, slots=True)
class BalanceQuery:
    """Which balances are meant; an empty `lot` or `custodian` means those without, None all."""

    owner: str | None = None
    skus: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    lot: str | None = None
    custodian: str | None = None
    condition: Condition | None = None
    shortfall_only: bool = False


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
