"""Refusals about reservations as they stand."""

from weir_chassis.errors import Kind, Refusal
from weir_ledger.errors.settling import drawn


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


class ReservationChanged(Refusal):
    """The reservation is not at the revision that the request expects."""

    kind = Kind.RACED
    reason = "RESERVATION_CHANGED"

    def __init__(self, reservation: str, *, expected: int, current: int | None) -> None:
        """Refuse because the reservation was changed by revision `current`, None where that is still being drawn."""
        super().__init__(
            f"Reservation {reservation!r} was last changed by another revision than {expected}.",
            reservation=reservation,
            expected=expected,
            current=drawn(current),
        )


class OutcomeNotFound(Refusal):
    """Nothing was reserved under the request id."""

    kind = Kind.UNKNOWN
    reason = "OUTCOME_NOT_FOUND"

    def __init__(self, request_id: str, *, revision: int) -> None:
        """Refuse for want of an outcome of `request_id`, as of `revision`, the newest there is."""
        super().__init__(
            f"Nothing was reserved under request id {request_id!r}.", request_id=request_id, revision=revision
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
