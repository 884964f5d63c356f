"""How much a tenant and each of its channels may hold, so that nobody hoards what others would buy."""

from msgspec import Struct

from weir_ledger.domain.reservations import Reservation, State
from weir_ledger.errors import HeldUnitsExhausted, HoldTimeExhausted, LinesExhausted, OpenReservationsExhausted

COUNT_MAX = 2**63 - 1
"""Beyond what any count can reach."""

USUAL_HOLD_SECONDS = 900


class Holding(Struct, frozen=True):
    """Reservations that have not ended, and the units of those that are only held."""

    open_reservations: int = 0
    held_units: int = 0

    def plus(self, other: "Holding") -> "Holding":
        """The two together."""
        return Holding(self.open_reservations + other.open_reservations, self.held_units + other.held_units)

    def minus(self, other: "Holding") -> "Holding":
        """What is left without the other."""
        return Holding(self.open_reservations - other.open_reservations, self.held_units - other.held_units)


NOTHING = Holding()


class Limits(Struct, frozen=True):
    """What this installation allows; the largest that the contract allows unless told."""

    tenant: Holding = Holding(COUNT_MAX, COUNT_MAX)
    channel: Holding = Holding(COUNT_MAX, COUNT_MAX)
    hold_seconds: float = 30 * 86400
    lines: int = 2000

    def require_lines(self, lines: int) -> None:
        """Raise LinesExhausted unless one request may have so many lines."""
        if lines > self.lines:
            raise LinesExhausted(limit=self.lines, requested=lines)

    @property
    def usual_hold(self) -> float:
        """Seconds that units are held for where nobody says for how long."""
        return min(USUAL_HOLD_SECONDS, self.hold_seconds)

    def require_hold(self, seconds: float) -> None:
        """Raise HoldTimeExhausted unless units may be held for so long, counted from when they were promised."""
        if seconds > self.hold_seconds:
            raise HoldTimeExhausted(limit_seconds=self.hold_seconds, requested_seconds=seconds)

    def require_room(self, channel: str, *, of_tenant: Holding, of_channel: Holding, more: Holding) -> None:
        """Raise OpenReservationsExhausted or HeldUnitsExhausted unless tenant and channel may hold `more`.

        Who holds more than is allowed may still hold less. No channel, no limit of its own.
        """
        scopes = [("tenant", self.tenant, of_tenant)]
        if channel:
            scopes.append(("channel", self.channel, of_channel))
        for scope, limit, held in scopes:
            after = held.plus(more)
            if more.open_reservations > 0 and after.open_reservations > limit.open_reservations:
                raise OpenReservationsExhausted(
                    scope, channel, limit=limit.open_reservations, held=held.open_reservations,
                    requested=more.open_reservations,
                )  # fmt: skip
            if more.held_units > 0 and after.held_units > limit.held_units:
                raise HeldUnitsExhausted(
                    scope, channel, limit=limit.held_units, held=held.held_units, requested=more.held_units
                )


def holding(reservation: Reservation | None) -> Holding:
    """What a reservation counts for."""
    if reservation is None or reservation.state.ended:
        return NOTHING
    units = sum(line.open for line in reservation.lines) if reservation.state is State.HELD else 0
    return Holding(1, units)
