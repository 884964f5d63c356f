"""Refusals about the counts of stock items."""

from weir_chassis.errors import Kind, Refusal
from weir_ledger.errors.settling import drawn


class BalanceNotFound(Refusal):
    """Nothing was ever booked for the stock item."""

    kind = Kind.UNKNOWN
    reason = "BALANCE_NOT_FOUND"

    def __init__(self, sku: str, location: str) -> None:
        """Refuse for want of a balance of `sku` at `location`."""
        super().__init__(f"Nothing was ever booked for {sku!r} at {location!r}.", sku=sku, location=location)


class BalanceOverflow(Refusal):
    """A count would pass what the books can hold."""

    kind = Kind.UNMET
    reason = "BALANCE_OVERFLOW"

    def __init__(self, *, sku: str, location: str, on_hand: int, requested: int) -> None:
        """Refuse to add `requested` units to `on_hand`."""
        super().__init__(
            f"{requested} more of {sku!r} at {location!r} do not fit on top of {on_hand}.",
            sku=sku,
            location=location,
            on_hand=on_hand,
            requested=requested,
        )


class BalanceChanged(Refusal):
    """The balance is not at the revision that the request expects."""

    kind = Kind.RACED
    reason = "BALANCE_CHANGED"

    def __init__(self, sku: str, location: str, *, expected: int, current: int | None) -> None:
        """Refuse because the balance was changed by revision `current`, None where that is still being drawn."""
        super().__init__(
            f"The balance of {sku!r} at {location!r} was last changed by another revision than {expected}.",
            sku=sku,
            location=location,
            expected=expected,
            current=drawn(current),
        )
