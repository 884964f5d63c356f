"""Refusals for want of units: each tells every line that asks for too many."""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_chassis.errors import Kind, Refusal, Violation
from weir_ledger.errors.settling import drawn


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

    def __init__(self, shortages: Sequence[Shortage], *, revision: int | None) -> None:
        """Refuse for all the `shortages` at once; there is at least one.

        They are as they are by `revision`, None where that is still being drawn.
        """
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
            revision=drawn(revision),
        )


@dataclass(frozen=True, slots=True)
class Exceeded:
    """One line that would take a claim past its ceiling; `requested` is what its units count."""

    field: str
    claim: str
    ceiling: int
    claimed: int
    requested: int


class ClaimExhausted(Refusal):
    """Some lines would take a claim past its ceiling."""

    kind = Kind.UNMET
    reason = "CLAIM_EXHAUSTED"

    def __init__(self, exceeded: Sequence[Exceeded], *, revision: int | None) -> None:
        """Refuse for all the `exceeded` claims at once; there is at least one.

        They are as they are by `revision`, None where that is still being drawn.
        """
        first = exceeded[0]
        super().__init__(
            f"Of {first.ceiling} units that may be claimed under {first.claim!r}, {first.claimed} are;"
            f" {first.requested} more were asked for{_and_others(exceeded)}.",
            violations=[
                Violation(
                    each.field,
                    f"{each.claim!r}: {each.requested} asked for, {each.claimed} of {each.ceiling} claimed.",
                )
                for each in exceeded
            ],
            claim=first.claim,
            ceiling=first.ceiling,
            claimed=first.claimed,
            requested=first.requested,
            lines=len(exceeded),
            revision=drawn(revision),
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
