"""Every reason for which the ledger refuses a request, by what it is about."""

from weir_ledger.errors.balances import BalanceChanged, BalanceNotFound, BalanceOverflow
from weir_ledger.errors.chain import SigningKeyMissing
from weir_ledger.errors.limits import HeldUnitsExhausted, HoldTimeExhausted, LinesExhausted, OpenReservationsExhausted
from weir_ledger.errors.places import LocationExists, LocationInUse, LocationNotFound
from weir_ledger.errors.reservations import (
    OutcomeNotFound,
    ReservationChanged,
    ReservationExpired,
    ReservationLineExceeded,
    ReservationLineNotFound,
    ReservationNotFound,
    ReservationState,
)
from weir_ledger.errors.settling import settle
from weir_ledger.errors.shortages import ClaimExhausted, Exceeded, InsufficientOnHand, InsufficientStock, Shortage
from weir_ledger.errors.snapshots import SnapshotGap, SnapshotNotFound, SnapshotRefused
from weir_ledger.errors.waiting import (
    BackOrdersExhausted,
    Excess,
    WaitingEnded,
    WaitingLineExceeded,
    WaitingLineNotFound,
    WaitingNotFound,
    WaitingWhole,
)

__all__ = [
    "BackOrdersExhausted",
    "BalanceChanged",
    "BalanceNotFound",
    "BalanceOverflow",
    "ClaimExhausted",
    "Exceeded",
    "Excess",
    "HeldUnitsExhausted",
    "HoldTimeExhausted",
    "InsufficientOnHand",
    "InsufficientStock",
    "LinesExhausted",
    "LocationExists",
    "LocationInUse",
    "LocationNotFound",
    "OpenReservationsExhausted",
    "OutcomeNotFound",
    "ReservationChanged",
    "ReservationExpired",
    "ReservationLineExceeded",
    "ReservationLineNotFound",
    "ReservationNotFound",
    "ReservationState",
    "Shortage",
    "SigningKeyMissing",
    "SnapshotGap",
    "SnapshotNotFound",
    "SnapshotRefused",
    "WaitingEnded",
    "WaitingLineExceeded",
    "WaitingLineNotFound",
    "WaitingNotFound",
    "WaitingWhole",
    "settle",
]
