"""Every reason for which the ledger refuses a request, by what it is about."""

from weir_ledger.errors.balances import BalanceChanged, BalanceNotFound, BalanceOverflow
from weir_ledger.errors.chain import SigningKeyMissing
from weir_ledger.errors.limits import HeldUnitsExhausted, HoldTimeExhausted, LinesExhausted, OpenReservationsExhausted
from weir_ledger.errors.places import LocationExists, LocationInUse, LocationNotFound
from weir_ledger.errors.reservations import (
    ReservationExpired,
    ReservationLineExceeded,
    ReservationLineNotFound,
    ReservationNotFound,
    ReservationState,
)
from weir_ledger.errors.shortages import ClaimExhausted, Exceeded, InsufficientOnHand, InsufficientStock, Shortage
from weir_ledger.errors.snapshots import SnapshotGap, SnapshotNotFound, SnapshotRefused

__all__ = [
    "BalanceChanged",
    "BalanceNotFound",
    "BalanceOverflow",
    "ClaimExhausted",
    "Exceeded",
    "HeldUnitsExhausted",
    "HoldTimeExhausted",
    "InsufficientOnHand",
    "InsufficientStock",
    "LinesExhausted",
    "LocationExists",
    "LocationInUse",
    "LocationNotFound",
    "OpenReservationsExhausted",
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
]
