"""Refusals about demands that wait, and about how much may."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_chassis.errors import Kind, Refusal, Violation
from weir_ledger.errors.settling import drawn


class WaitingNotFound(Refusal):
    """No such waiting demand."""

    kind = Kind.UNKNOWN
    reason = "WAITING_NOT_FOUND"

    def __init__(self, waiting: str) -> None:
        """Refuse for want of `waiting`."""
        super().__init__(f"There is no waiting demand {waiting!r}.", waiting=waiting)


class WaitingEnded(Refusal):
    """Nothing of the demand waits any longer."""

    kind = Kind.UNMET
    reason = "WAITING_STATE"

    def __init__(self, waiting: str, state: str) -> None:
        """Refuse because the demand ended in `state`."""
        super().__init__(
            f"Demand {waiting!r} is {state}: nothing of it waits any longer.", waiting=waiting, state=state
        )


class WaitingLineNotFound(Refusal):
    """The demand has no such line."""

    kind = Kind.UNKNOWN
    reason = "WAITING_LINE_NOT_FOUND"

    def __init__(self, waiting: str, line: int) -> None:
        """Refuse for want of `line`."""
        super().__init__(f"Waiting demand {waiting!r} has no line {line}.", waiting=waiting, line=line)


class WaitingLineExceeded(Refusal):
    """More units are named than wait on a line."""

    kind = Kind.UNMET
    reason = "WAITING_LINE_EXCEEDED"

    def __init__(self, waiting: str, line: int, *, requested: int, open_units: int) -> None:
        """Refuse `requested` units of `line`, of which `open_units` wait."""
        super().__init__(
            f"On line {line} of demand {waiting!r} {open_units} units wait, not {requested}.",
            waiting=waiting,
            line=line,
            requested=requested,
            open=open_units,
        )


class WaitingWhole(Refusal):
    """The demand is promised all at once, and this is not all."""

    kind = Kind.UNMET
    reason = "WAITING_WHOLE"

    def __init__(self, waiting: str, *, requested: int, open_units: int) -> None:
        """Refuse `requested` units, because `open_units` wait and none of them alone."""
        super().__init__(
            f"Demand {waiting!r} is promised only whole: {open_units} units wait, not {requested}.",
            waiting=waiting,
            requested=requested,
            open=open_units,
        )


@dataclass(frozen=True, slots=True)
class Excess:
    """One product of which more would wait than may."""

    field: str
    """Where it stands in the request first, as in `waiting.lines[2]`."""
    owner: str
    sku: str
    limit: int
    waiting: int
    requested: int


class BackOrdersExhausted(Refusal):
    """More units of some products would wait than may."""

    kind = Kind.UNMET
    reason = "BACK_ORDERS_EXHAUSTED"

    def __init__(self, excesses: Sequence[Excess], *, revision: int | None) -> None:
        """Refuse for all the `excesses` at once; there is at least one.

        They are as they are by `revision`, None where that is still being drawn.
        """
        first = excesses[0]
        others = len(excesses) - 1
        more = f" (and {others} more {'product' if others == 1 else 'products'} likewise)" if others else ""
        super().__init__(
            f"Of {first.limit} units of {first.sku!r} that may wait, {first.waiting} do; {first.requested} more were to"
            f" wait{more}.",
            violations=[
                Violation(
                    each.field, f"{each.sku!r}: {each.requested} asked for, {each.waiting} of {each.limit} waiting."
                )
                for each in excesses
            ],
            owner=first.owner,
            sku=first.sku,
            limit=first.limit,
            waiting=first.waiting,
            requested=first.requested,
            products=len(excesses),
            revision=drawn(revision),
        )
