"""Why the aggregator refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from weir_chassis.errors import Kind, Refusal, Violation


class ChannelNotFound(Refusal):
    """The network has no such channel at the revision the answer would rest on."""

    kind = Kind.UNKNOWN
    reason = "CHANNEL_NOT_FOUND"

    def __init__(self, channel: str) -> None:
        """Refuse for the channel that is not there; of several, the first as asked."""
        super().__init__(f"There is no channel '{channel}'.", channel=channel)


class TenantsExhausted(Refusal):
    """Another tenant would be one more than this replica may hold in memory."""

    kind = Kind.EXHAUSTED
    reason = "TENANTS_EXHAUSTED"

    def __init__(self, *, limit: int) -> None:
        """Refuse a tenant that is not loaded where `limit` are."""
        super().__init__(f"This replica serves {limit} tenants and may serve no more.", limit=limit)


class Unfilled(NamedTuple):
    """A line of an order that is not filled."""

    line: int
    """From 1."""
    sku: str
    requested: int
    missing: int
    verdict: str
    sentence: str


class OrderUnfilled(Refusal):
    """The order cannot be filled as it is wanted, and what is missing may not wait."""

    kind = Kind.UNMET
    reason = "ORDER_UNFILLED"

    def __init__(self, unfilled: Sequence[Unfilled]) -> None:
        """Refuse for all lines that are `unfilled` at once; there is at least one."""
        first = unfilled[0]
        super().__init__(
            f"The order cannot be filled: {first.sentence}",
            violations=[Violation(f"wish.lines[{each.line - 1}]", each.sentence, each.verdict) for each in unfilled],
            line=first.line,
            sku=first.sku,
            requested=first.requested,
            missing=first.missing,
            verdict=first.verdict,
            lines=len(unfilled),
        )


class PlanOvertaken(Refusal):
    """Stock moved after every plan that was made."""

    kind = Kind.RACED
    reason = "PLAN_OVERTAKEN"

    def __init__(self, *, plans: int) -> None:
        """Give up after that many `plans`; nothing was promised or moved."""
        super().__init__(f"Stock moved after each of {plans} plans; try again.", plans=plans)


class PlanNotRecorded(Refusal):
    """The reservation was not made from a plan."""

    kind = Kind.UNMET
    reason = "PLAN_NOT_RECORDED"

    def __init__(self, reservation: str) -> None:
        """Refuse to plan `reservation` again, for nobody knows what it is for."""
        super().__init__(f"Reservation '{reservation}' does not say how it was planned.", reservation=reservation)


class LinesExhausted(Refusal):
    """A plan takes units of more stock items than can be promised at once."""

    kind = Kind.EXHAUSTED
    reason = "LINES_EXHAUSTED"

    def __init__(self, *, limit: int, requested: int) -> None:
        """Refuse a plan of so many lines."""
        super().__init__(
            f"The plan has {requested} lines, and {limit} can be promised at once: order in parts.",
            limit=limit,
            requested=requested,
        )
