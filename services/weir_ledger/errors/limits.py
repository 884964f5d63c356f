"""Refusals for the limits of this installation."""

from weir_chassis.errors import Kind, Refusal


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
    """More lines than one request, or one reservation, may have."""

    kind = Kind.EXHAUSTED
    reason = "LINES_EXHAUSTED"

    def __init__(self, of: str = "request", *, limit: int, requested: int) -> None:
        """Refuse a request or reservation of so many lines."""
        super().__init__(f"A {of} may have {limit} lines here, not {requested}.", limit=limit, requested=requested)
