"""Every reason for which the ledger refuses a request."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_chassis.errors import Kind, Refusal, Violation


class LocationNotFound(Refusal):
    """No such location."""

    kind = Kind.UNKNOWN
    reason = "LOCATION_NOT_FOUND"

    def __init__(self, location: str) -> None:
        """Refuse for want of `location`."""
        super().__init__(f"There is no location {location!r}.", location=location)


class LocationExists(Refusal):
    """The identifier of the location is taken."""

    kind = Kind.TAKEN
    reason = "LOCATION_EXISTS"

    def __init__(self, location: str) -> None:
        """Refuse a second `location` of the name."""
        super().__init__(f"There is a location {location!r} already.", location=location)


class LocationInUse(Refusal):
    """Stock was booked at the location, and the books keep it."""

    kind = Kind.UNMET
    reason = "LOCATION_IN_USE"

    def __init__(self, location: str, stock_items: int) -> None:
        """Refuse to remove `location`, where `stock_items` have a balance."""
        super().__init__(
            f"Location {location!r} cannot be removed: {stock_items} stock items were booked there.",
            location=location,
            stock_items=stock_items,
        )


class BalanceNotFound(Refusal):
    """Nothing was ever booked for the stock item."""

    kind = Kind.UNKNOWN
    reason = "BALANCE_NOT_FOUND"

    def __init__(self, sku: str, location: str) -> None:
        """Refuse for want of a balance of `sku` at `location`."""
        super().__init__(f"Nothing was ever booked for {sku!r} at {location!r}.", sku=sku, location=location)


@dataclass(frozen=True, slots=True)
class Shortage:
    """One line or movement that wants more units than there are."""

    field: str
    """Where it stands in the request, as in `draft.lines[2]`."""
    sku: str
    location: str
    requested: int
    found: int
    """Units that there are: on hand for a movement, available for a promise."""


class InsufficientOnHand(Refusal):
    """Some movements take more units than are physically there."""

    kind = Kind.UNMET
    reason = "INSUFFICIENT_ON_HAND"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        """Refuse for all the `shortages` at once; there is at least one."""
        first = shortages[0]
        super().__init__(
            f"Only {first.found} of {first.sku!r} are at {first.location!r}; {first.requested} were to go"
            f"{_and_others(shortages)}. Record a COUNT if the books are wrong.",
            violations=[_violation(each, "on hand") for each in shortages],
            sku=first.sku,
            location=first.location,
            requested=first.requested,
            on_hand=first.found,
            lines=len(shortages),
        )


class InsufficientStock(Refusal):
    """Some lines ask for more units than are available."""

    kind = Kind.UNMET
    reason = "INSUFFICIENT_STOCK"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        """Refuse for all the `shortages` at once; there is at least one."""
        first = shortages[0]
        super().__init__(
            f"Only {first.found} of {first.sku!r} are available at {first.location!r}; {first.requested} were asked for"
            f"{_and_others(shortages)}.",
            violations=[_violation(each, "available") for each in shortages],
            sku=first.sku,
            location=first.location,
            requested=first.requested,
            available=first.found,
            lines=len(shortages),
        )


def _and_others(shortages: Sequence[object]) -> str:
    """How many more lines are short, as the end of a sentence."""
    others = len(shortages) - 1
    return f" (and {others} more {'line is' if others == 1 else 'lines are'} short)" if others else ""


def _violation(shortage: Shortage, what: str) -> Violation:
    """One shortage as an entry of the list that a refusal carries."""
    return Violation(
        shortage.field,
        f"{shortage.sku!r} at {shortage.location!r}: {shortage.requested} asked for, {shortage.found} {what}.",
    )


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
            f"The balance of {sku!r} at {location!r} was changed by revision {current}, not by {expected}.",
            sku=sku,
            location=location,
            expected=expected,
            current=current,
        )
        self.unsettled = current is None

    def settled(self, revision: int) -> "BalanceChanged":
        """The refusal, once it is known that `revision` changed the balance."""
        numbers = self.metadata
        return BalanceChanged(numbers["sku"], numbers["location"], expected=int(numbers["expected"]), current=revision)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """One line that would take a claim past its ceiling."""

    field: str
    claim: str
    ceiling: int
    claimed: int
    requested: int


class ClaimExhausted(Refusal):
    """Some lines would take a claim past its ceiling."""

    kind = Kind.UNMET
    reason = "CLAIM_EXHAUSTED"

    def __init__(self, lines: Sequence[Exceeded]) -> None:
        """Refuse for all the `lines` at once; there is at least one."""
        first = lines[0]
        super().__init__(
            f"Of {first.ceiling} units that may be claimed under {first.claim!r}, {first.claimed} are;"
            f" {first.requested} more were asked for{_and_others(lines)}.",
            violations=[
                Violation(
                    each.field,
                    f"{each.claim!r}: {each.requested} asked for, {each.claimed} of {each.ceiling} claimed.",
                )
                for each in lines
            ],
            claim=first.claim,
            ceiling=first.ceiling,
            claimed=first.claimed,
            requested=first.requested,
            lines=len(lines),
        )


class OpenReservationsExhausted(Refusal):
    """As many reservations are open as may be."""

    kind = Kind.EXHAUSTED
    reason = "OPEN_RESERVATIONS_EXHAUSTED"

    def __init__(self, scope: str, channel: str, *, limit: int, held: int, requested: int) -> None:
        """Refuse `requested` more on top of those `held` by the `scope`: tenant or channel."""
        super().__init__(
            f"{held} reservations are open for {_holder(scope, channel)}; {requested} more would pass the limit of"
            f" {limit}.",
            scope=scope,
            channel=channel,
            limit=limit,
            open=held,
            requested=requested,
        )


class HeldUnitsExhausted(Refusal):
    """As many units are held without being confirmed as may be."""

    kind = Kind.EXHAUSTED
    reason = "HELD_UNITS_EXHAUSTED"

    def __init__(self, scope: str, channel: str, *, limit: int, held: int, requested: int) -> None:
        """Refuse `requested` more on top of those `held` by the `scope`: tenant or channel."""
        super().__init__(
            f"{held} units are held for {_holder(scope, channel)}; {requested} more would pass the limit of {limit}.",
            scope=scope,
            channel=channel,
            limit=limit,
            held=held,
            requested=requested,
        )


def _holder(scope: str, channel: str) -> str:
    """Whom a limit binds, in a sentence."""
    return f"channel {channel!r}" if scope == "channel" else "the tenant"


class HoldTimeExhausted(Refusal):
    """Units would be held for longer than they may be."""

    kind = Kind.EXHAUSTED
    reason = "HOLD_TIME_EXHAUSTED"

    def __init__(self, *, limit_seconds: float, requested_seconds: float) -> None:
        """Refuse to hold units for `requested_seconds` from when they were promised."""
        super().__init__(
            f"Units may be held for {limit_seconds:.0f} seconds from when they were promised, not for"
            f" {requested_seconds:.0f}.",
            limit_seconds=f"{limit_seconds:.0f}",
            requested_seconds=f"{requested_seconds:.0f}",
        )


class LinesExhausted(Refusal):
    """More lines in one request than it may have."""

    kind = Kind.EXHAUSTED
    reason = "LINES_EXHAUSTED"

    def __init__(self, *, limit: int, requested: int) -> None:
        """Refuse a request of so many lines."""
        super().__init__(f"A request may have {limit} lines here, not {requested}.", limit=limit, requested=requested)


class ReservationNotFound(Refusal):
    """No such reservation."""

    kind = Kind.UNKNOWN
    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, reservation: str) -> None:
        """Refuse for want of `reservation`."""
        super().__init__(f"There is no reservation {reservation!r}.", reservation=reservation)


class ReservationState(Refusal):
    """The reservation is not in a state that allows what is asked."""

    kind = Kind.UNMET
    reason = "RESERVATION_STATE"

    def __init__(self, reservation: str, state: str, wish: str) -> None:
        """Refuse to `wish` (an infinitive) while the reservation is in `state`."""
        super().__init__(
            f"Reservation {reservation!r} is {state}: it cannot be {wish}.", reservation=reservation, state=state
        )


class ReservationExpired(Refusal):
    """The hold ran out before the call."""

    kind = Kind.UNMET
    reason = "RESERVATION_EXPIRED"

    def __init__(self, reservation: str, expire_time: str) -> None:
        """Refuse because the hold ended at `expire_time` (ISO 8601)."""
        super().__init__(
            f"The hold of reservation {reservation!r} ran out at {expire_time}.",
            reservation=reservation,
            expire_time=expire_time,
        )


class ReservationLineNotFound(Refusal):
    """The reservation has no such line."""

    kind = Kind.UNKNOWN
    reason = "RESERVATION_LINE_NOT_FOUND"

    def __init__(self, reservation: str, line: int) -> None:
        """Refuse for want of `line`."""
        super().__init__(f"Reservation {reservation!r} has no line {line}.", reservation=reservation, line=line)


class ReservationLineExceeded(Refusal):
    """More units are named than are open on a line."""

    kind = Kind.UNMET
    reason = "RESERVATION_LINE_EXCEEDED"

    def __init__(self, reservation: str, line: int, *, requested: int, open_units: int) -> None:
        """Refuse `requested` units of `line`, of which `open_units` are open."""
        super().__init__(
            f"Line {line} of reservation {reservation!r} has {open_units} units open, not {requested}.",
            reservation=reservation,
            line=line,
            requested=requested,
            open=open_units,
        )
