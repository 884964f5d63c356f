"""What is sent to a store and what it answers, between the words of connectors and those of the domain."""

from __future__ import annotations

from datetime import datetime

from weir_sync.connectors.port import Level, LevelOutcome, Outcome, ShownLevel
from weir_sync.domain import pushing
from weir_sync.domain.pushing import Decided, Shown, Standing, Terms

UNKNOWN_SKU = "The store does not know the SKU."
REFUSED = "The store refuses it."


def level(standing: Standing, terms: Terms) -> Level:
    """What is sent of a SKU in flight."""
    assert standing.sent is not None
    assert standing.sent_number is not None
    expected = standing.shown if terms.compare_and_set and terms.protects else None
    return Level(standing.store_sku, standing.sent, standing.sent_number, expected)


def shown(quantity: int, read: ShownLevel) -> Shown:
    """What a store was read to show."""
    return Shown(quantity, read.unreported, read.number)


def settled(standing: Standing, told: LevelOutcome | None, terms: Terms, now: datetime, chance: float) -> Decided:
    """What becomes of a SKU in flight, of which the store has told an outcome, or none."""
    if told is None:
        return pushing.failed(standing, now, chance, error="The store said nothing of it.", doubtful=True)
    match told.outcome:
        case Outcome.APPLIED:
            return pushing.applied(standing, terms, now, shown=told.shown)
        case Outcome.ACCEPTED:
            return pushing.accepted(standing, terms, now)
        case Outcome.CHANGED:
            showing = None if told.shown is None else Shown(told.shown, number=told.number)
            return pushing.changed(standing, showing, terms, now, chance)
        case Outcome.UNKNOWN_SKU:
            return pushing.refused(standing, error=told.error or UNKNOWN_SKU)
        case Outcome.REFUSED:
            return pushing.refused(standing, error=told.error or REFUSED)
    doubtful = told.outcome is Outcome.IN_DOUBT
    error = told.error or f"The store answered {told.outcome}."
    return pushing.failed(standing, now, chance, error=error, doubtful=doubtful)
